// One CPU's part of a perf buffer: an event of PERF_COUNT_SW_BPF_OUTPUT and the pages that it is mapped to. In: what the
// kernel wrote; out: samples and counts of lost ones (kernel/events/ring_buffer.c, perf_event_open(2)).

import { EACCES, ENODEV, EPERM } from "../library/errno.ts";
import { missingCapabilities, perfEventParanoid } from "../library/host.ts";
import { perfEventOpen, zeroed } from "../library/syscalls.ts";
import type { MapCore } from "../maps/core.ts";
import { Memory } from "../memory.ts";
import { hostMemory, libc, pageSize } from "../native.ts";
import { mapMemory, type Mapping } from "../native/mapping.ts";
import type { OnRecord } from "./source.ts";

// linux/perf_event.h
const PERF_TYPE_SOFTWARE = 1;
const PERF_COUNT_SW_BPF_OUTPUT = 10n;
const PERF_SAMPLE_RAW = 1n << 10n;
const PERF_RECORD_LOST = 2;
const PERF_RECORD_SAMPLE = 9;

// `struct perf_event_attr` as of its first version, and `data_head` and `data_tail` of `struct perf_event_mmap_page`.
const attr = { type: 0, size: 4, config: 8, sample_period: 16, sample_type: 24, wakeup_events: 48, end: 64 } as const;
const positionsAt = 1024;

// `struct perf_event_header` is a u32 and two u16, its last one the size of the whole record, which is less than 64 KiB.
const headerSize = 8;
const largestRecord = 0x1_0000;

/** Takes how many samples the kernel dropped. */
export type OnLost = (count: number, cpu: number) => void;

/** How many samples may still be handed out; 0 ends it at once. */
export interface Turn {
  left: number;
}

/** A CPU's buffer. */
export class CpuBuffer {
  readonly cpu: number;
  readonly fd: number;
  readonly #mapping: Mapping;
  /** Head, which the kernel writes, and tail, up to which it may overwrite. */
  readonly #positions: BigUint64Array;
  /** The head in halves. */
  readonly #heads: Uint32Array;
  readonly #data: Memory;
  // Records that go around the end lie here in one piece.
  readonly #scratch: Memory;
  #tail: number;
  #open = true;

  constructor(cpu: number, fd: number, mapping: Mapping, page: number, scratch: Memory) {
    this.cpu = cpu;
    this.fd = fd;
    this.#mapping = mapping;
    this.#positions = new BigUint64Array(mapping.buffer, positionsAt, 2);
    this.#heads = new Uint32Array(mapping.buffer, positionsAt, 2);
    this.#data = hostMemory(new Uint8Array(mapping.buffer, page));
    this.#scratch = scratch;
    this.#tail = Number(Atomics.load(this.#positions, 1));
  }

  /**
   * Hands out what is there now, or as much as `turn` leaves; gives how many samples. What was handed out is free for
   * the kernel to overwrite, also after `on` threw.
   */
  drain(turn: Turn, on: OnRecord, onLost: OnLost): number {
    const start = this.#tail;
    // Positions wrap here as 32-bit integers do, and a buffer is smaller than that.
    const ready = (Atomics.load(this.#heads, this.#data.littleEndian ? 0 : 1) - start) >>> 0;
    let count = 0;
    while (this.#open && turn.left > 0 && this.#tail - start < ready) {
      count += this.#part(start + ready, turn, on, onLost);
    }
    return count;
  }

  // A quarter of the buffer at a time, so that a busy program finds room before all is read.
  #part(end: number, turn: Turn, on: OnRecord, onLost: OnLost): number {
    const data = this.#data;
    const { u32s, u16s, size } = data;
    const mask = size - 1;
    const stop = Math.min(end, this.#tail + (size >>> 2));
    let tail = this.#tail;
    let count = 0;
    try {
      while (tail < stop && turn.left > 0) {
        const at = tail & mask;
        const type = u32s[at >>> 2]!;
        const bytes = u16s[(at >>> 1) + 3]!;
        // Closed by the handler: this is other memory.
        if (bytes < headerSize) return count;
        // Counted as read before the handler sees it, which may throw, or end its turn.
        tail += bytes;
        if (type === PERF_RECORD_SAMPLE) {
          count++;
          turn.left--;
          if (at + bytes <= size) on(data, at + headerSize + 4, u32s[(at + headerSize) >>> 2]!, this.cpu);
          else this.#unwrap(at, on);
        } else if (type === PERF_RECORD_LOST) {
          // A u64 each: the event's id and the count.
          onLost(Number(data.u64s[((at + headerSize + 8) & mask) >>> 3]!), this.cpu);
        }
      }
    } finally {
      this.#tail = tail;
      if (this.#open) Atomics.store(this.#positions, 1, BigInt(tail));
    }
    return count;
  }

  /** Whether a drain would find something. */
  get ready(): boolean {
    return this.#open && Number(Atomics.load(this.#positions, 0)) !== this.#tail;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#mapping.close();
    libc().close(this.fd);
  }

  // The data starts 4 bytes behind the header; in the scratch memory its fields are aligned.
  #unwrap(at: number, on: OnRecord): void {
    const { u8s, u32s, size } = this.#data;
    const scratch = this.#scratch.u8s;
    const length = u32s[((at + headerSize) & (size - 1)) >>> 2]!;
    const start = (at + headerSize + 4) & (size - 1);
    const first = Math.min(length, size - start);
    scratch.set(u8s.subarray(start, start + first));
    scratch.set(u8s.subarray(0, length - first), first);
    on(this.#scratch, 0, length, this.cpu);
  }
}

/** Memory for records that go around a buffer's end. */
export function makeScratch(): Memory {
  return hostMemory(new Uint8Array(largestRecord));
}

/**
 * The buffer of `pages` pages of `cpu`; undefined when it is offline. One of `wakeupEvents` samples makes its descriptor
 * readable.
 */
export function openCpuBuffer(
  map: MapCore,
  cpu: number,
  pages: number,
  wakeupEvents: number,
  scratch: Memory,
): CpuBuffer | undefined {
  const event = zeroed(attr.end);
  event.setU32(attr.type, PERF_TYPE_SOFTWARE);
  event.setU32(attr.size, attr.end);
  event.setU64(attr.config, PERF_COUNT_SW_BPF_OUTPUT);
  event.setU64(attr.sample_period, 1n);
  event.setU64(attr.sample_type, PERF_SAMPLE_RAW);
  event.setU32(attr.wakeup_events, wakeupEvents);
  const fd = perfEventOpen(event, -1, cpu);
  if (fd === -ENODEV) return undefined;
  if (fd < 0) throw map.failure(fd, "perf_event_open", "open", hintOf(-fd));
  const page = pageSize();
  const mapping = mapMemory(fd, (pages + 1) * page, true);
  if (typeof mapping !== "number") return new CpuBuffer(cpu, fd, mapping, page, scratch);
  libc().close(fd);
  const hint =
    mapping === EPERM
      ? "over the limit of locked memory: fewer pages, or sysctl kernel.perf_event_mlock_kb"
      : undefined;
  throw map.failure(-mapping, "mmap", "open", hint);
}

function hintOf(errno: number): string | undefined {
  if (errno !== EACCES && errno !== EPERM) return undefined;
  const missing = missingCapabilities(["CAP_PERFMON"]).length > 0;
  return missing ? `needs CAP_PERFMON, or root; kernel.perf_event_paranoid is ${perfEventParanoid()}` : undefined;
}
