// CGROUP_STORAGE and PERCPU_CGROUP_STORAGE: `bpf_get_local_storage` of cgroup programs (kernel/bpf/local_storage.c). The
// kernel has deprecated both for CGRP_STORAGE.

import type { Codec } from "../codec/codec.ts";
import { possibleCpus } from "../library/cpus.ts";
import type { BpfMap, MapCore, MapSpec } from "./core.ts";
import { hash, type HashMap } from "./hash.ts";
import { perCpu } from "./percpu.ts";
import { PlainMap } from "./plain.ts";

/**
 * Values by cgroup. The key is `struct bpf_cgroup_storage_key`, or a `u64`: the cgroup's inode number, which is `ino` of
 * its directory. An entry comes with the first program that uses the map and is attached to the cgroup; it goes with the
 * cgroup (before Linux 5.9 with the program).
 */
export interface CgroupStorage<K, V, VInit = V, KInit = K> extends BpfMap {
  get(key: KInit): V | undefined;
  /**
   * Writes the value of an entry that is there.
   * @throws BpfError ENOENT when no program that uses the map was ever attached to that cgroup
   */
  set(key: KInit, value: VInit): void;
  has(key: KInit): boolean;
  keys(): IterableIterator<K>;
  values(): IterableIterator<V>;
  entries(): IterableIterator<[K, V]>;
  [Symbol.iterator](): IterableIterator<[K, V]>;
  /** How many entries there are, which walks the map. */
  count(): number;
}

/** The same with one value for each possible CPU. */
export type PercpuCgroupStorage<K, V, VInit = V, KInit = K> = CgroupStorage<K, readonly V[], readonly VInit[], KInit>;

class CgroupStorageHandle<K, V, VInit, KInit> extends PlainMap implements CgroupStorage<K, V, VInit, KInit> {
  readonly #cells: HashMap<K, V, VInit, KInit>;

  constructor(map: MapCore, cells: HashMap<K, V, VInit, KInit>) {
    super(map);
    this.#cells = cells;
  }

  get(key: KInit): V | undefined {
    return this.#cells.get(key);
  }

  set(key: KInit, value: VInit): void {
    this.#cells.set(key, value, { mode: "update" });
  }

  has(key: KInit): boolean {
    return this.#cells.has(key);
  }

  keys(): IterableIterator<K> {
    return this.#cells.keys();
  }

  values(): IterableIterator<V> {
    return this.#cells.values();
  }

  entries(): IterableIterator<[K, V]> {
    return this.#cells.entries();
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.entries();
  }

  count(): number {
    return this.#cells.count();
  }
}

/** A map of type CGROUP_STORAGE. For generated code. */
export function cgroupStorage<K, V, VInit = V, KInit = K>(
  key: Codec<K, KInit>,
  value: Codec<V, VInit>,
): MapSpec<CgroupStorage<K, V, VInit, KInit>> {
  return {
    type: "cgroup_storage",
    keySize: key.size,
    key,
    valueSize: value.size,
    value,
    create: (map) => new CgroupStorageHandle(map, hash(key, value).create(map)),
  };
}

/** A map of type PERCPU_CGROUP_STORAGE. For generated code. */
export function percpuCgroupStorage<K, V, VInit = V, KInit = K>(
  key: Codec<K, KInit>,
  value: Codec<V, VInit>,
): MapSpec<PercpuCgroupStorage<K, V, VInit, KInit>> {
  return {
    type: "percpu_cgroup_storage",
    keySize: key.size,
    key,
    valueSize: value.size,
    value,
    create(map) {
      return new CgroupStorageHandle(map, hash(key, perCpu(value, possibleCpus(map.library))).create(map));
    },
  };
}
