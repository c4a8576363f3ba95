// What maps have in common whose values are the kernel's own and stand in numbered slots that may be empty: maps of maps,
// programs, sockets, devices. Keys and values pass through a hash handle, whose words are the same.

import type { Codec } from "../codec/codec.ts";
import { u32 } from "../codec/scalars.ts";
import { ValueError } from "../errors.ts";
import { show } from "../memory/refuse.ts";
import type { BpfMap, MapCore } from "./core.ts";
import type { SetOptions } from "./flags.ts";
import { hash, type HashMap } from "./hash.ts";
import { PlainMap } from "./plain.ts";

/** A map of numbered slots that can be filled and emptied. */
export interface WriteOnlySlots<Init> extends BpfMap {
  /** How many slots there are: max_entries. */
  readonly length: number;
  /**
   * Fills a slot.
   * @throws ValueError when `index` is outside, or the value is none
   * @throws BpfError when the kernel does not take it, with what it wants
   */
  set(index: number, value: Init): void;
  /**
   * Empties a slot; false when it was empty.
   * @throws ValueError when `index` is outside
   */
  delete(index: number): boolean;
}

/** The same where the kernel tells what is in a slot. */
export interface Slots<V, Init> extends WriteOnlySlots<Init> {
  /** @throws ValueError when `index` is outside */
  get(index: number): V | undefined;
  /** Whether the slot is filled; false outside. */
  has(index: number): boolean;
  /** The filled slots. */
  keys(): IterableIterator<number>;
  values(): IterableIterator<V>;
  entries(): IterableIterator<[number, V]>;
  [Symbol.iterator](): IterableIterator<[number, V]>;
  /** How many slots are filled, which takes one look at each. */
  count(): number;
}

/** How to write into maps that know no locks. */
export type ModeOptions = Pick<SetOptions, "mode">;

/** Slots of which the kernel tells nothing. */
export class WriteOnlyHandle<V, Init> extends PlainMap implements WriteOnlySlots<Init> {
  protected readonly map: MapCore;
  protected readonly cells: HashMap<number, V, Init>;
  #length: number | undefined;

  constructor(map: MapCore, value: Codec<V, Init>) {
    super(map);
    this.map = map;
    this.cells = hash(u32, value).create(map);
  }

  get length(): number {
    return (this.#length ??= this.map.maxEntries);
  }

  set(index: number, value: Init, options?: ModeOptions): void {
    this.cells.set(this.inside(index), value, options);
  }

  delete(index: number): boolean {
    return this.cells.delete(this.inside(index));
  }

  protected isInside(index: number): boolean {
    this.map.use();
    return Number.isInteger(index) && index >= 0 && index < this.length;
  }

  protected inside(index: number): number {
    if (this.isInside(index)) return index;
    const { name } = this.map;
    throw new ValueError(`${name}: index ${show(index)} is outside 0..${this.length - 1}`, name);
  }
}

/** Slots that can be read. */
export class SlotsHandle<V, Init> extends WriteOnlyHandle<V, Init> implements Slots<V, Init> {
  get(index: number): V | undefined {
    return this.cells.get(this.inside(index));
  }

  has(index: number): boolean {
    return this.isInside(index) && this.cells.has(index);
  }

  *keys(): IterableIterator<number> {
    for (let i = 0; i < this.length; i++) if (this.cells.has(i)) yield i;
  }

  *values(): IterableIterator<V> {
    for (const [, value] of this.entries()) yield value;
  }

  // Slot by slot and not in batches: before Linux 6.15 those give EINTR at holes (`generic_map_lookup_batch`).
  *entries(): IterableIterator<[number, V]> {
    for (let i = 0; i < this.length; i++) {
      const value = this.cells.get(i);
      if (value !== undefined) yield [i, value];
    }
  }

  [Symbol.iterator](): IterableIterator<[number, V]> {
    return this.entries();
  }

  count(): number {
    let count = 0;
    for (let i = 0; i < this.length; i++) if (this.cells.has(i)) count++;
    return count;
  }
}
