// Why libbpf does not take a pinned map for one of the object's (libbpf.c, `map_is_reuse_compat`): it says that something
// differs, and not what.

import type { Library } from "../library.ts";
import { type KernelMapInfo, mapTypeName, readMapInfo } from "../library/mapinfo.ts";
import { libc } from "../native.ts";

/** A map that load did not take from its pin. */
export interface RefusedPin {
  readonly map: string;
  readonly path: string;
}

/** The pin of which libbpf says in `log` that its map differs. */
export function findRefusedPin(log: string): RefusedPin | undefined {
  const path = /couldn't reuse pinned map at '([^']+)': parameter mismatch/.exec(log)?.[1];
  const map = /map '([^']+)': error reusing pinned map/.exec(log)?.[1];
  return path === undefined || map === undefined ? undefined : { map, path };
}

/** What differs, with both values, and what to do; undefined where nothing is seen to. `pointer` is the object's `struct bpf_map *`. */
export function pinnedDifference(library: Library, pointer: number, path: string): string | undefined {
  const fd = library.fn("bpf_obj_get")(path);
  if (fd < 0) return undefined;
  let theirs: KernelMapInfo | number;
  try {
    theirs = readMapInfo(library, fd);
  } finally {
    libc().close(fd);
  }
  if (typeof theirs === "number") return undefined;
  const fields: readonly (readonly [string, string | number | bigint, string | number | bigint])[] = [
    ["type", theirs.type, mapTypeName(library, library.fn("bpf_map__type")(pointer))],
    ["key_size", theirs.keySize, library.fn("bpf_map__key_size")(pointer)],
    ["value_size", theirs.valueSize, library.fn("bpf_map__value_size")(pointer)],
    ["max_entries", theirs.maxEntries, library.fn("bpf_map__max_entries")(pointer)],
    ["map_flags", theirs.flags, library.fn("bpf_map__map_flags")(pointer)],
    ["map_extra", theirs.extra, BigInt(library.fn("bpf_map__map_extra")(pointer))],
  ];
  const differing = fields.filter(([, a, b]) => a !== b).map(([name, a, b]) => `${name} is ${a} there and ${b} here`);
  if (differing.length === 0) return undefined;
  return `the map pinned at ${path} differs: ${differing.join(", ")}; remove the pin, or open with what it has`;
}
