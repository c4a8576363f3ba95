// Numbers of errno to their names and meanings. libbpf adds its own codes from 4000 (libbpf.h, `enum libbpf_errno`) and
// the kernel lets ENOTSUPP out, which no libc knows.

import type { Library } from "../library.ts";
import { addressOf } from "../native.ts";

// The same on every Linux architecture.
export const EPERM = 1;
export const ENOENT = 2;
export const ESRCH = 3;
export const ENXIO = 6;
export const E2BIG = 7;
export const EBADF = 9;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EACCES = 13;
export const EBUSY = 16;
export const EEXIST = 17;
export const ENODEV = 19;
export const ENOTDIR = 20;
export const EINVAL = 22;
export const ENFILE = 23;
export const EMFILE = 24;
export const ENOSPC = 28;
export const ERANGE = 34;
export const EOPNOTSUPP = 95;
export const ESTALE = 116;
export const ENOTSUPP = 524;

// Where Node's words are of something else, or say nothing of what to do.
const texts: ReadonlyMap<number, string> = /*@__PURE__*/ new Map([
  [EMFILE, "this process has as many files open as it may: close some, or raise the limit, ulimit -n"],
  [ENFILE, "the machine has as many files open as it may: sysctl fs.file-max"],
  // "operation not supported on socket"
  [EOPNOTSUPP, "operation not supported"],
  [ENOTSUPP, "not supported by the kernel"],
]);

const firstLibbpfErrno = 4000;

/** "ENOENT" for 2; "ERR_LIBBPF_4001" for what only libbpf names. */
export function errnoName(errno: number): string {
  if (errno === ENOTSUPP) return "ENOTSUPP";
  // What the kernel calls it; Node knows it as ENOTSUP, too.
  if (errno === EOPNOTSUPP) return "EOPNOTSUPP";
  if (errno >= firstLibbpfErrno) return `ERR_LIBBPF_${errno}`;
  const { errno: numbers } = process.getBuiltinModule("node:os").constants;
  // The first of several names for one number is the usual one: EAGAIN before EWOULDBLOCK.
  return Object.entries(numbers).find(([, number]) => number === errno)?.[0] ?? `ERRNO_${errno}`;
}

/** Whether `errno` says that no descriptor was left, whatever the call was for. */
export function isOutOfDescriptors(errno: number): boolean {
  return errno === EMFILE || errno === ENFILE;
}

/** "no such file or directory" for 2; undefined where there is no text for it. */
export function errnoText(library: Library | undefined, errno: number): string | undefined {
  const own = texts.get(errno);
  if (own !== undefined) return own;
  if (errno < firstLibbpfErrno) return process.getBuiltinModule("node:util").getSystemErrorMap().get(-errno)?.[1];
  if (library === undefined) return undefined;
  const text = new Uint8Array(256);
  library.fn("libbpf_strerror")(errno, addressOf(text), text.length);
  return new TextDecoder().decode(text.subarray(0, text.indexOf(0)));
}
