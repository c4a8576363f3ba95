// PERCPU_HASH, LRU_PERCPU_HASH and PERCPU_ARRAY maps: a value for each possible CPU under one key. All of them cross to
// the kernel in one call, so to every other part of this folder they are one value, with the codec below.

import { makeCodec } from "../codec/base.ts";
import { refuseAt } from "../codec/checked.ts";
import type { Codec } from "../codec/codec.ts";
import { kernelFieldsOf } from "../codec/fields.ts";
import { refuse } from "../memory/refuse.ts";
import { possibleCpus, strideOf } from "../library/cpus.ts";
import { ArrayHandle } from "./array.ts";
import type { BpfMap, MapCore, MapSpec } from "./core.ts";
import type { SetOptions } from "./flags.ts";
import { KeyedHandle } from "./hash.ts";
import type { ArraySetOptions, IndexedMap } from "./indexed.ts";
import type { KeyedMap } from "./keyed.ts";
import { rawBytes } from "./raw.ts";

/** What per-CPU maps say beside the rest. */
export interface PerCpuMap extends BpfMap {
  /** How many values a key has: one for each CPU that this machine may ever have, in the kernel's order. */
  readonly cpus: number;
}

/** A per-CPU hash map: a program sees its own CPU's value, user space all of them. */
export interface PerCpuHashMap<K, V, VInit = V, KInit = K>
  extends KeyedMap<K, readonly V[], readonly VInit[], KInit>, PerCpuMap {
  /** Writes the same value for every CPU. */
  fill(key: KInit, value: VInit, options?: SetOptions): void;
  /** The same map with keys and values as bytes of exactly its sizes. */
  readonly raw: PerCpuHashMap<Uint8Array, Uint8Array>;
}

/** A per-CPU array: a program sees its own CPU's value, user space all of them. */
export interface PerCpuArrayMap<V, VInit = V> extends IndexedMap<readonly V[], readonly VInit[]>, PerCpuMap {
  /** Writes the same value for every CPU. */
  fill(index: number, value: VInit, options?: ArraySetOptions): void;
  /** The same map with values as bytes of exactly its value size. */
  readonly raw: PerCpuArrayMap<Uint8Array>;
}

/** `cpus` values of `codec`, each rounded up to 8 bytes (kernel/bpf/hashtab.c, `bpf_percpu_hash_copy`). */
export function perCpu<V, VInit>(codec: Codec<V, VInit>, cpus: number): Codec<readonly V[], readonly VInit[]> {
  const stride = strideOf(codec.size);
  const what = `an array of ${cpus} values, one for each possible CPU`;
  return makeCodec<readonly V[], readonly VInit[]>({
    name: `${codec.name} per CPU`,
    size: stride * cpus,
    kernelFields: () => kernelFieldsOf(codec),
    read(m, at) {
      const values: V[] = [];
      for (let cpu = 0, p = at; cpu < cpus; cpu++, p += stride) values.push(codec.read(m, p));
      return values;
    },
    write(m, at, values) {
      if (!Array.isArray(values)) refuse(what, values);
      if (values.length !== cpus) refuse(what, values.length);
      for (let cpu = 0, p = at; cpu < cpus; cpu++, p += stride) codec.write(m, p, values[cpu] as VInit);
    },
    check(m, at, values, path) {
      if (!Array.isArray(values)) refuseAt(path, what, values);
      if (values.length !== cpus) refuseAt(path, what, values.length);
      for (let cpu = 0; cpu < cpus; cpu++) {
        codec.check(m, at + cpu * stride, values[cpu] as VInit, `${path}[${cpu}]`);
      }
    },
  });
}

class PerCpuHashHandle<K, V, VInit, KInit>
  extends KeyedHandle<K, readonly V[], readonly VInit[], KInit>
  implements PerCpuHashMap<K, V, VInit, KInit>
{
  readonly cpus: number;
  readonly #map: MapCore;
  #raw: PerCpuHashMap<Uint8Array, Uint8Array> | undefined;

  constructor(map: MapCore, key: Codec<K, KInit>, value: Codec<V, VInit>) {
    const cpus = possibleCpus(map.library);
    super(map, key, perCpu(value, cpus));
    this.cpus = cpus;
    this.#map = map;
  }

  fill(key: KInit, value: VInit, options?: SetOptions): void {
    this.set(key, new Array<VInit>(this.cpus).fill(value), options);
  }

  get raw(): PerCpuHashMap<Uint8Array, Uint8Array> {
    const { keySize, valueSize } = this.#map;
    return (this.#raw ??= new PerCpuHashHandle(this.#map, rawBytes(keySize), rawBytes(valueSize)));
  }
}

class PerCpuArrayHandle<V, VInit>
  extends ArrayHandle<readonly V[], readonly VInit[]>
  implements PerCpuArrayMap<V, VInit>
{
  readonly cpus: number;
  readonly #map: MapCore;
  #raw: PerCpuArrayMap<Uint8Array> | undefined;

  constructor(map: MapCore, value: Codec<V, VInit>) {
    const cpus = possibleCpus(map.library);
    super(map, perCpu(value, cpus));
    this.cpus = cpus;
    this.#map = map;
  }

  fill(index: number, value: VInit, options?: ArraySetOptions): void {
    this.set(index, new Array<VInit>(this.cpus).fill(value), options);
  }

  get raw(): PerCpuArrayMap<Uint8Array> {
    return (this.#raw ??= new PerCpuArrayHandle(this.#map, rawBytes(this.#map.valueSize)));
  }
}

function hashSpec<K, V, VInit, KInit>(
  type: string,
  key: Codec<K, KInit>,
  value: Codec<V, VInit>,
): MapSpec<PerCpuHashMap<K, V, VInit, KInit>> {
  return {
    type,
    keySize: key.size,
    key,
    valueSize: value.size,
    value,
    create: (map) => new PerCpuHashHandle(map, key, value),
  };
}

/** A map of type PERCPU_HASH. For generated code. */
export function percpuHash<K, V, VInit = V, KInit = K>(
  key: Codec<K, KInit>,
  value: Codec<V, VInit>,
): MapSpec<PerCpuHashMap<K, V, VInit, KInit>> {
  return hashSpec("percpu_hash", key, value);
}

/** A map of type LRU_PERCPU_HASH. For generated code. */
export function lruPercpuHash<K, V, VInit = V, KInit = K>(
  key: Codec<K, KInit>,
  value: Codec<V, VInit>,
): MapSpec<PerCpuHashMap<K, V, VInit, KInit>> {
  return hashSpec("lru_percpu_hash", key, value);
}

/** A map of type PERCPU_ARRAY. For generated code. */
export function percpuArray<V, VInit = V>(value: Codec<V, VInit>): MapSpec<PerCpuArrayMap<V, VInit>> {
  return {
    type: "percpu_array",
    keySize: 4,
    valueSize: value.size,
    value,
    create: (map) => new PerCpuArrayHandle(map, value),
  };
}
