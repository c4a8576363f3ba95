// ARRAY maps: a fixed number of values by index, all of them there from the start.

import { readChecked } from "../codec/checked.ts";
import type { Codec } from "../codec/codec.ts";
import { u32 } from "../codec/scalars.ts";
import { isValueError, ValueError } from "../errors.ts";
import type { functions } from "../library/functions.ts";
import type { Memory } from "../memory.ts";
import { show } from "../memory/refuse.ts";
import type { CFunction } from "../native.ts";
import { BatchWriter, type Writes } from "./batches.ts";
import type { MapCore, MapSpec } from "./core.ts";
import { type Guard, guardOf } from "./guard.ts";
import { lockFlagOf, type LockOptions } from "./flags.ts";
import type { ArraySetOptions, IndexedMap } from "./indexed.ts";
import { entriesOf, iterate, valuesOf } from "./iterator.ts";
import { PlainMap } from "./plain.ts";
import { rawBytes } from "./raw.ts";
import { explain, makeScratch, type Scratch } from "./scratch.ts";

/** An array map in the kernel. Entries can be written and never deleted. */
export interface ArrayMap<V, VInit = V> extends IndexedMap<V, VInit> {
  /** The same map with values as bytes of exactly its value size. */
  readonly raw: ArrayMap<Uint8Array>;
}

/** What the maps with indexes have in common; `value` is the codec of all that one call carries. */
export class ArrayHandle<V, VInit> extends PlainMap implements IndexedMap<V, VInit> {
  readonly #map: MapCore;
  readonly #value: Codec<V, VInit>;
  readonly #valuePath: string;
  readonly #lookup: CFunction<(typeof functions)["bpf_map_lookup_elem"]>;
  readonly #update: CFunction<(typeof functions)["bpf_map_update_elem"]>;
  readonly #guard: Guard | undefined;
  #length: number | undefined;
  // Taken while a call is under way: a getter of the caller's own value may use this map again, with memory of its own.
  #scratch: Scratch | undefined;
  #writer: BatchWriter<number, VInit> | undefined;

  constructor(map: MapCore, value: Codec<V, VInit>) {
    super(map);
    this.#map = map;
    this.#value = value;
    this.#valuePath = `map ${map.name}: value`;
    this.#lookup = map.library.fn("bpf_map_lookup_elem");
    this.#update = map.library.fn("bpf_map_update_elem");
    this.#guard = guardOf(value, map.name);
  }

  get length(): number {
    return (this.#length ??= this.#map.maxEntries);
  }

  get(index: number, options?: LockOptions): V {
    const flags = options === undefined ? 0 : lockFlagOf(options);
    const scratch = this.#take(index);
    try {
      const result =
        flags === 0
          ? this.#lookup(this.#map.rawFd, scratch.keyAt, scratch.outAt)
          : this.#map.library.fn("bpf_map_lookup_elem_flags")(this.#map.rawFd, scratch.keyAt, scratch.outAt, flags);
      if (result === 0) return this.#value.read(scratch.out, 0);
      throw this.#map.failure(result, "bpf_map_lookup_elem", "get");
    } catch (e) {
      if (isValueError(e)) readChecked(this.#value, scratch.out, 0, this.#valuePath);
      throw e;
    } finally {
      this.#scratch = scratch;
    }
  }

  set(index: number, value: VInit, options?: ArraySetOptions): void {
    if (this.#guard !== undefined) this.#guard(options);
    const flags = options === undefined ? 0 : lockFlagOf(options);
    const scratch = this.#take(index);
    try {
      this.#value.write(scratch.value, 0, value);
      const result = this.#update(this.#map.rawFd, scratch.keyAt, scratch.valueAt, flags);
      if (result !== 0) throw this.#map.failure(result, "bpf_map_update_elem", "set");
    } catch (e) {
      this.#map.use();
      throw explain(e, this.#value, scratch.value, value, this.#valuePath);
    } finally {
      this.#scratch = scratch;
    }
  }

  has(index: number): boolean {
    this.#map.use();
    return Number.isInteger(index) && index >= 0 && index < this.length;
  }

  *keys(): IterableIterator<number> {
    for (let i = 0; i < this.length; i++) {
      this.#map.use();
      yield i;
    }
  }

  values(options?: LockOptions): IterableIterator<V> {
    return iterate(this.#map, valuesOf(this.#value, this.#valuePath), lockFlagOf(options));
  }

  entries(options?: LockOptions): IterableIterator<[number, V]> {
    const reader = entriesOf(u32, "", this.#value, this.#valuePath);
    return iterate(this.#map, reader, lockFlagOf(options));
  }

  [Symbol.iterator](): IterableIterator<[number, V]> {
    return this.entries();
  }

  count(): number {
    this.#map.use();
    return this.length;
  }

  getMany(indexes: Iterable<number>, options?: LockOptions): V[] {
    this.#map.use();
    return Array.from(indexes, (index) => this.get(index, options));
  }

  setMany(entries: Iterable<readonly [number, VInit]>, options?: ArraySetOptions): void {
    this.#guard?.(options);
    this.#writer ??= new BatchWriter(this.#map, this.#index(), this.#value);
    this.#writer.set(entries, lockFlagOf(options));
  }

  /** Scratch memory that holds the key of `index`. */
  #take(index: number): Scratch {
    this.#map.use();
    this.checkIndex(index);
    const scratch = this.#scratch ?? makeScratch(this.#map.keySize, this.#map.wholeSize);
    this.#scratch = undefined;
    scratch.key.setU32(0, index);
    return scratch;
  }

  /** @throws ValueError when `index` is outside */
  protected checkIndex(index: number): void {
    if (Number.isInteger(index) && index >= 0 && index < this.length) return;
    const { name } = this.#map;
    throw new ValueError(`${name}: index ${show(index)} is outside 0..${this.length - 1}`, name);
  }

  /** The codec of an index, as batches write it. */
  #index(): Writes<number> {
    const write = (m: Memory, at: number, index: number): void => {
      this.checkIndex(index);
      m.setU32(at, index);
    };
    return { size: 4, write, check: write };
  }
}

/** An array that is read and written by system calls. */
export class PlainArrayHandle<V, VInit> extends ArrayHandle<V, VInit> implements ArrayMap<V, VInit> {
  readonly #map: MapCore;
  #raw: ArrayMap<Uint8Array> | undefined;

  constructor(map: MapCore, value: Codec<V, VInit>) {
    super(map, value);
    this.#map = map;
  }

  get raw(): ArrayMap<Uint8Array> {
    return (this.#raw ??= new PlainArrayHandle(this.#map, rawBytes(this.#map.valueSize)));
  }
}

/** A map of type ARRAY. For generated code. */
export function array<V, VInit = V>(value: Codec<V, VInit>): MapSpec<ArrayMap<V, VInit>> {
  return { type: "array", keySize: 4, valueSize: value.size, value, create: (map) => new PlainArrayHandle(map, value) };
}
