// What the kernel tells of a descriptor (BPF_OBJ_GET_INFO_BY_FD), after the first fields of `struct bpf_map_info`,
// `bpf_prog_info` and `bpf_link_info` in linux/bpf.h.

import type { Library } from "../library.ts";
import { addressOf } from "../native.ts";

// bpf_map_info: type, id, key_size, value_size, max_entries; the others start with type and id too.
const words = 5;

function firstWords(library: Library, fd: number): { errno: number; info: Uint32Array } {
  // The size that the kernel reads and writes back stands behind the fields.
  const info = new Uint32Array(words + 1);
  info[words] = words * 4;
  const at = addressOf(info.buffer as ArrayBuffer);
  const result = library.fn("bpf_obj_get_info_by_fd")(fd, at, at + words * 4);
  return { errno: -result, info };
}

/** What the kernel says of a map. */
export interface MapInfo {
  /** `enum bpf_map_type`. */
  readonly typeId: number;
  readonly id: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
}

/** What the kernel says of a map; `info` is undefined when the kernel refuses, with `errno`. */
export function mapInfo(library: Library, fd: number): { errno: number; info: MapInfo | undefined } {
  const { errno, info } = firstWords(library, fd);
  if (errno !== 0) return { errno, info: undefined };
  const [typeId, id, keySize, valueSize, maxEntries] = info as unknown as readonly [
    number,
    number,
    number,
    number,
    number,
  ];
  return { errno, info: { typeId, id, keySize, valueSize, maxEntries } };
}

/** The id of a program or link; undefined where the kernel has none for it. */
export function idOf(library: Library, fd: number): number | undefined {
  const { errno, info } = firstWords(library, fd);
  return errno === 0 ? info[1] : undefined;
}
