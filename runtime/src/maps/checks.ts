// What the numbers of a map's definition may be.

import { ValueError } from "../errors.ts";
import { show } from "../memory/refuse.ts";

/** BPF_F_NUMA_NODE (linux/bpf.h): without it the kernel ignores `numa_node`. */
export const numaNodeFlag = 4;

/** `value`, which must be a u32 of at least `least`. */
export function checkU32(value: unknown, path: string, least = 0): number {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= 0xffff_ffff) return value as number;
  const expected = least === 0 ? "u32" : `a number of at least ${least}`;
  throw new ValueError(`${path}: expected ${expected}, got ${show(value)}`, path);
}

/** `value`, which must be an absolute path. */
export function checkPath(value: unknown, path: string): string {
  if (typeof value === "string" && value.startsWith("/") && !value.includes("\0")) return value;
  throw new ValueError(`${path}: expected an absolute path, got ${show(value)}`, path);
}
