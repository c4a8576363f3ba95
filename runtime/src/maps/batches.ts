// Many entries written or deleted with few system calls (BPF_MAP_UPDATE_BATCH, BPF_MAP_DELETE_BATCH, Linux 5.6), and one
// by one where the kernel has no batches for the map. Either way it is as if the caller had looped.

import { refuseAt } from "../codec/checked.ts";
import type { Codec } from "../codec/codec.ts";
import { EINVAL, ENOENT, ENOTSUPP } from "../library/errno.ts";
import type { MapCore } from "./core.ts";
import { explain } from "./scratch.ts";
import { type Batch, batchOptions, capacityFor, makeBatch } from "./walk.ts";

/** The writing half of a codec. */
export type Writes<T> = Pick<Codec<unknown, T>, "size" | "write" | "check">;

/** A batch on its way: how many of its slots hold what is yet to be handed over, and how many items came in all. */
interface Filling {
  readonly batch: Batch;
  filled: number;
  given: number;
}

type Entry<K, V> = readonly [K, V];
type Flush = (filling: Filling) => void;
/** Encodes `some[from]` to `some[to - 1]`; on an error hands over those before it. */
type Encode<T> = (filling: Filling, some: readonly T[], from: number, to: number) => void;

function advance(filling: Filling, count: number): void {
  filling.filled += count;
  filling.given += count;
}

/** Encodes entries into a batch, and hands it over when it is full and at the end. */
export class BatchWriter<K, VInit> {
  readonly #map: MapCore;
  readonly #key: Writes<K>;
  readonly #value: Writes<VInit>;
  // Taken while a call is under way: the caller's own iterator may use this map again. Only codecs write to it.
  #batch: Batch | undefined;

  constructor(map: MapCore, key: Writes<K>, value: Writes<VInit>) {
    this.#map = map;
    this.#key = key;
    this.#value = value;
  }

  /** Writes `entries` in their order; `flags` are BPF_F_LOCK or 0. */
  set(entries: Iterable<Entry<K, VInit>>, flags: number): void {
    const flush: Flush = (filling) => this.#update(filling, flags);
    this.#fill(entries, flush, (filling, some, from, to) => this.#encode(filling, flush, some, from, to));
  }

  /** Deletes `keys`; how many were there. */
  delete(keys: Iterable<K>): number {
    let deleted = 0;
    const flush: Flush = (filling) => {
      deleted += this.#delete(filling);
    };
    this.#fill(keys, flush, (filling, some, from, to) => this.#encodeKeys(filling, flush, some, from, to));
    return deleted;
  }

  /** Encodes all of `items` and flushes what they fill. */
  #fill<T>(items: Iterable<T>, flush: Flush, encode: Encode<T>): void {
    this.#map.use();
    const batch = this.#batch ?? makeBatch(this.#map, capacityFor(this.#map));
    this.#batch = undefined;
    const filling: Filling = { batch, filled: 0, given: 0 };
    const room = (): number => {
      if (filling.filled === batch.capacity) flush(filling);
      return batch.capacity - filling.filled;
    };
    try {
      if (Array.isArray(items)) {
        for (let i = 0; i < items.length; i = filling.given) {
          encode(filling, items, i, Math.min(i + room(), items.length));
        }
      } else {
        for (const item of items) {
          room();
          encode(filling, [item], 0, 1);
        }
      }
    } finally {
      // Also when the caller's iterator throws: it is as if each item had been written as it came.
      try {
        flush(filling);
      } finally {
        this.#batch = batch;
      }
    }
  }

  // A loop of its own with one try around it, so that V8 inlines the codecs into it.
  #encode(filling: Filling, flush: Flush, entries: readonly Entry<K, VInit>[], from: number, to: number): void {
    const { batch, filled } = filling;
    const { keys, values } = batch;
    const key = this.#key;
    const value = this.#value;
    const keySize = key.size;
    const valueSize = value.size;
    let i = from;
    try {
      for (let slot = filled; i < to; i++, slot++) {
        const entry = entries[i]!;
        key.write(keys, slot * keySize, entry[0]);
        value.write(values, slot * valueSize, entry[1]);
      }
    } catch (e) {
      advance(filling, i - from);
      flush(filling);
      throw this.#explain(e, batch, filling.given, entries[i]!);
    }
    advance(filling, to - from);
  }

  #encodeKeys(filling: Filling, flush: Flush, keys: readonly K[], from: number, to: number): void {
    const { batch, filled } = filling;
    const { size } = this.#key;
    let i = from;
    try {
      for (let slot = filled; i < to; i++, slot++) this.#key.write(batch.keys, slot * size, keys[i] as K);
    } catch (e) {
      advance(filling, i - from);
      flush(filling);
      throw explain(e, this.#key, batch.keys, keys[i] as K, this.#path(filling.given, "key"));
    }
    advance(filling, to - from);
  }

  #update(filling: Filling, flags: number): void {
    const { filled, given, batch } = filling;
    filling.filled = 0;
    if (filled === 0) return;
    const { keysAt, valuesAt, count, countAt } = batch;
    const { library, keySize, wholeSize } = this.#map;
    const before = given - filled;
    const options = batchOptions(flags);
    count[0] = filled;
    const result = library.fn("bpf_map_update_batch")(this.#map.use(), keysAt, valuesAt, countAt, options?.at ?? 0);
    if (result === 0) return;
    if (!isMissing(result)) throw this.#failure(result, "bpf_map_update_batch", "setMany", before + count[0]);
    const update = library.fn("bpf_map_update_elem");
    for (let i = 0; i < filled; i++) {
      const result = update(this.#map.use(), keysAt + i * keySize, valuesAt + i * wholeSize, flags);
      if (result !== 0) throw this.#failure(result, "bpf_map_update_elem", "setMany", before + i);
    }
  }

  /** How many were there. */
  #delete(filling: Filling): number {
    const { filled, batch } = filling;
    filling.filled = 0;
    const { keysAt, count, countAt } = batch;
    const { library, keySize } = this.#map;
    const deleteBatch = library.fn("bpf_map_delete_batch");
    let deleted = 0;
    // The kernel stops at the first key that is not there.
    for (let from = 0; from < filled; from++) {
      count[0] = filled - from;
      const result = deleteBatch(this.#map.use(), keysAt + from * keySize, countAt, 0);
      if (isMissing(result)) return deleted + this.#deleteEach(keysAt + from * keySize, filled - from);
      if (result !== 0 && result !== -ENOENT) throw this.#map.failure(result, "bpf_map_delete_batch", "deleteMany");
      deleted += count[0];
      from += count[0];
    }
    return deleted;
  }

  #deleteEach(keysAt: number, filled: number): number {
    const deleteOne = this.#map.library.fn("bpf_map_delete_elem");
    let deleted = 0;
    for (let i = 0; i < filled; i++) {
      const result = deleteOne(this.#map.use(), keysAt + i * this.#map.keySize);
      if (result === 0) deleted++;
      else if (result !== -ENOENT) throw this.#map.failure(result, "bpf_map_delete_elem", "deleteMany");
    }
    return deleted;
  }

  #failure(result: number, syscall: string, verb: string, entry: number): Error {
    return this.#map.failure(result, syscall, `${verb}: entry ${entry}`);
  }

  #path(entry: number, what: string): string {
    return `map ${this.#map.name}: entry ${entry}: ${what}`;
  }

  // The batch is flushed, so that the slow way may write to its start.
  #explain(error: unknown, batch: Batch, index: number, entry: Entry<K, VInit>): unknown {
    if (!Array.isArray(entry)) {
      refuseAt(`map ${this.#map.name}: entry ${index}`, "[key, value]", entry);
    }
    const e = explain(error, this.#key, batch.keys, entry[0], this.#path(index, "key"));
    return explain(e, this.#value, batch.values, entry[1], this.#path(index, "value"));
  }
}

/** Whether a batch's `result` says that the kernel has no such batch for this kind of map; it then did nothing. */
function isMissing(result: number): boolean {
  return result === -EINVAL || result === -ENOTSUPP;
}
