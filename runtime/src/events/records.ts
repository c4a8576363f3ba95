// Records in, events out: which of a buffer's types a record has, by its length. What has none of them is handed over as bytes
// with the reason: never a wrong value.

import type { Codec } from "../codec/codec.ts";
import { detailsOf, fieldsOf } from "../codec/fields.ts";
import type { Place } from "../codec/place.ts";
import { tailBytes } from "../codec/tail.ts";
import type { Memory } from "../memory.ts";
import { hostMemory } from "../native.ts";
import { flyweight, type Flyweight, newCursor } from "./lazy.ts";
import { type Handler, Loop, type OnOdd } from "./loop.ts";
import type { EventSource } from "./source.ts";
import type { UnknownRecord } from "./types.ts";

type AnyCodec = Codec<unknown, never>;

/** What a consumer wants of each record. */
export interface Wanted {
  readonly lazy: boolean;
  readonly onUnknown: (record: UnknownRecord) => void;
}

/** The types of a buffer's records. */
export class RecordTypes {
  readonly #codecs: readonly AnyCodec[];
  readonly #lengthOf: (size: number) => number;
  /** The record that the flyweights show. */
  readonly cursor: Place = newCursor();
  readonly #flyweights = new Map<AnyCodec, Flyweight | undefined>();
  readonly #loops = new WeakMap<Handler, Loop>();

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

  /**
   * Shows records of this type in one object for all: more of them would each be a shape of its own to V8. Undefined for what
   * is no struct.
   */
  flyweightOf(codec: AnyCodec): Flyweight | undefined {
    if (!this.#flyweights.has(codec)) this.#flyweights.set(codec, flyweight(codec, this.cursor));
    return this.#flyweights.get(codec);
  }

  /** The loop that `handler` is called in. */
  loopOf(handler: Handler): Loop {
    let loop = this.#loops.get(handler);
    if (loop === undefined) {
      loop = new Loop();
      this.#loops.set(handler, loop);
    }
    return loop;
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

/**
 * Hands out as events at most `max` of the records that are there now; gives how many records those were. What the handler
 * throws goes through, and its record counts as read.
 */
export type Reader = (source: EventSource, max: number) => number;

/** What reads records as events for `handler`, run by run. */
export function reader(types: RecordTypes, handler: Handler, { lazy, onUnknown }: Wanted): Reader {
  const loop = types.loopOf(handler);
  const onOdd = oddReader(types, handler, onUnknown);
  return (source, max) => {
    let count = 0;
    source.begin();
    try {
      while (count < max) {
        const found = source.find(max - count);
        if (found === 0) break;
        const codec = types.typeOf(source.run.length);
        const flyweight = lazy && codec ? types.flyweightOf(codec) : undefined;
        count += flyweight
          ? loop.show(source, found, flyweight, handler)
          : loop.handOut(source, found, codec, handler, onOdd);
      }
    } finally {
      types.cursor.m = undefined;
      source.end();
    }
    return count;
  };
}

// The rare ones, out of the way of the others.
function oddReader(types: RecordTypes, handler: Handler, onUnknown: Wanted["onUnknown"]): OnOdd {
  let whole: Memory | undefined;
  return (bytes, cpu) => {
    const { length } = bytes;
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
    else if (cpu < 0) handler(event);
    else handler(event, cpu);
  };
}
