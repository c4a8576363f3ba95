// What an object was compiled from, kept in the cache: when nothing of it has changed, nothing is compiled.

import { join, resolve } from "node:path";
import { SkelError } from "../errors.ts";
import { readIfAny, textOf } from "../files.ts";
import { sha256 } from "../header.ts";
import { readCached, writeCached } from "./cache.ts";

/** The name of the cache's folder for stamps. */
export const STAMPS = "objects";

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

function fileOf(object: string): string {
  return `${sha256(resolve(object)).slice(0, 32)}.json`;
}

/** The hash of the file at `path`; undefined where there is none. */
export function hashIfAny(path: string): string | undefined {
  const bytes = readIfAny(path);
  return bytes === undefined ? undefined : sha256(bytes);
}

/** The stamp of `object`; undefined where there is none that can be read. */
export function readStamp(cache: string, object: string): Stamp | undefined {
  try {
    const bytes = readCached(join(cache, STAMPS, fileOf(object)));
    return bytes === undefined ? undefined : (JSON.parse(textOf(bytes)) as Stamp);
  } catch {
    return undefined;
  }
}

/** Keeps `stamp` where the cache can be written; elsewhere the object is compiled again each time. */
export function writeStamp(cache: string, object: string, stamp: Stamp): void {
  try {
    writeCached(cache, STAMPS, fileOf(object), Buffer.from(JSON.stringify(stamp)));
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
