// Events as an async iterator: each is read when it is asked for, so a consumer that takes its time leaves the others in the
// kernel's buffer.

import type { Poll } from "../native.ts";
import type { EventSource, OnRecord } from "./source.ts";
import type { Signal } from "./types.ts";
import { watchReadable } from "./watch.ts";

/** Starts the reading, by the reader that is given; what it takes, `take` is called with. */
type Start<E> = (take: (event: E) => void, reader: EventIterator<E>) => { source: EventSource; on: OnRecord };

// Events that are there already are given without a turn of the event loop; after so many milliseconds it has one.
const turn = 1.5;
const handful = 32;
const longestWait = 500;

export class EventIterator<E> implements AsyncIterableIterator<E> {
  readonly #start: Start<E>;
  readonly #signal: Signal | undefined;
  readonly #onEnd: (reader: EventIterator<E>) => void;
  readonly #onAbort = (): void => this.close();
  #reading: { readonly source: EventSource; readonly on: OnRecord } | undefined;
  #poll: Poll | undefined;
  #wake: (() => void) | undefined;
  #last: Promise<unknown> | undefined;
  #taken: E | undefined;
  #count = 0;
  #until = 0;
  #ended = false;
  #rejected = false;

  constructor(start: Start<E>, signal: Signal | undefined, onEnd: (reader: EventIterator<E>) => void) {
    this.#start = start;
    this.#signal = signal;
    this.#onEnd = onEnd;
    if (signal?.aborted !== true) signal?.addEventListener("abort", this.#onAbort);
  }

  next(): Promise<IteratorResult<E, undefined>> {
    // In turn, for those who ask ahead.
    const mine = this.#last === undefined ? this.#take() : this.#last.then(() => this.#take());
    const last = mine.then(forget, forget);
    this.#last = last;
    void last.then(() => {
      if (this.#last === last) this.#last = undefined;
    });
    return mine;
  }

  return(): Promise<IteratorResult<E, undefined>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Ends the iteration, for one who waits too. */
  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#reading?.source.halt();
    this.#poll?.close();
    this.#onEnd(this);
    this.#wake?.();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #take(): Promise<IteratorResult<E, undefined>> {
    for (;;) {
      if (this.#signal?.aborted === true) {
        const first = !this.#rejected;
        this.#rejected = true;
        this.close();
        if (first) throw this.#signal.reason;
      }
      if (this.#ended) return { done: true, value: undefined };
      const { source, on } = (this.#reading ??= this.#begin());
      if (++this.#count >= handful && performance.now() > this.#until) await this.#pause();
      if (this.#ended) continue;
      this.#taken = undefined;
      const found = source.drain(1, on);
      // Not one that has no type, which another heard of.
      if (this.#taken !== undefined) return { done: false, value: this.#taken };
      if (found === 0) await this.#wait(source);
    }
  }

  #begin(): { readonly source: EventSource; readonly on: OnRecord } {
    this.#until = performance.now() + turn;
    return this.#start((event) => (this.#taken = event), this);
  }

  async #pause(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#count = 0;
    this.#until = performance.now() + turn;
  }

  async #wait(source: EventSource): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      this.#poll ??= watchReadable(source.fd, () => this.#wake?.());
      this.#poll.start();
      if (source.isLevel) return;
      // What came before the poll began says nothing.
      if (source.ready) resolve();
      else timer = setTimeout(resolve, longestWait);
    });
    clearTimeout(timer);
    this.#wake = undefined;
    this.#poll?.stop();
    this.#count = 0;
    this.#until = performance.now() + turn;
  }
}

function forget(): void {}
