// From the bytes of a perf sample to an event of its type. Samples are padded: their length and 4 are a multiple of 8
// (kernel/events/core.c, `perf_prepare_sample`), so a sample is up to 7 bytes longer than what the program sent.

import type { Codec } from "../codec/codec.ts";
import { detailsOf, fieldsOf } from "../codec/fields.ts";
import { isValueError } from "../errors.ts";
import { Memory } from "../memory.ts";

/** A sample that is not of the map's types. */
export interface UnknownSample {
  /** A copy of all of it, padding included. */
  readonly bytes: Uint8Array;
  readonly cpu: number;
  /** "expected 40 bytes of event, got 12" */
  readonly reason: string;
}

/** Why a sample has no event. */
export class NotDecoded {
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
}

type Read<E> = (m: Memory, at: number, length: number) => E | NotDecoded;

/** Makes events of samples. */
export interface Decoder<E> {
  /** The event in the `length` bytes at `at`, or why there is none. */
  readonly decode: Read<E>;
  /** From now on events that were given lazily are zero: the memory they were in is somebody else's. */
  release(): void;
}

/** What a program's `size` bytes take in a sample. */
export function paddedSize(size: number): number {
  return Math.ceil((size + 4) / 8) * 8 - 4;
}

/** Of no codec: bytes. Of one: every sample that is long enough. Of several: the first of the sample's length. */
export function decoderOf<E>(codecs: readonly Codec<E, never>[], lazy: boolean): Decoder<E> {
  if (codecs.length === 0) return { decode: (m, at, length) => m.bytes(at, length) as E, release() {} };
  const expected = codecs.map(({ name, size }) => `${size} bytes of ${name}`).join(" or ");
  const refuse = (length: number): NotDecoded => new NotDecoded(`expected ${expected}, got ${length}`);
  const kinds = codecs.map((codec) => ({ size: codec.size, ...(lazy ? flyweight(codec) : eager(codec)) }));
  const release = (): void => {
    for (const kind of kinds) kind.release();
  };
  const [{ size, decode }] = kinds as [(typeof kinds)[0]];
  if (kinds.length === 1) {
    return { decode: (m, at, length) => (length >= size ? decode(m, at, length) : refuse(length)), release };
  }
  const byLength = new Map<number, Read<E>>();
  for (const { size, decode } of [...kinds].reverse()) byLength.set(paddedSize(size), decode);
  return { decode: (m, at, length) => byLength.get(length)?.(m, at, length) ?? refuse(length), release };
}

function eager<E>(codec: Codec<E, never>): Decoder<E> {
  const hasTail = detailsOf(codec).recordSize !== undefined;
  return {
    decode(m, at, length) {
      if (hasTail) m.end = at + length;
      try {
        return codec.read(m, at);
      } catch (e) {
        // A 64-bit integer that no number holds.
        if (isValueError(e)) return new NotDecoded(e.message);
        throw e;
      }
    },
    release() {},
  };
}

/** One object for all samples, whose fields are read when they are asked for. What has no fields is decoded as ever. */
function flyweight<E>(codec: Codec<E, never>): Decoder<E> {
  const fields = fieldsOf(codec);
  if (fields === undefined) return eager(codec);
  const zeros = Memory.alloc(codec.size);
  let memory = zeros;
  let start = 0;
  let end = -1;
  const event = {};
  for (const { name, offset, codec } of fields) {
    const get = (): unknown => {
      memory.end = end;
      return codec.read(memory, start + offset);
    };
    Object.defineProperty(event, name, { get, enumerable: true });
  }
  return {
    decode(m, at, length) {
      memory = m;
      start = at;
      end = at + length;
      return event as E;
    },
    release() {
      memory = zeros;
      start = 0;
      end = -1;
    },
  };
}
