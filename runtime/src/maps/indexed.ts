// The words of every map whose keys are the indexes 0 to length - 1.

import type { BpfMap } from "./core.ts";
import type { ResetOptions } from "./guard.ts";
import type { LockOptions } from "./flags.ts";

/** How an array map is written. */
export interface ArraySetOptions extends ResetOptions {
  /** Writes under the value's `bpf_spin_lock` (BPF_F_LOCK). */
  readonly lock?: boolean | undefined;
}

/** A fixed number of values by index. */
export interface IndexedMap<V, VInit = V> extends BpfMap {
  /** How many values it holds: max_entries. */
  readonly length: number;
  /** @throws ValueError when `index` is outside */
  get(index: number, options?: LockOptions): V;
  /** @throws ValueError when `index` is outside, or the value does not fit its C type */
  set(index: number, value: VInit, options?: ArraySetOptions): void;
  /** Whether `index` is inside. */
  has(index: number): boolean;
  keys(): IterableIterator<number>;
  values(options?: LockOptions): IterableIterator<V>;
  entries(options?: LockOptions): IterableIterator<[number, V]>;
  [Symbol.iterator](): IterableIterator<[number, V]>;
  /** The same as {@link length}. */
  count(): number;
  /** The values at `indexes`, in their order. */
  getMany(indexes: Iterable<number>, options?: LockOptions): V[];
  /**
   * Writes entries in their order, as `set` would one by one, with a call for each thousand or so (a call for each before
   * Linux 5.6). Those before one that fails are written.
   */
  setMany(entries: Iterable<readonly [number, VInit]>, options?: ArraySetOptions): void;
}
