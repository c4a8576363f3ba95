// The consumer's side of a BPF ring buffer (kernel/bpf/ringbuf.c), as libbpf's ring_buffer has it, on mappings of its own.
// In: pages that programs write to; out: records, where they lie.

import { StateError, UnsupportedError } from "../errors.ts";
import type { MapCore } from "../maps/core.ts";
import type { Memory } from "../memory.ts";
import { hostMemory, pageSize } from "../native.ts";
import { type Mapping, mapParts } from "../native/mapping.ts";
import { type Lease, leaseOf } from "./lease.ts";
import type { EventSource, Run } from "./source.ts";

// linux/bpf.h; the header of a record is its length with these bits, and a word that is the kernel's.
const BPF_RINGBUF_BUSY_BIT = 0x8000_0000 | 0;
const BPF_RINGBUF_DISCARD_BIT = 0x4000_0000;
const BPF_RINGBUF_HDR_SZ = 8;
const lengthBits = 0x3fff_ffff;

// Given back in parts, so that a busy program finds room before all is read; and what is found is still in the cache when
// it is read.
const publishedAt = 1 << 16;
const longestRun = 1 << 14;

// Where processors reorder what they read, an atomic write stands between.
const fence: Int32Array = /*@__PURE__*/ new Int32Array(1);

// The data is mapped twice, and one Memory is less than 4 GiB.
const largest = 1 << 30;

/** The size of a ring buffer's data, in bytes. @throws UnsupportedError where that is too much to map */
export function dataSize(map: Pick<MapCore, "name" | "maxEntries">): number {
  if (map.maxEntries <= largest) return map.maxEntries;
  throw new UnsupportedError(`map ${map.name}: expected at most ${largest} bytes to map, got ${map.maxEntries}`);
}

/** A ring buffer as this process reads it. */
export class RingBuffer implements EventSource {
  readonly fd: number;
  readonly isLevel = true;
  readonly #mappings: readonly Mapping[];
  /** The positions count bytes and never wrap in practice; of the low halves only differences matter: a buffer is smaller. */
  readonly #consumer: BigUint64Array;
  readonly #consumerLow: Int32Array;
  readonly #producer: BigUint64Array;
  readonly #producerLow: Int32Array;
  readonly #low: number;
  /** Whether the processor itself reads a record after its header; Atomics.load, which makes others do so, takes its time. */
  readonly #ordered: boolean;
  /** Twice the same data, so that a record that wraps lies in one piece. */
  readonly #data: Memory;
  readonly #mask: number;
  readonly run: Run;
  halted = false;
  displaced = false;
  readonly #map: MapCore;
  readonly #size: number;
  #open = true;
  readonly #lease: Lease;
  #taken = false;
  /** Up to where programs may overwrite. */
  #position = 0;
  /** Of the pass: where it is, where it ends, and what it has published. They wrap as 32-bit integers do. */
  #at = 0;
  #end = 0;
  /** No position before the first pass: those are multiples of 8. */
  #published = -1;

  constructor(map: MapCore) {
    const size = dataSize(map);
    this.#map = map;
    this.#lease = leaseOf(map);
    this.#size = size;
    this.fd = map.use();
    const page = pageSize();
    // Only the consumer's page may be written to (`ringbuf_map_mmap_kern`).
    const mappings = mapParts(this.fd, [
      { size: page, writable: true, offset: 0 },
      { size: page + 2 * size, writable: false, offset: page },
    ]);
    if (typeof mappings === "number") throw map.failure(-mappings, "mmap", "open");
    const [own, shared] = mappings.map(({ bytes }) => bytes) as [Uint8Array, Uint8Array];
    this.#consumer = new BigUint64Array(own.buffer, 0, 1);
    this.#consumerLow = new Int32Array(own.buffer, 0, 2);
    this.#producer = new BigUint64Array(shared.buffer, 0, 1);
    this.#producerLow = new Int32Array(shared.buffer, 0, 2);
    this.#data = hostMemory(shared.subarray(page));
    this.#ordered = process.arch === "x64" || process.arch === "ia32";
    this.#low = this.#data.littleEndian ? 0 : 1;
    // Without a place all are checked by a call.
    const watched = { places: this.#consumerLow, place: this.#ordered ? this.#low : -1, unmoved: 0 };
    this.run = { m: this.#data, at: 0, length: 0, stride: 0, cpu: -1, ...watched };
    this.#mask = size - 1;
    this.#mappings = mappings;
  }

  take(): void {
    if (this.#taken) return;
    this.#lease.take();
    this.#taken = true;
    this.displaced = false;
    // Another may have read before.
    this.#position = Number(Atomics.load(this.#consumer, 0));
    this.#at = this.#published = this.#position | 0;
  }

  leave(): void {
    if (this.#taken) this.#lease.giveBack();
    this.#taken = false;
  }

  begin(): void {
    this.halted = !this.#open || this.displaced;
    if (this.halted) return;
    this.check();
    this.#end = Atomics.load(this.#producerLow, this.#low);
    if ((this.#end - this.#at) >>> 0 > this.#size) this.#lose();
  }

  // A consumer gives room to programs by moving its position, the others' too: what they have not read may be overwritten.
  check(): void {
    // A processor that reorders what it reads must have read the record before the position.
    if (!this.#ordered) Atomics.add(fence, 0, 0);
    if (this.#consumerLow[this.#low] !== this.#published && this.#open) this.#lose();
  }

  /** Ends before a record that a program has reserved and not yet submitted. */
  find(max: number): number {
    const { run } = this;
    const words = this.#data.s32s;
    const mask = this.#mask;
    const ordered = this.#ordered;
    const end = this.halted ? this.#at : this.#end;
    let at = this.#at;
    let count = 0;
    while (at !== end) {
      const from = at & mask;
      const header = ordered ? words[from >> 2]! : Atomics.load(words, from >> 2);
      if ((header & BPF_RINGBUF_BUSY_BIT) !== 0) break;
      const length = header & lengthBits;
      const stride = (length + BPF_RINGBUF_HDR_SZ + 7) & -8;
      // No record: the position is in the midst of one.
      if (stride > (end - at) >>> 0) this.#lose();
      if ((header & BPF_RINGBUF_DISCARD_BIT) !== 0) {
        at = (at + stride) | 0;
        continue;
      }
      run.unmoved = this.#published;
      run.at = from + BPF_RINGBUF_HDR_SZ;
      run.length = length;
      run.stride = stride;
      // The others have the same header.
      const limit = from + Math.min((end - at) >>> 0, longestRun);
      count = 1;
      for (let next = from + stride; count < max && next + stride <= limit; next += stride, count++) {
        if ((ordered ? words[next >> 2]! : Atomics.load(words, next >> 2)) !== header) break;
      }
      break;
    }
    this.#at = at;
    return count;
  }

  release(count: number): void {
    if (this.displaced) return;
    this.#at = (this.#at + count * this.run.stride) | 0;
    if (((this.#at - this.#published) | 0) >= publishedAt) this.#publish();
  }

  end(): void {
    if (this.#at !== this.#published) this.#publish();
  }

  halt(): void {
    this.halted = true;
  }

  get idle(): boolean {
    if (!this.#open || this.#lease.isElsewhere) return false;
    const low = this.#low;
    const published = this.#published;
    return Atomics.load(this.#producerLow, low) === published && Atomics.load(this.#consumerLow, low) === published;
  }

  get ready(): boolean {
    return this.#open && this.available() > 0;
  }

  /** Bytes that are reserved or submitted and not yet read, with their headers. */
  available(): number {
    return Number(Atomics.load(this.#producer, 0) - Atomics.load(this.#consumer, 0));
  }

  close(): void {
    this.#open = false;
    this.halt();
    this.leave();
    for (const mapping of this.#mappings) mapping.close();
  }

  #publish(): void {
    if (!this.#open) return;
    const before = BigInt(this.#position);
    this.#position += (this.#at - this.#published) >>> 0;
    this.#published = this.#at;
    // Never over another's position: that may be further on, and programs find no room when it goes back by more than there is.
    if (Atomics.compareExchange(this.#consumer, 0, before, BigInt(this.#position)) !== before) this.#lose();
  }

  #lose(): never {
    this.displaced = true;
    this.halt();
    this.#at = this.#published;
    const what = "somebody else reads it too, another process or library, and has moved the position of this consumer";
    throw new StateError(`map ${this.#map.name}: ${what}, which has ended (read it in one place)`);
  }
}
