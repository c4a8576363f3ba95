// The debug information of an object, as later stages ask for it: functions by address, global variables by address, types by
// name and by size. Nothing is read before it is asked for. https://dwarfstd.org/doc/DWARF5.pdf

import type { Elf } from "../elf/elf.ts";
import { AT, TAG } from "./abi.ts";
import type { Die } from "./die.ts";
import { type FunctionScopes, readFunction } from "./functions.ts";
import { type Coded, codedFunctions, indexUnit, RECORDS, type UnitIndex } from "./index.ts";
import { placesOf } from "./places.ts";
import { skipAliases } from "./sizes.ts";
import { type DebugFile, openDebugFile, type Unit } from "./units.ts";

/** A variable outside of functions, or a static one. */
export interface GlobalVariable {
  readonly name: string;
  readonly type: Die;
  readonly section: number;
  readonly offset: number;
}

/** The words that C has before the names of types. */
const WORDS: Readonly<Record<string, ReadonlySet<number>>> = {
  struct: new Set([TAG.structure_type, TAG.class_type]),
  union: new Set([TAG.union_type]),
  enum: new Set([TAG.enumeration_type]),
};
const UNWORDED: ReadonlySet<number> = new Set([TAG.typedef, TAG.base_type]);

export class Dwarf {
  readonly #file: DebugFile;
  readonly #indexes = new Map<Unit, UnitIndex>();
  #functions: readonly Coded[] | undefined;
  #globals: readonly GlobalVariable[] | undefined;
  readonly #scopes = new Map<string, FunctionScopes>();

  constructor(file: DebugFile) {
    this.#file = file;
  }

  /** The function that has the instruction at a byte of a section; undefined where nothing tells. */
  functionAt(section: number, at: number): FunctionScopes | undefined {
    this.#functions ??= this.#file.units.flatMap((unit) => codedFunctions(unit, this.#indexOf(unit)));
    const found = this.#functions.find(({ ranges }) =>
      ranges.some((range) => range.section === section && at >= range.low && at < range.high),
    );
    if (found === undefined) return undefined;
    let scopes = this.#scopes.get(found.die.key);
    if (scopes === undefined) {
      scopes = readFunction(found.die);
      this.#scopes.set(found.die.key, scopes);
    }
    return scopes;
  }

  /** The variables of the object's data. */
  get globals(): readonly GlobalVariable[] {
    return (this.#globals ??= this.#file.units.flatMap((unit) =>
      this.#indexOf(unit).globals.flatMap((at): GlobalVariable[] => {
        const die = unit.die(at);
        const origins = die.origins();
        const type = origins.map((one) => one.reference(AT.type)).find((one) => one !== undefined);
        const place = placesOf(die).find(({ place: { kind } }) => kind === "data")?.place;
        if (type === undefined || place?.kind !== "data" || place.address.section === undefined) return [];
        const name = origins.map((one) => one.text(AT.name)).find((one) => one !== undefined) ?? "";
        return [{ name, type, section: place.address.section, offset: place.address.offset }];
      }),
    ));
  }

  /** The types called so in C: "struct event", "event_t". */
  typesNamed(spelled: string): Die[] {
    const [, word, own] = /^(struct|union|enum) (.+)$/.exec(spelled) ?? [];
    const tags = word === undefined ? UNWORDED : WORDS[word]!;
    const wanted = new TextEncoder().encode(own ?? spelled);
    return this.#file.units.flatMap((unit) =>
      this.#indexOf(unit)
        .named.map((at) => unit.die(at))
        .filter((die) => tags.has(die.tag) && isCalled(die, wanted)),
    );
  }

  /** The structs and unions of so many bytes that have a name, and the typedefs that name those without one. */
  recordsOfSize(size: number): Die[] {
    return this.#file.units.flatMap((unit) =>
      this.#indexOf(unit)
        .named.map((at) => unit.die(at))
        .filter((die) => {
          const record = die.tag === TAG.typedef ? skipAliases(die) : die;
          if (record === undefined || !RECORDS.has(record.tag) || record.count(AT.byte_size) !== size) return false;
          return record === die || !record.has(AT.name);
        }),
    );
  }

  #indexOf(unit: Unit): UnitIndex {
    let index = this.#indexes.get(unit);
    if (index === undefined) {
      index = indexUnit(unit);
      this.#indexes.set(unit, index);
    }
    return index;
  }
}

/** Whether that is an entry's name, byte for byte: nothing is decoded for those that it is not. */
function isCalled(die: Die, wanted: Uint8Array): boolean {
  const place = die.textPlace(AT.name);
  if (place === undefined) return false;
  const { bytes } = place.section;
  const end = place.at + wanted.length;
  if (bytes[end] !== 0) return false;
  for (let i = 0; i < wanted.length; i++) if (bytes[place.at + i] !== wanted[i]) return false;
  return true;
}

/**
 * The debug information of an object; undefined where it has none.
 * @throws SkelError ERR_DWARF_FORMAT, as all that is asked of it
 */
export function openDwarf(bytes: Uint8Array, elf: Elf): Dwarf | undefined {
  const file = openDebugFile(bytes, elf);
  return file === undefined ? undefined : new Dwarf(file);
}
