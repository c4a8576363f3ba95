// The rules for a map of an object: what libbpf opens, its definition, and its inner map.

import { isEventMap, valueSizeOf } from "../object/events.ts";
import type { MapModel } from "../object/model.ts";
import { bytes, DEFINITIONS, maxEntries } from "./definitions.ts";
import type { Rule } from "./rule.ts";
import { FILLED } from "./slots.ts";

const NEVER_INNER: ReadonlySet<string> = new Set([
  "prog_array",
  "cgroup_storage",
  "percpu_cgroup_storage",
  "struct_ops",
]);

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
