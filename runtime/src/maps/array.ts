// ARRAY maps: a fixed number of values by index, all of them there from the start.

import { readChecked } from "../codec/checked.ts";
import type { Codec } from "../codec/codec.ts";
import { isValueError, ValueError } from "../errors.ts";
import type { functions } from "../library/functions.ts";
import { show } from "../memory/refuse.ts";
import type { CFunction } from "../native.ts";
import type { BpfMap, MapCore, MapSpec } from "./core.ts";
import { lockFlag } from "./flags.ts";
import { iterate } from "./iterator.ts";
import { PlainMap } from "./plain.ts";
import { rawBytes } from "./raw.ts";
import { explain, makeScratch, type Scratch } from "./scratch.ts";

/** An array map in the kernel. Entries can be written and never deleted. */
export interface ArrayMap<V, VInit = V> extends BpfMap {
  /** How many values it holds: max_entries. */
  readonly length: number;
  /** @throws ValueError when `index` is outside */
  get(index: number): V;
  /** @throws ValueError when `index` is outside, or the value does not fit its C type */
  set(index: number, value: VInit, options?: ArraySetOptions): void;
  /** Whether `index` is inside. */
  has(index: number): boolean;
  keys(): IterableIterator<number>;
  values(): IterableIterator<V>;
  entries(): IterableIterator<[number, V]>;
  [Symbol.iterator](): IterableIterator<[number, V]>;
  /** The same as {@link length}. */
  count(): number;
  /** The same map with values as bytes of exactly its value size. */
  readonly raw: ArrayMap<Uint8Array>;
}

/** How an array map is written. */
export interface ArraySetOptions {
  /** Writes under the value's `bpf_spin_lock` (BPF_F_LOCK). */
  readonly lock?: boolean | undefined;
}

class ArrayHandle<V, VInit> extends PlainMap implements ArrayMap<V, VInit> {
  readonly #map: MapCore;
  readonly #value: Codec<V, VInit>;
  readonly #valuePath: string;
  readonly #lookup: CFunction<(typeof functions)["bpf_map_lookup_elem"]>;
  readonly #update: CFunction<(typeof functions)["bpf_map_update_elem"]>;
  #length: number | undefined;
  // Taken while a call is under way: a getter of the caller's own value may use this map again, with memory of its own.
  #scratch: Scratch | undefined;
  #raw: ArrayMap<Uint8Array> | undefined;

  constructor(map: MapCore, value: Codec<V, VInit>) {
    super(map);
    this.#map = map;
    this.#value = value;
    this.#valuePath = `map ${map.name}: value`;
    this.#lookup = map.library.fn("bpf_map_lookup_elem");
    this.#update = map.library.fn("bpf_map_update_elem");
  }

  get length(): number {
    return (this.#length ??= this.#map.maxEntries);
  }

  get(index: number): V {
    const scratch = this.#take(index);
    try {
      const result = this.#lookup(this.#map.rawFd, scratch.keyAt, scratch.outAt);
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
    const scratch = this.#take(index);
    try {
      this.#value.write(scratch.value, 0, value);
      const flags = options?.lock === true ? lockFlag : 0;
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

  values(): IterableIterator<V> {
    const value = this.#value;
    return iterate(this.#map, (at) => readChecked(value, at.values, at.valueAt, this.#valuePath));
  }

  entries(): IterableIterator<[number, V]> {
    const value = this.#value;
    return iterate(this.#map, (at) => [
      at.keys.u32(at.keyAt),
      readChecked(value, at.values, at.valueAt, this.#valuePath),
    ]);
  }

  [Symbol.iterator](): IterableIterator<[number, V]> {
    return this.entries();
  }

  count(): number {
    this.#map.use();
    return this.length;
  }

  get raw(): ArrayMap<Uint8Array> {
    return (this.#raw ??= new ArrayHandle(this.#map, rawBytes(this.#map.valueSize)));
  }

  /** Scratch memory that holds the key of `index`. */
  #take(index: number): Scratch {
    this.#map.use();
    if (!(Number.isInteger(index) && index >= 0 && index < this.length)) throw this.#outside(index);
    const scratch = this.#scratch ?? makeScratch(this.#map.keySize, this.#map.valueSize);
    this.#scratch = undefined;
    scratch.key.setU32(0, index);
    return scratch;
  }

  #outside(index: unknown): ValueError {
    const { name } = this.#map;
    return new ValueError(`${name}: index ${show(index)} is outside 0..${this.length - 1}`, name);
  }
}

/** A map of type ARRAY. For generated code. */
export function array<V, VInit = V>(value: Codec<V, VInit>): MapSpec<ArrayMap<V, VInit>> {
  return { type: "array", keySize: 4, valueSize: value.size, value, create: (map) => new ArrayHandle(map, value) };
}
