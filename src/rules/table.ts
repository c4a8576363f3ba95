// The rules of libbpf and the kernel for objects, as one table. gen's warnings, `--strict`, `check` and the hint of a failed
// load all come from it. What depends on the machine alone, such as a type of maps that its kernel has not, is a need (needs/).

import { printable, shown } from "../errors.ts";
import type { MapModel, ObjectModel, ProgramModel, StrayModel } from "../object/model.ts";
import type { Finding, Rule } from "./rule.ts";

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

/** What a map's definition must be, inner ones too. */
const DEFINITIONS: readonly Rule<MapModel>[] = [
  {
    name: "max-entries",
    stops: "load",
    broken: ({ type, maxEntries }) =>
      maxEntries === 0 && !COUNTED_BY_LIBBPF.has(type) && !WITHOUT_ENTRIES.has(type) && isKnown(type)
        ? `the kernel refuses a map of type ${type} without max_entries (give it some, or set maxEntries before load)`
        : undefined,
  },
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

const MAPS: readonly Rule<MapModel>[] = [
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
  ...DEFINITIONS,
  ...DEFINITIONS.map((rule) => ({
    ...rule,
    name: `inner-${rule.name}`,
    broken: ({ inner }: MapModel): string | undefined => {
      const what = inner && rule.broken(inner);
      return what === undefined ? undefined : `of its inner map: ${what}`;
    },
  })),
];

const PROGRAMS: readonly Rule<ProgramModel>[] = [
  {
    name: "static-program",
    stops: "open",
    broken: ({ linkage, section }) =>
      linkage === "static"
        ? `libbpf refuses static programs (remove static, or move it out of ${shown(section)})`
        : undefined,
  },
  {
    name: "unknown-section",
    stops: "load",
    broken: ({ sec, section }) =>
      sec === undefined
        ? `libbpf does not know SEC(${shown(section)}): the program has no type and cannot load (name the section as libbpf does)`
        : undefined,
  },
];

const EXTERNS: readonly Rule<string>[] = [
  {
    name: "unlinked-extern",
    stops: "open",
    broken: () =>
      "libbpf refuses an extern that neither .kconfig nor .ksyms has: another file defines it (link the objects first: bpftool gen object)",
  },
];

const STRAYS: readonly Rule<StrayModel>[] = [
  {
    name: "unknown-data",
    stops: "open",
    broken: ({ symbol }) =>
      `libbpf refuses code that uses ${shown(symbol)} of a section for neither maps nor data (put maps into SEC(".maps"), variables into .data, .rodata or .bss)`,
  },
];

const LONE_FUNCTIONS: readonly Rule<string>[] = [
  {
    name: "no-section",
    stops: "load",
    until: "1.5",
    broken: () =>
      'a function of .text is no program to libbpf, and before 1.5 one that has no type and cannot load (place it: SEC("..."))',
  },
];

function findIn<T>(
  rules: readonly Rule<T>[],
  part: T,
  of: Pick<Finding, "where" | "part" | "name" | "optional">,
): Finding[] {
  return rules.flatMap(({ name: rule, stops, until, broken }) => {
    const what = broken(part);
    if (what === undefined) return [];
    // What is optional is opened all the same.
    const optional = of.optional && stops === "load";
    return [{ ...of, rule, what, stops, optional, ...(until !== undefined && { until }) }];
  });
}

/** What the readers of an object's parts found that libbpf refuses: they alone see it. */
function refusals({ maps, warnings }: ObjectModel): Finding[] {
  return warnings.flatMap(({ where, what, stops }) => {
    if (stops === undefined) return [];
    const map = maps.find(({ name }) => where === `map ${name}`);
    const of = map === undefined ? { part: "object" as const, name: "" } : { part: "map" as const, name: map.name };
    return [{ ...of, rule: "definition", where, what, stops, optional: false }];
  });
}

/** Every rule that the object breaks, by part. */
export function findings(model: ObjectModel): Finding[] {
  const { maps, programs, unlinked = [], strays = [], loneFunction } = model;
  return [
    ...maps.flatMap((map) =>
      findIn(MAPS, map, {
        where: `map ${map.name}`,
        part: "map",
        name: map.name,
        optional: false,
      }),
    ),
    ...programs.flatMap((program) => {
      const { name, autoload } = program;
      return findIn(PROGRAMS, program, {
        where: `program ${shown(name)}`,
        part: "program",
        name,
        optional: !autoload,
      });
    }),
    ...(loneFunction === undefined ? [] : [loneFunction]).flatMap((name) =>
      findIn(LONE_FUNCTIONS, name, { where: `program ${shown(name)}`, part: "program", name, optional: false }),
    ),
    ...unlinked.flatMap((name) =>
      findIn(EXTERNS, name, { where: `extern ${printable(name)}`, part: "extern", name, optional: false }),
    ),
    ...strays.flatMap((stray) => {
      const { section: name } = stray;
      return findIn(STRAYS, stray, { where: `section ${shown(name)}`, part: "section", name, optional: false });
    }),
    ...refusals(model),
  ];
}
