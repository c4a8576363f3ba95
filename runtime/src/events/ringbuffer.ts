// The consumer's side of a BPF ring buffer (kernel/bpf/ringbuf.c), as libbpf's ring_buffer has it, on mappings of its own.
// In: pages that programs write to; out: records, where they lie.

import { UnsupportedError } from "../errors.ts";
import type { MapCore } from "../maps/core.ts";
import type { Memory } from "../memory.ts";
import { hostMemory, pageSize } from "../native.ts";
import { mapMemory, type Mapping } from "../native/mapping.ts";
import type { EventSource, OnRecord } from "./source.ts";

// linux/bpf.h; the header of a record is its length with these bits, and a word that is the kernel's.
const BPF_RINGBUF_BUSY_BIT = 0x8000_0000 | 0;
const BPF_RINGBUF_DISCARD_BIT = 0x4000_0000;
const BPF_RINGBUF_HDR_SZ = 8;
const lengthBits = 0x3fff_ffff;

const unlimited = 0x3fff_ffff;

// Given back in parts, so that a busy program finds room before all is read.
const publishedAt = 1 << 16;

// The data is mapped twice, and one Memory is less than 4 GiB.
const largest = 1 << 30;

/** A ring buffer as this process reads it. */
export class RingBuffer implements EventSource {
  readonly fd: number;
  readonly isLevel = true;
  readonly #mappings: readonly Mapping[];
  /** The positions count bytes and never wrap in practice; of the low halves only differences matter. */
  readonly #consumer: BigUint64Array;
  readonly #producer: BigUint64Array;
  readonly #producerLow: Int32Array;
  readonly #low: number;
  /** Whether the processor itself reads a record after its header; Atomics.load, which makes others do so, takes its time. */
  readonly #ordered: boolean;
  /** Twice the same data, so that a record that wraps lies in one piece. */
  readonly #data: Memory;
  readonly #mask: number;
  #position = 0;
  #running = false;
  #open = true;

  constructor(map: MapCore) {
    const size = map.maxEntries;
    if (size > largest) {
      throw new UnsupportedError(`map ${map.name}: expected at most ${largest} bytes to map, got ${size}`);
    }
    this.fd = map.use();
    const page = pageSize();
    const mappings: Mapping[] = [];
    const mapped = (length: number, writable: boolean, offset: number): ArrayBuffer => {
      const mapping = mapMemory(this.fd, length, writable, offset);
      if (typeof mapping === "number") {
        for (const made of mappings) made.close();
        throw map.failure(-mapping, "mmap", "open");
      }
      mappings.push(mapping);
      return mapping.buffer;
    };
    // Only the consumer's page may be written to (`ringbuf_map_mmap_kern`).
    this.#consumer = new BigUint64Array(mapped(page, true, 0), 0, 1);
    const shared = mapped(page + 2 * size, false, page);
    this.#producer = new BigUint64Array(shared, 0, 1);
    this.#producerLow = new Int32Array(shared, 0, 2);
    this.#data = hostMemory(new Uint8Array(shared, page));
    this.#ordered = process.arch === "x64" || process.arch === "ia32";
    this.#low = this.#data.littleEndian ? 0 : 1;
    this.#mask = size - 1;
    this.#mappings = mappings;
  }

  /**
   * Hands out at most `max` of the records that are there now; gives how many. It ends before one that a program has
   * reserved and not yet submitted. What was handed out is free to be overwritten, also after `on` threw.
   */
  drain(max: number, on: OnRecord): number {
    const data = this.#data;
    const words = data.s32s;
    const mask = this.#mask;
    const ordered = this.#ordered;
    // A small integer also for Infinity: the comparison is in the loop.
    const most = Math.min(max, unlimited);
    const end = Atomics.load(this.#producerLow, this.#low);
    // Another process may have read meanwhile. Positions wrap here as 32-bit integers do: a buffer is smaller than that.
    this.#position = Number(Atomics.load(this.#consumer, 0));
    let at = this.#position | 0;
    let published = at;
    let count = 0;
    this.#running = this.#open;
    try {
      while (at !== end && count < most && this.#running) {
        const from = at & mask;
        const header = ordered ? words[from >> 2]! : Atomics.load(words, from >> 2);
        if ((header & BPF_RINGBUF_BUSY_BIT) !== 0) break;
        const length = header & lengthBits;
        // Counted as read before the handler sees it, which may throw.
        at = (at + ((length + BPF_RINGBUF_HDR_SZ + 7) & -8)) | 0;
        if ((header & BPF_RINGBUF_DISCARD_BIT) === 0) {
          count++;
          on(data, from + BPF_RINGBUF_HDR_SZ, length, 0);
        }
        if (((at - published) | 0) >= publishedAt) {
          this.#publish(at, published);
          published = at;
        }
      }
    } finally {
      this.#running = false;
      if (at !== published) this.#publish(at, published);
    }
    return count;
  }

  halt(): void {
    this.#running = false;
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
    this.#running = false;
    for (const mapping of this.#mappings) mapping.close();
  }

  #publish(at: number, published: number): void {
    this.#position += (at - published) >>> 0;
    Atomics.store(this.#consumer, 0, BigInt(this.#position));
  }
}
