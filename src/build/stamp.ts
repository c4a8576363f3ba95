// What an object was compiled from, kept in the cache: when nothing of it has changed, nothing is compiled.

import { dirname, join, resolve } from "node:path";
import { SkelError } from "../errors.ts";
import { makeFolder, readIfAny, readTextIfAny, writeWhole } from "../files.ts";
import { sha256 } from "../header.ts";

/** A record of one compilation. */
export interface Stamp {
  /** The compiler, its arguments, and the folder it ran in. */
  readonly key: string;
  /** The folder of the vmlinux.h that the build brought, where the source includes it. */
  readonly vmlinux: string | undefined;
  /** Hash of each file that was read, by absolute path: the source and all headers. */
  readonly inputs: Readonly<Record<string, string>>;
  /** Hash of the object. */
  readonly object: string;
}

function fileOf(cache: string, object: string): string {
  return join(cache, "objects", `${sha256(resolve(object)).slice(0, 32)}.json`);
}

/** The hash of the file at `path`; undefined where there is none. */
export function hashIfAny(path: string): string | undefined {
  const bytes = readIfAny(path);
  return bytes === undefined ? undefined : sha256(bytes);
}

/** The stamp of `object`; undefined where there is none that can be read. */
export function readStamp(cache: string, object: string): Stamp | undefined {
  try {
    return JSON.parse(readTextIfAny(fileOf(cache, object)) ?? "") as Stamp;
  } catch {
    return undefined;
  }
}

/** Keeps `stamp` where the cache can be written; elsewhere the object is compiled again each time. */
export function writeStamp(cache: string, object: string, stamp: Stamp): void {
  const file = fileOf(cache, object);
  try {
    makeFolder(dirname(file));
    writeWhole(file, Buffer.from(JSON.stringify(stamp)));
  } catch (e) {
    if (!(e instanceof SkelError)) throw e;
  }
}

/** Whether the bytes of the object and of all that it was made from are as they were. */
export function isFresh(stamp: Stamp, object: string): boolean {
  return (
    hashIfAny(object) === stamp.object && Object.entries(stamp.inputs).every(([path, hash]) => hashIfAny(path) === hash)
  );
}
