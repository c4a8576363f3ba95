// Records in, events out: which of a buffer's types a record has, by its length. What has none of them is handed over as bytes
// with the reason: never a wrong value.

import type { Codec } from "../codec/codec.ts";
import { detailsOf, fieldsOf } from "../codec/fields.ts";
import { tailBytes } from "../codec/tail.ts";
import type { Memory } from "../memory.ts";
import { hostMemory } from "../native.ts";
import { type Cursor, flyweight } from "./lazy.ts";
import type { EventSource } from "./source.ts";
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
  /** The record that the flyweights show. */
  readonly cursor: Cursor = { m: undefined, at: 0 };
  readonly #flyweights = new Map<AnyCodec, unknown>();

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
  flyweightOf(codec: AnyCodec): unknown {
    if (!this.#flyweights.has(codec)) this.#flyweights.set(codec, flyweight(codec, this.cursor));
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
type Call = (event: unknown, cpu?: number) => void;

/**
 * Hands out as events at most `max` of the records that are there now; gives how many records those were. What the handler
 * throws goes through, and its record counts as read.
 */
export type Reader = (source: EventSource, max: number) => number;

/** What reads records as events for `fn`. */
export function reader(types: RecordTypes, fn: Handler, wanted: Wanted): Reader {
  return (wanted.lazy ? lazyReader : eagerReader)(types, fn as Call, wanted);
}

/** Reads what is there now, run by run; `read` gives how many of those that were found it has read. */
function inRuns(read: (source: EventSource, found: number) => number): Reader {
  return (source, max) => {
    let count = 0;
    source.begin();
    try {
      while (count < max) {
        const found = source.find(max - count);
        if (found === 0) break;
        count += read(source, found);
      }
    } finally {
      source.end();
    }
    return count;
  };
}

function eagerReader(types: RecordTypes, fn: Call, wanted: Wanted): Reader {
  const handOut = whole(types, fn, wanted);
  return inRuns((source, found) => {
    const { m, length, stride, cpu } = source.run;
    const codec = types.typeOf(length);
    let { at } = source.run;
    let count = 0;
    try {
      for (; count < found && !source.halted; at += stride) {
        // Counted as read before the handler sees it, which may throw.
        count++;
        handOut(codec, m, at, length, cpu);
      }
    } finally {
      source.release(count);
    }
    return count;
  });
}

function lazyReader(types: RecordTypes, fn: Call, wanted: Wanted): Reader {
  const { withCpu } = wanted;
  const { cursor } = types;
  const handOut = whole(types, fn, wanted);
  return inRuns((source, found) => {
    const { m, length, stride, cpu } = source.run;
    const codec = types.typeOf(length);
    const event = codec && types.flyweightOf(codec);
    let { at } = source.run;
    let count = 0;
    cursor.m = m;
    try {
      for (; count < found && !source.halted; at += stride) {
        count++;
        if (event === undefined) {
          handOut(codec, m, at, length, cpu);
          continue;
        }
        m.end = at + length;
        cursor.at = at;
        if (withCpu) fn(event, cpu);
        else fn(event);
      }
    } finally {
      cursor.m = undefined;
      source.release(count);
    }
    return count;
  });
}

/** Hands out one record as an object of its own, or as none of the types. */
function whole(
  types: RecordTypes,
  fn: Call,
  wanted: Wanted,
): (codec: AnyCodec | undefined, m: Memory, at: number, length: number, cpu: number) => void {
  const { withCpu } = wanted;
  const odd = oddReader(types, fn, wanted);
  return (codec, m, at, length, cpu) => {
    const event = codec && readWhole(codec, m, at, length);
    if (event === undefined) odd(m, at, length, cpu);
    else if (withCpu) fn(event, cpu);
    else fn(event);
  };
}

/** No event of any type is undefined: that is what does not read. */
function readWhole(codec: AnyCodec, m: Memory, at: number, length: number): unknown {
  m.end = at + length;
  try {
    return codec.read(m, at);
  } catch {
    return undefined;
  }
}

// The rare ones, out of the way of the others.
function oddReader(
  types: RecordTypes,
  fn: Call,
  { withCpu, onUnknown }: Wanted,
): (m: Memory, at: number, length: number, cpu: number) => void {
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
    if (event === undefined) onUnknown({ bytes, reason });
    else if (withCpu) fn(event, cpu);
    else fn(event);
  };
}
