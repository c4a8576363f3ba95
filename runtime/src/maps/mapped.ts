// ARRAY maps with BPF_F_MMAPABLE: their values are memory of this process too, read and written without a system call.

import { readChecked } from "../codec/checked.ts";
import type { Codec } from "../codec/codec.ts";
import { StateError } from "../errors.ts";
import { strideOf } from "../library/cpus.ts";
import type { Memory } from "../memory.ts";
import { hostMemory } from "../native.ts";
import { mapMemory, type Mapping } from "../native/mapping.ts";
import { copyVariable, type SectionBytes, Writer } from "../sections/bytes.ts";
import { ArrayHandle, type ArrayMap, PlainArrayHandle } from "./array.ts";
import type { MapCore, MapSpec } from "./core.ts";
import type { LockOptions } from "./flags.ts";
import type { ArraySetOptions } from "./indexed.ts";
import { rawBytes } from "./raw.ts";

// Offsets in a Memory are cut to 32 bits.
const largest = 0xffff_ffff;

// Where the kernel refuses the mapping (`open` may have cleared the flag), everything goes by system calls as in any array.
class MappedArrayHandle<V, VInit> extends ArrayHandle<V, VInit> implements ArrayMap<V, VInit> {
  readonly #map: MapCore;
  readonly #value: Codec<V, VInit>;
  readonly #valuePath: string;
  readonly #stride: number;
  readonly #writer: Writer<VInit>;
  readonly #target: SectionBytes;
  // There only while it may be used: reading a counter costs no other check.
  #memory: Memory | undefined;
  #count = 0;
  #mapping: Mapping | undefined;
  #writable = true;
  #refused = false;
  #raw: ArrayMap<Uint8Array> | undefined;

  constructor(map: MapCore, value: Codec<V, VInit>) {
    super(map, value);
    this.#map = map;
    this.#value = value;
    this.#valuePath = `map ${map.name}: value`;
    this.#stride = strideOf(value.size);
    this.#writer = new Writer(value);
    const read = (): Memory => this.#writableMemory();
    this.#target = { read, write: (at, size, from) => copyVariable(read(), at, size, from) };
    map.onClose(() => this.#leave());
  }

  override get(index: number, options?: LockOptions): V {
    const memory = this.#memory;
    if (memory === undefined || options !== undefined || index >>> 0 !== index || index >= this.#count) {
      return this.#getAny(index, options);
    }
    try {
      return this.#value.read(memory, index * this.#stride);
    } catch {
      return readChecked(this.#value, memory, index * this.#stride, this.#valuePath);
    }
  }

  override set(index: number, value: VInit, options?: ArraySetOptions): void {
    const memory = this.#memory ?? this.#enter();
    if (memory === undefined || !this.#writable || options?.lock === true) return super.set(index, value, options);
    this.checkIndex(index);
    this.#writer.write(this.#target, index * this.#stride, value, this.#valuePath);
  }

  // The kernel freezes only what nobody has mapped for writing.
  override freeze(): void {
    this.#leave();
    super.freeze();
  }

  get raw(): ArrayMap<Uint8Array> {
    return (this.#raw ??= new PlainArrayHandle(this.#map, rawBytes(this.#map.valueSize)));
  }

  #getAny(index: number, options: LockOptions | undefined): V {
    const memory = this.#memory ?? this.#enter();
    // A lock is the kernel's to take.
    if (memory === undefined || options?.lock === true) return super.get(index, options);
    this.checkIndex(index);
    return readChecked(this.#value, memory, index * this.#stride, this.#valuePath);
  }

  // The caller's own value may have closed or frozen the map while it was encoded, and a write to a mapping that is only
  // readable ends the process.
  #writableMemory(): Memory {
    this.#map.use();
    if (this.#memory !== undefined && this.#writable) return this.#memory;
    throw new StateError(`map ${this.#map.name}: frozen while its value was read`);
  }

  #enter(): Memory | undefined {
    const fd = this.#map.use();
    const size = this.length * this.#stride;
    if (this.#refused || size > largest) return undefined;
    let mapped = mapMemory(fd, size, true);
    this.#writable = typeof mapped !== "number";
    // A frozen map can still be read.
    if (typeof mapped === "number") mapped = mapMemory(fd, size, false);
    if (typeof mapped === "number") {
      this.#refused = true;
      return undefined;
    }
    this.#mapping = mapped;
    this.#count = this.length;
    return (this.#memory = hostMemory(mapped.bytes));
  }

  #leave(): void {
    this.#memory = undefined;
    this.#mapping?.close();
    this.#mapping = undefined;
  }
}

/** A map of type ARRAY with BPF_F_MMAPABLE. For generated code. */
export function mmapableArray<V, VInit = V>(value: Codec<V, VInit>): MapSpec<ArrayMap<V, VInit>> {
  return {
    type: "array",
    keySize: 4,
    valueSize: value.size,
    value,
    create: (map) => new MappedArrayHandle(map, value),
  };
}
