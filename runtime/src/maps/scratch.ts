// The memory through which one map's keys and values pass to the kernel and back. Write areas are written by codecs only,
// so their padding stays zero; the kernel writes only to `out`.

import type { Codec } from "../codec/codec.ts";
import { isValueError } from "../errors.ts";
import type { Memory } from "../memory.ts";
import { addressOf, hostMemory } from "../native.ts";

export interface Scratch {
  readonly key: Memory;
  readonly keyAt: number;
  readonly value: Memory;
  readonly valueAt: number;
  readonly out: Memory;
  readonly outAt: number;
}

/** A part of `buffer` for one codec's data, and its address; the Memory keeps the buffer alive. */
export function area(buffer: ArrayBuffer, at: number, size: number): { memory: Memory; at: number } {
  return { memory: hostMemory(new Uint8Array(buffer, at, size)), at: addressOf(buffer) + at };
}

/** `size` rounded up so that what follows is aligned for every C type. */
export function aligned(size: number): number {
  return Math.ceil(size / 16) * 16;
}

/** Fresh areas for one key and two values. */
export function makeScratch(keySize: number, valueSize: number): Scratch {
  const valueFrom = aligned(keySize);
  const outFrom = valueFrom + aligned(valueSize);
  const buffer = new ArrayBuffer(outFrom + aligned(valueSize));
  const key = area(buffer, 0, keySize);
  const value = area(buffer, valueFrom, valueSize);
  const out = area(buffer, outFrom, valueSize);
  return {
    key: key.memory.asKeys(),
    keyAt: key.at,
    value: value.memory,
    valueAt: value.at,
    out: out.memory,
    outAt: out.at,
  };
}

/** What to throw for `error`, which `codec.write` threw: the slow way knows the place in `value`. As `writeChecked` does. */
export function explain<T>(
  error: unknown,
  codec: Pick<Codec<unknown, T>, "check">,
  m: Memory,
  value: T,
  path: string,
): unknown {
  if (isValueError(error) || error instanceof TypeError) codec.check(m, 0, value, path);
  return error;
}
