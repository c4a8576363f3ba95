// USER_RINGBUF maps: records from this process to a program, which takes them with bpf_user_ringbuf_drain. The producer's
// side of kernel/bpf/ringbuf.c, as libbpf's user_ring_buffer has it, on mappings of its own.

import { writeChecked } from "../codec/checked.ts";
import type { Codec } from "../codec/codec.ts";
import { detailsOf } from "../codec/fields.ts";
import { tailBytes } from "../codec/tail.ts";
import { StateError, ValueError } from "../errors.ts";
import type { BpfMap, MapCore, MapSpec } from "../maps/core.ts";
import { PlainMap } from "../maps/plain.ts";
import type { Memory } from "../memory.ts";
import { show } from "../memory/refuse.ts";
import { hostMemory, pageSize } from "../native.ts";
import { type Mapping, mapParts } from "../native/mapping.ts";
import { dataSize } from "./ringbuffer.ts";

/** A ring buffer that this process fills and a program drains. One process at a time may fill it. */
export interface UserRingBuf<T = Uint8Array, Init = T> extends BpfMap {
  /**
   * Appends one record: false when there is no room for it, and nothing was sent, until a program drains the buffer. What
   * is sent stays there until a program does; sending runs none.
   * @throws ValueError when the value does not fit its C type, or not the whole buffer
   */
  send(value: Init): boolean;
  /**
   * Room for one record, in the order of the reservations; undefined when there is none. A program gets no record that
   * comes after one that is neither submitted nor discarded. `size`, in bytes, is the type's own when left out; records
   * with a flexible array, and those of bytes, are as long as it says.
   * @example
   * using record = commands.reserve();
   * if (record === undefined) return "full";
   * record.value = { op: 1, arg: 42n };
   * record.submit(); // without it the end of the block discards the record
   * @throws ValueError when `size` is smaller than the type, or larger than the buffer
   */
  reserve(size?: number): Reservation<T, Init> | undefined;
  /** Bytes that no program has taken yet, each record with 8 for its header and rounded up to 8. */
  pending(): number;
}

/** A record on its way. All but its end is a {@link StateError} once it is submitted or discarded. */
export interface Reservation<T, Init = T> extends Disposable {
  /** In bytes. */
  readonly size: number;
  /** What the record says; all zeros until it is set. @throws ValueError when it does not fit its C type */
  get value(): T;
  set value(value: Init);
  /** Gives it to the program. */
  submit(): void;
  /** Gives it up: the program never sees it. Does nothing once it is submitted or discarded. */
  discard(): void;
}

// linux/bpf.h; the header of a record is its length with these bits, and a word of padding.
const BPF_RINGBUF_BUSY_BIT = 0x8000_0000;
const BPF_RINGBUF_DISCARD_BIT = 0x4000_0000;
const BPF_RINGBUF_HDR_SZ = 8;

// kernel/bpf/helpers.c, DYNPTR_MAX_SIZE: a longer record would stop every drain.
const longest = 0xff_ffff;

/** The buffer as this process sees it. */
interface Ring {
  /** The consumer's position, a word that only the kernel writes. */
  readonly consumer: BigUint64Array;
  readonly producer: BigUint64Array;
  /** Twice the same data, so that a record that wraps lies in one piece. */
  readonly data: Memory;
  readonly mappings: readonly Mapping[];
}

class UserRingBufHandle<T, Init> extends PlainMap implements UserRingBuf<T, Init> {
  readonly #map: MapCore;
  readonly #codec: Codec<T, Init>;
  readonly #path: string;
  readonly #recordSize: ((value: unknown) => number) | undefined;
  #ring: Ring | undefined;

  constructor(map: MapCore, codec: Codec<T, Init>) {
    super(map);
    this.#map = map;
    this.#codec = codec;
    this.#path = `map ${map.name}: value`;
    this.#recordSize = detailsOf(codec).recordSize;
    map.onClose(() => {
      const mappings = this.#ring?.mappings ?? [];
      this.#ring = undefined;
      for (const mapping of mappings) mapping.close();
    });
  }

  send(value: Init): boolean {
    const size =
      this.#recordSize === undefined ? this.#codec.size : Math.max(this.#codec.size, this.#recordSize(value));
    const at = this.#reserve(size);
    if (at < 0) return false;
    // Reserved first: a getter of the caller's own value may send as well.
    let flag = BPF_RINGBUF_DISCARD_BIT;
    try {
      this.write(at, size, value);
      flag = 0;
    } finally {
      this.commit(at, size, flag);
    }
    this.#map.use();
    return true;
  }

  reserve(size: number = this.#codec.size): Reservation<T, Init> | undefined {
    if (!Number.isInteger(size) || size < this.#codec.size) {
      const where = `map ${this.name}: size`;
      throw new ValueError(`${where}: expected at least ${this.#codec.size} bytes, got ${show(size)}`, where);
    }
    const at = this.#reserve(size);
    if (at < 0) return undefined;
    this.#enter().data.zero(at, size);
    return new ReservedRecord(this, at, size);
  }

  pending(): number {
    const { consumer, producer } = this.#enter();
    return Number(Atomics.load(producer, 0) - Atomics.load(consumer, 0));
  }

  /** What stands in the record at `at`. */
  read(at: number, size: number): T {
    const { data } = this.#enter();
    return bounded(data, at + size, () => this.#codec.read(data, at));
  }

  write(at: number, size: number, value: Init): void {
    const { data } = this.#enter();
    data.zero(at, size);
    bounded(data, at + size, () => writeChecked(this.#codec, data, at, value, this.#path));
  }

  /** As libbpf's `user_ringbuf_commit`. */
  commit(at: number, size: number, flag: number): void {
    const ring = this.#ring;
    // Closed meanwhile, perhaps by a getter of the value that was written.
    if (ring !== undefined) Atomics.store(ring.data.u32s, (at - BPF_RINGBUF_HDR_SZ) >>> 2, size | flag);
  }

  /** Where a busy record of `size` bytes is now, or -1. As libbpf's `user_ring_buffer__reserve`. */
  #reserve(size: number): number {
    const { consumer, producer, data } = this.#enter();
    const capacity = this.#map.maxEntries;
    const total = Math.ceil((size + BPF_RINGBUF_HDR_SZ) / 8) * 8;
    if (total > capacity || size > longest) {
      const most = Math.min(capacity - BPF_RINGBUF_HDR_SZ, longest);
      throw new ValueError(
        `${this.#path}: expected at most ${most} bytes, got ${size} (raise max_entries)`,
        this.#path,
      );
    }
    const from = Number(Atomics.load(producer, 0));
    if (capacity - (from - Number(Atomics.load(consumer, 0))) < total) return -1;
    const header = from % capacity;
    Atomics.store(data.u32s, header >>> 2, (size | BPF_RINGBUF_BUSY_BIT) >>> 0);
    data.u32s[(header >>> 2) + 1] = 0;
    Atomics.store(producer, 0, BigInt(from + total));
    return header + BPF_RINGBUF_HDR_SZ;
  }

  #enter(): Ring {
    const fd = this.#map.use();
    return (this.#ring ??= this.#open(fd));
  }

  #open(fd: number): Ring {
    const page = pageSize();
    // The kernel lets nobody else write to the consumer's page (`ringbuf_map_mmap_user`).
    const mappings = mapParts(fd, [
      { size: page, writable: false, offset: 0 },
      { size: page, writable: true, offset: page },
      { size: 2 * dataSize(this.#map), writable: true, offset: 2 * page },
    ]);
    if (typeof mappings === "number") throw this.#map.failure(-mappings, "mmap", "open");
    const [consumer, producer, data] = mappings.map(({ bytes }) => bytes) as [Uint8Array, Uint8Array, Uint8Array];
    return {
      consumer: new BigUint64Array(consumer.buffer, 0, 1),
      producer: new BigUint64Array(producer.buffer, 0, 1),
      data: hostMemory(data),
      mappings,
    };
  }
}

class ReservedRecord<T, Init> implements Reservation<T, Init> {
  readonly size: number;
  readonly #ring: UserRingBufHandle<T, Init>;
  readonly #at: number;
  #open = true;

  constructor(ring: UserRingBufHandle<T, Init>, at: number, size: number) {
    this.#ring = ring;
    this.#at = at;
    this.size = size;
  }

  get value(): T {
    this.#use();
    return this.#ring.read(this.#at, this.size);
  }

  set value(value: Init) {
    this.#use();
    this.#ring.write(this.#at, this.size, value);
  }

  submit(): void {
    this.#use();
    this.#end(0);
  }

  discard(): void {
    if (this.#open) this.#end(BPF_RINGBUF_DISCARD_BIT);
  }

  [Symbol.dispose](): void {
    this.discard();
  }

  #end(flag: number): void {
    this.#open = false;
    this.#ring.commit(this.#at, this.size, flag);
  }

  #use(): void {
    void this.#ring.fd;
    if (!this.#open) throw new StateError(`map ${this.#ring.name}: the record is submitted or discarded`);
  }
}

/** Runs `work` on a record that ends at `end`; nested, since a getter of the value may send as well. */
function bounded<R>(m: Memory, end: number, work: () => R): R {
  const outer = m.end;
  m.end = end;
  try {
    return work();
  } finally {
    m.end = outer;
  }
}

/** A map of type USER_RINGBUF; without a codec its records are bytes. For generated code. */
export function userRingbuf(): MapSpec<UserRingBuf>;
export function userRingbuf<T, Init = T>(codec: Codec<T, Init>): MapSpec<UserRingBuf<T, Init>>;
export function userRingbuf(codec: Codec<unknown, never> = tailBytes): MapSpec<UserRingBuf<unknown, never>> {
  return { type: "user_ringbuf", keySize: 0, valueSize: 0, create: (map) => new UserRingBufHandle(map, codec) };
}
