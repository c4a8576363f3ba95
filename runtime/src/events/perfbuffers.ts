// The perf buffers of all CPUs behind one PERF_EVENT_ARRAY map: opened together, waited for by one descriptor, read in turn.
// What libbpf's perf_buffer__new does, on mappings that close safely.

import { ValueError } from "../errors.ts";
import { possibleCpus } from "../library/cpus.ts";
import { epollAdd, epollCreate } from "../library/epoll.ts";
import type { MapCore } from "../maps/core.ts";
import { show } from "../memory/refuse.ts";
import { addressOf, pageSize } from "../native.ts";
import { type CloseFd, ownFd } from "../library/threadend.ts";
import { type CpuBuffer, makeScratch, type OnLost, openCpuBuffer } from "./cpubuffer.ts";
import { alone, type EventSource, type Run } from "./source.ts";

/** How large the buffers are, and how often they wake their consumer. */
export interface PerfOptions {
  /** Pages of memory for each CPU, a power of two; 8 when left out. */
  readonly pages?: number | undefined;
  /**
   * How many samples of one CPU wake the consumer; 1 when left out. With more of them fewer wake-ups bring more samples
   * each, and what is left over waits up to half a second.
   */
  readonly wakeupEvents?: number | undefined;
}

// The length of one mapping is that of one Memory.
const largest = 1 << 30;

/** The buffers of one map; there is at least one. */
export class PerfBuffers implements EventSource {
  readonly fd: number;
  /** A poll takes the note away that there is something to read (`perf_poll`). */
  readonly isLevel = false;
  /** Dropped samples by CPU, as records tell of them and as far as the kernel was asked. */
  readonly #lost: number[];
  /** Hears of them too. */
  onLost: OnLost | undefined;
  readonly #count: OnLost = (lost, cpu) => {
    this.#lost[cpu]! += lost;
    this.onLost?.(lost, cpu);
  };
  readonly run: Run;
  halted = false;
  readonly displaced = false;
  readonly #buffers: readonly CpuBuffer[];
  readonly #closeFd: CloseFd;
  #open = true;
  #first = 0;
  /** Of the pass under way: the buffer, and how many are still to come. */
  #current: CpuBuffer | undefined;
  #left = 0;

  constructor(map: MapCore, options: PerfOptions = {}) {
    const pages = checkPages(map, options.pages ?? 8);
    const wakeupEvents = checkWakeup(map, options.wakeupEvents ?? 1);
    const cpus = Math.min(possibleCpus(map.library), map.maxEntries);
    const scratch = makeScratch();
    this.run = { m: scratch, at: 0, length: 0, stride: 0, cpu: 0, ...alone };
    const shared = { run: this.run, scratch, onLost: this.#count };
    const buffers: CpuBuffer[] = [];
    this.#lost = new Array<number>(cpus).fill(0);
    this.#buffers = buffers;
    this.fd = epollCreate();
    if (this.fd < 0) throw map.failure(this.fd, "epoll_create1", "open");
    this.#closeFd = ownFd(map.library, this.fd);
    try {
      for (let cpu = 0; cpu < cpus; cpu++) {
        const buffer = openCpuBuffer(map, cpu, pages, wakeupEvents, shared);
        if (buffer === undefined) continue; // offline
        buffers.push(buffer);
        this.#add(map, buffer);
      }
    } catch (e) {
      this.close();
      throw e;
    }
  }

  // Nobody else can read these: each who opens the map has buffers of his own.
  take(): void {}
  leave(): void {}
  check(): void {}

  begin(): void {
    this.halted = !this.#open;
    // Another CPU is the first each time: a busy one cannot keep the others waiting for ever.
    this.#first = (this.#first + 1) % this.#buffers.length;
    this.#left = this.#buffers.length;
    this.#current = undefined;
  }

  /** CPU by CPU. */
  find(max: number): number {
    while (!this.halted) {
      const found = this.#current?.find(max) ?? 0;
      if (found > 0) return found;
      this.#current?.end();
      if (this.#left === 0) break;
      this.#current = this.#buffers[(this.#first + this.#left--) % this.#buffers.length]!;
      this.#current.begin();
    }
    return 0;
  }

  release(count: number): void {
    this.#current?.release(count);
  }

  end(): void {
    this.#current?.end();
    this.#current = undefined;
  }

  halt(): void {
    this.halted = true;
  }

  /** There is no lock to save. */
  readonly idle = false;

  /** Dropped samples by CPU; before Linux 6.0 without those that no record has told of yet. */
  lost(): readonly number[] {
    this.#askLost();
    return [...this.#lost];
  }

  get ready(): boolean {
    return this.#buffers.some((buffer) => buffer.ready);
  }

  close(): void {
    // What no record will tell of any more.
    this.#askLost();
    this.#open = false;
    this.halt();
    for (const buffer of this.#buffers) buffer.close();
    this.#closeFd();
  }

  #askLost(): void {
    for (const { cpu, dropped } of this.#buffers) if (dropped !== undefined) this.#lost[cpu] = dropped;
  }

  #add(map: MapCore, { cpu, fd }: CpuBuffer): void {
    const put = new Uint32Array([cpu, fd]).buffer;
    const update = map.library.fn("bpf_map_update_elem");
    const result = update(map.use(), addressOf(put), addressOf(put) + 4, 0);
    if (result !== 0) throw map.failure(result, "bpf_map_update_elem", "open");
    const added = epollAdd(this.fd, fd);
    if (added < 0) throw map.failure(added, "epoll_ctl", "open");
  }
}

function checkPages(map: MapCore, pages: unknown): number {
  const most = largest / pageSize();
  if (Number.isInteger(pages) && Number(pages) >= 1 && Number(pages) <= most && Math.log2(Number(pages)) % 1 === 0) {
    return Number(pages);
  }
  const path = `map ${map.name}: pages`;
  throw new ValueError(`${path}: expected a power of two up to ${most}, got ${show(pages)}`, path);
}

function checkWakeup(map: MapCore, events: unknown): number {
  if (Number.isInteger(events) && Number(events) >= 1 && Number(events) <= 0xffff_ffff) return Number(events);
  const path = `map ${map.name}: wakeupEvents`;
  throw new ValueError(`${path}: expected a number of samples from 1, got ${show(events)}`, path);
}
