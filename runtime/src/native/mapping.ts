// A map's memory in this process: mmap of its descriptor, seen as an ArrayBuffer. A view of unmapped memory would end the
// process, so closing puts anonymous memory in its place, and that is unmapped when nothing can reach the view any more.

import { lastErrno, libc, viewOf } from "../native.ts";
import { closeAtExit } from "./atexit.ts";

// asm-generic/mman-common.h and mman.h; mips and parisc, which have other numbers, have no BPF JIT worth the name.
const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 0x01;
const MAP_PRIVATE = 0x02;
const MAP_FIXED = 0x10;
const MAP_ANONYMOUS = 0x20;
const MAP_NORESERVE = 0x4000;

// Of any page size, the kernel rounds lengths up to its own.
const pageSize = 4096;

interface Region {
  readonly address: number;
  readonly size: number;
}

let unreachable: FinalizationRegistry<Region> | undefined;

/** Mapped memory. */
export interface Mapping {
  readonly buffer: ArrayBuffer;
  /** From now on views of it read zeros and what is written to it is lost. */
  close(): void;
}

/** `size` bytes at `address` that another has mapped, and unmaps: whoever closes this uses no view of them after that. */
export function viewMapped(address: number, size: number): Mapping {
  return { buffer: viewOf(address, size), close() {} };
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
  const { mmap } = libc();
  const length = Math.ceil(size / pageSize) * pageSize;
  const address = mmap(0, length, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, offset);
  // MAP_FAILED is the one address that koffi cannot give as a number.
  if (!Number.isSafeInteger(address)) return lastErrno();
  const region: Region = { address, size: length };
  const buffer = viewOf(address, size);
  let open = true;
  const mapping: Mapping = {
    buffer,
    close() {
      if (!open) return;
      open = false;
      disarm();
      const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
      mmap(address, length, PROT_READ | PROT_WRITE, flags, -1, 0);
      unreachable ??= new FinalizationRegistry(({ address, size }) => libc().munmap(address, size));
      unreachable.register(buffer, region);
    },
  };
  // What is mapped keeps its map in the kernel.
  const disarm = closeAtExit(mapping);
  return mapping;
}
