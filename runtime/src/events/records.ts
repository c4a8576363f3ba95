// Records in, events out: which of a buffer's types a record has, by its length. What has none of them is handed over as bytes
// with the reason: never a wrong value.

import type { Codec } from "../codec/codec.ts";
import { detailsOf, fieldsOf } from "../codec/fields.ts";
import { tailBytes } from "../codec/tail.ts";
import type { Memory } from "../memory.ts";
import { hostMemory } from "../native.ts";
import { type Flyweight, flyweight } from "./lazy.ts";
import type { OnRecord } from "./source.ts";
import type { UnknownRecord } from "./types.ts";

type AnyCodec = Codec<unknown, never>;

/** What a consumer wants of each record. */
export interface Wanted {
  readonly lazy: boolean;
  /** Whether the handler also hears of the CPU. */
  readonly withCpu: boolean;
  readonly onUnknown: (record: UnknownRecord) => void;
}

/** The types of a buffer's records. */
export class RecordTypes {
  readonly #codecs: readonly AnyCodec[];
  readonly #lengthOf: (size: number) => number;
  readonly #flyweights = new Map<AnyCodec, Flyweight<unknown> | undefined>();

  /** `lengthOf` gives the length of a record that holds so many bytes; without codecs records are bytes. */
  constructor(codecs: readonly AnyCodec[], lengthOf: (size: number) => number) {
    this.#codecs = codecs.length === 0 ? [tailBytes] : codecs;
    this.#lengthOf = lengthOf;
  }

  /**
   * The type of a record of `length` bytes. Of several it is the one of just this length, else the one that goes on to the
   * end of the record; a single one may be followed by more.
   */
  typeOf(length: number): AnyCodec | undefined {
    const [only] = this.#codecs;
    if (this.#codecs.length === 1) return length >= only!.size ? only : undefined;
    return (
      this.#codecs.find((codec) => !hasTail(codec) && this.#lengthOf(codec.size) === length) ??
      this.#codecs.find((codec) => hasTail(codec) && codec.size <= length)
    );
  }

  /** The type of a record that is cut short in the text at its end, which programs do to save room. */
  cutTypeOf(length: number): AnyCodec | undefined {
    const [only, other] = this.#codecs;
    return other === undefined && length >= textAtEnd(only!) ? only : undefined;
  }

  /** The one object that shows records of this type; undefined for what is no struct. More of them would each be a shape of its own to V8. */
  flyweightOf(codec: AnyCodec): Flyweight<unknown> | undefined {
    if (!this.#flyweights.has(codec)) this.#flyweights.set(codec, flyweight(codec));
    return this.#flyweights.get(codec);
  }

  /** Why a record of `length` bytes has no type. */
  reason(length: number): string {
    const sizes = this.#codecs.map((codec) => `${codec.size}${hasTail(codec) ? " or more" : ""}`).join(" or ");
    return `expected ${sizes} bytes, got ${length}`;
  }
}

function hasTail(codec: AnyCodec): boolean {
  return detailsOf(codec).recordSize !== undefined;
}

/** Where the `char[N]` that ends a struct starts; Infinity without one. */
function textAtEnd(codec: AnyCodec): number {
  const last = fieldsOf(codec)?.reduce((a, b) => (b.offset >= a.offset ? b : a));
  return last !== undefined && /^char\[\d+\]$/.test(last.codec.name) ? last.offset : Infinity;
}

type Handler = (event: never, cpu: number) => void;

/** What hands each record to `fn` as an event. */
export function recordHandler(types: RecordTypes, fn: Handler, wanted: Wanted): OnRecord {
  const call = fn as (event: unknown, cpu?: number) => void;
  const odd = oddHandler(types, call, wanted);
  return wanted.lazy ? lazyHandler(types, call, wanted, odd) : eagerHandler(types, call, wanted, odd);
}

// Most buffers have records of one length: its type is kept.
function eagerHandler(
  types: RecordTypes,
  fn: (event: unknown, cpu?: number) => void,
  { withCpu }: Wanted,
  odd: OnRecord,
): OnRecord {
  let known = -1;
  let codec: AnyCodec | undefined;
  return (m, at, length, cpu) => {
    if (length !== known) {
      codec = types.typeOf(length);
      known = length;
    }
    if (codec === undefined) return odd(m, at, length, cpu);
    let event: unknown;
    m.end = at + length;
    try {
      event = codec.read(m, at);
    } catch {
      return odd(m, at, length, cpu);
    }
    if (withCpu) fn(event, cpu);
    else fn(event);
  };
}

function lazyHandler(
  types: RecordTypes,
  fn: (event: unknown, cpu?: number) => void,
  wanted: Wanted,
  odd: OnRecord,
): OnRecord {
  const { withCpu } = wanted;
  const eager = eagerHandler(types, fn, wanted, odd);
  let known = -1;
  let current: Flyweight<unknown> | undefined;
  const choose = (length: number): void => {
    const codec = types.typeOf(length);
    known = length;
    current = codec && types.flyweightOf(codec);
  };
  return (m, at, length, cpu) => {
    if (length !== known) choose(length);
    if (current === undefined) return eager(m, at, length, cpu);
    const { value, cursor } = current;
    m.end = at + length;
    cursor.m = m;
    cursor.at = at;
    try {
      if (withCpu) fn(value, cpu);
      else fn(value);
    } finally {
      cursor.m = undefined;
    }
  };
}

// The rare ones, out of the way of the others.
function oddHandler(
  types: RecordTypes,
  fn: (event: unknown, cpu?: number) => void,
  { withCpu, onUnknown }: Wanted,
): OnRecord {
  let whole: Memory | undefined;
  return (m, at, length, cpu) => {
    const bytes = m.bytes(at, length);
    let reason = types.reason(length);
    const codec = types.typeOf(length) ?? types.cutTypeOf(length);
    let event: unknown;
    if (codec !== undefined) {
      const size = Math.max(codec.size, length);
      if (whole === undefined || whole.size < size) whole = hostMemory(new Uint8Array(size));
      whole.zero(0, size);
      whole.u8s.set(bytes);
      whole.end = length;
      try {
        event = codec.read(whole, 0);
      } catch (e) {
        reason = (e as Error).message;
      }
    }
    // No event of any type is undefined.
    if (event === undefined) onUnknown({ bytes, reason });
    else if (withCpu) fn(event, cpu);
    else fn(event);
  };
}
