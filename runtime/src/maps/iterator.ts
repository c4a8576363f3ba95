// The iterators that maps give: one walk under way, and what to read of each entry.

import { readChecked } from "../codec/checked.ts";
import type { Codec } from "../codec/codec.ts";
import type { MapCore } from "./core.ts";
import { walk, type Walk } from "./walk.ts";

/** Reads what an iterator gives off the entry on which its walk stands. */
export interface EntryReader<T> {
  read(at: Walk): T;
  /** The same slowly, after `read` has thrown: its error names the place. */
  check(at: Walk): T;
}

class MapIterator<T> implements IterableIterator<T> {
  #map: MapCore | undefined;
  #walk: Walk | undefined;
  readonly #reader: EntryReader<T>;
  readonly #flags: number;

  constructor(map: MapCore, reader: EntryReader<T>, flags: number) {
    this.#map = map;
    this.#reader = reader;
    this.#flags = flags;
  }

  // Small, so that V8 inlines it into the caller's loop and makes no object of its result.
  next(): IteratorResult<T, undefined> {
    const at = this.#walk ?? this.#start();
    if (at === undefined || !at.next()) return this.return();
    try {
      return { done: false, value: this.#reader.read(at) };
    } catch {
      return { done: false, value: this.#reader.check(at) };
    }
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

  #start(): Walk | undefined {
    return this.#map && (this.#walk = walk(this.#map, this.#flags));
  }
}

/**
 * An iterator over `map`. Each entry that stays in the map is given once; entries that are added or deleted meanwhile may
 * be given or not. Using it after the map is closed is a StateError. `flags` are those of looking up, BPF_F_LOCK or 0.
 */
export function iterate<T>(map: MapCore, reader: EntryReader<T>, flags = 0): IterableIterator<T> {
  map.use();
  return new MapIterator(map, reader, flags);
}

/** Reads the keys; `path` starts the paths of errors. */
export function keysOf<K>(key: Codec<K, never>, path: string): EntryReader<K> {
  return {
    read: (at) => key.read(at.keys, at.keyAt),
    check: (at) => readChecked(key, at.keys, at.keyAt, path),
  };
}

/** Reads the values. */
export function valuesOf<V>(value: Codec<V, never>, path: string): EntryReader<V> {
  return {
    read: (at) => value.read(at.values, at.valueAt),
    check: (at) => readChecked(value, at.values, at.valueAt, path),
  };
}

/** Reads both. */
export function entriesOf<K, V>(
  key: Codec<K, never>,
  keyPath: string,
  value: Codec<V, never>,
  valuePath: string,
): EntryReader<[K, V]> {
  return {
    read: (at) => [key.read(at.keys, at.keyAt), value.read(at.values, at.valueAt)],
    check: (at) => [readChecked(key, at.keys, at.keyAt, keyPath), readChecked(value, at.values, at.valueAt, valuePath)],
  };
}
