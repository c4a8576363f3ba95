// RINGBUF maps: events of all CPUs, in order.

import type { Codec } from "../codec/codec.ts";
import type { BpfMap, MapCore, MapSpec } from "../maps/core.ts";
import { PlainMap } from "../maps/plain.ts";
import type { DeepReadonly } from "../sections/types.ts";
import { Consumer, type Kind } from "./consumer.ts";
import { RingBuffer } from "./ringbuffer.ts";
import type { ConsumeOptions, EventsOptions, SubscribeOptions, Subscription } from "./types.ts";

/**
 * A ring buffer that programs fill and this process empties, in the order of their reservations. It has one consumer at a
 * time in the whole system: another is a StateError, and so it is when a reader of another library took its records. What no handler was given stays in the buffer, and when that is full programs drop events.
 *
 * A record longer than its type is read from its start, and one that ends in the text at the end of its type is read as
 * far as it goes. Of several types a record has the one of just its length. What has no type is for the option `unknown`.
 */
export interface RingBuf<E = Uint8Array> extends BpfMap, AsyncIterable<E> {
  /**
   * Hands each event that is there now to `fn`, in this call; gives how many those were. What `fn` throws ends it, and
   * the event that it was given counts as read.
   * @example
   * const count = live.maps.rb.consume((event) => console.log(event.pid));
   */
  consume(fn: (event: E) => void, options?: EagerOptions<ConsumeOptions>): number;
  /** With `lazy` the event is one object that shows each record in turn, until `fn` returns: copy what you keep. */
  consume(fn: (event: DeepReadonly<E>) => void, options: LazyOptions<ConsumeOptions>): number;
  /**
   * Calls `fn` on the event loop with each event from now on, those that are there already first. What `fn` throws is an
   * uncaught exception; the subscription goes on if the process does.
   */
  subscribe(fn: (event: E) => void, options?: EagerOptions<SubscribeOptions>): Subscription;
  subscribe(fn: (event: DeepReadonly<E>) => void, options: LazyOptions<SubscribeOptions>): Subscription;
  /**
   * The events as they come, read one by one when they are asked for. It ends with `break`, with the skeleton, or with its
   * signal, and then rejects with the signal's reason.
   * @example
   * for await (const event of live.maps.rb) console.log(event.pid);
   */
  events(options?: EventsOptions): AsyncIterableIterator<E>;
  [Symbol.asyncIterator](): AsyncIterableIterator<E>;
  /** Bytes that are not read yet, each record with 8 for its header and rounded up to 8. */
  available(): number;
  /** How many records had none of the types and no `unknown` to go to. */
  readonly undecoded: number;
}

/** Options of a handler that gets objects of its own. */
export type EagerOptions<O> = O & { readonly lazy?: false | undefined };
/** Options of a handler that gets the same object each time. */
export type LazyOptions<O> = O & { readonly lazy: true };

const kind: Kind<RingBuffer> = {
  open: (map) => new RingBuffer(map),
  lengthOf: (size) => size,
};

class RingBufHandle<E> extends PlainMap implements RingBuf<E> {
  readonly #consumer: Consumer<RingBuffer>;

  constructor(map: MapCore, codecs: readonly Codec<unknown, never>[]) {
    super(map);
    this.#consumer = new Consumer(map, codecs, kind);
  }

  consume(fn: (event: never) => void, options?: ConsumeOptions): number {
    return this.#consumer.consume(fn, options);
  }

  subscribe(fn: (event: never) => void, options?: SubscribeOptions): Subscription {
    return this.#consumer.subscribe(fn, options);
  }

  events(options?: EventsOptions): AsyncIterableIterator<E> {
    return this.#consumer.events<E>(options);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<E> {
    return this.events();
  }

  available(): number {
    return this.#consumer.source.available();
  }

  get undecoded(): number {
    return this.#consumer.undecoded;
  }
}

/** What records of the types of `C` are read as; bytes without types. */
export type EventOf<C extends readonly Codec<unknown, never>[]> = C extends readonly []
  ? Uint8Array
  : C[number] extends Codec<infer E, never>
    ? E
    : never;

/** A map of type RINGBUF whose records have one of the types of `codecs`. For generated code. */
export function ringbuf<C extends readonly Codec<unknown, never>[]>(...codecs: C): MapSpec<RingBuf<EventOf<C>>> {
  return {
    type: "ringbuf",
    keySize: 0,
    valueSize: 0,
    create: (map) => new RingBufHandle<EventOf<C>>(map, codecs),
  };
}
