// The iterators that maps give: one walk under way, and what to read of each entry.

import type { MapCore } from "./core.ts";
import { walk, type Walk } from "./walk.ts";

/** Reads what an iterator gives off the entry on which its walk stands. */
export type ReadEntry<T> = (walk: Walk) => T;

class MapIterator<T> implements IterableIterator<T> {
  #map: MapCore | undefined;
  #walk: Walk | undefined;
  readonly #read: ReadEntry<T>;

  constructor(map: MapCore, read: ReadEntry<T>) {
    this.#map = map;
    this.#read = read;
  }

  next(): IteratorResult<T, undefined> {
    if (this.#map === undefined) return { done: true, value: undefined };
    const entries = (this.#walk ??= walk(this.#map));
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
 * be given or not. Using it after the map is closed is a StateError.
 */
export function iterate<T>(map: MapCore, read: ReadEntry<T>): IterableIterator<T> {
  map.use();
  return new MapIterator(map, read);
}
