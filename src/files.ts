// Files in and out: objects read with care, text written whole or not at all. Errors are SkelErrors that start with the
// path as the user gave it.

import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  fchmodSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { displayPath, SkelError } from "./errors.ts";

/** Objects are far smaller; a device or a mistaken path must not eat the memory. */
const MAX_OBJECT = 64 * 1024 * 1024;
/** The kernel's own limit. */
const MAX_LINKS = 40;

type Doing = "read" | "written";

/** What an error of the system means, and what to do about it. */
const REASONS: Readonly<Record<string, string | Readonly<Record<Doing, string>>>> = {
  ENOENT: {
    read: "no such file (compile it first, or check the path)",
    written: "no such folder (make it first, or name another)",
  },
  EACCES: {
    read: "permission denied (check the rights of the file and of its folders)",
    written: "permission denied (check the rights of the folder, or name another)",
  },
  EPERM: "permission denied (check the rights and attributes of the file)",
  EISDIR: "a folder (remove it, or name another file)",
  EEXIST: "a file (name another folder)",
  ENOTDIR: "a part of the path that is no folder (check the path)",
  ENOSPC: "no space left on the disk (free some; nothing was changed)",
  EDQUOT: "no quota left on the disk (free some; nothing was changed)",
  EROFS: "a read-only file system (name another folder)",
  ENAMETOOLONG: "a name that is too long (choose a shorter one)",
  ELOOP: "symbolic links in a circle (remove one of them)",
};

function ioError(path: string, doing: Doing, cause: unknown): SkelError {
  const code = (cause as { code?: string }).code ?? "";
  const reason = REASONS[code];
  const why = typeof reason === "object" ? reason[doing] : reason;
  const got = why !== undefined ? `${code}, ${why}` : cause instanceof Error ? cause.message : String(cause);
  return new SkelError("ERR_IO", `cannot be ${doing}, got ${got}`, [displayPath(path)], { cause });
}

/**
 * Makes the folder at `path`, and those it is in. One by one: where no folder can be made, as in /proc, Node's own way of
 * making them all tries for ever.
 * @throws SkelError ERR_IO
 */
export function makeFolder(path: string, mode = 0o777): void {
  if (isFolder(path)) return;
  if (dirname(path) !== path) makeFolder(dirname(path), mode);
  try {
    mkdirSync(path, mode);
  } catch (e) {
    // Somebody else may have been faster.
    if (!isFolder(path)) throw ioError(path, "written", e);
  }
}

function refuse(path: string, what: string): SkelError {
  return new SkelError("ERR_IO", what, [displayPath(path)]);
}

/**
 * The bytes of the object at `path`: a regular file of at most 64 MiB, read once.
 * @throws SkelError ERR_IO
 */
export function readObjectFile(path: string): Uint8Array {
  let fd: number;
  try {
    // O_NONBLOCK: opening a FIFO must not wait for a writer.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (e) {
    throw ioError(path, "read", e);
  }
  try {
    const stat = fstatSync(fd);
    if (stat.isDirectory()) throw refuse(path, "not an object, got a folder (name a compiled object, like prog.bpf.o)");
    if (!stat.isFile())
      throw refuse(path, "not an object, got no regular file (name a compiled object, like prog.bpf.o)");
    if (stat.size > MAX_OBJECT)
      throw refuse(path, `not an object, got ${stat.size} bytes of at most ${MAX_OBJECT} (name a compiled object)`);
    return readFileSync(fd);
  } catch (e) {
    throw e instanceof SkelError ? e : ioError(path, "read", e);
  } finally {
    closeSync(fd);
  }
}

/** What is at `path`; undefined when nothing is, or nothing that this user may know of. */
function statIfAny(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

/** Whether `path` is an existing folder. */
export function isFolder(path: string): boolean {
  return statIfAny(path)?.isDirectory() ?? false;
}

/** What is at `path`, or undefined when there is nothing that could be read. */
export function readIfAny(path: string): Uint8Array | undefined {
  try {
    return statSync(path).isFile() ? readFileSync(path) : undefined;
  } catch {
    return undefined;
  }
}

/** UTF-8 as it is, a byte order mark included. */
export function textOf(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

/** The text of a file; undefined where there is none. */
export function readTextIfAny(path: string): string | undefined {
  const bytes = readIfAny(path);
  return bytes && textOf(bytes);
}

/**
 * Where a read of or a write to `path` lands, as an absolute path: symbolic links are followed, as tsc and prettier do, also
 * to where nothing is yet.
 */
export function targetOf(path: string): string {
  let at = resolve(path);
  for (let links = 0; links < MAX_LINKS; links++) {
    try {
      return realpathSync(at);
    } catch {
      try {
        at = resolve(dirname(at), readlinkSync(at));
      } catch {
        break;
      }
    }
  }
  return at;
}

/**
 * Writes `data` to `path` through a temporary file beside it and a rename: readers see the old or the new, and a
 * failure leaves the old. All in one synchronous go, so that a signal handler runs before or after, never within.
 * @throws SkelError ERR_IO
 */
export function writeWhole(path: string, data: Uint8Array): void {
  const target = targetOf(path);
  const old = statIfAny(target);
  if (old?.isDirectory()) throw ioError(path, "written", { code: "EISDIR" });
  // A rename would put a file in the place of /dev/null.
  if (old !== undefined && !old.isFile())
    throw refuse(path, "cannot be written, got no regular file (name another, or use --stdout)");
  if (old === undefined && isLink(target)) throw ioError(path, "written", { code: "ELOOP" });
  put(path, target, data, old?.mode);
}

/**
 * Puts a file with `data` in the place of whatever file or link is at `path`: a link is replaced, what it leads to is left alone.
 * @throws SkelError ERR_IO
 */
export function replaceFile(path: string, data: Uint8Array): void {
  put(path, path, data, 0o644);
}

function put(path: string, target: string, data: Uint8Array, mode: number | undefined): void {
  // Short: the name itself may be as long as names can be.
  const stem = `.${basename(target).slice(0, 40)}.${process.pid}.${randomBytes(4).toString("hex")}.tmp`;
  const temporary = join(dirname(target), stem);
  let fd: number | undefined;
  try {
    fd = openSync(temporary, "wx");
    if (mode !== undefined) fchmodSync(fd, mode & 0o7777);
    writeFileSync(fd, data);
    fsyncSync(fd);
    renameSync(temporary, target);
  } catch (e) {
    if (fd !== undefined) removeIfAny(temporary);
    throw ioError(path, "written", e);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function isLink(path: string): boolean {
  try {
    readlinkSync(path);
    return true;
  } catch {
    return false;
  }
}

function removeIfAny(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Already gone, or the folder vanished with it.
  }
}
