// The CPUs that this machine may ever have: a per-CPU map has a value for each of them, online or not.

import type { Library } from "../library.ts";
import { bpfError } from "./failure.ts";

/**
 * How many CPUs are possible (/sys/devices/system/cpu/possible); libbpf reads it once.
 * @throws BpfError when libbpf cannot read it
 */
export function possibleCpus(library: Library): number {
  const syscall = "libbpf_num_possible_cpus";
  const count = library.fn(syscall)();
  if (count > 0) return count;
  throw bpfError(library, { errno: -count, syscall, hint: "/sys/devices/system/cpu/possible cannot be read" });
}

/** How far apart values of `size` bytes lie where the kernel aligns each to 8: per-CPU values, mapped arrays. */
export function strideOf(size: number): number {
  return Math.ceil(size / 8) * 8;
}
