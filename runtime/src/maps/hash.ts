// HASH and LRU_HASH maps, with the words of ES `Map`. Keys and values pass through the map's scratch memory; nothing of
// the caller's runs between the kernel's answer and its decoding.

import { readChecked } from "../codec/checked.ts";
import type { Codec } from "../codec/codec.ts";
import { isValueError } from "../errors.ts";
import { ENOENT } from "../library/errno.ts";
import type { functions } from "../library/functions.ts";
import type { CFunction } from "../native.ts";
import type { BpfMap, MapCore, MapSpec } from "./core.ts";
import { type SetOptions, updateFlags } from "./flags.ts";
import { iterate } from "./iterator.ts";
import { PlainMap } from "./plain.ts";
import { rawBytes } from "./raw.ts";
import { explain, makeScratch, type Scratch } from "./scratch.ts";
import { walk } from "./walk.ts";

/** A hash map in the kernel; an LRU one drops its oldest entries when it is full. */
export interface HashMap<K, V, VInit = V> extends BpfMap {
  /**
   * The value of `key`, or undefined.
   * @throws ValueError when the key does not fit its C type
   */
  get(key: K): V | undefined;
  /**
   * Writes an entry.
   * @throws ValueError when key or value do not fit their C types
   * @throws BpfError E2BIG when the map is full, EEXIST or ENOENT as `mode` asks
   */
  set(key: K, value: VInit, options?: SetOptions): void;
  has(key: K): boolean;
  /** Whether the key was there. */
  delete(key: K): boolean;
  keys(): IterableIterator<K>;
  values(): IterableIterator<V>;
  /** Each entry that stays in the map once; what comes or goes meanwhile may be given or not. */
  entries(): IterableIterator<[K, V]>;
  [Symbol.iterator](): IterableIterator<[K, V]>;
  /** How many entries there are: the kernel does not know, so this walks the map. */
  count(): number;
  /** The same map with keys and values as bytes of exactly its sizes. */
  readonly raw: HashMap<Uint8Array, Uint8Array>;
}

class HashHandle<K, V, VInit> extends PlainMap implements HashMap<K, V, VInit> {
  readonly #map: MapCore;
  readonly #key: Codec<K>;
  readonly #value: Codec<V, VInit>;
  readonly #keyPath: string;
  readonly #valuePath: string;
  readonly #lookup: CFunction<(typeof functions)["bpf_map_lookup_elem"]>;
  readonly #update: CFunction<(typeof functions)["bpf_map_update_elem"]>;
  // Taken while a call is under way: a getter of the caller's own value may use this map again, with memory of its own.
  #scratch: Scratch | undefined;
  #raw: HashMap<Uint8Array, Uint8Array> | undefined;

  constructor(map: MapCore, key: Codec<K>, value: Codec<V, VInit>) {
    super(map);
    this.#map = map;
    this.#key = key;
    this.#value = value;
    this.#keyPath = `map ${map.name}: key`;
    this.#valuePath = `map ${map.name}: value`;
    this.#lookup = map.library.fn("bpf_map_lookup_elem");
    this.#update = map.library.fn("bpf_map_update_elem");
  }

  get(key: K): V | undefined {
    const scratch = this.#scratch ?? this.#fresh();
    this.#scratch = undefined;
    try {
      this.#key.write(scratch.key, 0, key);
      const result = this.#lookup(this.#map.rawFd, scratch.keyAt, scratch.outAt);
      if (result === 0) return this.#value.read(scratch.out, 0);
      if (result === -ENOENT) return undefined;
      throw this.#map.failure(result, "bpf_map_lookup_elem", "get");
    } catch (e) {
      throw this.#explainGet(e, scratch, key);
    } finally {
      this.#scratch = scratch;
    }
  }

  set(key: K, value: VInit, options?: SetOptions): void {
    const flags = options === undefined ? 0 : updateFlags(options, `map ${this.name}`);
    const scratch = this.#scratch ?? this.#fresh();
    this.#scratch = undefined;
    try {
      this.#key.write(scratch.key, 0, key);
      this.#value.write(scratch.value, 0, value);
      const result = this.#update(this.#map.rawFd, scratch.keyAt, scratch.valueAt, flags);
      if (result !== 0) throw this.#map.failure(result, "bpf_map_update_elem", "set");
    } catch (e) {
      throw this.#explainSet(e, scratch, key, value);
    } finally {
      this.#scratch = scratch;
    }
  }

  has(key: K): boolean {
    const scratch = this.#scratch ?? this.#fresh();
    this.#scratch = undefined;
    try {
      this.#key.write(scratch.key, 0, key);
      const result = this.#lookup(this.#map.rawFd, scratch.keyAt, scratch.outAt);
      if (result === 0) return true;
      if (result === -ENOENT) return false;
      throw this.#map.failure(result, "bpf_map_lookup_elem", "has");
    } catch (e) {
      throw this.#explain(e, scratch, key);
    } finally {
      this.#scratch = scratch;
    }
  }

  delete(key: K): boolean {
    const scratch = this.#scratch ?? this.#fresh();
    this.#scratch = undefined;
    try {
      this.#key.write(scratch.key, 0, key);
      const result = this.#map.library.fn("bpf_map_delete_elem")(this.#map.rawFd, scratch.keyAt);
      if (result === 0) return true;
      if (result === -ENOENT) return false;
      throw this.#map.failure(result, "bpf_map_delete_elem", "delete");
    } catch (e) {
      throw this.#explain(e, scratch, key);
    } finally {
      this.#scratch = scratch;
    }
  }

  keys(): IterableIterator<K> {
    const key = this.#key;
    return iterate(this.#map, (at) => readChecked(key, at.keys, at.keyAt, this.#keyPath));
  }

  values(): IterableIterator<V> {
    const value = this.#value;
    return iterate(this.#map, (at) => readChecked(value, at.values, at.valueAt, this.#valuePath));
  }

  entries(): IterableIterator<[K, V]> {
    const key = this.#key;
    const value = this.#value;
    return iterate(this.#map, (at) => [
      readChecked(key, at.keys, at.keyAt, this.#keyPath),
      readChecked(value, at.values, at.valueAt, this.#valuePath),
    ]);
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.entries();
  }

  count(): number {
    return walk(this.#map).count();
  }

  get raw(): HashMap<Uint8Array, Uint8Array> {
    const { keySize, valueSize } = this.#map;
    return (this.#raw ??= new HashHandle(this.#map, rawBytes(keySize), rawBytes(valueSize)));
  }

  #fresh(): Scratch {
    return makeScratch(this.#map.keySize, this.#map.valueSize);
  }

  // What a caught `error` comes from, in the order that the caller expects: the closed map, the key, the value. The slow
  // way knows the place.
  #explain(error: unknown, scratch: Scratch, key: K): unknown {
    this.#map.use();
    return explain(error, this.#key, scratch.key, key, this.#keyPath);
  }

  #explainGet(error: unknown, scratch: Scratch, key: K): unknown {
    const e = this.#explain(error, scratch, key);
    if (isValueError(e)) readChecked(this.#value, scratch.out, 0, this.#valuePath);
    return e;
  }

  #explainSet(error: unknown, scratch: Scratch, key: K, value: VInit): unknown {
    return explain(this.#explain(error, scratch, key), this.#value, scratch.value, value, this.#valuePath);
  }
}

function hashSpec<K, V, VInit>(type: string, key: Codec<K>, value: Codec<V, VInit>): MapSpec<HashMap<K, V, VInit>> {
  return {
    type,
    keySize: key.size,
    valueSize: value.size,
    key,
    value,
    create: (map) => new HashHandle(map, key, value),
  };
}

/** A map of type HASH. For generated code. */
export function hash<K, V, VInit = V>(key: Codec<K>, value: Codec<V, VInit>): MapSpec<HashMap<K, V, VInit>> {
  return hashSpec("hash", key, value);
}

/** A map of type LRU_HASH. For generated code. */
export function lruHash<K, V, VInit = V>(key: Codec<K>, value: Codec<V, VInit>): MapSpec<HashMap<K, V, VInit>> {
  return hashSpec("lru_hash", key, value);
}
