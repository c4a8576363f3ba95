// A unit in, where its functions, global variables and named types are out: one look at every entry, none is decoded.

import { AT, TAG } from "./abi.ts";
import type { Die } from "./die.ts";
import { rangesOf, type Range } from "./places.ts";
import type { Unit } from "./units.ts";

/** Offsets of entries, in the order of the section. */
export interface UnitIndex {
  /** Functions with code of their own. */
  readonly functions: readonly number[];
  /** Variables outside of functions that have a place. */
  readonly globals: readonly number[];
  /** Structs, unions, enums, typedefs and base types that have a name, at whatever depth. */
  readonly named: readonly number[];
}

const NAMED: ReadonlySet<number> = new Set([
  TAG.structure_type,
  TAG.class_type,
  TAG.union_type,
  TAG.enumeration_type,
  TAG.typedef,
  TAG.base_type,
]);
export const RECORDS: ReadonlySet<number> = new Set([TAG.structure_type, TAG.class_type, TAG.union_type]);

/** What an abbreviation's entries are to the index, as bits. */
const FUNCTION = 1;
const GLOBAL = 2;
const NAMED_TYPE = 4;
/** What is below it is not global. */
const CLOSES = 8;

/** Looks at all entries of a unit. */
export function indexUnit(unit: Unit): UnitIndex {
  const functions: number[] = [];
  const globals: number[] = [];
  const named: number[] = [];
  const meanings = new Map<object, number>();
  for (const shape of unit.abbreviations.values()) {
    const has = (attribute: number): boolean => shape.attributes.includes(attribute);
    const { tag } = shape;
    let meaning = 0;
    if (tag === TAG.subprogram && (has(AT.low_pc) || has(AT.ranges))) meaning |= FUNCTION;
    if (tag === TAG.variable && has(AT.location)) meaning |= GLOBAL;
    if (NAMED.has(tag) && has(AT.name) && !has(AT.declaration)) meaning |= NAMED_TYPE;
    if (tag === TAG.subprogram) meaning |= CLOSES;
    meanings.set(shape, meaning);
  }
  const cursor = unit.section.read(unit.first, unit.end);
  /** The depth of the function that is looked into; 0 outside of any. */
  let within = 0;
  let depth = 0;
  while (cursor.at < cursor.end) {
    const { at } = cursor;
    const shape = unit.shape(cursor);
    if (shape === undefined) {
      // Some compilers fill up a unit with such marks.
      if (depth > 0) depth--;
      if (depth < within) within = 0;
      continue;
    }
    unit.skip(cursor, shape);
    const meaning = meanings.get(shape)!;
    if (meaning !== 0) {
      if ((meaning & FUNCTION) !== 0) functions.push(at);
      if ((meaning & GLOBAL) !== 0 && within === 0) globals.push(at);
      if ((meaning & NAMED_TYPE) !== 0) named.push(at);
    }
    if (!shape.children) continue;
    depth++;
    if ((meaning & CLOSES) !== 0 && within === 0) within = depth;
  }
  return { functions, globals, named };
}

/** A function and its instructions. */
export interface Coded {
  readonly die: Die;
  readonly ranges: readonly Range[];
}

/** The functions of a unit that have instructions. */
export function codedFunctions(unit: Unit, { functions }: UnitIndex): Coded[] {
  return functions.map((at) => {
    const die = unit.die(at);
    return { die, ranges: rangesOf(die) };
  });
}
