// System calls that the C library has no function for. What is here of bpf(2) is what libbpf 1.0 has no way to say: newer
// kinds of links, whose options are younger than its structs.

import { UnsupportedError } from "../errors.ts";
import type { Memory } from "../memory.ts";
import { addressOf, hostMemory, lastErrno, libc } from "../native.ts";

// <asm/unistd.h>; the younger architectures share one table.
const generic = { bpf: 280, perfEventOpen: 241 };
const numbers: Readonly<Record<string, typeof generic>> = {
  x64: { bpf: 321, perfEventOpen: 298 },
  arm64: generic,
  loong64: generic,
  riscv64: generic,
  arm: { bpf: 386, perfEventOpen: 364 },
  ia32: { bpf: 357, perfEventOpen: 336 },
  ppc64: { bpf: 361, perfEventOpen: 319 },
  s390x: { bpf: 351, perfEventOpen: 331 },
};

function numberOf(call: keyof typeof generic): number {
  const known = numbers[process.arch];
  if (known === undefined) throw new UnsupportedError(`${call}: unknown system call on ${process.arch}`);
  return known[call];
}

function negativeErrno(result: number): number {
  return result < 0 ? -lastErrno() : result;
}

/** Zeroed memory for a C struct, in this machine's byte order. */
export function zeroed(size: number): Memory {
  return hostMemory(new Uint8Array(size));
}

// `enum bpf_cmd`
const BPF_LINK_CREATE = 28;

/** Makes a link as `attr.link_create` says (union bpf_attr); a descriptor, or a negative errno. */
export function linkCreate(attr: Memory): number {
  const { u8s } = attr;
  return negativeErrno(libc().syscall(numberOf("bpf"), BPF_LINK_CREATE, addressOf(u8s), u8s.length, 0, 0));
}

const PERF_FLAG_FD_CLOEXEC = 8;

/** perf_event_open(2); -1 as `pid` or `cpu` is any. A descriptor, or a negative errno. */
export function perfEventOpen(attr: Memory, pid: number, cpu: number): number {
  const { syscall } = libc();
  const call = numberOf("perfEventOpen");
  return negativeErrno(syscall(call, addressOf(attr.u8s), pid, cpu, -1, PERF_FLAG_FD_CLOEXEC));
}
