// What reads a buffer, one at a time: `consume` now, `subscribe` and `events` on the event loop. A buffer is opened when it
// is first read.

import type { Codec } from "../codec/codec.ts";
import { StateError, ValueError } from "../errors.ts";
import type { MapCore } from "../maps/core.ts";
import { show } from "../memory/refuse.ts";
import { warnUnheard } from "./firstturn.ts";
import { eventStream } from "./iterator.ts";
import type { Handler } from "./loop.ts";
import { checkOptions } from "./options.ts";
import { type Reader, reader, RecordTypes, type Wanted } from "./records.ts";
import type { EventSource } from "./source.ts";
import type { Stream } from "./stream.ts";
import { LiveSubscription } from "./subscription.ts";
import type {
  ConsumeOptions,
  EventsOptions,
  SubscribeOptions,
  Subscription,
  UnknownOptions,
  UnknownRecord,
} from "./types.ts";

/** How a kind of buffer is opened and how long its records are. */
export interface Kind<S extends EventSource> {
  open(map: MapCore): S;
  /** The length of a record that holds `size` bytes. */
  lengthOf(size: number): number;
  /** Told the options of each consumer before it reads. */
  begin?(source: S, options: UnknownOptions): void;
}

/** What reads now. */
interface Reads {
  close(): void;
  /** Whether it waits on the event loop and that has had no turn since it began. */
  readonly unheard?: boolean;
}

/** A handler of typed events; what reads them knows them as unknown. */
type AnyHandler = (event: never, cpu: number) => void;

// More records than any buffer holds, and a small integer to V8.
const most = 2 ** 30 - 1;

/** The readers of one map. */
export class Consumer<S extends EventSource> {
  undecoded = 0;
  readonly #map: MapCore;
  readonly #kind: Kind<S>;
  readonly #types: RecordTypes;
  #source: S | undefined;
  /** What reads now, to be ended with the map. */
  #reader: Reads | undefined;
  /** Whether a pass is under way; its consumer may be closed, in the handler that it calls. */
  #reading = false;

  constructor(map: MapCore, codecs: readonly Codec<unknown, never>[], kind: Kind<S>) {
    this.#map = map;
    this.#kind = kind;
    this.#types = new RecordTypes(codecs, (size) => kind.lengthOf(size));
    map.onClose(() => {
      if (this.#reader?.unheard === true) warnUnheard(map.name, `with ${map.object ?? "its map"}`);
      this.#reader?.close();
      this.#source?.close();
      // What is mapped from now on is zeros, and the handler that closes the map may still read its event.
      this.#types.cursor.m = undefined;
    });
  }

  /** The buffer, open. @throws StateError when the map is closed */
  get source(): S {
    this.#map.use();
    return (this.#source ??= this.#kind.open(this.#map));
  }

  /** @throws StateError while another consumer is at work */
  consume(fn: AnyHandler, options: ConsumeOptions = {}): number {
    this.#check("consume", fn, options);
    const { lazy = false, max = Infinity } = options;
    if (max !== Infinity && !(Number.isInteger(max) && max >= 1)) {
      const path = `map ${this.#map.name}: consume: max`;
      throw new ValueError(`${path}: expected at least 1, got ${show(max)}`, path);
    }
    const { source } = this;
    // The lease of a ring buffer costs two calls of the kernel, too many for a loop that polls.
    if (source.idle && this.#reader === undefined) return 0;
    const wanted = this.#wanted(lazy, options);
    let odd = 0;
    const onUnknown = (record: UnknownRecord): void => {
      odd++;
      wanted.onUnknown(record);
    };
    this.#claim({ close: () => source.halt() }, source);
    try {
      this.#kind.begin?.(source, options);
      return this.#read(fn, { ...wanted, onUnknown })(source, Math.min(max, most)) - odd;
    } finally {
      this.#leave();
    }
  }

  subscribe(fn: AnyHandler, options: SubscribeOptions = {}): Subscription {
    this.#check("subscribe", fn, options);
    const { source } = this;
    const read = this.#read(fn, this.#wanted(options.lazy === true, options));
    const subscription = new LiveSubscription(this.#map.name, source, read, options.signal, () => this.#leave());
    this.#claim(subscription, source);
    try {
      this.#kind.begin?.(source, options);
      subscription.start();
    } catch (e) {
      subscription.close();
      throw e;
    }
    return subscription;
  }

  /** One by one: what the caller has not asked for stays in the buffer. */
  events<E>(options: EventsOptions = {}): AsyncIterableIterator<E> {
    this.#map.use();
    checkOptions(`map ${this.#map.name}: events`, options);
    const start = (take: (event: E) => void, stream: Stream<E>): { source: EventSource; read: Reader } => {
      const { source } = this;
      this.#claim(stream, source);
      this.#kind.begin?.(source, options);
      return {
        source,
        read: this.#read(take, this.#wanted(false, options)),
      };
    };
    return eventStream<E>(start, options.signal, (stream) => {
      if (this.#reader === stream) this.#leave();
    });
  }

  #claim(reader: Reads, source: S): void {
    if (this.#reader !== undefined) {
      throw new StateError(`map ${this.#map.name}: has a consumer already, one at a time (close it first)`);
    }
    source.take();
    this.#reader = reader;
  }

  /** A pass under way has yet to say what it has read. */
  #leave(): void {
    this.#reader = undefined;
    if (!this.#reading) this.#source?.leave();
  }

  #check(verb: string, fn: unknown, options: unknown): void {
    const path = `map ${this.#map.name}: ${verb}`;
    if (typeof fn !== "function") throw new ValueError(`${path}: expected a function, got ${show(fn)}`, path);
    checkOptions(path, options);
  }

  /** What reads for `fn`, a pass at a time: another one in its midst would lose its place. */
  #read(fn: AnyHandler, wanted: Wanted): Reader {
    const read = reader(this.#types, fn as Handler, wanted);
    return (source, max) => {
      if (this.#reading) {
        throw new StateError(`map ${this.#map.name}: is being read (once the handler has returned it can be again)`);
      }
      this.#reading = true;
      try {
        return read(source, max);
      } finally {
        this.#reading = false;
        if (source.displaced) this.#reader?.close();
        if (this.#reader === undefined) source.leave();
      }
    };
  }

  #wanted(lazy: boolean, { unknown }: UnknownOptions): Wanted {
    return { lazy, onUnknown: unknown ?? ((record) => this.#count(record)) };
  }

  #count({ reason }: UnknownRecord): void {
    if (this.undecoded++ > 0) return;
    const text = `ebpf-skel: map ${this.#map.name}: a record is none of its types, ${reason}`;
    process.emitWarning(`${text} (give the option unknown to see such records)`, { code: "EBPF_SKEL_UNKNOWN_RECORD" });
  }
}
