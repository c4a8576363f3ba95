// PERF_EVENT_ARRAY maps: samples that programs send with bpf_perf_event_output, in a buffer for each CPU.

import type { Codec } from "../codec/codec.ts";
import { StateError } from "../errors.ts";
import type { BpfMap, MapCore, MapSpec } from "../maps/core.ts";
import { PlainMap } from "../maps/plain.ts";
import type { DeepReadonly } from "../sections/types.ts";
import { Consumer, type Kind } from "./consumer.ts";
import { PerfBuffers, type PerfOptions } from "./perfbuffers.ts";
import type { EagerOptions, EventOf, LazyOptions } from "./ringbuf.ts";
import type { ConsumeOptions, EventsOptions, SubscribeOptions, Subscription, UnknownOptions } from "./types.ts";

/** Who hears of samples that the kernel dropped, because the CPU's buffer was full. */
export interface LostOptions {
  /**
   * Called with how many, and of which CPU, as the CPU's next sample that finds room tells of them: {@link PerfEventArray.lost}
   * has those too that come after the last.
   */
  readonly lost?: ((count: number, cpu: number) => void) | undefined;
}

/**
 * Samples of all CPUs: those of one CPU come in their order, those of several in none. Before its buffers are open the
 * kernel keeps nothing: the first consumer opens them, or {@link open} does. It has one consumer at a time: another is a
 * StateError.
 *
 * The kernel pads samples: they are up to 7 bytes longer than what the program sent, and those bytes may be anything.
 * Bytes and flexible arrays have them at their end. Of several types a sample has the one of just its padded length; what
 * has no type is for the option `unknown`.
 */
export interface PerfEventArray<E = Uint8Array> extends BpfMap, AsyncIterable<E> {
  /**
   * Opens a buffer for each CPU that is online; a CPU that comes later has none. They stay until the map is closed.
   * @example
   * live.maps.events.open({ pages: 64 });
   * live.attach();
   * @throws ValueError for options that are out of range
   * @throws StateError when they are open already
   * @throws BpfError EACCES without CAP_PERFMON
   */
  open(options?: PerfOptions): void;
  /**
   * Hands each event that is there now to `fn`, in this call; gives how many those were. What `fn` throws ends it,
   * and the event that it was given counts as read.
   */
  consume(fn: (event: E, cpu: number) => void, options?: EagerOptions<ConsumeOptions & LostOptions>): number;
  /** With `lazy` the event is one object that shows each sample in turn, until `fn` returns: copy what you keep. */
  consume(
    fn: (event: DeepReadonly<E>, cpu: number) => void,
    options: LazyOptions<ConsumeOptions & LostOptions>,
  ): number;
  /**
   * Calls `fn` on the event loop with each event from now on, those that are there already first. What `fn` throws is an
   * uncaught exception; the subscription goes on if the process does.
   */
  subscribe(fn: (event: E, cpu: number) => void, options?: EagerOptions<SubscribeOptions & LostOptions>): Subscription;
  subscribe(
    fn: (event: DeepReadonly<E>, cpu: number) => void,
    options: LazyOptions<SubscribeOptions & LostOptions>,
  ): Subscription;
  /**
   * The events as they come, read one by one when they are asked for. It ends with `break`, with the skeleton, or with its
   * signal, and then rejects with the signal's reason.
   */
  events(options?: EventsOptions & LostOptions): AsyncIterableIterator<E>;
  [Symbol.asyncIterator](): AsyncIterableIterator<E>;
  /**
   * Samples that the kernel has dropped, by CPU, while the buffers are open and after they are closed. Before Linux 6.0 it
   * tells of them only with the CPU's next sample that finds room: the last ones are missing until that was read.
   */
  lost(): readonly number[];
  /** How many samples had none of the types and no `unknown` to go to. */
  readonly undecoded: number;
}

class PerfHandle<E> extends PlainMap implements PerfEventArray<E> {
  readonly #map: MapCore;
  readonly #consumer: Consumer<PerfBuffers>;
  #options: PerfOptions | undefined;
  #buffers: PerfBuffers | undefined;

  constructor(map: MapCore, codecs: readonly Codec<unknown, never>[]) {
    super(map);
    this.#map = map;
    const kind: Kind<PerfBuffers> = {
      open: (map) => (this.#buffers = new PerfBuffers(map, this.#options)),
      // A u32 with the length comes before the data, and the whole is a multiple of 8 (`perf_prepare_sample`).
      lengthOf: (size) => Math.ceil((size + 4) / 8) * 8 - 4,
      begin(buffers, options: UnknownOptions & LostOptions) {
        buffers.onLost = options.lost;
      },
    };
    this.#consumer = new Consumer(map, codecs, kind);
  }

  open(options?: PerfOptions): void {
    this.#map.use();
    if (this.#buffers !== undefined) throw new StateError(`map ${this.name}: its buffers are open already`);
    this.#options = options;
    try {
      void this.#consumer.source;
    } catch (e) {
      this.#options = undefined;
      throw e;
    }
  }

  consume(fn: (event: never, cpu: number) => void, options?: ConsumeOptions & LostOptions): number {
    return this.#consumer.consume(fn, options);
  }

  subscribe(fn: (event: never, cpu: number) => void, options?: SubscribeOptions & LostOptions): Subscription {
    return this.#consumer.subscribe(fn, options);
  }

  events(options?: EventsOptions & LostOptions): AsyncIterableIterator<E> {
    return this.#consumer.events<E>(options);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<E> {
    return this.events();
  }

  lost(): readonly number[] {
    return this.#buffers?.lost() ?? [];
  }

  get undecoded(): number {
    return this.#consumer.undecoded;
  }
}

/** A map of type PERF_EVENT_ARRAY whose samples have one of the types of `codecs`. For generated code. */
export function perfEventArray<C extends readonly Codec<unknown, never>[]>(
  ...codecs: C
): MapSpec<PerfEventArray<EventOf<C>>> {
  return {
    type: "perf_event_array",
    keySize: undefined,
    valueSize: 4,
    create: (map) => new PerfHandle<EventOf<C>>(map, codecs),
  };
}
