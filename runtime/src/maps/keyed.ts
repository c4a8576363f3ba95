// The words of every map that has keys: those of ES `Map`, and the ones that take many entries at once.

import type { BpfMap } from "./core.ts";
import type { LockOptions, SetOptions } from "./flags.ts";

/** A map from keys to values. */
export interface KeyedMap<K, V, VInit = V, KInit = K> extends BpfMap {
  /**
   * The value of `key`, or undefined.
   * @throws ValueError when the key does not fit its C type
   */
  get(key: KInit, options?: LockOptions): V | undefined;
  /**
   * Writes an entry.
   * @throws ValueError when key or value do not fit their C types
   * @throws BpfError E2BIG when the map is full, EEXIST or ENOENT as `mode` asks
   */
  set(key: KInit, value: VInit, options?: SetOptions): void;
  has(key: KInit): boolean;
  /** Whether the key was there. */
  delete(key: KInit): boolean;
  /**
   * The value of `key`, which is deleted; undefined when it is not there. Nothing is lost between the two in hash maps
   * since Linux 5.14; in tries and before, what is written between reading and deleting is gone with the key.
   */
  take(key: KInit, options?: LockOptions): V | undefined;
  keys(): IterableIterator<K>;
  values(options?: LockOptions): IterableIterator<V>;
  /** Each entry that stays in the map once; what comes or goes meanwhile may be given or not. */
  entries(options?: LockOptions): IterableIterator<[K, V]>;
  [Symbol.iterator](): IterableIterator<[K, V]>;
  /** How many entries there are: the kernel does not know, so this walks the map. */
  count(): number;
  /** The values of `keys`, in their order; undefined for each that is not there. One call each: the kernel has no batch. */
  getMany(keys: Iterable<KInit>, options?: LockOptions): (V | undefined)[];
  /**
   * Writes entries in their order, as `set` would one by one, with a call for each thousand or so (a call for each where
   * `mode` is not "any", and before Linux 5.6). Those before one that fails are written.
   */
  setMany(entries: Iterable<readonly [KInit, VInit]>, options?: SetOptions): void;
  /** Deletes `keys` and says how many were there. */
  deleteMany(keys: Iterable<KInit>): number;
  /**
   * Takes every entry out of the map. What programs write meanwhile is either given or stays, in hash maps since Linux
   * 5.6; in tries and before, see {@link take}.
   * @throws ValueError for a 64-bit integer that no number holds (`--int64 number`); what was taken with it is gone
   */
  drain(options?: LockOptions): [K, V][];
  /** Deletes every entry. What programs write meanwhile may stay. */
  clear(): void;
}
