// One CPU's part of a perf buffer: an event of PERF_COUNT_SW_BPF_OUTPUT and the pages that it is mapped to. In: what the
// kernel wrote; out: samples and counts of lost ones (kernel/events/ring_buffer.c, perf_event_open(2)).

import { EACCES, EINVAL, ENODEV, EPERM } from "../library/errno.ts";
import { missingCapabilities, perfEventParanoid } from "../library/host.ts";
import { perfEventOpen, zeroed } from "../library/syscalls.ts";
import type { MapCore } from "../maps/core.ts";
import { Memory } from "../memory.ts";
import { hostMemory, pageSize } from "../native.ts";
import { mapMemory, type Mapping } from "../native/mapping.ts";
import { type CloseFd, ownFd } from "../library/threadend.ts";
import type { Run } from "./source.ts";

// linux/perf_event.h
const PERF_TYPE_SOFTWARE = 1;
const PERF_COUNT_SW_BPF_OUTPUT = 10n;
const PERF_SAMPLE_RAW = 1n << 10n;
const PERF_FORMAT_LOST = 1n << 4n;
const PERF_RECORD_LOST = 2;
const PERF_RECORD_SAMPLE = 9;

// `struct perf_event_attr` as of its first version, and `data_head` and `data_tail` of `struct perf_event_mmap_page`.
const attr = {
  type: 0,
  size: 4,
  config: 8,
  sample_period: 16,
  sample_type: 24,
  read_format: 32,
  wakeup_events: 48,
  end: 64,
} as const;
const positionsAt = 1024;

// `struct perf_event_header` is a u32 and two u16, its last one the size of the whole record, which is less than 64 KiB.
const headerSize = 8;
const largestRecord = 0x1_0000;

/** Takes how many samples the kernel dropped. */
export type OnLost = (count: number, cpu: number) => void;

/** What the buffers of all CPUs have together. */
export interface Shared {
  /** What is found in one of them. */
  readonly run: Run;
  /** For records that go around a buffer's end. */
  readonly scratch: Memory;
  readonly onLost: OnLost;
}

/** An open perf event. */
interface Event {
  readonly fd: number;
  /** Whether it tells how many samples it has dropped. */
  readonly counts: boolean;
}

/** A CPU's buffer. */
export class CpuBuffer {
  readonly cpu: number;
  readonly fd: number;
  readonly #mapping: Mapping;
  readonly #closeFd: CloseFd;
  /** Head, which the kernel writes, and tail, up to which it may overwrite. */
  readonly #positions: BigUint64Array;
  /** The head in halves. */
  readonly #heads: Int32Array;
  readonly #data: Memory;
  readonly #mask: number;
  // Records that go around the end lie here in one piece.
  readonly #scratch: Memory;
  readonly #run: Run;
  readonly #onLost: OnLost;
  readonly #counts: boolean;
  /** Up to where the kernel may overwrite. */
  #tail: number;
  /** Of the pass: where it is, where it ends, and what it has published. They wrap as 32-bit integers do, and a buffer is smaller. */
  #at = 0;
  #end = 0;
  #published = 0;
  #open = true;

  constructor(cpu: number, { fd, counts }: Event, mapping: Mapping, page: number, closeFd: CloseFd, shared: Shared) {
    this.cpu = cpu;
    this.fd = fd;
    this.#counts = counts;
    this.#mapping = mapping;
    this.#closeFd = closeFd;
    this.#positions = new BigUint64Array(mapping.bytes.buffer, positionsAt, 2);
    this.#heads = new Int32Array(mapping.bytes.buffer, positionsAt, 2);
    this.#data = hostMemory(mapping.bytes.subarray(page));
    this.#mask = this.#data.size - 1;
    this.#scratch = shared.scratch;
    this.#run = shared.run;
    this.#onLost = shared.onLost;
    this.#tail = Number(Atomics.load(this.#positions, 1));
  }

  begin(): void {
    this.#at = this.#published = this.#tail | 0;
    this.#end = this.#open ? Atomics.load(this.#heads, this.#data.littleEndian ? 0 : 1) : this.#at;
  }

  /**
   * How many samples the kernel has dropped so far, those included that no record tells of yet; undefined once closed, and
   * before Linux 6.0, which does not count them for the event.
   */
  get dropped(): number | undefined {
    if (!this.#open || !this.#counts) return undefined;
    // PERF_FORMAT_LOST: the event's value and the count.
    const values = new BigUint64Array(2);
    const size = process.getBuiltinModule("node:fs").readSync(this.fd, values);
    return size === values.byteLength ? Number(values[1]) : undefined;
  }

  /** Finds the next samples, at most `max`, and tells of lost ones on the way. */
  find(max: number): number {
    const data = this.#data;
    const { u32s, u16s } = data;
    while (this.#at !== this.#end) {
      const from = this.#at & this.#mask;
      const type = u32s[from >>> 2]!;
      const bytes = u16s[(from >>> 1) + 3]!;
      // Never on the spot for ever.
      if (bytes < headerSize) return 0;
      if (type === PERF_RECORD_SAMPLE) return this.#samples(from, bytes, max);
      this.#at = (this.#at + bytes) | 0;
      // A u64 each: the event's id and the count.
      if (type === PERF_RECORD_LOST) {
        this.#onLost(Number(data.u64s[((from + headerSize + 8) & this.#mask) >>> 3]!), this.cpu);
      }
    }
    return 0;
  }

  /** The first `count` that were found are read. */
  release(count: number): void {
    this.#at = (this.#at + count * this.#run.stride) | 0;
    // A quarter of the buffer at a time, so that a busy program finds room before all is read.
    if (((this.#at - this.#published) | 0) > this.#mask >>> 2) this.#publish();
  }

  end(): void {
    if (this.#at !== this.#published) this.#publish();
  }

  /** Whether a pass would find something. */
  get ready(): boolean {
    return this.#open && Number(Atomics.load(this.#positions, 0)) !== this.#tail;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#mapping.close();
    this.#closeFd();
  }

  #publish(): void {
    this.#tail += (this.#at - this.#published) >>> 0;
    this.#published = this.#at;
    if (this.#open) Atomics.store(this.#positions, 1, BigInt(this.#tail));
  }

  /** Those from `from` on that are alike, one that goes around the end by itself; gives how many. */
  #samples(from: number, bytes: number, max: number): number {
    const { u32s, size } = this.#data;
    const run = this.#run;
    const length = u32s[((from + headerSize) & this.#mask) >>> 2]!;
    run.cpu = this.cpu;
    run.length = length;
    run.stride = bytes;
    if (from + bytes > size) {
      this.#unwrap(from, length);
      return 1;
    }
    run.m = this.#data;
    run.at = from + headerSize + 4;
    // Two words of header and the length.
    const word = from >>> 2;
    const first = u32s[word];
    const second = u32s[word + 1];
    const end = from + Math.min((this.#end - this.#at) >>> 0, size - from);
    let count = 1;
    for (let next = from + bytes; count < max && next + bytes <= end; next += bytes, count++) {
      const at = next >>> 2;
      if (u32s[at] !== first || u32s[at + 1] !== second || u32s[at + 2] !== length) break;
    }
    return count;
  }

  // The data starts 4 bytes behind the header; in the scratch memory its fields are aligned.
  #unwrap(from: number, length: number): void {
    const { u8s, size } = this.#data;
    const scratch = this.#scratch.u8s;
    const start = (from + headerSize + 4) & this.#mask;
    const first = Math.min(length, size - start);
    scratch.set(u8s.subarray(start, start + first));
    scratch.set(u8s.subarray(0, length - first), first);
    this.#run.m = this.#scratch;
    this.#run.at = 0;
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
  shared: Shared,
): CpuBuffer | undefined {
  const event = zeroed(attr.end);
  event.setU32(attr.type, PERF_TYPE_SOFTWARE);
  event.setU32(attr.size, attr.end);
  event.setU64(attr.config, PERF_COUNT_SW_BPF_OUTPUT);
  event.setU64(attr.sample_period, 1n);
  event.setU64(attr.sample_type, PERF_SAMPLE_RAW);
  event.setU32(attr.wakeup_events, wakeupEvents);
  event.setU64(attr.read_format, PERF_FORMAT_LOST);
  let fd = perfEventOpen(event, -1, cpu);
  const counts = fd !== -EINVAL;
  if (!counts) {
    event.setU64(attr.read_format, 0n);
    fd = perfEventOpen(event, -1, cpu);
  }
  if (fd === -ENODEV) return undefined;
  if (fd < 0) throw map.failure(fd, "perf_event_open", "open", hintOf(-fd));
  const closeFd = ownFd(map.library, fd);
  const page = pageSize();
  const mapping = mapMemory(fd, (pages + 1) * page, true);
  if (typeof mapping !== "number") return new CpuBuffer(cpu, { fd, counts }, mapping, page, closeFd, shared);
  closeFd();
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
