// Who receives the events of a buffer: one consumer at a time, a subscription or an iteration, until it ends, the map is
// closed or its signal is aborted.

import { StateError } from "../errors.ts";
import type { MapCore } from "../maps/core.ts";
import { watchReadable, type Watch } from "./loop.ts";

/** An AbortSignal. */
export interface Signal {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** A record that has not the length of a type of its buffer. */
export interface UnknownRecord {
  readonly bytes: Uint8Array;
  /** "expected 32 bytes, got 12" */
  readonly reason: string;
}

/** What becomes of records that are no event. */
export interface UnknownOptions {
  /** Receives them; without it they are counted as `undecoded`. */
  readonly unknown?: ((record: UnknownRecord) => void) | undefined;
}

/** What ends a subscription or an iteration from outside. */
export interface SignalOptions {
  readonly signal?: Signal | undefined;
}

/** Events on the event loop, until it is closed or the map is. */
export interface Subscription extends Disposable {
  /** No event comes after this. Does nothing the second time. */
  close(): void;
  /** It keeps the process alive; so it is at first. */
  ref(): void;
  /** The process may end although events could still come. */
  unref(): void;
}

/** One buffer's place for a consumer. */
export class ConsumerPlace {
  readonly #map: MapCore;
  // Of the consumer that is there; undefined where there is none.
  #end: (() => void) | undefined;

  constructor(map: MapCore) {
    this.#map = map;
    map.onClose(() => this.#end?.());
  }

  /**
   * Takes the place; gives what leaves it again. `closed` is called when the map is closed before.
   * @throws StateError when another has it, or after close
   */
  take(closed?: () => void): () => void {
    this.#map.use();
    if (this.#end !== undefined) {
      throw new StateError(`map ${this.#map.name}: has a consumer already (one at a time: close it, or let it end)`);
    }
    const end = (): void => {
      if (this.#end === end) this.#end = undefined;
      closed?.();
    };
    this.#end = end;
    return () => {
      if (this.#end === end) this.#end = undefined;
    };
  }

  /**
   * Has `drain` called on the event loop whenever `fd` is readable. It receives the events that are there, for a while,
   * and returns whether it must be called again although nothing new may come; `isOpen` tells it when to stop meanwhile.
   */
  subscribe(
    fd: number,
    drain: (isOpen: () => boolean) => boolean | void,
    { signal }: SignalOptions = {},
  ): Subscription {
    let open = true;
    const close = (): void => {
      if (!open) return;
      open = false;
      signal?.removeEventListener("abort", close);
      watch.close();
      leave();
    };
    const leave = this.take(close);
    const isOpen = (): boolean => open;
    let watch: Watch;
    try {
      watch = watchReadable(fd, () => drain(isOpen));
    } catch (e) {
      leave();
      throw e;
    }
    if (signal?.aborted === true) close();
    signal?.addEventListener("abort", close);
    watch.start();
    return { close, ref: watch.ref, unref: watch.unref, [Symbol.dispose]: close };
  }

  /**
   * What `take` gives, one at a time, undefined where nothing is there now. While nobody asks, nothing is taken.
   * @throws the signal's reason once it is aborted
   */
  async *iterate<E>(
    fd: () => number,
    take: () => E | undefined,
    { signal }: SignalOptions = {},
  ): AsyncGenerator<E, void, undefined> {
    throwIfAborted(signal);
    let open = true;
    let wake = (): void => undefined;
    const leave = this.take(() => {
      open = false;
      watch?.close();
      wake();
    });
    let watch: Watch | undefined;
    const aborted = (): void => wake();
    signal?.addEventListener("abort", aborted);
    try {
      for (let given = 0; open;) {
        throwIfAborted(signal);
        const event = take();
        if (event !== undefined) {
          yield event;
          // The consumer's promises alone would never let timers and sockets have their turn.
          if (++given % eventsInTurn === 0) await turn();
        } else if (open) {
          watch ??= watchReadable(fd(), () => {
            watch?.stop();
            wake();
          });
          await new Promise<void>((resolve) => {
            wake = resolve;
            watch!.start();
          });
        }
      }
    } finally {
      signal?.removeEventListener("abort", aborted);
      watch?.close();
      leave();
    }
  }
}

const eventsInTurn = 1000;

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function throwIfAborted(signal: Signal | undefined): void {
  if (signal?.aborted === true) throw signal.reason;
}
