// Reads of values where they are now: of global variables, and of the fields of one record after another.

import type { Memory } from "../memory.ts";
import type { Codec } from "./codec.ts";
import { bool, s16, s32, s64, s8, u16, u32, u64, u8 } from "./scalars.ts";

/** Where values are now. */
export class Place {
  /** Undefined where they are not at hand. */
  m: Memory | undefined;
  at = 0;
  /** In bytes. */
  length = 0;
  /** Gives the memory where it is not at hand, or throws. */
  readonly enter: () => Memory;

  constructor(enter: () => Memory) {
    this.m = undefined;
    this.enter = enter;
  }
}

export function memoryOf(place: Place): Memory {
  return place.m ?? place.enter();
}

type Getter = (place: Place, offset: number) => () => unknown;

// Each a function of its own: V8 then sees one kind of read in it.
const getters: ReadonlyMap<unknown, Getter> = /*@__PURE__*/ new Map<unknown, Getter>([
  [bool, (p, offset) => () => memoryOf(p).bool(p.at + offset)],
  [u8, (p, offset) => () => memoryOf(p).u8(p.at + offset)],
  [u16, (p, offset) => () => memoryOf(p).u16(p.at + offset)],
  [u32, (p, offset) => () => memoryOf(p).u32(p.at + offset)],
  [u64, (p, offset) => () => memoryOf(p).u64(p.at + offset)],
  [s8, (p, offset) => () => memoryOf(p).s8(p.at + offset)],
  [s16, (p, offset) => () => memoryOf(p).s16(p.at + offset)],
  [s32, (p, offset) => () => memoryOf(p).s32(p.at + offset)],
  [s64, (p, offset) => () => memoryOf(p).s64(p.at + offset)],
]);

/** Reads the value at `offset` from the place; undefined for codecs that are not those of numbers and `bool`. */
export function getterOf(codec: Codec<unknown, never>, place: Place, offset: number): (() => unknown) | undefined {
  return getters.get(codec)?.(place, offset);
}
