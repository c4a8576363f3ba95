// Maps with no object at all, by kind: `HashMap.create({ key: u32, value: u64, maxEntries: 100 })`.

import { array, type ArrayMap as ArrayHandle } from "./array.ts";
import { bloomFilter, type BloomFilterMap as BloomFilterHandle } from "./bloom.ts";
import type { OwnedMap } from "./closeable.ts";
import { createMap, type HashOptions, type IndexedOptions, type KeyedOptions } from "./create.ts";
import { hash, type HashMap as HashHandle, lruHash } from "./hash.ts";
import { mmapableArray } from "./mapped.ts";
import {
  lruPercpuHash,
  percpuArray,
  type PerCpuArrayMap as PerCpuArrayHandle,
  percpuHash,
  type PerCpuHashMap as PerCpuHashHandle,
} from "./percpu.ts";
import { queue, type QueueMap as QueueHandle, stack, type StackMap as StackHandle } from "./queue.ts";
import { lpmTrie, type LpmTrieMap as LpmTrieHandle } from "./trie.ts";

const BPF_F_NO_PREALLOC = 1;
const BPF_F_MMAPABLE = 1 << 10;

/** Makes hash maps. */
export interface HashMapConstructor {
  /**
   * Makes a map of type HASH, or LRU_HASH, which belongs to the caller.
   * @example
   * using counts = HashMap.create({ key: u32, value: u64, maxEntries: 1024 });
   * counts.set(1, 1n);
   * @throws ValueError for an option of the wrong type or range
   * @throws BpfError when the kernel refuses it
   */
  create<K, V, VInit = V, KInit = K>(
    options: HashOptions<K, V, VInit, KInit>,
  ): OwnedMap<HashHandle<K, V, VInit, KInit>>;
}

/** A hash map in the kernel; `HashMap.create` makes one. */
export type HashMap<K, V, VInit = V, KInit = K> = HashHandle<K, V, VInit, KInit>;
export const HashMap: HashMapConstructor = {
  create: (options) => createMap((options.type === "lru_hash" ? lruHash : hash)(options.key, options.value), options),
};

/** Makes array maps. */
export interface ArrayMapConstructor {
  /**
   * Makes a map of type ARRAY, which belongs to the caller; its key is a u32. With BPF_F_MMAPABLE in `flags` it is read
   * without system calls.
   */
  create<V, VInit = V>(options: IndexedOptions<V, VInit>): OwnedMap<ArrayHandle<V, VInit>>;
}

/** An array map in the kernel; `ArrayMap.create` makes one. */
export type ArrayMap<V, VInit = V> = ArrayHandle<V, VInit>;
export const ArrayMap: ArrayMapConstructor = {
  create: (options) =>
    createMap((((options.flags ?? 0) & BPF_F_MMAPABLE) === 0 ? array : mmapableArray)(options.value), options),
};

/** Makes per-CPU hash maps. */
export interface PerCpuHashMapConstructor {
  /** Makes a map of type PERCPU_HASH, or LRU_PERCPU_HASH, which belongs to the caller. */
  create<K, V, VInit = V, KInit = K>(
    options: KeyedOptions<K, V, VInit, KInit> & { readonly type?: "percpu_hash" | "lru_percpu_hash" | undefined },
  ): OwnedMap<PerCpuHashHandle<K, V, VInit, KInit>>;
}

/** A per-CPU hash map in the kernel; `PerCpuHashMap.create` makes one. */
export type PerCpuHashMap<K, V, VInit = V, KInit = K> = PerCpuHashHandle<K, V, VInit, KInit>;
export const PerCpuHashMap: PerCpuHashMapConstructor = {
  create: (options) =>
    createMap((options.type === "lru_percpu_hash" ? lruPercpuHash : percpuHash)(options.key, options.value), options),
};

/** Makes per-CPU arrays. */
export interface PerCpuArrayMapConstructor {
  /** Makes a map of type PERCPU_ARRAY, which belongs to the caller. */
  create<V, VInit = V>(options: IndexedOptions<V, VInit>): OwnedMap<PerCpuArrayHandle<V, VInit>>;
}

/** A per-CPU array in the kernel; `PerCpuArrayMap.create` makes one. */
export type PerCpuArrayMap<V, VInit = V> = PerCpuArrayHandle<V, VInit>;
export const PerCpuArrayMap: PerCpuArrayMapConstructor = {
  create: (options) => createMap(percpuArray(options.value), options),
};

/** Makes tries. */
export interface LpmTrieMapConstructor {
  /**
   * Makes a map of type LPM_TRIE, which belongs to the caller. Its key begins with the prefix's length in bits, a u32;
   * BPF_F_NO_PREALLOC, which the kernel wants of tries, is set.
   */
  create<K, V, VInit = V, KInit = K>(
    options: KeyedOptions<K, V, VInit, KInit>,
  ): OwnedMap<LpmTrieHandle<K, V, VInit, KInit>>;
}

/** A trie of prefixes in the kernel; `LpmTrieMap.create` makes one. */
export type LpmTrieMap<K, V, VInit = V, KInit = K> = LpmTrieHandle<K, V, VInit, KInit>;
export const LpmTrieMap: LpmTrieMapConstructor = {
  create: (options) =>
    createMap(lpmTrie(options.key, options.value), { ...options, flags: (options.flags ?? 0) | BPF_F_NO_PREALLOC }),
};

/** Makes queues. */
export interface QueueMapConstructor {
  /** Makes a map of type QUEUE, which belongs to the caller. */
  create<V, VInit = V>(options: IndexedOptions<V, VInit>): OwnedMap<QueueHandle<V, VInit>>;
}

/** A queue in the kernel; `QueueMap.create` makes one. */
export type QueueMap<V, VInit = V> = QueueHandle<V, VInit>;
export const QueueMap: QueueMapConstructor = {
  create: (options) => createMap(queue(options.value), options),
};

/** Makes stacks. */
export interface StackMapConstructor {
  /** Makes a map of type STACK, which belongs to the caller. */
  create<V, VInit = V>(options: IndexedOptions<V, VInit>): OwnedMap<StackHandle<V, VInit>>;
}

/** A stack in the kernel; `StackMap.create` makes one. */
export type StackMap<V, VInit = V> = StackHandle<V, VInit>;
export const StackMap: StackMapConstructor = {
  create: (options) => createMap(stack(options.value), options),
};

/** Makes Bloom filters. */
export interface BloomFilterMapConstructor {
  /** Makes a map of type BLOOM_FILTER, which belongs to the caller. */
  create<V, VInit = V>(options: IndexedOptions<V, VInit>): OwnedMap<BloomFilterHandle<VInit>>;
}

/** A Bloom filter in the kernel; `BloomFilterMap.create` makes one. */
export type BloomFilterMap<V> = BloomFilterHandle<V>;
export const BloomFilterMap: BloomFilterMapConstructor = {
  create: (options) => createMap(bloomFilter(options.value), options),
};
