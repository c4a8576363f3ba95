// Where the bytes of a section are: in a copy until load, in the kernel's memory after it, and where the kernel cannot map
// them (before Linux 5.5) behind a system call.

import { writeChecked } from "../codec/checked.ts";
import type { Codec } from "../codec/codec.ts";
import { memoryOf, Place } from "../codec/place.ts";
import { UnsupportedError } from "../errors.ts";
import type { MapCore } from "../maps/core.ts";
import type { Memory } from "../memory.ts";
import { addressOf, hostMemory } from "../native.ts";
import type { Mapping } from "../native/mapping.ts";

/** Bytes that variables are in. */
export interface SectionBytes {
  /**
   * The bytes as they are now.
   * @throws StateError in a phase in which they cannot be read
   */
  read(): Memory;
  /** Writes `size` bytes at `at` from the start of `from`. */
  write(at: number, size: number, from: Memory): void;
}

/** The bytes of one section, and where they are, which `read` gives too. */
export interface PlacedBytes extends SectionBytes {
  readonly place: Place;
}

/** Copies one variable. A scalar that C would store in one instruction is stored in one: a reader never sees half of it. */
export function copyVariable(to: Memory, at: number, size: number, from: Memory): void {
  if (size === 8 && at % 8 === 0) to.u64s[at >>> 3] = from.u64s[0]!;
  else if (size === 4 && at % 4 === 0) to.u32s[at >>> 2] = from.u32s[0]!;
  else if (size === 2 && at % 2 === 0) to.u16s[at >>> 1] = from.u16s[0]!;
  else to.u8s.set(from.u8s.subarray(0, size), at);
}

/** Encodes values of one variable before they are copied, so that one that does not fit changes nothing. */
export class Writer<T> {
  readonly codec: Codec<unknown, T>;
  // Taken while encoding: a getter of the caller's own value may write the same variable.
  #scratch: Memory | undefined;

  constructor(codec: Codec<unknown, T>) {
    this.codec = codec;
  }

  write(bytes: SectionBytes, at: number, value: T, path: string): void {
    const { size } = this.codec;
    const scratch = this.#scratch ?? hostMemory(new Uint8Array(Math.ceil(size / 8) * 8));
    this.#scratch = undefined;
    try {
      writeChecked(this.codec, scratch, 0, value, path);
      bytes.write(at, size, scratch);
    } finally {
      this.#scratch = scratch;
    }
  }
}

/** The copy that `open` edits and `load` hands to libbpf. */
export class InitialBytes implements PlacedBytes {
  readonly place: Place = new Place(() => this.read());
  #bytes: Uint8Array;
  #memory: Memory;
  readonly #use: () => void;

  /** `use` throws when the open handle cannot be used any more. */
  constructor(bytes: Uint8Array, use: () => void) {
    this.#bytes = bytes;
    this.#memory = hostMemory(bytes);
    this.#use = use;
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** From now on there are `size` bytes: as many as fit are as they were, the others zero. */
  resize(size: number): void {
    const bytes = new Uint8Array(size);
    bytes.set(this.#bytes.subarray(0, size));
    this.#bytes = bytes;
    this.#memory = hostMemory(bytes);
  }

  read(): Memory {
    this.#use();
    return this.#memory;
  }

  write(at: number, size: number, from: Memory): void {
    this.#use();
    copyVariable(this.#memory, at, size, from);
  }
}

/** The kernel's own memory, mapped when it is first used. */
export class LiveBytes implements PlacedBytes {
  /** At hand only while it may be used: reading a counter costs no other check. */
  readonly place: Place = new Place(() => this.#enter().read());
  readonly #map: MapCore;
  readonly #size: number;
  readonly #mapIt: (fd: number) => Mapping | number;
  readonly #isAttached: () => boolean;
  #mapping: Mapping | undefined;
  #lookup: LookupBytes | undefined;

  /** `mapIt` gives the positive errno where the kernel refuses. */
  constructor(map: MapCore, size: number, mapIt: (fd: number) => Mapping | number, isAttached: () => boolean) {
    this.#map = map;
    this.#size = size;
    this.#mapIt = mapIt;
    this.#isAttached = isAttached;
  }

  read(): Memory {
    return memoryOf(this.place);
  }

  write(at: number, size: number, from: Memory): void {
    if (this.place.m !== undefined) copyVariable(this.place.m, at, size, from);
    else this.#enter().write(at, size, from);
  }

  close(): void {
    this.place.m = undefined;
    this.#mapping?.close();
  }

  #enter(): SectionBytes {
    const fd = this.#map.use();
    if (this.#lookup !== undefined) return this.#lookup;
    const mapped = this.#mapIt(fd);
    if (typeof mapped === "number") return (this.#lookup = new LookupBytes(this.#map, this.#size, this.#isAttached));
    this.#mapping = mapped;
    this.place.m = hostMemory(mapped.bytes);
    return this;
  }
}

/** Element 0 of the map, read and written whole. */
class LookupBytes implements SectionBytes {
  readonly #map: MapCore;
  readonly #memory: Memory;
  readonly #at: number;
  readonly #key: Uint8Array = new Uint8Array(4);
  readonly #isAttached: () => boolean;

  constructor(map: MapCore, size: number, isAttached: () => boolean) {
    this.#map = map;
    const buffer = new ArrayBuffer(Math.ceil(size / 8) * 8);
    this.#memory = hostMemory(new Uint8Array(buffer, 0, size));
    this.#at = addressOf(buffer);
    this.#isAttached = isAttached;
  }

  read(): Memory {
    const { library } = this.#map;
    const result = library.fn("bpf_map_lookup_elem")(this.#map.use(), addressOf(this.#key), this.#at);
    if (result < 0) throw this.#map.failure(result, "bpf_map_lookup_elem", "read");
    return this.#memory;
  }

  write(at: number, size: number, from: Memory): void {
    if (this.#isAttached()) {
      const what = "this kernel cannot map global data, so it can be written only while nothing is attached";
      throw new UnsupportedError(`map ${this.#map.name}: ${what} (write before attach, or use Linux 5.5)`);
    }
    copyVariable(this.read(), at, size, from);
    const { library } = this.#map;
    const result = library.fn("bpf_map_update_elem")(this.#map.use(), addressOf(this.#key), this.#at, 0);
    if (result < 0) throw this.#map.failure(result, "bpf_map_update_elem", "write");
  }
}
