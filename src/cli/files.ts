// Files in and out: objects read with care, text written whole or not at all. Errors are SkelErrors that start with the
// path as the user gave it.

import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  fchmodSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { displayPath, SkelError } from "../errors.ts";

/** Objects are far smaller; a device or a mistaken path must not eat the memory. */
const MAX_OBJECT = 64 * 1024 * 1024;

const REMEDIES: Readonly<Record<string, string>> = {
  ENOENT: "no such file or folder",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EISDIR: "is a folder",
  ENOTDIR: "a part of the path is not a folder",
  ENOSPC: "no space left on the disk",
  EROFS: "read-only file system",
  ENAMETOOLONG: "the name is too long",
  ELOOP: "too many symbolic links",
};

function ioError(path: string, doing: string, cause: unknown): SkelError {
  const code = (cause as { code?: string }).code ?? "";
  const why = REMEDIES[code] ?? (cause instanceof Error ? cause.message : String(cause));
  const named = code === "" || REMEDIES[code] === undefined ? why : `${why}, ${code}`;
  return new SkelError("ERR_IO", `cannot ${doing} (${named})`, [displayPath(path)], { cause });
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
    if (stat.isDirectory())
      throw new SkelError("ERR_IO", "is a folder (name a compiled object, like prog.bpf.o)", [displayPath(path)]);
    if (!stat.isFile())
      throw new SkelError("ERR_IO", "is not a regular file (name a compiled object, like prog.bpf.o)", [
        displayPath(path),
      ]);
    if (stat.size > MAX_OBJECT)
      throw new SkelError("ERR_IO", `is too large for an object, got ${stat.size} bytes of at most ${MAX_OBJECT}`, [
        displayPath(path),
      ]);
    return readFileSync(fd);
  } catch (e) {
    throw e instanceof SkelError ? e : ioError(path, "read", e);
  } finally {
    closeSync(fd);
  }
}

/** Whether `path` is an existing folder. */
export function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** The text at `path`, or undefined when there is none that could be read. */
export function readTextIfAny(path: string): string | undefined {
  try {
    return statSync(path).isFile() ? readFileSync(path, "utf8") : undefined;
  } catch {
    return undefined;
  }
}

/** Where a write to `path` lands: symbolic links are followed, as tsc and prettier do. */
function targetOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/**
 * Writes `text` to `path` through a temporary file beside it and a rename: readers see the old text or the new, and a
 * failure leaves the old. All in one synchronous go, so that a signal handler runs before or after, never within.
 * @throws SkelError ERR_IO
 */
export function writeText(path: string, text: string): void {
  const target = targetOf(path);
  if (isFolder(target)) throw new SkelError("ERR_IO", "cannot write (is a folder, EISDIR)", [displayPath(path)]);
  const stem = `.${basename(target).slice(0, 100)}.${process.pid}.${randomBytes(4).toString("hex")}.tmp`;
  const temporary = join(dirname(target), stem);
  let fd: number | undefined;
  try {
    fd = openSync(temporary, "wx");
    const mode = statSync(target, { throwIfNoEntry: false })?.mode;
    if (mode !== undefined) fchmodSync(fd, mode & 0o7777);
    writeFileSync(fd, text);
    fsyncSync(fd);
    renameSync(temporary, target);
  } catch (e) {
    if (fd !== undefined) removeIfAny(temporary);
    throw ioError(path, "write", e);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function removeIfAny(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Already gone, or the folder vanished with it.
  }
}
