// What the kernel says of a map: `struct bpf_map_info`, and the lines of /proc/self/fdinfo that it lacks.

import { readMapInfo } from "../library/mapinfo.ts";
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

/** The info of `map` as it is now. */
export function describeMap(map: MapCore): MapInfo {
  const fd = map.use();
  const info = readMapInfo(map.library, fd);
  if (typeof info === "number") throw map.failure(-info, "bpf_obj_get_info_by_fd", "info");
  const { id, name, keySize, valueSize, maxEntries, flags, extra, btfId } = info;
  const lines = readFdinfo(fd);
  const frozen = lines.get("frozen");
  const memlock = lines.get("memlock");
  return {
    // A word that libbpf lacks the generated code may know.
    type: info.type.startsWith("type_") ? map.type : info.type,
    id,
    name,
    keySize,
    valueSize,
    maxEntries,
    flags,
    extra,
    btfId,
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
