// A struct of BTF in, the figures of its layout out, in the words and by the rules of pahole (dwarves, `class__fprintf`).

import { trySizeOf } from "../btf/graph.ts";
import type { BtfStruct, BtfType } from "../btf/types.ts";

export interface Sums {
  /** Bytes. */
  readonly size: number;
  /** Of 64 bytes. */
  readonly cacheLines: number;
  /** As C declares them: an anonymous struct or union is one. */
  readonly members: number;
  /** Bytes of the members that are no bitfields. */
  readonly sumMembers: number;
  /** Runs of whole bytes between members that no member covers. */
  readonly holes: number;
  readonly sumHoles: number;
  /** Bytes behind the last member. */
  readonly padding: number;
  /** Runs of bits less than a byte that no member covers, those behind the last member included. */
  readonly bitHoles: number;
  readonly sumBitHoles: number;
}

const CACHE_LINE = 64;

/** The figures of a struct or union. */
export function sumsOf(types: readonly BtfType[], struct: BtfStruct): Sums {
  let [covered, sumMembers, holes, sumHoles, padding, bitHoles, sumBitHoles] = [0, 0, 0, 0, 0, 0, 0];
  const gap = (end: number, isLast: boolean): void => {
    if (end <= covered) return;
    // What is left of a byte that a bitfield ends in, whole bytes, and bits before one that does not begin a byte.
    const up = Math.min(end, 8 * Math.ceil(covered / 8));
    const down = Math.max(up, 8 * Math.floor(end / 8));
    for (const bits of [up - covered, end - down]) {
      if (bits > 0) bitHoles++;
      sumBitHoles += bits;
    }
    const bytes = (down - up) / 8;
    if (isLast) padding = bytes;
    else if (bytes > 0) {
      holes++;
      sumHoles += bytes;
    }
  };
  for (const { type, bitOffset, bitSize } of struct.members) {
    const bytes = bitSize > 0 ? 0 : (trySizeOf(types, type) ?? 0);
    sumMembers += bytes;
    gap(bitOffset, false);
    covered = Math.max(covered, bitOffset + (bitSize > 0 ? bitSize : 8 * bytes));
  }
  gap(8 * struct.size, true);
  return {
    size: struct.size,
    cacheLines: Math.ceil(struct.size / CACHE_LINE),
    members: struct.members.length,
    sumMembers,
    holes,
    sumHoles,
    padding,
    bitHoles,
    sumBitHoles,
  };
}

/** "size: 32, cachelines: 1, members: 4, sum members: 28, holes: 1, sum holes: 4": what is none is left out, as pahole does. */
export function sentenceOf(sums: Sums): string {
  const { size, cacheLines, members, sumMembers, holes, sumHoles, padding, bitHoles, sumBitHoles } = sums;
  return [
    `size: ${size}, cachelines: ${cacheLines}, members: ${members}`,
    holes > 0 && `sum members: ${sumMembers}, holes: ${holes}, sum holes: ${sumHoles}`,
    bitHoles > 0 && `bit holes: ${bitHoles}, sum bit holes: ${sumBitHoles} bits`,
    padding > 0 && `padding: ${padding}`,
  ]
    .filter((part) => part !== false)
    .join(", ");
}
