// The rules for the definition of a map, whether it stands for itself or is the inner one of a map of maps: what the kernel
// takes as sizes, flags and types.

import type { MapModel } from "../object/model.ts";
import type { Rule } from "./rule.ts";

/** Storage of sockets, files, tasks and cgroups: `bpf_local_storage_map_alloc_check`. */
const LOCAL_STORAGE: ReadonlySet<string> = new Set(["sk_storage", "inode_storage", "task_storage", "cgrp_storage"]);
/** Storage of a program that is attached to a cgroup: kernel/bpf/local_storage.c. */
const CGROUP_STORAGE: readonly string[] = ["cgroup_storage", "percpu_cgroup_storage"];
/** libbpf makes up the number of entries: one for each CPU (libbpf.c, `bpf_object__create_map`). */
const COUNTED_BY_LIBBPF: ReadonlySet<string> = new Set(["perf_event_array"]);
/** They grow with what they are stored in, or have none: the kernel wants 0. */
const WITHOUT_ENTRIES: ReadonlySet<string> = new Set([...LOCAL_STORAGE, ...CGROUP_STORAGE]);
/** Elements by index, interface or descriptor: kernel/bpf/arraymap.c and its like. */
const INDEXED: ReadonlySet<string> = new Set([
  ..."array percpu_array prog_array perf_event_array cgroup_array array_of_maps stack_trace".split(" "),
  ..."devmap devmap_hash sockmap cpumap xskmap reuseport_sockarray".split(" "),
  ...LOCAL_STORAGE,
]);
/** Values are descriptors, as those of perf event arrays, which the runtime corrects: `fd_array_map_alloc_check`, "only file descriptors can be stored in this type of map". */
const OF_DESCRIPTORS: ReadonlySet<string> = new Set(["prog_array", "cgroup_array"]);
/** Values that are descriptors or numbers of the kernel's own, by the sizes that it takes. */
const VALUE_SIZES: Readonly<Record<string, readonly number[]>> = {
  sockmap: [4, 8],
  sockhash: [4, 8],
  reuseport_sockarray: [4, 8],
  devmap: [4, 8],
  devmap_hash: [4, 8],
  cpumap: [4, 8],
  xskmap: [4],
  arena: [0],
};
const HASHES: readonly string[] = ["hash", "lru_hash", "percpu_hash", "lru_percpu_hash"];
const KEYED: ReadonlySet<string> = new Set([...HASHES, "sockhash"]);
const WITH_VALUES: ReadonlySet<string> = new Set([
  ..."array percpu_array lpm_trie queue stack bloom_filter".split(" "),
  ...HASHES,
  ...LOCAL_STORAGE,
  ...CGROUP_STORAGE,
]);
const WITHOUT_KEYS: ReadonlySet<string> = new Set("queue stack bloom_filter ringbuf user_ringbuf arena".split(" "));
/** include/linux/percpu.h, PCPU_MIN_UNIT_SIZE: the most that the kernel hands out for each CPU. */
const LARGEST_PER_CPU = 32768;
/** include/uapi/linux/bpf.h: values are `struct bpf_stack_build_id` of 32 bytes. */
const BPF_F_STACK_BUILD_ID = 1 << 5;

/** "1 byte", "8 bytes". */
export function bytes(size: number): string {
  return `${size} ${size === 1 ? "byte" : "bytes"}`;
}

const BPF_F_NO_PREALLOC = 1;
const BPF_F_NO_COMMON_LRU = 1 << 1;
const BPF_F_RDONLY_PROG = 1 << 7;
const BPF_F_WRONLY_PROG = 1 << 8;
const BPF_F_MMAPABLE = 1 << 10;
/** Flags of a few types, which the kernel refuses for the others. */
const FLAGS: readonly { readonly flag: number; readonly name: string; readonly types: ReadonlySet<string> }[] = [
  {
    flag: BPF_F_NO_PREALLOC,
    name: "BPF_F_NO_PREALLOC",
    types: new Set(["hash", "percpu_hash", "hash_of_maps", "lpm_trie", ...LOCAL_STORAGE]),
  },
  { flag: BPF_F_NO_COMMON_LRU, name: "BPF_F_NO_COMMON_LRU", types: new Set(["lru_hash", "lru_percpu_hash"]) },
  { flag: BPF_F_MMAPABLE, name: "BPF_F_MMAPABLE", types: new Set(["array", "arena"]) },
];

/** The rule for `max_entries`, with what to do. */
export function maxEntries(remedy: string): Rule<MapModel> {
  return {
    name: "max-entries",
    stops: "load",
    broken: ({ type, maxEntries }) =>
      maxEntries === 0 && !COUNTED_BY_LIBBPF.has(type) && !WITHOUT_ENTRIES.has(type) && isKnown(type)
        ? `the kernel refuses a map of type ${type} without max_entries (${remedy})`
        : undefined,
  };
}

/** What a map's definition must be, inner ones too. */
export const DEFINITIONS: readonly Rule<MapModel>[] = [
  {
    name: "entries",
    stops: "load",
    broken: ({ type, maxEntries }) =>
      maxEntries !== 0 && WITHOUT_ENTRIES.has(type)
        ? `the kernel refuses a map of type ${type} with max_entries, got ${maxEntries} (leave them out)`
        : undefined,
  },
  {
    name: "no-prealloc",
    stops: "load",
    broken: ({ type, flags }) =>
      (type === "lpm_trie" || LOCAL_STORAGE.has(type)) && (flags & BPF_F_NO_PREALLOC) === 0
        ? `the kernel refuses a map of type ${type} without BPF_F_NO_PREALLOC (write __uint(map_flags, BPF_F_NO_PREALLOC))`
        : undefined,
  },
  {
    name: "array-key",
    stops: "load",
    broken: ({ type, keySize }) =>
      INDEXED.has(type) && keySize !== 4
        ? `the kernel refuses a map of type ${type} whose key is not 4 bytes, got ${keySize} (declare __type(key, __u32))`
        : undefined,
  },
  {
    name: "key-size",
    stops: "load",
    broken: ({ type, keySize }) => {
      if (type === "lpm_trie" && (keySize < 5 || keySize > 260))
        return `the kernel refuses a trie whose key is not 5 to 260 bytes, got ${keySize} (a prefix length of 4 bytes, then the data)`;
      if (CGROUP_STORAGE.includes(type) && keySize !== 8 && keySize !== 16)
        return `the kernel refuses a map of type ${type} whose key is not 8 or 16 bytes, got ${keySize} (declare __type(key, struct bpf_cgroup_storage_key))`;
      return undefined;
    },
  },
  {
    name: "value-size",
    stops: "load",
    broken: ({ type, valueSize }) => {
      const sizes = VALUE_SIZES[type];
      return sizes === undefined || sizes.includes(valueSize)
        ? undefined
        : `the kernel refuses a map of type ${type} whose value is not ${sizes.join(" or ")} bytes, got ${valueSize} (change its value)`;
    },
  },
  {
    name: "flags",
    stops: "load",
    broken: ({ type, flags }) => {
      const refused = FLAGS.find(({ flag, types }) => (flags & flag) !== 0 && isKnown(type) && !types.has(type));
      if (refused !== undefined)
        return `the kernel refuses ${refused.name} for a map of type ${type} (leave the flag out)`;
      return (flags & BPF_F_RDONLY_PROG) !== 0 && (flags & BPF_F_WRONLY_PROG) !== 0
        ? "the kernel refuses BPF_F_RDONLY_PROG and BPF_F_WRONLY_PROG together (leave one out)"
        : undefined;
    },
  },
  {
    name: "extra",
    stops: "load",
    broken: ({ type, extra }) =>
      extra !== "0" && isKnown(type) && type !== "bloom_filter" && type !== "arena"
        ? `the kernel refuses map_extra for a map of type ${type}, got ${extra} (leave it out)`
        : undefined,
  },
  {
    name: "arena-mmapable",
    stops: "load",
    broken: ({ type, flags }) =>
      type === "arena" && (flags & BPF_F_MMAPABLE) === 0
        ? "the kernel refuses an arena without BPF_F_MMAPABLE (write __uint(map_flags, BPF_F_MMAPABLE))"
        : undefined,
  },
  {
    name: "ring-size",
    stops: "load",
    broken: ({ type, maxEntries }) =>
      (type === "ringbuf" || type === "user_ringbuf") && maxEntries > 2 ** 31
        ? `the kernel refuses a map of type ${type} of more than 2147483648 bytes, got ${maxEntries} (lower max_entries)`
        : undefined,
  },
  {
    name: "storage-types",
    stops: "load",
    broken: ({ type, keyType, valueType }) =>
      LOCAL_STORAGE.has(type) && (keyType === undefined || valueType === undefined)
        ? `the kernel refuses a map of type ${type} whose key and value have no types (declare __type(key, int) and __type(value, ...))`
        : undefined,
  },
  {
    name: "no-key",
    stops: "load",
    broken: ({ type, keySize }) =>
      KEYED.has(type) && keySize === 0
        ? `the kernel refuses a map of type ${type} without a key (declare __type(key, ...))`
        : undefined,
  },
  {
    name: "a-key",
    stops: "load",
    broken: ({ type, keySize }) =>
      WITHOUT_KEYS.has(type) && keySize !== 0
        ? `the kernel refuses a map of type ${type} with a key, got ${bytes(keySize)} (leave the key out)`
        : undefined,
  },
  {
    name: "no-value",
    stops: "load",
    broken: ({ type, valueSize }) =>
      WITH_VALUES.has(type) && valueSize === 0
        ? `the kernel refuses a map of type ${type} without a value (declare __type(value, ...))`
        : undefined,
  },
  {
    name: "descriptor-value",
    stops: "load",
    broken: ({ type, valueSize }) =>
      OF_DESCRIPTORS.has(type) && valueSize !== 4
        ? `the kernel refuses a map of type ${type} whose value is not 4 bytes, got ${valueSize} (write __uint(value_size, 4))`
        : undefined,
  },
  {
    name: "stack-value",
    stops: "load",
    broken: ({ type, flags, valueSize }) => {
      if (type !== "stack_trace") return undefined;
      const frame = (flags & BPF_F_STACK_BUILD_ID) === 0 ? 8 : 32;
      return valueSize >= frame && valueSize % frame === 0
        ? undefined
        : `the kernel refuses stacks whose value is not a multiple of ${frame} bytes, got ${valueSize} (write __uint(value_size, ${frame} * depth))`;
    },
  },
  {
    name: "per-cpu-value",
    stops: "load",
    broken: ({ type, valueSize }) =>
      type.includes("percpu") && valueSize > LARGEST_PER_CPU
        ? `a value of ${valueSize} bytes is more than the ${LARGEST_PER_CPU} that the kernel has for each CPU (make the value smaller)`
        : undefined,
  },
  {
    name: "no-inner-map",
    stops: "load",
    broken: ({ type, inner }) =>
      type.endsWith("_of_maps") && inner === undefined
        ? "the kernel refuses a map of maps without an inner map (declare it with __array(values, ...))"
        : undefined,
  },
];

/** A type with a number alone is newer than this table. */
function isKnown(type: string): boolean {
  return !type.startsWith("type_") && type !== "unspec";
}
