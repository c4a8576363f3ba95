// The iterators that maps give: one walk under way, and what to read of each entry.

import { readChecked } from "../codec/checked.ts";
import type { Codec } from "../codec/codec.ts";
import type { MapCore } from "./core.ts";
import { walk, type Walk } from "./walk.ts";

/** Reads what an iterator gives off the entry on which its walk stands. */
export type ReadEntry<T> = (walk: Walk) => T;

class MapIterator<T> implements IterableIterator<T> {
  #map: MapCore | undefined;
  #walk: Walk | undefined;
  readonly #read: ReadEntry<T>;
  readonly #flags: number;

  constructor(map: MapCore, read: ReadEntry<T>, flags: number) {
    this.#map = map;
    this.#read = read;
    this.#flags = flags;
  }

  next(): IteratorResult<T, undefined> {
    if (this.#map === undefined) return { done: true, value: undefined };
    const entries = (this.#walk ??= walk(this.#map, this.#flags));
    if (entries.next()) return { done: false, value: this.#read(entries) };
    return this.return();
  }

  /** `break` lets go of the walk's memory. */
  return(): IteratorResult<T, undefined> {
    this.#map = undefined;
    this.#walk = undefined;
    return { done: true, value: undefined };
  }

  [Symbol.iterator](): this {
    return this;
  }
}

/**
 * An iterator over `map`. Each entry that stays in the map is given once; entries that are added or deleted meanwhile may
 * be given or not. Using it after the map is closed is a StateError. `flags` are those of looking up, BPF_F_LOCK or 0.
 */
export function iterate<T>(map: MapCore, read: ReadEntry<T>, flags = 0): IterableIterator<T> {
  map.use();
  return new MapIterator(map, read, flags);
}

/** Reads the keys; `path` starts the paths of errors. */
export function keysOf<K>(key: Codec<K>, path: string): ReadEntry<K> {
  return (at) => readChecked(key, at.keys, at.keyAt, path);
}

/** Reads the values. */
export function valuesOf<V>(value: Codec<V, never>, path: string): ReadEntry<V> {
  return (at) => readChecked(value, at.values, at.valueAt, path);
}

/** Reads both. */
export function entriesOf<K, V>(
  key: Codec<K>,
  keyPath: string,
  value: Codec<V, never>,
  valuePath: string,
): ReadEntry<[K, V]> {
  return (at) => [readChecked(key, at.keys, at.keyAt, keyPath), readChecked(value, at.values, at.valueAt, valuePath)];
}
