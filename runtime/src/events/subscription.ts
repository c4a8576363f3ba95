// A handler on the event loop. Each turn of the loop has its share of events, so that timers and sockets live under a flood.

import type { Poll } from "../native/poll.ts";
import { FirstTurn, warnUnheard } from "./firstturn.ts";
import type { Reader } from "./records.ts";
import type { EventSource } from "./source.ts";
import type { Signal, Subscription } from "./types.ts";
import { watchReadable } from "./watch.ts";

// How long one turn may take, in milliseconds, and how many events are handed out between looks at the clock: as many as take
// a quarter of a turn, by what the last ones took.
const turn = 1.5;
const first = 4;
const most = 256;
// A wake-up of a source that is not level may get lost, or wait for more to come.
const longestWait = 500;

export class LiveSubscription implements Subscription {
  readonly #map: string;
  readonly #source: EventSource;
  readonly #read: Reader;
  readonly #signal: Signal | undefined;
  readonly #onClose: () => void;
  readonly #onAbort = (): void => this.close();
  #poll: Poll | undefined;
  #timer: NodeJS.Timeout | undefined;
  #next: NodeJS.Immediate | undefined;
  #first: FirstTurn | undefined;
  #ended: Promise<void> | undefined;
  #end: (() => void) | undefined;
  #held = true;
  #closed = false;
  #handful = first;

  constructor(map: string, source: EventSource, read: Reader, signal: Signal | undefined, onClose: () => void) {
    this.#map = map;
    this.#source = source;
    this.#read = read;
    this.#signal = signal;
    this.#onClose = onClose;
  }

  start(): void {
    if (this.#signal?.aborted === true) return this.close();
    this.#signal?.addEventListener("abort", this.#onAbort);
    // A signal of the user's own may call its listeners at once, and may close the map: then nothing must begin to poll.
    if (this.#closed) return this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#poll = watchReadable(this.#source.fd, () => this.#turn());
    this.#poll.start();
    this.#first = new FirstTurn();
    if (this.#source.isLevel) return;
    // What came before the poll began says nothing.
    this.#timer = setInterval(() => this.#turn(), longestWait).unref();
    this.#again();
  }

  get closed(): boolean {
    return this.#closed;
  }

  get ended(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return (this.#ended ??= new Promise((resolve) => (this.#end = resolve)));
  }

  /** Whether it has begun and the event loop has had no turn since. */
  get unheard(): boolean {
    return this.#first?.lasts === true;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#source.halt();
    this.#poll?.close();
    clearInterval(this.#timer);
    clearImmediate(this.#next);
    this.#first?.end();
    this.#end?.();
    this.#onClose();
  }

  ref(): this {
    this.#held = true;
    this.#poll?.ref();
    this.#next?.ref();
    return this;
  }

  unref(): this {
    this.#held = false;
    this.#poll?.unref();
    this.#next?.unref();
    return this;
  }

  [Symbol.dispose](): void {
    if (this.unheard) warnUnheard(this.#map, "at the end of its block");
    this.close();
  }

  #turn(): void {
    if (this.#closed) return;
    this.#first?.end();
    try {
      // Mostly there are a few, and no need for the clock.
      if (this.#read(this.#source, this.#handful) < this.#handful) return;
      let now = performance.now();
      const until = now + turn;
      while (!this.#closed && now < until && this.#read(this.#source, this.#handful) === this.#handful) {
        const before = now;
        now = performance.now();
        const fitting = (this.#handful * turn) / 4 / (now - before);
        this.#handful = Math.max(1, Math.min(Math.floor(fitting), most));
      }
    } finally {
      // One that is level calls again by itself. What the handler threw is on its way out.
      if (!this.#source.isLevel && !this.#closed && this.#source.ready) this.#again();
    }
  }

  #again(): void {
    clearImmediate(this.#next);
    this.#next = setImmediate(() => this.#turn());
    if (!this.#held) this.#next.unref();
  }
}
