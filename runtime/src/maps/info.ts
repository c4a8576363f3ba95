// What the kernel says of a map: `struct bpf_map_info` (linux/bpf.h), and the lines of /proc/self/fdinfo that it lacks.

import { addressOf } from "../native.ts";
import type { MapCore } from "./core.ts";

/** What the kernel says of a map. */
export interface MapInfo {
  /** The kernel's word without BPF_MAP_TYPE_, in lower case: "hash". */
  readonly type: string;
  readonly id: number;
  /** As the kernel has it: of a name in C the first 15 bytes. */
  readonly name: string;
  /** In bytes. */
  readonly keySize: number;
  /** In bytes; of one CPU's value for per-CPU maps. */
  readonly valueSize: number;
  readonly maxEntries: number;
  /** BPF_F_* of map creation. */
  readonly flags: number;
  /** `map_extra`, 0n before Linux 5.16. */
  readonly extra: bigint;
  /** The id of the BTF that describes key and value, 0 without one. */
  readonly btfId: number;
  /** The bytes of kernel memory it takes, about; undefined without /proc. */
  readonly memlock: number | undefined;
  /** Whether `freeze` was called, by anyone; undefined without /proc. */
  readonly frozen: boolean | undefined;
}

// Up to `map_extra`; an older kernel fills in less of it.
const size = 88;

/** The info of `map` as it is now. */
export function describeMap(map: MapCore): MapInfo {
  const fd = map.use();
  const buffer = new ArrayBuffer(size + 8);
  const length = new Uint32Array(buffer, size, 1);
  length[0] = size;
  const at = addressOf(buffer);
  const result = map.library.fn("bpf_obj_get_info_by_fd")(fd, at, at + size);
  if (result < 0) throw map.failure(result, "bpf_obj_get_info_by_fd", "info");
  const words = new Uint32Array(buffer, 0, size / 4);
  const name = new Uint8Array(buffer, 24, 16);
  const end = name.indexOf(0);
  const lines = readFdinfo(fd);
  const frozen = lines.get("frozen");
  const memlock = lines.get("memlock");
  return {
    type: map.library.fn("libbpf_bpf_map_type_str")(words[0]!) ?? map.type,
    id: words[1]!,
    name: new TextDecoder().decode(name.subarray(0, end < 0 ? name.length : end)),
    keySize: words[2]!,
    valueSize: words[3]!,
    maxEntries: words[4]!,
    flags: words[5]!,
    extra: new BigUint64Array(buffer, 80, 1)[0]!,
    btfId: words[16]!,
    memlock: memlock === undefined ? undefined : Number(memlock),
    frozen: frozen === undefined ? undefined : frozen !== "0",
  };
}

/** kernel/bpf/syscall.c, `bpf_map_show_fdinfo`. */
function readFdinfo(fd: number): Map<string, string> {
  let text = "";
  try {
    text = process.getBuiltinModule("node:fs").readFileSync(`/proc/self/fdinfo/${fd}`, "utf8");
  } catch {
    // No /proc: the kernel's answer to BPF_OBJ_GET_INFO_BY_FD has to do.
  }
  return new Map(text.split("\n").map((line) => line.split(/:\s*/, 2) as [string, string]));
}
