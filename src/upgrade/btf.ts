// Legacy maps in, the .BTF section that describes them out: definitions as `SEC(".maps")` would have left them.

import { type BtfExtension, extendBtf, type NewMember } from "../btf/extend.ts";
import type { BtfDatasec, BtfSecInfo, BtfType, TypeId } from "../btf/types.ts";
import { SkelError } from "../errors.ts";
import type { LegacyMap } from "../object/legacy.ts";
import type { MapModel } from "../object/model.ts";

/** The most that a BTF record can count. */
const MAX_VLEN = 0xffff;

/** Datasecs that describe map definitions of either kind. */
function describesMaps(name: string): boolean {
  return name === ".maps" || name === "maps" || name.startsWith("maps/");
}

/** The members of a definition: `__uint(name, value)` and `__type(name, T)`, see libbpf.c `parse_btf_map_def`. */
function membersOf(
  map: MapModel,
): readonly { readonly name: string; readonly value?: number; readonly type?: TypeId }[] {
  const { typeId, keySize, valueSize, keyType, valueType, maxEntries, flags } = map;
  const stated = [
    { name: "map_flags", value: flags },
    { name: "max_entries", value: maxEntries },
  ];
  return [
    { name: "type", value: typeId },
    keyType === undefined ? { name: "key_size", value: keySize } : { name: "key", type: keyType },
    valueType === undefined ? { name: "value_size", value: valueSize } : { name: "value", type: valueType },
    ...stated.filter(({ value }) => value !== 0),
  ];
}

/** Writes definitions; equal numbers and equal types share their pointers. */
class Definitions {
  readonly #btf: BtfExtension;
  readonly #byte: TypeId;
  readonly #numbers = new Map<number, TypeId>();
  readonly #types = new Map<TypeId, TypeId>();

  constructor(btf: BtfExtension, byte: TypeId) {
    this.#btf = btf;
    this.#byte = byte;
  }

  /** The anonymous struct that defines `map`. */
  define(map: MapModel): { readonly type: TypeId; readonly size: number } {
    const members = membersOf(map).map(({ name, value, type }): NewMember => ({
      name,
      type: type === undefined ? this.#number(value!) : cached(this.#types, type, () => this.#btf.ptr(type)),
    }));
    return { type: this.#btf.structOfPointers(members), size: 8 * members.length };
  }

  /** `__uint` has arrays of int; of bytes, an array of 2^32 - 1 still has a size that the kernel accepts. */
  #number(value: number): TypeId {
    return cached(this.#numbers, value, () => this.#btf.ptr(this.#btf.array(this.#byte, this.#byte, value)));
  }
}

function cached(cache: Map<number, TypeId>, key: number, make: () => TypeId): TypeId {
  let id = cache.get(key);
  if (id === undefined) cache.set(key, (id = make()));
  return id;
}

/**
 * The .BTF section `section` (undefined for none) with `.maps` definitions of `maps` after those of the datasec `kept`, and the size of each.
 * Types keep their ids: a map's variable gets another type, a datasec that is replaced becomes an unused struct.
 */
export function defineMaps(
  section: Uint8Array | undefined,
  endian: "little" | "big",
  types: readonly BtfType[],
  kept: BtfDatasec | undefined,
  maps: readonly LegacyMap[],
): { readonly section: Uint8Array; readonly sizes: readonly number[] } {
  const btf = extendBtf(section, endian);
  const byte = btf.int("unsigned char", 1);
  const definitions = new Definitions(btf, byte);
  const legacyVars = new Map<string, TypeId>();
  const vars: BtfSecInfo[] = [];
  types.forEach((type, id) => {
    if (type.kind !== "datasec" || !describesMaps(type.name)) return;
    btf.retireDatasec(id, type.vars.length, byte);
    for (const info of type.vars) {
      const variable = types[info.type]!;
      if (type === kept) vars.push({ ...info, offset: 0 });
      else if (type.name !== ".maps" && variable.kind === "var" && !legacyVars.has(variable.name))
        legacyVars.set(variable.name, info.type);
    }
  });
  const sizes = maps.map(({ map, symbol }) => {
    const { type, size } = definitions.define(map);
    let id = legacyVars.get(map.name);
    if (id === undefined) id = btf.variable(map.name, type, symbol.bind === "local" ? "static" : "global");
    else btf.retypeVariable(id, type);
    // Size and offset as clang leaves them; libbpf takes both from ELF (btf_fixup_datasec).
    vars.push({ type: id, offset: 0, size });
    return size;
  });
  if (vars.length > MAX_VLEN)
    throw new SkelError("ERR_MAP_DEF", `BTF describes at most ${MAX_VLEN} maps, got ${vars.length}`);
  btf.datasec(".maps", vars);
  return { section: btf.bytes(), sizes };
}
