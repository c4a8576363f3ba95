// PERF_EVENT_ARRAY maps: samples that programs send with bpf_perf_event_output, a buffer for each CPU.

import type { Codec } from "../codec/codec.ts";
import { StateError, ValueError } from "../errors.ts";
import type { BpfMap, MapCore, MapSpec } from "../maps/core.ts";
import { PlainMap } from "../maps/plain.ts";
import { show } from "../memory/refuse.ts";
import type { DeepReadonly } from "../sections/types.ts";
import type { OnSample, Turn } from "./cpubuffer.ts";
import { PerfBuffers, type PerfOptions } from "./perfbuffers.ts";
import { decoderOf, type Decoder, NotDecoded, type UnknownSample } from "./sample.ts";
import { Stream, type StreamSignal } from "./stream.ts";
import { watch } from "./watch.ts";

/** Who else hears of samples. */
export interface SampleOptions {
  /** Takes samples that are not of the map's types; without it they are counted in `undecoded`. */
  readonly unknown?: ((sample: UnknownSample) => void) | undefined;
  /** Hears that the kernel dropped `count` samples of `cpu`, because its buffer was full. */
  readonly lost?: ((count: number, cpu: number) => void) | undefined;
}

/** How samples are handed out at once. */
export interface ConsumeOptions extends SampleOptions {
  /** How many at most; all that are there when left out. */
  readonly budget?: number | undefined;
}

/** How samples are handed out as they come. */
export interface StreamOptions extends SampleOptions {
  /** Ends it. */
  readonly signal?: StreamSignal | undefined;
}

/** Events that come by themselves, until it is closed. While it lives it keeps the process alive. */
export interface Subscription extends Disposable {
  /** Does nothing the second time. */
  close(): void;
  /** Keeps the process alive, as at first. */
  ref(): void;
  /** Lets the process end. */
  unref(): void;
}

type Handler<E> = (event: E, cpu: number) => void;

/**
 * Samples of all CPUs. Those of one CPU come in their order, those of several in none. Nothing is kept for a consumer
 * before the buffers are there: the first call of `consume`, `subscribe` or `events` makes them, or `open`, and samples
 * of before are gone. One consumer at a time; a second one is a StateError.
 */
export interface PerfEventArray<E = Uint8Array> extends BpfMap {
  /**
   * Makes a buffer for each CPU that is online; one that comes online later has none. They stay until the map is closed.
   * @throws ValueError for options out of range
   * @throws StateError when they are there already
   * @throws BpfError EACCES without CAP_PERFMON
   */
  open(options?: PerfOptions): void;
  /**
   * Hands out the samples that are there, and gives how many; never waits. A sample counts as read when its handler
   * throws, which ends the call.
   */
  consume(fn: Handler<E>, options?: ConsumeOptions & { readonly lazy?: false | undefined }): number;
  /** With `lazy` all events are one object, which reads its fields when asked and is valid until the handler returns. */
  consume(fn: Handler<DeepReadonly<E>>, options: ConsumeOptions & { readonly lazy: boolean }): number;
  /** Hands out samples as they come, on the event loop. What the handler throws is an uncaught exception; it goes on. */
  subscribe(fn: Handler<E>, options?: StreamOptions & { readonly lazy?: false | undefined }): Subscription;
  subscribe(fn: Handler<DeepReadonly<E>>, options: StreamOptions & { readonly lazy: boolean }): Subscription;
  /**
   * Samples with their CPU as they come. What is not asked for stays in the kernel's buffer. It ends with `break` and
   * when the map is closed; an aborted signal rejects with its reason.
   * @example
   * for await (const [event, cpu] of live.maps.events) console.log(cpu, event.comm);
   */
  events(options?: StreamOptions): AsyncIterableIterator<readonly [event: E, cpu: number]>;
  [Symbol.asyncIterator](): AsyncIterableIterator<readonly [event: E, cpu: number]>;
  /** Samples that the kernel dropped so far, by CPU. It tells of them with the CPU's next sample that finds room. */
  lost(): readonly number[];
  /** Samples so far that were not of the map's types, and that no `unknown` handler took. */
  readonly undecoded: number;
}

// perf_poll forgets what it said once: what is in a buffer without a wake-up comes as late as this.
const longestWait = 500;

// More than fits into any buffer; small enough for V8's small integers.
const most = 2 ** 30;

// What one turn of the event loop hands out.
const mostAtOnce = 10_000;

class PerfHandle<E> extends PlainMap implements PerfEventArray<E> {
  readonly #map: MapCore;
  readonly #codecs: readonly Codec<E, never>[];
  #buffers: PerfBuffers | undefined;
  #busy = false;
  #undecoded = 0;
  #end: (() => void) | undefined;

  constructor(map: MapCore, codecs: readonly Codec<E, never>[]) {
    super(map);
    this.#map = map;
    this.#codecs = codecs;
    map.onClose(() => {
      this.#end?.();
      this.#buffers?.close();
    });
  }

  open(options?: PerfOptions): void {
    this.#map.use();
    if (this.#buffers !== undefined) throw new StateError(`map ${this.name}: its buffers are open already`);
    this.#buffers = new PerfBuffers(this.#map, options);
  }

  consume(fn: Handler<never>, options: ConsumeOptions & { readonly lazy?: boolean | undefined } = {}): number {
    const budget = this.#checkBudget(options.budget);
    const release = this.#claim();
    try {
      return this.#drainer(fn as Handler<E>, options)({ left: budget });
    } finally {
      release();
    }
  }

  subscribe(fn: Handler<never>, options: StreamOptions & { readonly lazy?: boolean | undefined } = {}): Subscription {
    const { signal } = options;
    const drain = this.#drainer(fn as Handler<E>, options);
    const release = this.#claim();
    const turn = { left: 0 };
    let rest: NodeJS.Immediate | undefined;
    const wake = (): void => {
      if (this.#end === close) rest ??= setImmediate(read);
    };
    const read = (): void => {
      rest = undefined;
      try {
        turn.left = mostAtOnce;
        if (drain(turn) >= mostAtOnce) wake();
      } catch (e) {
        wake();
        process.nextTick(() => {
          throw e;
        });
      }
    };
    const waiting = watch(this.#opened().fd, longestWait, read);
    const close = (): void => {
      if (this.#end !== close) return;
      this.#end = undefined;
      turn.left = 0;
      signal?.removeEventListener("abort", close);
      clearImmediate(rest);
      waiting.close();
      release();
    };
    this.#end = close;
    signal?.addEventListener("abort", close);
    // What came before the poll was there is not signalled.
    wake();
    if (signal?.aborted === true) close();
    return { close, ref: () => waiting.ref(), unref: () => waiting.unref(), [Symbol.dispose]: close };
  }

  events(options: StreamOptions = {}): AsyncIterableIterator<readonly [event: E, cpu: number]> {
    let next: readonly [E, number] | undefined;
    const drain = this.#drainer((event, cpu) => void (next = [event, cpu]), options);
    const release = this.#claim();
    const end = (): void => {
      if (this.#end !== stream.close) return;
      this.#end = undefined;
      release();
    };
    const take = (): readonly [E, number] | undefined => {
      next = undefined;
      // A sample without an event counts as well.
      while (next === undefined && drain({ left: 1 }) > 0);
      return next;
    };
    const stream = new Stream(take, (wake) => watch(this.#opened().fd, longestWait, wake), end, options.signal);
    this.#end = stream.close;
    return stream;
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<readonly [event: E, cpu: number]> {
    return this.events();
  }

  lost(): readonly number[] {
    return [...(this.#buffers?.lost ?? [])];
  }

  get undecoded(): number {
    return this.#undecoded;
  }

  /** Hands out samples of `turn`, decoded; gives how many. */
  #drainer(fn: Handler<E>, options: SampleOptions & { readonly lazy?: boolean | undefined }): (turn: Turn) => number {
    const buffers = this.#opened();
    const decoder: Decoder<E> = decoderOf(this.#codecs, options.lazy === true);
    const { decode } = decoder;
    const onSample: OnSample = (m, at, length, cpu) => {
      const event = decode(m, at, length);
      if (!(event instanceof NotDecoded)) fn(event, cpu);
      else if (options.unknown === undefined) this.#undecoded++;
      else options.unknown({ bytes: m.bytes(at, length), cpu, reason: event.reason });
    };
    return (turn) => {
      try {
        return buffers.drain(turn, onSample, options.lost);
      } finally {
        decoder.release();
      }
    };
  }

  #opened(): PerfBuffers {
    this.#map.use();
    return (this.#buffers ??= new PerfBuffers(this.#map));
  }

  #claim(): () => void {
    if (this.#busy) throw new StateError(`map ${this.name}: is being consumed already (one consumer at a time)`);
    this.#busy = true;
    return () => {
      this.#busy = false;
    };
  }

  #checkBudget(budget: unknown = most): number {
    if (typeof budget === "number" && budget >= 1) return Math.min(budget, most);
    const path = `map ${this.name}: budget`;
    throw new ValueError(`${path}: expected a number of samples from 1, got ${show(budget)}`, path);
  }
}

/** A map of type PERF_EVENT_ARRAY; without a codec its samples are bytes. For generated code. */
export function perfEventArray(): MapSpec<PerfEventArray>;
export function perfEventArray<E extends readonly unknown[]>(
  ...codecs: { readonly [I in keyof E]: Codec<E[I], never> }
): MapSpec<PerfEventArray<E[number]>>;
export function perfEventArray(...codecs: readonly Codec<unknown, never>[]): MapSpec<PerfEventArray<unknown>> {
  const create = (map: MapCore): PerfEventArray<unknown> => new PerfHandle(map, codecs) as PerfEventArray<unknown>;
  return { type: "perf_event_array", keySize: undefined, valueSize: 4, create };
}
