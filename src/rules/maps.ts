// The rules for maps: what the kernel takes as a definition, and what libbpf opens.

import { isEventMap, valueSizeOf } from "../object/events.ts";
import type { MapModel } from "../object/model.ts";
import type { Rule } from "./rule.ts";
import { FILLED } from "./slots.ts";

/** libbpf makes up the number of entries: one for each CPU (libbpf.c, `bpf_object__create_map`). */
const COUNTED_BY_LIBBPF: ReadonlySet<string> = new Set(["perf_event_array"]);
/** They grow with what they are stored in, or have none: the kernel wants 0. */
const WITHOUT_ENTRIES: ReadonlySet<string> = new Set(
  "cgroup_storage percpu_cgroup_storage sk_storage inode_storage task_storage cgrp_storage".split(" "),
);
/** Elements by index: kernel/bpf/arraymap.c and its like. */
const INDEXED: ReadonlySet<string> = new Set(
  "array percpu_array prog_array perf_event_array cgroup_array array_of_maps stack_trace devmap sockmap cpumap xskmap reuseport_sockarray".split(
    " ",
  ),
);
/** Values are descriptors, as those of perf event arrays, which the runtime corrects: `fd_array_map_alloc_check`, "only file descriptors can be stored in this type of map". */
const OF_DESCRIPTORS: ReadonlySet<string> = new Set(["prog_array", "cgroup_array"]);
const KEYED: ReadonlySet<string> = new Set("hash lru_hash percpu_hash lru_percpu_hash".split(" "));
const WITH_VALUES: ReadonlySet<string> = new Set([...KEYED, "array", "percpu_array", "queue", "stack", "bloom_filter"]);
const WITHOUT_KEYS: ReadonlySet<string> = new Set("queue stack bloom_filter ringbuf user_ringbuf".split(" "));
/** include/linux/percpu.h, PCPU_MIN_UNIT_SIZE: the most that the kernel hands out for each CPU. */
const LARGEST_PER_CPU = 32768;
/** include/uapi/linux/bpf.h: values are `struct bpf_stack_build_id` of 32 bytes. */
const BPF_F_STACK_BUILD_ID = 1 << 5;

function bytes(size: number): string {
  return `${size} ${size === 1 ? "byte" : "bytes"}`;
}

/** Storage of sockets, files, tasks and cgroups: `bpf_local_storage_map_alloc_check`. */
const LOCAL_STORAGE: ReadonlySet<string> = new Set(["sk_storage", "inode_storage", "task_storage", "cgrp_storage"]);
const BPF_F_NO_PREALLOC = 1;
const NEVER_INNER: ReadonlySet<string> = new Set([
  "prog_array",
  "cgroup_storage",
  "percpu_cgroup_storage",
  "struct_ops",
]);

function maxEntries(remedy: string): Rule<MapModel> {
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
const DEFINITIONS: readonly Rule<MapModel>[] = [
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

/** What a map must be. */
export const MAPS: readonly Rule<MapModel>[] = [
  {
    name: "static-map",
    stops: "open",
    broken: ({ linkage }) => (linkage === "static" ? "libbpf refuses static maps (remove static)" : undefined),
  },
  {
    // libbpf takes it for a static one (libbpf.c, `btf_fixup_datasec`).
    name: "hidden-map",
    stops: "open",
    broken: ({ linkage }) =>
      linkage === "hidden"
        ? "libbpf refuses maps of hidden visibility (leave out __hidden and -fvisibility=hidden)"
        : undefined,
  },
  {
    name: "pinning",
    stops: "open",
    broken: ({ unknownPinning }) =>
      unknownPinning === undefined
        ? undefined
        : `libbpf refuses pinning value ${unknownPinning} (use LIBBPF_PIN_NONE or LIBBPF_PIN_BY_NAME)`,
  },
  {
    // Of the maps of `.struct_ops` alone libbpf knows the struct: it follows a null pointer for any other.
    name: "struct-ops-map",
    stops: "process",
    broken: ({ type }) =>
      type === "struct_ops"
        ? 'libbpf crashes on a map of type struct_ops in SEC(".maps") (declare it in SEC(".struct_ops.link"))'
        : undefined,
  },
  maxEntries("give it some, or set maxEntries before load"),
  ...DEFINITIONS,
  ...FILLED,
  {
    // kernel/bpf/map_in_map.c: what has no `map_meta_equal`.
    name: "inner-type",
    stops: "load",
    broken: ({ inner }) =>
      inner !== undefined && NEVER_INNER.has(inner.type)
        ? `the kernel refuses maps of type ${inner.type} in a map of maps (declare another inner map)`
        : undefined,
  },
  {
    name: "inner-perf-entries",
    stops: "load",
    until: "1.4",
    broken: ({ inner }) =>
      inner?.type === "perf_event_array" && inner.maxEntries === 0
        ? "libbpf before 1.4 does not count the CPUs for an inner map of type perf_event_array (give it max_entries)"
        : undefined,
  },
  {
    // libbpf 1.5 crashes when an inner map's value size is set, so it cannot be set back before load.
    name: "inner-value",
    stops: "load",
    broken: ({ inner }) => {
      if (inner === undefined || !isEventMap(inner) || inner.valueSize === valueSizeOf(inner)) return undefined;
      const remedy = inner.type === "perf_event_array" ? "write __uint(value_size, 4)" : "leave its value out";
      return `the kernel refuses an inner map of type ${inner.type} with values of ${bytes(inner.valueSize)} (${remedy})`;
    },
  },
  ...[maxEntries("give it some"), ...DEFINITIONS].map((rule) => ({
    ...rule,
    name: `inner-${rule.name}`,
    broken: ({ inner }: MapModel): string | undefined => {
      const what = inner && rule.broken(inner);
      return what === undefined ? undefined : `of its inner map: ${what}`;
    },
  })),
];
