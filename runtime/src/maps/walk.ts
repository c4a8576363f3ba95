// Going through a map's entries: a batch at a time where the kernel can (BPF_MAP_LOOKUP_BATCH, Linux 5.6), else key by
// key. A walk has memory of its own, so that several can be under way on one map.

import { EINVAL, ENOENT, ENOSPC, ENOTSUPP } from "../library/errno.ts";
import type { Memory } from "../memory.ts";
import { addressOf } from "../native.ts";
import type { MapCore } from "./core.ts";
import { KeyWalk } from "./keywalk.ts";
import { aligned, area } from "./scratch.ts";

/** Stands on one entry after each `next` that gave true. */
export interface Walk {
  readonly keys: Memory;
  readonly keyAt: number;
  readonly values: Memory;
  readonly valueAt: number;
  /** @throws StateError when the map was closed meanwhile */
  next(): boolean;
  /** How many entries are left; the walk is at its end afterwards. */
  count(): number;
}

const wantedEntries = 1024;
const wantedBytes = 1 << 20;

/**
 * A walk over all of `map`, in the kernel's order; `flags` are BPF_F_LOCK or 0, `capacity` is how many entries its batches
 * hold at first.
 */
export function walk(map: MapCore, flags = 0, capacity: number = capacityFor(map)): Walk {
  // In a trie batches start all over when the key where one ended is gone (kernel/bpf/lpm_trie.c, `trie_get_next_key`).
  if (map.type === "lpm_trie") return new KeyWalk(map, flags);
  const batches = new BatchWalk(map, capacity, "bpf_map_lookup_batch", flags);
  return batches.start() ? batches : new KeyWalk(map, flags);
}

/** The same, deleting each entry as it is fetched; undefined where the kernel has no such batches for this map. */
export function takingWalk(map: MapCore, flags: number): Walk | undefined {
  const batches = new BatchWalk(map, capacityFor(map), "bpf_map_lookup_and_delete_batch", flags);
  return batches.start() ? batches : undefined;
}

/** How many entries a batch should hold. */
export function capacityFor({ keySize, wholeSize, maxEntries }: MapCore): number {
  const affordable = Math.max(Math.floor(wantedBytes / Math.max(keySize + wholeSize, 1)), 16);
  return Math.min(wantedEntries, affordable, Math.max(maxEntries, 1));
}

/** The memory of one batch, of `capacity` entries. */
export interface Batch {
  readonly capacity: number;
  readonly cursor: Uint8Array;
  readonly cursorAt: number;
  readonly count: Uint32Array;
  readonly countAt: number;
  readonly keys: Memory;
  readonly keysAt: number;
  readonly values: Memory;
  readonly valuesAt: number;
}

export function makeBatch({ keySize, wholeSize }: MapCore, capacity: number): Batch {
  // Hash maps keep 4 bytes in the cursor, all others a key (kernel/bpf/hashtab.c, `generic_map_lookup_batch`).
  const cursorSize = Math.max(keySize, 4);
  const countFrom = aligned(cursorSize);
  const keysFrom = countFrom + aligned(4);
  const valuesFrom = keysFrom + aligned(keySize * capacity);
  const buffer = new ArrayBuffer(valuesFrom + aligned(wholeSize * capacity));
  const keys = area(buffer, keysFrom, keySize * capacity);
  const values = area(buffer, valuesFrom, wholeSize * capacity);
  const at = addressOf(buffer);
  return {
    capacity,
    cursor: new Uint8Array(buffer, 0, cursorSize),
    cursorAt: at,
    count: new Uint32Array(buffer, countFrom, 1),
    countAt: at + countFrom,
    keys: keys.memory.asKeys(),
    keysAt: keys.at,
    values: values.memory,
    valuesAt: values.at,
  };
}

/** `struct bpf_map_batch_opts`, kept alive beside its address. */
export interface BatchOptions {
  readonly bytes: BigUint64Array;
  readonly at: number;
}

/** The options that carry `flags`; undefined, which is NULL, for none. */
export function batchOptions(flags: number): BatchOptions | undefined {
  if (flags === 0) return undefined;
  // sz, elem_flags, flags
  const bytes = new BigUint64Array([24n, BigInt(flags), 0n]);
  return { bytes, at: addressOf(bytes.buffer) };
}

/** Each entry once; of those that come and go meanwhile it may see any, as the kernel does bucket by bucket. */
class BatchWalk implements Walk {
  keys: Memory;
  values: Memory;
  keyAt = 0;
  valueAt = 0;
  readonly #map: MapCore;
  readonly #call: "bpf_map_lookup_batch" | "bpf_map_lookup_and_delete_batch";
  readonly #options: BatchOptions | undefined;
  readonly #wholeSize: number;
  #batch: Batch;
  #index = -1;
  #filled = 0;
  #started = false;
  #last = false;

  constructor(
    map: MapCore,
    capacity: number,
    call: "bpf_map_lookup_batch" | "bpf_map_lookup_and_delete_batch",
    flags: number,
  ) {
    this.#map = map;
    this.#call = call;
    this.#options = batchOptions(flags);
    this.#wholeSize = map.wholeSize;
    this.#batch = makeBatch(map, capacity);
    this.keys = this.#batch.keys;
    this.values = this.#batch.values;
  }

  /** Fetches the first batch; false when the kernel has no batches for this map. */
  start(): boolean {
    const result = this.#fetch();
    if (result === -EINVAL || result === -ENOTSUPP) return false;
    this.#check(result);
    return true;
  }

  next(): boolean {
    this.#map.use();
    while (++this.#index >= this.#filled) {
      if (this.#last) {
        this.#index = this.#filled;
        return false;
      }
      this.#check(this.#fetch());
    }
    this.keyAt = this.#index * this.#map.keySize;
    this.valueAt = this.#index * this.#wholeSize;
    return true;
  }

  count(): number {
    let count = this.#filled - this.#index - 1;
    while (!this.#last) {
      this.#check(this.#fetch());
      count += this.#filled;
    }
    this.#index = this.#filled;
    return count;
  }

  #check(result: number): void {
    if (result < 0)
      throw this.#map.failure(result, this.#call, this.#call === "bpf_map_lookup_batch" ? "iterate" : "drain");
  }

  /** 0, or a negative errno. The batch that ends with ENOENT is the last one and holds entries all the same. */
  #fetch(): number {
    const lookup = this.#map.library.fn(this.#call);
    const options = this.#options?.at ?? 0;
    for (;;) {
      const { capacity, count, cursorAt, keysAt, valuesAt, countAt } = this.#batch;
      count[0] = capacity;
      const result = lookup(
        this.#map.use(),
        this.#started ? cursorAt : 0,
        cursorAt,
        keysAt,
        valuesAt,
        countAt,
        options,
      );
      if (result === -ENOSPC) {
        this.#grow();
        continue;
      }
      if (result < 0 && result !== -ENOENT) return result;
      this.#started = true;
      this.#filled = count[0];
      this.#last = result === -ENOENT;
      this.#index = -1;
      return 0;
    }
  }

  // One bucket of the hash holds more entries than a batch: nothing was fetched and the cursor stays where it is.
  #grow(): void {
    const { cursor, capacity } = this.#batch;
    this.#batch = makeBatch(this.#map, capacity * 2);
    this.#batch.cursor.set(cursor);
    this.keys = this.#batch.keys;
    this.values = this.#batch.values;
  }
}
