// BTF of the `.maps` section in, map definitions out: libbpf.c `parse_btf_map_def`, with a sentence for every shape it
// refuses. See also https://docs.kernel.org/bpf/libbpf/program_types.html and bpf_helpers.h (`__uint`, `__type`, ...).

import { skipModifiersAndTypedefs, trySizeOf, whyNoSize } from "../btf/graph.ts";
import { spellType } from "../btf/spell.ts";
import type { BtfMember, BtfType, TypeId } from "../btf/types.ts";
import { SkelError, shown } from "../errors.ts";
import { mapTypeId, mapTypeName } from "./kernel.ts";
import type { MapModel } from "./model.ts";

type Types = readonly BtfType[];

/** What one definition says so far; turned into a {@link MapModel} once all members are read. */
interface Draft {
  typeId?: number;
  keySize?: number;
  valueSize?: number;
  keyType?: TypeId;
  valueType?: TypeId;
  maxEntries: number;
  flags: number;
  extra: string;
  numaNode: number;
  pinning: "none" | "by_name";
  unknownPinning?: number;
  inner?: MapModel;
}

/** Called with what libbpf, or one before version `until`, would refuse although the generator can go on. */
export type Warn = (what: string, until?: string) => void;

const ARENA = mapTypeId("arena");

function refuse(what: string): SkelError {
  return new SkelError("ERR_MAP_DEF", what);
}

/**
 * `__uint(name, value)` is `int (*name)[value]`; `__ulong` is an enumeration of one value, which libbpf takes for `map_extra`
 * alone.
 */
function readNumber(types: Types, member: BtfMember, warn: Warn): bigint {
  const { name } = member;
  const type = types[skipModifiersAndTypedefs(types, member.type)]!;
  if ((type.kind === "enum" || type.kind === "enum64") && type.values.length === 1) {
    if (name !== "map_extra") warn(`libbpf refuses ${name} that is not written with __uint, got an enumeration`);
    return BigInt.asUintN(64, BigInt(type.values[0]!.value));
  }
  if (type.kind !== "ptr")
    throw refuse(`${name} is not written with __uint, got ${shown(spellType(types, member.type))}`);
  const array = types[skipModifiersAndTypedefs(types, type.type)]!;
  if (array.kind !== "array")
    throw refuse(`${name} is not written with __uint, got a pointer to ${shown(spellType(types, type.type))}`);
  if (types[type.type]!.kind !== "array")
    warn(`libbpf refuses ${name} by a typedef, got a pointer to ${shown(spellType(types, type.type))} (write __uint)`);
  return BigInt(array.length);
}

/** `__type(key, T)` and the spelled-out `T *key`: a pointer to the type. */
function readType(types: Types, member: BtfMember, warn: Warn): { readonly type: TypeId; readonly size: number } {
  const pointer = types[skipModifiersAndTypedefs(types, member.type)]!;
  if (pointer.kind !== "ptr")
    throw refuse(
      `${member.name} type is not a pointer, got ${shown(spellType(types, member.type))} (write __type(${member.name}, ...))`,
    );
  if (types[member.type]!.kind !== "ptr")
    warn(
      `libbpf refuses ${member.name} by a typedef or qualified, got ${shown(spellType(types, member.type))} (write __type(${member.name}, ...))`,
    );
  const size = trySizeOf(types, pointer.type);
  if (size === undefined) {
    const { kind } = types[skipModifiersAndTypedefs(types, pointer.type)]!;
    const remedy =
      kind === "fwd"
        ? " (it is only declared: define it before the map; for C++ compile with -fstandalone-debug)"
        : kind === "void"
          ? " (BTF has no such type: char16_t and references of C++ are void in it)"
          : "";
    throw refuse(
      `${member.name} type ${shown(spellType(types, pointer.type))} ${whyNoSize(types, pointer.type)}${remedy}`,
    );
  }
  return { type: pointer.type, size };
}

function setSize(draft: Draft, which: "keySize" | "valueSize", size: number): void {
  const earlier = draft[which];
  if (earlier !== undefined && earlier !== 0 && earlier !== size)
    throw refuse(`${which === "keySize" ? "key" : "value"} is declared twice, with ${earlier} and with ${size} bytes`);
  draft[which] = size;
}

/** `__array(values, ...)`: the inner map of a map of maps; a prog array's values are functions and say nothing more. */
function readValues(types: Types, member: BtfMember, draft: Draft, warn: Warn, nested: boolean): void {
  if (nested) throw refuse("the inner map is a map of maps itself (the kernel allows one level)");
  const array = types[skipModifiersAndTypedefs(types, member.type)]!;
  if (array.kind !== "array" || array.length !== 0)
    throw refuse(`values is not written with __array, got ${shown(spellType(types, member.type))}`);
  const pointer = types[skipModifiersAndTypedefs(types, array.type)]!;
  if (pointer.kind !== "ptr")
    throw refuse(`values is not an array of pointers, got ${shown(spellType(types, array.type))}`);
  if (types[member.type]!.kind !== "array")
    warn(
      `libbpf refuses values by a typedef, got ${shown(spellType(types, member.type))} (write __array(values, ...))`,
    );
  setSize(draft, "valueSize", 4);
  const type = mapTypeName(draft.typeId ?? 0);
  const ofPrograms = type === "prog_array";
  const ofMaps = type.endsWith("_of_maps");
  const target = types[skipModifiersAndTypedefs(types, pointer.type)]!;
  const found = target.kind === "func_proto" ? "programs" : "maps";
  if (!ofMaps && !ofPrograms)
    warn("libbpf refuses values of a map that is neither a map of maps nor an array of programs (remove them)");
  else if (ofPrograms !== (found === "programs"))
    warn(
      `libbpf refuses values that are ${found} in ${ofMaps ? "a map of maps" : "an array of programs"} (change them)`,
    );
  if (target.kind === "func_proto") return;
  if (target.kind === "fwd") {
    const spelled = shown(spellType(types, pointer.type));
    warn(`libbpf refuses an inner map whose members BTF does not tell, got ${spelled} (define it before this map)`);
    return;
  }
  if (target.kind !== "struct")
    throw refuse(`values is neither maps nor programs, got ${shown(spellType(types, array.type))}`);
  draft.inner = readDefinition(types, "inner", target.members, warn, true);
}

function readMember(types: Types, member: BtfMember, draft: Draft, warn: Warn, nested: boolean): void {
  const u32 = (): number => Number(BigInt.asUintN(32, readNumber(types, member, warn)));
  switch (member.name) {
    case "type":
      draft.typeId = u32();
      return;
    case "max_entries":
      draft.maxEntries = u32();
      return;
    case "map_flags":
      draft.flags = u32();
      return;
    case "numa_node":
      draft.numaNode = u32();
      return;
    case "map_extra":
      // Arenas need that libbpf anyway.
      if (types[skipModifiersAndTypedefs(types, member.type)]!.kind !== "ptr" && draft.typeId !== ARENA)
        warn(
          "libbpf before 1.4 refuses map_extra that is written with __ulong (write __uint where the number fits)",
          "1.4",
        );
      draft.extra = String(readNumber(types, member, warn));
      return;
    case "key_size":
      setSize(draft, "keySize", u32());
      return;
    case "value_size":
      setSize(draft, "valueSize", u32());
      return;
    case "key": {
      const { type, size } = readType(types, member, warn);
      setSize(draft, "keySize", size);
      draft.keyType = type;
      return;
    }
    case "value": {
      const { type, size } = readType(types, member, warn);
      setSize(draft, "valueSize", size);
      draft.valueType = type;
      return;
    }
    case "values":
      readValues(types, member, draft, warn, nested);
      return;
    case "pinning": {
      const pinning = u32();
      if (nested && pinning !== 0) throw refuse("the inner map is pinned (only the outer map can be)");
      if (nested) warn("libbpf refuses pinning of an inner map, even none (remove it)");
      if (pinning > 1) draft.unknownPinning = pinning;
      draft.pinning = pinning === 1 ? "by_name" : "none";
      return;
    }
    default:
      warn(`libbpf refuses the unknown field ${shown(member.name)} (remove it)`);
  }
}

/** The map that the members of a `.maps` struct define. */
export function readDefinition(
  types: Types,
  name: string,
  members: readonly BtfMember[],
  warn: Warn,
  nested = false,
): MapModel {
  const draft: Draft = { maxEntries: 0, flags: 0, extra: "0", numaNode: 0, pinning: "none" };
  for (const member of members) {
    if (member.name === "values" && member !== members.at(-1))
      warn("libbpf refuses values that are not the last field (move them to the end)");
    readMember(types, member, draft, warn, nested);
  }
  if (draft.typeId === 0) warn("libbpf refuses type 0 (write __uint(type, BPF_MAP_TYPE_...))");
  if (draft.typeId === undefined) throw refuse("no map type (write __uint(type, BPF_MAP_TYPE_...))");
  return {
    name,
    type: mapTypeName(draft.typeId),
    typeId: draft.typeId,
    keySize: draft.keySize ?? 0,
    valueSize: draft.valueSize ?? 0,
    maxEntries: draft.maxEntries,
    flags: draft.flags,
    extra: draft.extra,
    numaNode: draft.numaNode,
    pinning: draft.pinning,
    ...(draft.unknownPinning !== undefined && { unknownPinning: draft.unknownPinning }),
    ...(draft.keyType !== undefined && { keyType: draft.keyType }),
    ...(draft.valueType !== undefined && { valueType: draft.valueType }),
    ...(draft.inner !== undefined && { inner: draft.inner }),
  };
}
