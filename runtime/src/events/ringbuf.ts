// Maps of type RINGBUF: events from programs, in order, drained at once, on the event loop, or by `for await`.

import type { Codec } from "../codec/codec.ts";
import { ValueError } from "../errors.ts";
import { warnLogger } from "../library/print.ts";
import type { BpfMap, MapCore, MapSpec } from "../maps/core.ts";
import { PlainMap } from "../maps/plain.ts";
import { show } from "../memory/refuse.ts";
import type { DeepReadonly } from "../sections/types.ts";
import { ConsumerPlace, type SignalOptions, type Subscription, type UnknownOptions } from "./consumer.ts";
import { Records } from "./records.ts";
import { Ring } from "./ring.ts";

/** How events are given to a callback. */
export interface EventOptions extends UnknownOptions {
  /**
   * Every event is one and the same object, which reads the record where it lies and is valid only inside the callback:
   * `{ ...event }` keeps it. Faster than an object for each event.
   */
  readonly lazy?: boolean | undefined;
}

/** How much `consume` takes. */
export interface ConsumeOptions extends EventOptions {
  /** At most so many events; all that are there when left out. */
  readonly budget?: number | undefined;
}

/** Options with `lazy` set. */
export interface Lazy {
  readonly lazy: true;
}

/**
 * A ring buffer, filled by programs. It has one consumer at a time: a call of `consume`, a subscription or an iteration;
 * another meanwhile throws a StateError. What is not consumed stays in the kernel's buffer, and only when that is full are
 * events dropped, which the program is told.
 *
 * A record that is longer than its type is read from its start; one that ends within the text at the end of the type is
 * read with the text cut off there. Of several types it is the one of the record's length. Other records are no events:
 * the option `unknown` receives them.
 */
export interface RingBuf<E = Uint8Array> extends BpfMap {
  /** How many records were no event, without anybody to receive them. */
  readonly undecoded: number;
  /**
   * Gives `fn` the events that are there and returns how many those were; never waits. The event for which `fn` throws is
   * consumed, those after it are not.
   */
  consume(fn: (event: DeepReadonly<E>) => void, options: ConsumeOptions & Lazy): number;
  consume(fn: (event: E) => void, options?: ConsumeOptions): number;
  /**
   * Has `fn` called for each event, on the event loop, until the subscription or the skeleton is closed or the signal is
   * aborted. What `fn` throws is an uncaughtException; the subscription stays, and goes on with the next event.
   */
  subscribe(fn: (event: DeepReadonly<E>) => void, options: EventOptions & SignalOptions & Lazy): Subscription;
  subscribe(fn: (event: E) => void, options?: EventOptions & SignalOptions): Subscription;
  /**
   * The events, as they come, until `break` or until the skeleton is closed. What the loop did not receive stays in the
   * buffer; an aborted signal rejects the iteration with its reason.
   * @example
   * for await (const { pid, comm } of live.maps.events) console.log(pid, comm);
   */
  events(options?: UnknownOptions & SignalOptions): AsyncIterableIterator<E>;
  [Symbol.asyncIterator](): AsyncIterableIterator<E>;
  /** Bytes in the buffer that are not consumed, 8 for each record's header included. */
  available(): number;
}

// A turn of the event loop has so many events before the clock is asked, and so many milliseconds.
const batch = 64;
const longestTurn = 1.5;

class RingBufHandle<E> extends PlainMap implements RingBuf<E> {
  readonly #map: MapCore;
  readonly #codecs: readonly Codec<E, never>[];
  readonly #place: ConsumerPlace;
  #mapped: Ring | undefined;
  #eager: Records<E> | undefined;
  #lazy: Records<E> | undefined;
  #undecoded = 0;

  constructor(map: MapCore, codecs: readonly Codec<E, never>[]) {
    super(map);
    this.#map = map;
    this.#codecs = codecs;
    this.#place = new ConsumerPlace(map);
    map.onClose(() => this.#mapped?.close());
  }

  get undecoded(): number {
    return this.#undecoded;
  }

  consume(fn: (event: never) => void, options: ConsumeOptions = {}): number {
    checkFunction(this.name, fn);
    const { budget = Infinity } = options;
    if (typeof budget !== "number" || !(budget >= 1)) {
      throw new ValueError(`map ${this.name}: budget: expected at least 1, got ${show(budget)}`, "budget");
    }
    const leave = this.#place.take();
    const records = this.#records(options);
    try {
      return this.#ring().drain(records, fn as (event: E) => void, this.#unknown(options), budget, yes);
    } finally {
      records.release();
      leave();
    }
  }

  subscribe(fn: (event: never) => void, options: EventOptions & SignalOptions = {}): Subscription {
    checkFunction(this.name, fn);
    const unknown = this.#unknown(options);
    const ring = this.#ring();
    const records = this.#records(options);
    const drain = (isOpen: () => boolean): void => {
      const end = performance.now() + longestTurn;
      const drainBatch = (): number => ring.drain(records, fn as (event: E) => void, unknown, batch, isOpen);
      try {
        while (drainBatch() === batch && isOpen() && performance.now() < end);
      } finally {
        records.release();
      }
    };
    return this.#place.subscribe(this.#map.use(), drain, options);
  }

  events(options: UnknownOptions & SignalOptions = {}): AsyncIterableIterator<E> {
    const unknown = this.#unknown(options);
    const records = this.#records({});
    let event: E | undefined;
    const keep = (one: E): void => void (event = one);
    const take = (): E | undefined => {
      event = undefined;
      this.#ring().drain(records, keep, unknown, 1, yes);
      return event;
    };
    return this.#place.iterate(() => this.#map.use(), take, options);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<E> {
    return this.events();
  }

  available(): number {
    return this.#ring().available();
  }

  #ring(): Ring {
    this.#map.use();
    return (this.#mapped ??= new Ring(this.#map));
  }

  #records({ lazy }: EventOptions): Records<E> {
    return lazy === true
      ? (this.#lazy ??= new Records(this.#codecs, true))
      : (this.#eager ??= new Records(this.#codecs, false));
  }

  #unknown({ unknown }: UnknownOptions): (bytes: Uint8Array, reason: string) => void {
    if (unknown !== undefined) return (bytes, reason) => unknown({ bytes, reason });
    return (_bytes, reason) => {
      if (this.#undecoded++ > 0) return;
      warnLogger(`map ${this.name}: a record is no event: ${reason} (the option unknown receives such records)`);
    };
  }
}

function yes(): boolean {
  return true;
}

function checkFunction(name: string, fn: unknown): void {
  if (typeof fn !== "function") throw new ValueError(`map ${name}: expected a function, got ${show(fn)}`, name);
}

type Read<C extends readonly Codec<unknown, never>[]> = C extends readonly []
  ? Uint8Array
  : C[number] extends Codec<infer E, never>
    ? E
    : never;

/** A map of type RINGBUF with records of these types, of bytes without one. For generated code. */
export function ringbuf<C extends readonly Codec<unknown, never>[]>(...codecs: C): MapSpec<RingBuf<Read<C>>> {
  type E = Read<C>;
  return {
    type: "ringbuf",
    keySize: 0,
    valueSize: 0,
    create: (map) => new RingBufHandle<E>(map, codecs as unknown as readonly Codec<E, never>[]),
  };
}
