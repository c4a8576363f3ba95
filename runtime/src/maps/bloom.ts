// BLOOM_FILTER maps: a set that forgets nothing and may take a value for another.

import type { Codec } from "../codec/codec.ts";
import { ENOENT } from "../library/errno.ts";
import type { BpfMap, MapCore, MapSpec } from "./core.ts";
import { PlainMap } from "./plain.ts";
import { rawBytes } from "./raw.ts";
import { explain, makeScratch, type Scratch } from "./scratch.ts";

/** A Bloom filter. Values can neither be taken out nor listed. */
export interface BloomFilterMap<V> extends BpfMap {
  /**
   * Adds a value. Past max_entries values nothing fails, `has` is wrong more often.
   * @throws ValueError when it does not fit its C type
   */
  add(value: V): void;
  /** False: the value was never added. True: it was, or others that hash like it. */
  has(value: V): boolean;
  /** The same map with values as bytes of exactly its value size. */
  readonly raw: BloomFilterMap<Uint8Array>;
}

class BloomFilterHandle<VInit> extends PlainMap implements BloomFilterMap<VInit> {
  readonly #map: MapCore;
  readonly #value: Codec<unknown, VInit>;
  // Taken while a call is under way: a getter of the caller's own value may use this map again, with memory of its own.
  #scratch: Scratch | undefined;
  #raw: BloomFilterMap<Uint8Array> | undefined;

  constructor(map: MapCore, value: Codec<unknown, VInit>) {
    super(map);
    this.#map = map;
    this.#value = value;
  }

  add(value: VInit): void {
    const update = this.#map.library.fn("bpf_map_update_elem");
    this.#call("bpf_map_update_elem", "add", value, (fd, at) => update(fd, 0, at, 0));
  }

  has(value: VInit): boolean {
    // The kernel reads the value that is looked up (kernel/bpf/syscall.c, `map_lookup_elem`).
    const lookup = this.#map.library.fn("bpf_map_lookup_elem");
    return this.#call("bpf_map_lookup_elem", "has", value, (fd, at) => lookup(fd, 0, at));
  }

  get raw(): BloomFilterMap<Uint8Array> {
    return (this.#raw ??= new BloomFilterHandle(this.#map, rawBytes(this.#map.valueSize)));
  }

  /** Whether `call` found what it was about. */
  #call(syscall: string, verb: string, value: VInit, call: (fd: number, at: number) => number): boolean {
    const scratch = this.#scratch ?? makeScratch(0, this.#map.wholeSize);
    this.#scratch = undefined;
    try {
      this.#value.write(scratch.value, 0, value);
      const result = call(this.#map.use(), scratch.valueAt);
      if (result === 0) return true;
      if (result === -ENOENT) return false;
      throw this.#map.failure(result, syscall, verb);
    } catch (e) {
      this.#map.use();
      throw explain(e, this.#value, scratch.value, value, `map ${this.#map.name}: value`);
    } finally {
      this.#scratch = scratch;
    }
  }
}

/** A map of type BLOOM_FILTER. For generated code. */
export function bloomFilter<V>(value: Codec<unknown, V>): MapSpec<BloomFilterMap<V>> {
  return {
    type: "bloom_filter",
    keySize: 0,
    valueSize: value.size,
    value,
    create: (map) => new BloomFilterHandle(map, value),
  };
}
