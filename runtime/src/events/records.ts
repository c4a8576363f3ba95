// What a record is: of the types that its buffer carries the one that has its length.

import { readChecked } from "../codec/checked.ts";
import type { Codec } from "../codec/codec.ts";
import { detailsOf, fieldsOf } from "../codec/fields.ts";
import { isValueError } from "../errors.ts";
import { Memory } from "../memory.ts";
import { flyweight } from "./flyweight.ts";

/** A record that is no event, and why. */
export class Undecoded {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

/** Reads records; made once for each way to read them. */
export class Records<E> {
  /** For records of this many bytes `read` is enough; -1: for none. */
  readonly size: number;
  readonly read: (m: Memory, at: number) => E;
  /** Makes flyweights unusable until the next record. */
  readonly release: () => void;
  readonly #codecs: readonly Codec<E, never>[];
  readonly #readers: readonly ((m: Memory, at: number) => E)[];
  readonly #textAt: number | undefined;

  /** Of the types `codecs`, bytes without one. A `lazy` event is valid until the next one is read. */
  constructor(codecs: readonly Codec<E, never>[], lazy: boolean) {
    const flyweights = lazy ? codecs.map((codec) => flyweight(codec)) : [];
    const [first] = codecs;
    this.#codecs = codecs;
    this.#readers = lazy ? flyweights.map(({ read }) => read) : codecs.map(({ read }) => read);
    this.size = first === undefined || detailsOf(first).recordSize !== undefined ? -1 : first.size;
    this.read = this.#readers[0] ?? ((m, at) => m.bytes(at, m.end - at) as E);
    this.release = () => flyweights.forEach((one) => one.release());
    this.#textAt = first === undefined ? undefined : lastTextOf(first);
  }

  /** The event of a record of any length. */
  readAny(m: Memory, at: number, length: number): E | Undecoded {
    const codecs = this.#codecs;
    m.end = at + length;
    const exact = codecs.findIndex(({ size }) => size === length);
    if (exact >= 0) return this.#readers[exact]!(m, at);
    const [only] = codecs;
    // As a C consumer does, which looks at the struct that it knows at the record's start.
    if (only === undefined || (codecs.length === 1 && length > only.size)) return this.read(m, at);
    if (codecs.length === 1 && this.#textAt !== undefined && length >= this.#textAt) {
      const whole = Memory.over(new Uint8Array(only.size), { bigEndian: !m.littleEndian });
      whole.setBytes(0, only.size, m.bytes(at, length));
      return this.read(whole, 0);
    }
    return new Undecoded(`expected ${codecs.map(({ size }) => size).join(" or ")} bytes, got ${length}`);
  }

  /** Why reading a record of `length` bytes threw `error`; throws it where it is none of the record's values. */
  explain(m: Memory, at: number, length: number, error: unknown): Undecoded {
    if (!isValueError(error)) throw error;
    const codec = this.#codecs.find(({ size }) => size === length) ?? this.#codecs[0]!;
    try {
      readChecked(codec, m, at, codec.name);
    } catch (e) {
      return new Undecoded((e as Error).message);
    }
    return new Undecoded(error.message);
  }
}

/** Where the text begins that ends a struct: programs send it up to its NUL. */
function lastTextOf(codec: Codec<unknown, never>): number | undefined {
  const last = fieldsOf(codec)?.reduce((a, b) => (b.offset >= a.offset ? b : a));
  return last !== undefined && /^char\[\d+\]$/.test(last.codec.name) ? last.offset : undefined;
}
