// Something that can be taken from, or waited for, as an async iterator: nothing is taken before it is asked for.

import { FirstTurn } from "./firstturn.ts";
import type { Signal } from "./types.ts";

/** A wait that goes on until it is closed. */
export interface Wait {
  close(): void;
}

// What is there already is given without a turn of the event loop; after so many milliseconds it has one, since timers and
// sockets want to live as well.
const turn = 1.5;

/** Iterates over what `take` gives; undefined: there is nothing now, and `watch` calls when there may be. */
export class Stream<T> implements AsyncIterableIterator<T>, Disposable {
  readonly #values: AsyncGenerator<T, undefined, undefined>;
  readonly #take: () => T | undefined;
  readonly #watch: (wake: () => void) => Wait;
  readonly #onEnd: (stream: Stream<T>) => void;
  readonly #signal: Signal | undefined;
  #wake: (() => void) | undefined;
  #first: FirstTurn | undefined;
  #ended = false;

  constructor(
    take: () => T | undefined,
    watch: (wake: () => void) => Wait,
    onEnd: (stream: Stream<T>) => void,
    signal: Signal | undefined,
  ) {
    this.#take = take;
    this.#watch = watch;
    this.#onEnd = onEnd;
    this.#signal = signal;
    this.#values = this.#run();
    signal?.addEventListener("abort", this.close);
    // A signal of the user's own may call its listeners at once.
    if (this.#ended) signal?.removeEventListener("abort", this.close);
  }

  next(): Promise<IteratorResult<T, undefined>> {
    return this.#values.next();
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.close();
    return this.#values.return(undefined);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Whether it has begun to wait, and the event loop has had no turn since. */
  get unheard(): boolean {
    return this.#wake !== undefined && this.#first?.lasts === true;
  }

  /** Ends the iteration, also while it waits. Does nothing the second time. */
  readonly close = (): void => {
    if (this.#ended) return;
    this.#ended = true;
    this.#signal?.removeEventListener("abort", this.close);
    this.#wake?.();
    this.#onEnd(this);
  };

  async *#run(): AsyncGenerator<T, undefined, undefined> {
    try {
      let until = performance.now() + turn;
      for (;;) {
        if (this.#signal?.aborted === true) throw this.#signal.reason;
        if (this.#ended) return undefined;
        const value = this.#take();
        if (value === undefined) await this.#wait();
        else {
          yield value;
          if (performance.now() < until) continue;
          await new Promise((resolve) => setImmediate(resolve));
        }
        until = performance.now() + turn;
      }
    } finally {
      this.close();
    }
  }

  #wait(): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#wake = undefined;
        this.#first?.end();
        waiting.close();
        resolve();
      };
      const waiting = this.#watch(wake);
      this.#wake = wake;
      this.#first ??= new FirstTurn();
    });
  }
}
