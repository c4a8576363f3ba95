// HASH and LRU_HASH maps, with the words of ES `Map`. Keys and values pass through the map's scratch memory; nothing of
// the caller's runs between the kernel's answer and its decoding.

import { readChecked } from "../codec/checked.ts";
import type { Codec } from "../codec/codec.ts";
import { isValueError } from "../errors.ts";
import { EINVAL, ENOENT, ENOTSUPP } from "../library/errno.ts";
import type { functions } from "../library/functions.ts";
import type { CFunction } from "../native.ts";
import { BatchWriter, type Writes } from "./batches.ts";
import type { MapCore, MapSpec } from "./core.ts";
import { lockFlag, lockFlagOf, type LockOptions, type SetOptions, updateFlags } from "./flags.ts";
import { type Guard, guardOf } from "./guard.ts";
import { entriesOf, iterate, keysOf, valuesOf } from "./iterator.ts";
import type { KeyedMap } from "./keyed.ts";
import { PlainMap } from "./plain.ts";
import { rawBytes } from "./raw.ts";
import { explain, makeScratch, type Scratch } from "./scratch.ts";
import { takingWalk, walk } from "./walk.ts";

/** A hash map in the kernel; an LRU one drops its oldest entries when it is full. */
export interface HashMap<K, V, VInit = V, KInit = K> extends KeyedMap<K, V, VInit, KInit> {
  /** The same map with keys and values as bytes of exactly its sizes. */
  readonly raw: HashMap<Uint8Array, Uint8Array>;
}

/**
 * What the maps with keys have in common; `value` is the codec of all that one call carries, `stored` that of keys which name
 * an entry, where a lookup takes more than those.
 */
export class KeyedHandle<K, V, VInit, KInit> extends PlainMap implements KeyedMap<K, V, VInit, KInit> {
  readonly #map: MapCore;
  readonly #key: Codec<K, KInit>;
  readonly #stored: Writes<KInit>;
  readonly #value: Codec<V, VInit>;
  readonly #keyPath: string;
  readonly #valuePath: string;
  readonly #lookup: CFunction<(typeof functions)["bpf_map_lookup_elem"]>;
  readonly #update: CFunction<(typeof functions)["bpf_map_update_elem"]>;
  readonly #guard: Guard | undefined;
  // Taken while a call is under way: a getter of the caller's own value may use this map again, with memory of its own.
  #scratch: Scratch | undefined;
  #writer: BatchWriter<KInit, VInit> | undefined;

  constructor(map: MapCore, key: Codec<K, KInit>, value: Codec<V, VInit>, stored: Writes<KInit> = key) {
    super(map);
    this.#map = map;
    this.#key = key;
    this.#stored = stored;
    this.#value = value;
    this.#keyPath = `map ${map.name}: key`;
    this.#valuePath = `map ${map.name}: value`;
    this.#lookup = map.library.fn("bpf_map_lookup_elem");
    this.#update = map.library.fn("bpf_map_update_elem");
    this.#guard = guardOf(value, map.name);
  }

  get(key: KInit, options?: LockOptions): V | undefined {
    const scratch = this.#scratch ?? this.#fresh();
    this.#scratch = undefined;
    try {
      this.#key.write(scratch.key, 0, key);
      const result =
        options === undefined
          ? this.#lookup(this.#map.rawFd, scratch.keyAt, scratch.outAt)
          : this.#lookupAs(options, scratch);
      if (result === 0) return this.#value.read(scratch.out, 0);
      if (result === -ENOENT) return undefined;
      throw this.#map.failure(result, "bpf_map_lookup_elem", "get");
    } catch (e) {
      throw this.#explainGet(e, scratch, key);
    } finally {
      this.#scratch = scratch;
    }
  }

  set(key: KInit, value: VInit, options?: SetOptions): void {
    if (this.#guard !== undefined) this.#guard(options);
    const flags = options === undefined ? 0 : updateFlags(options, `map ${this.name}`);
    const scratch = this.#scratch ?? this.#fresh();
    this.#scratch = undefined;
    try {
      this.#stored.write(scratch.key, 0, key);
      this.#value.write(scratch.value, 0, value);
      const result = this.#update(this.#map.rawFd, scratch.keyAt, scratch.valueAt, flags);
      if (result !== 0) throw this.#map.failure(result, "bpf_map_update_elem", "set");
    } catch (e) {
      throw this.#explainSet(e, scratch, key, value);
    } finally {
      this.#scratch = scratch;
    }
  }

  has(key: KInit): boolean {
    const scratch = this.#scratch ?? this.#fresh();
    this.#scratch = undefined;
    try {
      this.#key.write(scratch.key, 0, key);
      const result = this.#lookup(this.#map.rawFd, scratch.keyAt, scratch.outAt);
      if (result === 0) return true;
      if (result === -ENOENT) return false;
      throw this.#map.failure(result, "bpf_map_lookup_elem", "has");
    } catch (e) {
      throw this.#explain(e, this.#key, scratch, key);
    } finally {
      this.#scratch = scratch;
    }
  }

  delete(key: KInit): boolean {
    const scratch = this.#scratch ?? this.#fresh();
    this.#scratch = undefined;
    try {
      this.#stored.write(scratch.key, 0, key);
      const result = this.#map.library.fn("bpf_map_delete_elem")(this.#map.rawFd, scratch.keyAt);
      if (result === 0) return true;
      if (result === -ENOENT) return false;
      throw this.#map.failure(result, "bpf_map_delete_elem", "delete");
    } catch (e) {
      throw this.#explain(e, this.#stored, scratch, key);
    } finally {
      this.#scratch = scratch;
    }
  }

  take(key: KInit, options?: LockOptions): V | undefined {
    const flags = lockFlagOf(options);
    const scratch = this.#scratch ?? this.#fresh();
    this.#scratch = undefined;
    try {
      this.#key.write(scratch.key, 0, key);
      const result = this.#lookupAndDelete(scratch, flags);
      if (result === 0) return this.#value.read(scratch.out, 0);
      if (result === -ENOENT) return undefined;
      throw this.#map.failure(result, "bpf_map_lookup_and_delete_elem", "take");
    } catch (e) {
      throw this.#explainGet(e, scratch, key);
    } finally {
      this.#scratch = scratch;
    }
  }

  keys(): IterableIterator<K> {
    return iterate(this.#map, keysOf(this.#key, this.#keyPath));
  }

  values(options?: LockOptions): IterableIterator<V> {
    return iterate(this.#map, valuesOf(this.#value, this.#valuePath), lockFlagOf(options));
  }

  entries(options?: LockOptions): IterableIterator<[K, V]> {
    const reader = entriesOf(this.#key, this.#keyPath, this.#value, this.#valuePath);
    return iterate(this.#map, reader, lockFlagOf(options));
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.entries();
  }

  count(): number {
    return walk(this.#map).count();
  }

  getMany(keys: Iterable<KInit>, options?: LockOptions): (V | undefined)[] {
    this.#map.use();
    return Array.from(keys, (key) => this.get(key, options));
  }

  setMany(entries: Iterable<readonly [KInit, VInit]>, options: SetOptions = {}): void {
    this.#guard?.(options);
    const flags = updateFlags(options, `map ${this.name}`);
    // The kernel's batches know no mode (kernel/bpf/syscall.c, `generic_map_update_batch`).
    if ((flags & ~lockFlag) === 0) this.#batches().set(entries, flags);
    else for (const [key, value] of entries) this.set(key, value, options);
  }

  deleteMany(keys: Iterable<KInit>): number {
    return this.#batches().delete(keys);
  }

  drain(options?: LockOptions): [K, V][] {
    const taking = takingWalk(this.#map, lockFlagOf(options));
    if (taking === undefined) {
      return [...this.keys()].flatMap((key): [K, V][] => {
        const value = this.take(writable<K, KInit>(key), options);
        return value === undefined ? [] : [[key, value]];
      });
    }
    const reader = entriesOf(this.#key, this.#keyPath, this.#value, this.#valuePath);
    const taken: [K, V][] = [];
    while (taking.next()) taken.push(reader.check(taking));
    return taken;
  }

  clear(): void {
    // Walking to the end is all that it takes; nothing is decoded.
    if (takingWalk(this.#map, 0)?.count() === undefined)
      this.deleteMany([...this.keys()].map((key) => writable<K, KInit>(key)));
  }

  #fresh(): Scratch {
    return makeScratch(this.#map.keySize, this.#map.wholeSize);
  }

  #batches(): BatchWriter<KInit, VInit> {
    return (this.#writer ??= new BatchWriter(this.#map, this.#stored, this.#value));
  }

  #lookupAs(options: LockOptions, { keyAt, outAt }: Scratch): number {
    const flags = lockFlagOf(options);
    if (flags === 0) return this.#lookup(this.#map.rawFd, keyAt, outAt);
    return this.#map.library.fn("bpf_map_lookup_elem_flags")(this.#map.rawFd, keyAt, outAt, flags);
  }

  #lookupAndDelete({ keyAt, outAt }: Scratch, flags: number): number {
    const { library, rawFd } = this.#map;
    const result = library.fn("bpf_map_lookup_and_delete_elem_flags")(rawFd, keyAt, outAt, flags);
    // Hash maps have it since Linux 5.14, tries do not.
    if (result !== -ENOTSUPP && !(result === -EINVAL && flags === 0)) return result;
    const found = this.#lookup(rawFd, keyAt, outAt);
    return found === 0 ? library.fn("bpf_map_delete_elem")(rawFd, keyAt) : found;
  }

  // What a caught `error` comes from, in the order that the caller expects: the closed map, the key, the value. The slow
  // way knows the place.
  #explain(error: unknown, codec: Writes<KInit>, scratch: Scratch, key: KInit): unknown {
    this.#map.use();
    return explain(error, codec, scratch.key, key, this.#keyPath);
  }

  #explainGet(error: unknown, scratch: Scratch, key: KInit): unknown {
    const e = this.#explain(error, this.#key, scratch, key);
    if (isValueError(e)) readChecked(this.#value, scratch.out, 0, this.#valuePath);
    return e;
  }

  #explainSet(error: unknown, scratch: Scratch, key: KInit, value: VInit): unknown {
    return explain(
      this.#explain(error, this.#stored, scratch, key),
      this.#value,
      scratch.value,
      value,
      this.#valuePath,
    );
  }
}

/** What was read can be written: a codec's `Init` holds all of its `T`, which the types do not say. */
function writable<K, KInit>(key: K): KInit {
  return key as unknown as KInit;
}

class HashHandle<K, V, VInit, KInit> extends KeyedHandle<K, V, VInit, KInit> implements HashMap<K, V, VInit, KInit> {
  readonly #map: MapCore;
  #raw: HashMap<Uint8Array, Uint8Array> | undefined;

  constructor(map: MapCore, key: Codec<K, KInit>, value: Codec<V, VInit>) {
    super(map, key, value);
    this.#map = map;
  }

  get raw(): HashMap<Uint8Array, Uint8Array> {
    const { keySize, valueSize } = this.#map;
    return (this.#raw ??= new HashHandle(this.#map, rawBytes(keySize), rawBytes(valueSize)));
  }
}

function hashSpec<K, V, VInit, KInit>(
  type: string,
  key: Codec<K, KInit>,
  value: Codec<V, VInit>,
): MapSpec<HashMap<K, V, VInit, KInit>> {
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
export function hash<K, V, VInit = V, KInit = K>(
  key: Codec<K, KInit>,
  value: Codec<V, VInit>,
): MapSpec<HashMap<K, V, VInit, KInit>> {
  return hashSpec("hash", key, value);
}

/** A map of type LRU_HASH. For generated code. */
export function lruHash<K, V, VInit = V, KInit = K>(
  key: Codec<K, KInit>,
  value: Codec<V, VInit>,
): MapSpec<HashMap<K, V, VInit, KInit>> {
  return hashSpec("lru_hash", key, value);
}
