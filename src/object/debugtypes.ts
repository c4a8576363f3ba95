// The debug information of an object, as what is known of its types: asked for only where BTF tells no type. Damaged debug
// information stops nothing: it is left aside, with one warning.

import { skipModifiers, skipModifiersAndTypedefs } from "../btf/graph.ts";
import type { BtfType, TypeId } from "../btf/types.ts";
import type { Die } from "../dwarf/die.ts";
import { type Dwarf, openDwarf } from "../dwarf/dwarf.ts";
import type { Kept } from "../dwarf/reachable.ts";
import { TypeMaker } from "../dwarf/types.ts";
import type { Elf } from "../elf/elf.ts";
import { parseElf } from "../elf/read.ts";
import { isSkelError } from "../errors.ts";
import { candidatesAt } from "./candidates.ts";
import type { Site } from "./eventcalls.ts";
import { isKernelStruct } from "./kernelstructs.ts";
import type { Warning } from "./model.ts";
import type { MoreTypes } from "./typefinder.ts";

/** What debug information says of a record: the types that its place leaves, none where it does not tell. */
export interface Told {
  /** Whether it has the functions that the record is made in. */
  readonly covered: boolean;
  /** Ids in {@link DebugTypes.types}, each type once. */
  readonly types: readonly TypeId[];
  /** Whether that is for sure; else there must be no other type of the size. */
  readonly placed: boolean;
}

const NOTHING: Told = { covered: false, types: [], placed: true };

/** Types of debug information, joined to those of BTF. */
export class DebugTypes {
  readonly #elf: Elf;
  readonly #bytes: Uint8Array;
  readonly #warn: (warning: Warning) => void;
  readonly #maker: TypeMaker;
  readonly #made = new Map<string, TypeId | undefined>();
  #dwarf: Dwarf | undefined;
  #opened = false;

  /** `types` are those of BTF, or grown from them. */
  constructor(bytes: Uint8Array, elf: Elf, types: readonly BtfType[], warn: (warning: Warning) => void) {
    this.#bytes = bytes;
    this.#elf = elf;
    this.#warn = warn;
    this.#maker = new TypeMaker(types, elf.endian);
  }

  /** The types of BTF, then those that were asked for. */
  get types(): readonly BtfType[] {
    return this.#maker.types;
  }

  /** Whether the object has debug information. */
  get exists(): boolean {
    return this.#ask((dwarf) => dwarf !== undefined, false);
  }

  /** The types that a record of `size` bytes may have, from the first of its places that tells. */
  ofRecord(sites: readonly Site[], size: number): Told {
    return this.#ask((dwarf) => {
      let covered = false;
      for (const site of dwarf === undefined ? [] : sites) {
        const found = candidatesAt(dwarf!, site, size);
        covered ||= found.covered;
        const types = this.#make(found.types) ?? [];
        if (types.length > 0) return { covered, types, placed: found.placed };
      }
      return { covered, types: [], placed: true };
    }, NOTHING);
  }

  /** The structs and unions of `size` bytes, whatever they are for, but for the kernel's; undefined where one cannot be told. */
  ofSize(size: number): readonly TypeId[] | undefined {
    return this.#ask((dwarf) => this.#make(dwarf?.recordsOfSize(size) ?? []), undefined)?.filter((id) => {
      const record = this.types[skipModifiersAndTypedefs(this.types, id)]!;
      return !("name" in record && isKernelStruct(record.name));
    });
  }

  /** The types called so in C. */
  named(spelled: string): readonly TypeId[] {
    return this.#ask((dwarf) => this.#make(dwarf?.typesNamed(spelled) ?? []), undefined) ?? [];
  }

  /** Whether two ids are one type, under whatever name. */
  same(a: TypeId, b: TypeId): boolean {
    return skipModifiersAndTypedefs(this.types, a) === skipModifiersAndTypedefs(this.types, b);
  }

  /** The types of BTF and what `roots` are made of, with the ids of `roots` there. */
  finish(roots: readonly TypeId[]): Kept {
    return this.#maker.finish(roots);
  }

  /** Each type once; undefined where one of them is none that C has, or breaks a rule. */
  #make(dies: readonly Die[]): TypeId[] | undefined {
    const ids: TypeId[] = [];
    for (const die of dies) {
      const id = this.#makeOne(die);
      if (id === undefined) return undefined;
      if (!ids.some((other) => this.same(other, id))) ids.push(id);
    }
    return ids;
  }

  #makeOne(die: Die): TypeId | undefined {
    if (this.#made.has(die.key)) return this.#made.get(die.key);
    let id: TypeId | undefined;
    try {
      id = skipModifiers(this.types, this.#maker.make(die));
      this.#maker.finish([id]);
    } catch (e) {
      if (!isSkelError(e)) throw e;
      id = undefined;
      this.#warn({ where: "debug information", what: `${e.message} (that type is left aside)` });
    }
    this.#made.set(die.key, id);
    return id;
  }

  #ask<T>(ask: (dwarf: Dwarf | undefined) => T, otherwise: T): T {
    try {
      if (!this.#opened) this.#dwarf = openDwarf(this.#bytes, this.#elf);
      this.#opened = true;
      return ask(this.#dwarf);
    } catch (e) {
      if (!isSkelError(e)) throw e;
      this.#opened = true;
      this.#dwarf = undefined;
      this.#warn({
        where: "debug information",
        what: `${e.message} (left aside: types are looked for in BTF alone)`,
      });
      return otherwise;
    }
  }
}

/** Looks for types by name in the debug information of an object, for options that name some. */
export function debugTypesOf(bytes: Uint8Array): MoreTypes {
  return (types, spelled) => {
    const debug = new DebugTypes(bytes, parseElf(bytes), types, () => {});
    const found = debug.named(spelled);
    const { types: grown, ids } = debug.finish(found);
    return { types: grown, ids: found.map((id) => ids.get(id)!) };
  };
}
