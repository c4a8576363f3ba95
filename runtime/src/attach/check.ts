// The options of `attach`, checked: a value of the right shape out, or a ValueError that names the option.

import { ValueError } from "../errors.ts";
import { ENODEV, isOutOfDescriptors } from "../library/errno.ts";
import { bpfError } from "../library/failure.ts";
import { zeroed } from "../library/syscalls.ts";
import { show } from "../memory/refuse.ts";
import type { Memory } from "../memory.ts";
import { addressOf, cString, lastErrno, libc } from "../native.ts";
import type { ProgramCore } from "../program/core.ts";
import type { CookieOptions, DeviceOptions } from "./options.ts";
import { exampleOptions } from "./targets.ts";

/** Refuses the value of an option. */
export function fail(core: ProgramCore, option: string, expected: string, got: unknown): never {
  const path = `program ${core.name}: attach: ${option}`;
  throw new ValueError(`${path}: expected ${expected}, got ${show(got)}`, path);
}

/** A u64 as a bigint. */
export function u64Of(core: ProgramCore, option: string, value: unknown): bigint {
  if (typeof value === "bigint" && BigInt.asUintN(64, value) === value) return value;
  return fail(core, option, "u64 as a bigint", value);
}

export function cookieOf(core: ProgramCore, { cookie = 0n }: CookieOptions): bigint {
  return u64Of(core, "cookie", cookie);
}

/** A number that fits a C int, or a size. */
export function numberOf(core: ProgramCore, option: string, value: unknown, least: number, most = 0x7fff_ffff): number {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return value as number;
  return fail(core, option, `a number in ${least}..${most}`, value);
}

/** A C string: not empty, and without the NUL that would end it early. */
export function textOf(core: ProgramCore, option: string, value: unknown): string {
  if (typeof value === "string" && value !== "" && !value.includes("\0")) return value;
  if (value !== undefined && value !== "") fail(core, option, "a string", value);
  const path = `program ${core.name}: attach: ${option}`;
  const example = exampleOptions(core.kind);
  throw new ValueError(`${path}: missing, and SEC("${core.section}") does not say it (attach(${example}))`, path);
}

/** One of the words that `words` has, as its number there. */
export function wordOf<W extends string>(
  core: ProgramCore,
  option: string,
  value: unknown,
  words: Readonly<Record<W, number>>,
): number {
  if (typeof value === "string" && Object.hasOwn(words, value)) return words[value as W];
  const expected = Object.keys(words).map((word) => `"${word}"`);
  return fail(core, option, expected.join(" or "), value);
}

/** The descriptor of a handle that has one. */
export function handleOf(core: ProgramCore, option: string, value: unknown, what: string): number {
  const fd = typeof value === "object" && value !== null && "fd" in value ? value.fd : undefined;
  if (typeof fd === "number" && Number.isInteger(fd) && fd >= 0) return fd;
  return fail(core, option, what, value);
}

/** The number of a network device. */
export function deviceOf(core: ProgramCore, { dev, ifindex }: DeviceOptions): number {
  if (dev === undefined) return numberOf(core, "ifindex", ifindex, 1);
  if (ifindex !== undefined) fail(core, "ifindex", "either it or dev", ifindex);
  const found = libc().if_nametoindex(textOf(core, "dev", dev));
  if (found !== 0) return found;
  const errno = unnamedErrno(lastErrno());
  const { library, name: object } = core.owner;
  const hint = errno === ENODEV ? `there is no network device called ${dev}` : undefined;
  const syscall = "if_nametoindex";
  throw bpfError(library, { errno, syscall, verb: "attach", object, program: core.name, hint });
}

/** Why if_nametoindex found nothing: glibc asks through a socket, and loses the errno of one that it could not open. */
function unnamedErrno(errno: number): number {
  if (errno === ENODEV) return errno;
  const { close, socket } = libc();
  const fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return lastErrno();
  close(fd);
  return errno;
}

// <sys/socket.h>
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;

/** Runs `use` with a descriptor of `file`, and closes it again where this opened it. */
export function withFd<T>(core: ProgramCore, option: string, file: unknown, use: (fd: number, name: string) => T): T {
  if (typeof file === "number") return use(numberOf(core, option, file, 0), `descriptor ${file}`);
  const path = textOf(core, option, file);
  const { openSync, closeSync, constants } = process.getBuiltinModule("node:fs");
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY);
  } catch (cause) {
    const { code = "EIO", errno = -5 } = cause as NodeJS.ErrnoException;
    const { library, name: object } = core.owner;
    const why = `cannot open ${path}, ${code === "ENOENT" ? "it is not there" : code}`;
    const hint = isOutOfDescriptors(-errno) ? undefined : why;
    throw bpfError(library, { errno: -errno, syscall: "open", verb: "attach", object, program: core.name, hint });
  }
  try {
    return use(fd, path);
  } finally {
    closeSync(fd);
  }
}

/** A zeroed `*_opts` of libbpf's: its first field is its size. */
export function optionsOf(size: number): Memory {
  const opts = zeroed(size);
  opts.setU64(0, BigInt(size));
  return opts;
}

export function at(opts: Memory): number {
  return addressOf(opts.u8s);
}

/** A C array of 64-bit numbers. */
export function wordsOf(numbers: readonly (bigint | number)[]): BigUint64Array {
  return BigUint64Array.from(numbers, (number) => BigInt(number));
}

/** A C array of strings, and the strings, which the caller keeps reachable while C uses the array. */
export function stringsOf(texts: readonly string[]): { readonly array: BigUint64Array; readonly texts: Uint8Array[] } {
  const bytes = texts.map(cString);
  return { array: wordsOf(bytes.map(addressOf)), texts: bytes };
}

/** The address of an array. */
export function arrayAt(array: BigUint64Array): bigint {
  return BigInt(addressOf(array.buffer as ArrayBuffer));
}
