// File descriptors as keys and values of maps: numbers, things that have one, and paths that are opened for one call.

import type { Codec } from "../codec/codec.ts";
import { makeCodec } from "../codec/base.ts";
import { ValueError } from "../errors.ts";
import { refuse, show } from "../memory/refuse.ts";
import type { MapCore } from "./core.ts";

/** A file descriptor, or something that has one. It stays the caller's. */
export type Descriptor = number | { readonly fd: number };

/** A socket or server of node:net (node:dgram shows its descriptor to nobody). */
export interface NodeSocket {
  address(): unknown;
  ref(): unknown;
  unref(): unknown;
}

/** A socket's descriptor, something that has one, or a socket or server of node:net. It stays the caller's. */
export type SocketDescriptor = Descriptor | NodeSocket;

/** A directory's or file's path, which is opened for the call and closed after it, or a descriptor of it. */
export type PathDescriptor = string | Descriptor;

const largest = 0x7fffffff;

/** Throws a ValueError without a path, as codecs do, unless `value` has a descriptor. `what` is what was expected. */
export function fdOf(value: unknown, what: string): number {
  const fd = typeof value === "object" && value !== null && "fd" in value ? value.fd : value;
  if (typeof fd === "number" && Number.isInteger(fd) && fd >= 0 && fd <= largest) return fd;
  return refuse(what, value, fd === -1 ? "it is closed" : undefined);
}

/** The same for a socket: node:net keeps the descriptor in its handle, -1 before it is connected and after it is closed. */
export function socketOf(value: unknown): number {
  const expected = "a socket's descriptor or a socket of node:net";
  if (typeof value !== "object" || value === null || !("_handle" in value)) return fdOf(value, expected);
  const handle = (value._handle ?? null) as { fd?: unknown } | null;
  if (handle === null || handle.fd === -1) return refuse("an open socket", value, "it is closed, or not connected yet");
  return fdOf(handle.fd, expected);
}

/** A value that is written as a descriptor and that the kernel reads back as an id. */
export function reference<T extends { readonly fd: number }>(what: string): Codec<number, T> {
  return makeCodec<number, T>({
    name: what,
    size: 4,
    read: (m, at) => m.u32(at),
    write: (m, at, value) => m.setU32(at, objectOf(value, what)),
  });
}

/** The descriptor of a handle: a bare number would hide what it is of. */
export function objectOf(value: { readonly fd: number }, what: string): number {
  if (typeof value !== "object" || value === null) refuse(what, value);
  return fdOf(value, what);
}

// asm-generic/fcntl.h; Node has no constant for it. Opening so asks for no right on the file itself and wakes no device.
const O_PATH = 0o10000000;

/** Runs `use` with a descriptor of the directory `at`, the `part` of an entry of `map`. */
export function withDirectory<T>(map: MapCore, part: Part, at: PathDescriptor, use: (fd: number) => T): T {
  const { O_RDONLY, O_DIRECTORY } = process.getBuiltinModule("node:fs").constants;
  return withPath(map, part, at, O_RDONLY | O_DIRECTORY, "a directory's path or a descriptor of it", use);
}

/** Runs `use` with a descriptor of the file `at`, whatever kind of file it is. */
export function withFile<T>(map: MapCore, part: Part, at: PathDescriptor, use: (fd: number) => T): T {
  return withPath(map, part, at, O_PATH, "a file's path or a descriptor of it", use);
}

type Part = "key" | "value";

function withPath<T>(
  map: MapCore,
  part: Part,
  at: PathDescriptor,
  flags: number,
  what: string,
  use: (fd: number) => T,
): T {
  map.use();
  const where = `map ${map.name}: ${part}`;
  if (typeof at !== "string") return use(checked(() => fdOf(at, what), where));
  if (at === "" || at.includes("\0")) throw new ValueError(`${where}: expected ${what}, got ${show(at)}`, where);
  const { closeSync, openSync } = process.getBuiltinModule("node:fs");
  let fd: number;
  try {
    // libuv adds O_CLOEXEC.
    fd = openSync(at, flags);
  } catch (cause) {
    const { code = "EIO", errno = -5 } = cause as NodeJS.ErrnoException;
    throw map.failure(errno, "open", "open", `cannot open ${at}, ${code === "ENOENT" ? "it is not there" : code}`);
  }
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

/** What `find` gives; a ValueError of its starts with `where`. */
export function checked<T>(find: () => T, where: string): T {
  try {
    return find();
  } catch (e) {
    if (e instanceof ValueError && e.path === "") throw new ValueError(`${where}: ${e.message}`, where);
    throw e;
  }
}
