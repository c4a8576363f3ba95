// The only file that knows koffi. In: C signatures, addresses and strings; out: callable functions, views of memory and
// callbacks. Addresses are plain numbers (user space ends far below 2^53) and 0 is NULL. Nothing loads before first use.

import { UnsupportedError } from "./errors.ts";
import { Memory } from "./memory.ts";
import { hostIsLittleEndian } from "./memory/numbers.ts";

type Koffi = typeof import("koffi");

/** The C types that signatures are made of, and what JavaScript sees of each. */
export interface CTypes {
  readonly void: undefined;
  readonly bool: boolean;
  readonly int: number;
  readonly u32: number;
  /** A number where it is exact, else a bigint; takes both. */
  readonly u64: number | bigint;
  readonly size: number;
  readonly long: number;
  /** An address. */
  readonly ptr: number;
  /** A NUL-terminated string; null is NULL. */
  readonly str: string | null;
}

/** A C function: its result, its arguments, and the libbpf version that brought it when that is later than 1.0. */
export type Signature = readonly [
  result: keyof CTypes,
  args: readonly (keyof CTypes)[],
  since?: readonly [major: number, minor: number],
];

type Arguments<A extends readonly (keyof CTypes)[]> = { [I in keyof A]: CTypes[A[I]] };

/** A bound C function of signature `S`. */
export type CFunction<S extends Signature> = (...args: Extract<Arguments<S[1]>, readonly unknown[]>) => CTypes[S[0]];

/** Functions by their names, bound. */
export type Bound<T extends Readonly<Record<string, Signature>>> = { readonly [N in keyof T]: CFunction<T[N]> };

/** A shared library; `bind` gives undefined for a symbol that it does not have. */
export interface SharedLibrary {
  bind<S extends Signature>(name: string, signature: S): CFunction<S> | undefined;
  /** Of a symbol that the library has. */
  address(name: string): number;
}

const koffiTypes: { readonly [T in keyof CTypes]: string } = {
  void: "void",
  bool: "bool",
  int: "int",
  u32: "uint32_t",
  u64: "uint64_t",
  size: "size_t",
  long: "long",
  ptr: "uintptr_t",
  str: "str",
};

let loaded: Koffi | undefined;

function koffi(): Koffi {
  if (loaded !== undefined) return loaded;
  const { createRequire } = process.getBuiltinModule("node:module");
  try {
    loaded = createRequire(import.meta.url)("koffi") as Koffi;
  } catch (cause) {
    const { message } = cause as Error;
    throw new UnsupportedError(
      `koffi: cannot be loaded on ${process.platform} ${process.arch}, ${message} (reinstall @ebpf-skel/runtime here)`,
      { cause },
    );
  }
  return loaded;
}

/**
 * Opens a shared library by SONAME or path; null is what the process has already.
 * @throws Error with dlopen's reason, which does not name the library
 */
export function openShared(path: string | null): SharedLibrary {
  const library = koffi().load(path);
  return {
    address: (name) => Number(koffi().address(library.symbol(name))),
    bind<S extends Signature>(name: string, signature: S) {
      let address: unknown;
      try {
        address = library.symbol(name);
      } catch {
        return undefined;
      }
      if (address === null) return undefined;
      const [result, args] = signature;
      return library.func(
        name,
        koffiTypes[result],
        args.map((type) => koffiTypes[type]),
      ) as CFunction<S>;
    },
  };
}

/** Runs a bound C function on one of libuv's threads; errno does not come back with it. */
export function callAsync<A extends readonly unknown[], R>(fn: (...args: A) => R, ...args: A): Promise<R> {
  return new Promise((resolve, reject) => {
    (fn as ReturnType<ReturnType<Koffi["load"]>["func"]>).async(...args, (e: Error | null, result: R) => {
      if (e === null) resolve(result);
      else reject(e);
    });
  });
}

/** errno of the last C call of this thread; read it before any other call. */
export function lastErrno(): number {
  return koffi().errno();
}

/**
 * The address of `bytes`' memory. V8 never moves the memory of an ArrayBuffer, but frees it with the last reference: the
 * caller keeps `bytes` reachable for as long as C uses the address.
 */
export function addressOf(bytes: ArrayBuffer | Uint8Array): number {
  return Number(koffi().address(bytes));
}

/**
 * C memory as an ArrayBuffer; reading it after the memory is unmapped ends the process. A worker that is terminated in the
 * middle of this call ends the whole process (koffi throws where nobody can catch): see native/mapping.ts.
 */
export function viewOf(address: number, size: number): ArrayBuffer {
  return koffi().view(BigInt(address), size);
}

/** A copy of C memory. */
export function readFrom(address: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  libc().memcpy(addressOf(bytes), address, size);
  return bytes;
}

/** Copies `bytes` to C memory. */
export function writeTo(address: number, bytes: Uint8Array): void {
  libc().memcpy(address, addressOf(bytes), bytes.length);
}

/** The `length` bytes of text at `address`. */
export function stringAt(address: number, length: number): string {
  return koffi().decode.string(BigInt(address), length);
}

/** Text as a NUL-terminated C string; keep the result reachable while C uses its address. */
export function cString(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}

/** The address of a C function that calls `fn` on the thread that made it, for the life of the process. */
export function callback<R extends keyof CTypes, const A extends readonly (keyof CTypes)[]>(
  result: R,
  args: A,
  fn: (...args: Extract<Arguments<A>, readonly unknown[]>) => R extends "void" ? void : CTypes[R],
): number {
  const k = koffi();
  const type = k.proto(
    koffiTypes[result],
    args.map((type) => koffiTypes[type]),
  );
  return Number(k.register(fn, k.pointer(type)));
}

const libcFunctions = {
  mmap: ["ptr", ["ptr", "size", "int", "int", "int", "u64"]],
  munmap: ["int", ["ptr", "size"]],
  // Variadic: an address, which goes in a register either way.
  mremap: ["ptr", ["ptr", "size", "size", "int", "ptr"]],
  vasprintf: ["int", ["ptr", "ptr", "ptr"]],
  calloc: ["ptr", ["size", "size"]],
  free: ["void", ["ptr"]],
  memcpy: ["ptr", ["ptr", "ptr", "size"]],
  // Variadic: a number or an address, which goes in a register either way.
  fcntl: ["int", ["int", "int", "long"]],
  close: ["int", ["int"]],
  getpagesize: ["int", []],
  epoll_create1: ["int", ["int"]],
  epoll_ctl: ["int", ["int", "int", "int", "ptr"]],
  epoll_wait: ["int", ["int", "ptr", "int", "int"]],
  // Variadic, but all that is passed here goes in registers either way.
  syscall: ["long", ["long", "long", "long", "long", "long", "long"]],
  socket: ["int", ["int", "int", "int"]],
  setsockopt: ["int", ["int", "int", "int", "ptr", "u32"]],
  send: ["long", ["int", "ptr", "size", "int"]],
  recv: ["long", ["int", "ptr", "size", "int"]],
  if_nametoindex: ["u32", ["str"]],
  if_indextoname: ["ptr", ["u32", "ptr"]],
} as const;

let boundLibc: Bound<typeof libcFunctions> | undefined;

/** The C library's functions that the runtime needs. */
export function libc(): Bound<typeof libcFunctions> {
  if (boundLibc !== undefined) return boundLibc;
  const bound = bindOwn(libcFunctions);
  if (typeof bound === "string") throw new UnsupportedError(`expected a C library in this process, got no ${bound}`);
  return (boundLibc = bound);
}

/** Binds functions that are in the process already, whatever the file is called that they are from (glibc, musl). Gives the name of the first that is not. */
export function bindOwn<T extends Readonly<Record<string, Signature>>>(functions: T): Bound<T> | string {
  const own = openShared(null);
  const bound: Record<string, unknown> = {};
  for (const [name, signature] of Object.entries(functions)) {
    const fn = own.bind(name, signature);
    if (fn === undefined) return name;
    bound[name] = fn;
  }
  return bound as Bound<T>;
}

/** The address of a C function that is in the process already. */
export function ownAddress(name: string): number {
  const k = koffi();
  return Number(k.address(k.load(null).symbol(name)));
}

/** Of this machine, in bytes. */
export function pageSize(): number {
  return libc().getpagesize();
}

// fcntl.h
const F_DUPFD_CLOEXEC = 1030;
const firstBeyondStdio = 3;

/** Another descriptor of what `fd` is one of, closed on exec; or the negative errno. */
export function duplicate(fd: number): number {
  const copy = libc().fcntl(fd, F_DUPFD_CLOEXEC, firstBeyondStdio);
  return copy >= 0 ? copy : -lastErrno();
}

/** `bytes` as memory that C shares: in this machine's byte order. */
export function hostMemory(bytes: Uint8Array): Memory {
  return Memory.over(bytes, { bigEndian: !hostIsLittleEndian });
}

/** Whether this is the thread that koffi may call back into while C runs. */
export function isMainThread(): boolean {
  return process.getBuiltinModule("node:worker_threads").isMainThread;
}
