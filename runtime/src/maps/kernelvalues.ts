// What maps have in common whose values are the kernel's own and stand under keys: the words of ES `Map`, over a hash
// handle, without what makes sense only for bytes of the user's.

import type { Codec } from "../codec/codec.ts";
import type { BpfMap, MapCore } from "./core.ts";
import { hash, type HashMap } from "./hash.ts";
import { PlainMap } from "./plain.ts";
import type { ModeOptions } from "./slots.ts";

/** A map whose entries can be read and taken out. */
export interface KeyedReader<K, V, KInit = K> extends BpfMap {
  get(key: KInit): V | undefined;
  has(key: KInit): boolean;
  /** Whether the key was there. */
  delete(key: KInit): boolean;
  keys(): IterableIterator<K>;
  values(): IterableIterator<V>;
  entries(): IterableIterator<[K, V]>;
  [Symbol.iterator](): IterableIterator<[K, V]>;
  /** How many entries there are, which walks the map. */
  count(): number;
}

/** A map whose entries can be put in, too. */
export interface Keyed<K, V, Init, KInit = K> extends KeyedReader<K, V, KInit> {
  /**
   * Writes an entry.
   * @throws ValueError when the key does not fit its C type, or the value is none
   * @throws BpfError when the kernel does not take it, with what it wants
   */
  set(key: KInit, value: Init, options?: ModeOptions): void;
}

export class KeyedReaderHandle<K, V, Init, KInit = K> extends PlainMap implements KeyedReader<K, V, KInit> {
  protected readonly cells: HashMap<K, V, Init, KInit>;

  constructor(map: MapCore, key: Codec<K, KInit>, value: Codec<V, Init>) {
    super(map);
    this.cells = hash(key, value).create(map);
  }

  get(key: KInit): V | undefined {
    return this.cells.get(key);
  }

  has(key: KInit): boolean {
    return this.cells.has(key);
  }

  delete(key: KInit): boolean {
    return this.cells.delete(key);
  }

  keys(): IterableIterator<K> {
    return this.cells.keys();
  }

  values(): IterableIterator<V> {
    return this.cells.values();
  }

  entries(): IterableIterator<[K, V]> {
    return this.cells.entries();
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.entries();
  }

  count(): number {
    return this.cells.count();
  }
}

export class KeyedHandle<K, V, Init, KInit = K>
  extends KeyedReaderHandle<K, V, Init, KInit>
  implements Keyed<K, V, Init, KInit>
{
  set(key: KInit, value: Init, options?: ModeOptions): void {
    this.cells.set(key, value, options);
  }
}
