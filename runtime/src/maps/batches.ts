// Many entries written or deleted with few system calls (BPF_MAP_UPDATE_BATCH, BPF_MAP_DELETE_BATCH, Linux 5.6), and one
// by one where the kernel has no batches for the map. Either way it is as if the caller had looped.

import type { Codec } from "../codec/codec.ts";
import { isValueError } from "../errors.ts";
import { EINVAL, ENOENT, ENOTSUPP } from "../library/errno.ts";
import { refuseAt } from "../codec/checked.ts";
import type { MapCore } from "./core.ts";
import { type Batch, batchOptions, capacityFor, makeBatch } from "./walk.ts";

/** The writing half of a codec. */
export type Writes<T> = Pick<Codec<unknown, T>, "size" | "write" | "check">;

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
  set(entries: Iterable<readonly [K, VInit]>, flags: number): void {
    const keySize = this.#key.size;
    const valueSize = this.#value.size;
    const batch = this.#begin();
    let given = 0;
    let filled = 0;
    const flush = (): void => {
      const count = filled;
      filled = 0;
      if (count > 0) this.#update(batch, count, given - count, flags);
    };
    try {
      for (const entry of entries) {
        if (filled === batch.capacity) flush();
        try {
          this.#key.write(batch.keys, filled * keySize, entry[0]);
          this.#value.write(batch.values, filled * valueSize, entry[1]);
        } catch (e) {
          flush();
          throw this.#explain(e, batch, given, entry);
        }
        filled++;
        given++;
      }
    } finally {
      // Also when the caller's iterator throws: it is as if each entry had been set as it came.
      try {
        flush();
      } finally {
        this.#batch = batch;
      }
    }
  }

  /** Deletes `keys`; how many were there. */
  delete(keys: Iterable<K>): number {
    const { size } = this.#key;
    const batch = this.#begin();
    let given = 0;
    let filled = 0;
    let deleted = 0;
    const flush = (): void => {
      const count = filled;
      filled = 0;
      if (count > 0) deleted += this.#delete(batch, count);
    };
    try {
      for (const key of keys) {
        if (filled === batch.capacity) flush();
        try {
          this.#key.write(batch.keys, filled * size, key);
        } catch (e) {
          flush();
          if (isValueError(e) || e instanceof TypeError) this.#key.check(batch.keys, 0, key, this.#path(given, "key"));
          throw e;
        }
        filled++;
        given++;
      }
    } finally {
      try {
        flush();
      } finally {
        this.#batch = batch;
      }
    }
    return deleted;
  }

  #begin(): Batch {
    this.#map.use();
    const batch = this.#batch ?? makeBatch(this.#map, capacityFor(this.#map));
    this.#batch = undefined;
    return batch;
  }

  #update({ keysAt, valuesAt, count, countAt }: Batch, filled: number, before: number, flags: number): void {
    const { library, keySize, wholeSize } = this.#map;
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

  #delete({ keysAt, count, countAt }: Batch, filled: number): number {
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
  #explain(error: unknown, batch: Batch, index: number, entry: readonly [K, VInit]): unknown {
    if (!isValueError(error) && !(error instanceof TypeError)) return error;
    if (!Array.isArray(entry)) refuseAt(`map ${this.#map.name}: entry ${index}`, "[key, value]", entry);
    this.#key.check(batch.keys, 0, entry[0], this.#path(index, "key"));
    this.#value.check(batch.values, 0, entry[1], this.#path(index, "value"));
    return error;
  }
}

/** Whether a batch's `result` says that the kernel has no such batch for this kind of map; it then did nothing. */
function isMissing(result: number): boolean {
  return result === -EINVAL || result === -ENOTSUPP;
}
