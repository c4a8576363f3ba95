// A map's memory in this process: mmap of its descriptor, seen as bytes. A view of unmapped memory would end the process, so
// closing puts anonymous memory in its place, and that is unmapped when nothing can reach the view any more. A worker maps
// over memory of V8's instead, which V8 unmaps when nothing can reach it or the worker ends, however it ends.

import { addressOf, isMainThread, lastErrno, libc, viewOf } from "../native.ts";
import { closeAtExit } from "./atexit.ts";

// asm-generic/mman-common.h and mman.h; mips and parisc, which have other numbers, have no BPF JIT worth the name.
const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 0x01;
const MAP_PRIVATE = 0x02;
const MAP_FIXED = 0x10;
const MAP_ANONYMOUS = 0x20;
const MAP_NORESERVE = 0x4000;
const MREMAP_MAYMOVE = 1;
const MREMAP_FIXED = 2;

// Of any page size, the kernel rounds lengths up to its own.
const pageSize = 4096;

/** Of WebAssembly.Memory, whose buffer is pages that V8 has from the kernel for it alone. Node's types have none without DOM's. */
interface Wasm {
  readonly Memory: new (pages: { readonly initial: number; readonly maximum: number }) => {
    readonly buffer: ArrayBuffer;
  };
}

const wasmPageSize = 65536;

/**
 * At least `size` bytes of memory that starts a page and that nobody else uses a page of. koffi cannot make a view while its
 * worker is terminated without ending the process, V8 can. Undefined where V8 gives none: of 4 GiB, or without WebAssembly.
 */
function ownPages(size: number): ArrayBuffer | undefined {
  const { WebAssembly } = globalThis as { readonly WebAssembly?: Wasm };
  const pages = Math.ceil(size / wasmPageSize);
  try {
    return WebAssembly && new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer;
  } catch {
    return undefined;
  }
}

interface Region {
  readonly address: number;
  readonly size: number;
}

let unreachable: FinalizationRegistry<Region> | undefined;

/** Mapped memory. */
export interface Mapping {
  /** From the start of a page, which is the start of their buffer. That can be longer. */
  readonly bytes: Uint8Array;
  /** From now on views of it read zeros and what is written to it is lost. */
  close(): void;
}

/** `size` bytes at `address` that another has mapped, and unmaps: whoever closes this uses no view of them after that. */
export function viewMapped(address: number, size: number): Mapping {
  return { bytes: new Uint8Array(viewOf(address, size)), close() {} };
}

/** The first address of the mapping that `address` is in, as /proc tells it; undefined where it tells nothing. */
export function startOfMapping(address: number): number | undefined {
  let text = "";
  try {
    text = process.getBuiltinModule("node:fs").readFileSync("/proc/self/maps", "utf8");
  } catch {
    return undefined;
  }
  const ranges = text.split("\n").map((line) => /^([0-9a-f]+)-([0-9a-f]+) /.exec(line));
  const range = ranges.find((r) => r !== null && address >= Number(`0x${r[1]}`) && address < Number(`0x${r[2]}`));
  return range ? Number(`0x${range[1]}`) : undefined;
}

/** A part of what a descriptor maps. */
export interface Part {
  readonly size: number;
  readonly writable: boolean;
  readonly offset: number;
}

/** Maps all of `parts` or, where the kernel refuses one, none and gives the positive errno. */
export function mapParts(fd: number, parts: readonly Part[]): readonly Mapping[] | number {
  const mappings: Mapping[] = [];
  for (const { size, writable, offset } of parts) {
    const mapping = mapMemory(fd, size, writable, offset);
    if (typeof mapping === "number") {
      for (const made of mappings) made.close();
      return mapping;
    }
    mappings.push(mapping);
  }
  return mappings;
}

/** Maps `size` bytes from `offset` behind `fd`; gives the positive errno when the kernel refuses. */
export function mapMemory(fd: number, size: number, writable: boolean, offset = 0): Mapping | number {
  const { mmap, mremap, munmap } = libc();
  const length = Math.ceil(size / pageSize) * pageSize;
  const own = isMainThread() ? undefined : ownPages(size);
  const wanted = own === undefined ? 0 : addressOf(own);
  const protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  // A worker that is terminated is so when it calls or repeats something: not between these two.
  let address = mmap(0, length, protection, MAP_SHARED, fd, offset);
  // MAP_FAILED is the one address that koffi cannot give as a number.
  if (address > Number.MAX_SAFE_INTEGER) return lastErrno();
  // Had mmap put it there and failed, there would be a hole that another thread's memory could get into.
  if (wanted !== 0) {
    const from = address;
    address = mremap(from, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, wanted);
    if (address !== wanted) {
      const errno = lastErrno();
      munmap(from, length);
      return errno;
    }
  }
  const region: Region = { address, size: length };
  const buffer = own ?? viewOf(address, size);
  let open = true;
  const mapping: Mapping = {
    bytes: new Uint8Array(buffer, 0, size),
    close() {
      if (!open) return;
      open = false;
      disarm?.();
      const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
      mmap(address, length, PROT_READ | PROT_WRITE, flags, -1, 0);
      if (own !== undefined) return;
      unreachable ??= new FinalizationRegistry(({ address, size }) => munmap(address, size));
      unreachable.register(buffer, region);
    },
  };
  // What is mapped keeps its map in the kernel.
  const disarm = own === undefined ? closeAtExit(mapping) : undefined;
  return mapping;
}
