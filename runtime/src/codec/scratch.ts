// The memory in which codecs decode and encode: borrowed, given back, and never shared by nested calls (a getter or a
// codec of the user's may itself encode or decode something).

import { Memory } from "../memory.ts";

// Deeper nesting and larger values take fresh memory, so that what stays here is small.
const deepest = 8;
const largest = 0x10_0000;

const little: Memory[] = [];
const big: Memory[] = [];
let depth = 0;

/** Memory of at least `size` bytes, of any content, until {@link giveBack}. */
export function borrow(size: number, bigEndian: boolean): Memory {
  const pool = bigEndian ? big : little;
  let m = pool[depth];
  if (m === undefined || m.size < size) m = grow(pool, size, bigEndian);
  depth++;
  return m;
}

/** Ends the last {@link borrow}. */
export function giveBack(): void {
  depth--;
}

function grow(pool: Memory[], size: number, bigEndian: boolean): Memory {
  if (depth >= deepest || size > largest) return Memory.alloc(size, { bigEndian });
  let room = 256;
  while (room < size) room *= 2;
  // Levels used only in the other byte order leave no hole here.
  while (pool.length < depth) pool.push(Memory.alloc(0, { bigEndian }));
  return (pool[depth] = Memory.alloc(room, { bigEndian }));
}
