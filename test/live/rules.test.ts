// The rules of libbpf and the kernel for objects: for each a small object that breaks it. What gen warns of, `strict` refuses,
// `check` answers and a failed load says is one thing; and what loads is nowhere said not to.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { requireKernel } from "../../runtime/test/support/kernel.ts";
import { generateWithWarnings } from "../../src/generate.ts";
import { isAtLeast } from "../../src/needs/needs.ts";
import { ensureBuilt, Folder } from "../support/cli.ts";
import { compileBpf } from "../support/compile.ts";
import { start } from "../support/programs.ts";
import { repository } from "../support/workspace.ts";

requireKernel();

const PRELUDE = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
typedef unsigned int u32;
typedef unsigned long long u64;
char LICENSE[] SEC("license") = "GPL";
`;
const PROGRAM = `SEC("syscall") int p(void *ctx) { return 0; }\n`;
const LOOKUP = `SEC("syscall") int p(void *ctx) { u32 k = 0; return bpf_map_lookup_elem(&m, &k) != 0; }\n`;

function map(type: string, members: string, before = ""): string {
  return `${before} struct { __uint(type, BPF_MAP_TYPE_${type}); ${members} } m SEC(".maps");\n`;
}
const PAIR = "__type(key, u32); __type(value, u64);";
const hash = (before: string, more = ""): string => map("HASH", `__uint(max_entries, 1); ${PAIR} ${more}`, before);
const outer = (inner: string): string =>
  map(
    "HASH_OF_MAPS",
    "__uint(max_entries, 4); __type(key, u32); __array(values, struct in);",
    `struct in { ${inner} };`,
  );

/** An array of maps and its slots; `before` is what these name. */
const slots = (init: string, before = "", type = "ARRAY", key = "u32"): string => `
  ${before} struct in { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 1); ${PAIR} };
  struct in one SEC(".maps"), two SEC(".maps");
  struct { __uint(type, BPF_MAP_TYPE_${type}_OF_MAPS); __uint(max_entries, 1); __type(key, ${key}); __array(values, struct in); }
    m SEC(".maps") = { .values = { ${init} } };\n`;
const programs = (init: string, before = ""): string => `
  ${before} SEC("syscall") int q(void *ctx) { return 0; }
  struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 2); __type(key, u32); __array(values, int (void *)); }
    m SEC(".maps") = { .values = { ${init} } };\n`;
const inner = (type: string, members: string): string => outer(`__uint(type, BPF_MAP_TYPE_${type}); ${members}`);
/** A congestion control with what its fields are set to. */
const congestion = (init: string): string => `
  struct tcp_congestion_ops { void (*init)(void *sk); unsigned int (*ssthresh)(void *sk); char name[16]; };
  SEC(".struct_ops") struct tcp_congestion_ops m = { .name = "rules", ${init} };\n`;
const TASKS = `SEC("iter/task") int tasks(void *ctx) { return 0; }\n`;

/** The rule's name, the object, the place and the words of the finding, and the first libbpf that has no such rule. */
const BROKEN: readonly (readonly [
  rule: string,
  source: string,
  where: string,
  what: string,
  until?: string | undefined,
])[] = [
  ["static-map", hash("static") + LOOKUP, "map m", "libbpf refuses static maps (remove static)"],
  [
    "hidden-map",
    hash('__attribute__((visibility("hidden")))') + LOOKUP,
    "map m",
    "libbpf refuses maps of hidden visibility (leave out __hidden and -fvisibility=hidden)",
  ],
  [
    "pinning",
    hash("", "__uint(pinning, 2);") + PROGRAM,
    "map m",
    "libbpf refuses pinning value 2 (use LIBBPF_PIN_NONE or LIBBPF_PIN_BY_NAME)",
  ],
  [
    "static-program",
    `static SEC("syscall") __attribute__((used)) int p(void *ctx) { return 0; }`,
    'program "p"',
    'libbpf refuses static programs (remove static, or move it out of "syscall")',
  ],
  [
    "unknown-section",
    `SEC("classifier/x") int p(void *ctx) { return 0; }`,
    'program "p"',
    'libbpf does not know SEC("classifier/x"): the program has no type and cannot load (name the section as libbpf does)',
  ],
  ...["HASH", "LRU_HASH", "ARRAY", "SOCKMAP"].map((type) => {
    const what = `the kernel refuses a map of type ${type.toLowerCase()} without max_entries (give it some, or set maxEntries before load)`;
    return ["max-entries", map(type, type === "SOCKMAP" ? "__type(key, u32); __type(value, u32);" : PAIR) + PROGRAM, "map m", what] as const; // prettier-ignore
  }),
  [
    "max-entries",
    map("RINGBUF", "") + PROGRAM,
    "map m",
    "the kernel refuses a map of type ringbuf without max_entries (give it some, or set maxEntries before load)",
  ],
  ...["ARRAY", "PERCPU_ARRAY"].map((type) => {
    const what = `the kernel refuses a map of type ${type.toLowerCase()} whose key is not 4 bytes, got 8 (declare __type(key, __u32))`;
    return ["array-key", map(type, "__uint(max_entries, 1); __type(key, u64); __type(value, u64);") + PROGRAM, "map m", what] as const; // prettier-ignore
  }),
  [
    "array-key",
    map("PROG_ARRAY", "__uint(max_entries, 1); __uint(key_size, 8); __uint(value_size, 4);") + PROGRAM,
    "map m",
    "the kernel refuses a map of type prog_array whose key is not 4 bytes, got 8 (declare __type(key, __u32))",
  ],
  ...["LPM_TRIE", "SK_STORAGE", "TASK_STORAGE"].map((type) => {
    const members = type === "LPM_TRIE" ? "__uint(max_entries, 1); __type(key, u64); __type(value, u64);" : PAIR.replace("u32", "int"); // prettier-ignore
    const what = `the kernel refuses a map of type ${type.toLowerCase()} without BPF_F_NO_PREALLOC (write __uint(map_flags, BPF_F_NO_PREALLOC))`;
    return ["no-prealloc", map(type, members) + PROGRAM, "map m", what] as const;
  }),
  ...["CGROUP_STORAGE", "TASK_STORAGE"].map((type) => {
    const members = type === "CGROUP_STORAGE" ? "__type(key, u64);" : "__uint(map_flags, BPF_F_NO_PREALLOC); __type(key, int);"; // prettier-ignore
    const what = `the kernel refuses a map of type ${type.toLowerCase()} with max_entries, got 5 (leave them out)`;
    return ["entries", map(type, `${members} __uint(max_entries, 5); __type(value, u64);`) + PROGRAM, "map m", what] as const; // prettier-ignore
  }),
  [
    "no-key",
    map("HASH", "__uint(max_entries, 1); __type(value, u64);") + PROGRAM,
    "map m",
    "the kernel refuses a map of type hash without a key (declare __type(key, ...))",
  ],
  [
    "a-key",
    map("QUEUE", `__uint(max_entries, 1); ${PAIR}`) + PROGRAM,
    "map m",
    "the kernel refuses a map of type queue with a key, got 4 bytes (leave the key out)",
  ],
  [
    "no-value",
    map("HASH", "__uint(max_entries, 1); __type(key, u32);") + PROGRAM,
    "map m",
    "the kernel refuses a map of type hash without a value (declare __type(value, ...))",
  ],
  [
    "descriptor-value",
    map("PROG_ARRAY", "__uint(max_entries, 1); __uint(key_size, 4);") + PROGRAM,
    "map m",
    "the kernel refuses a map of type prog_array whose value is not 4 bytes, got 0 (write __uint(value_size, 4))",
  ],
  [
    "array-key",
    map("PERF_EVENT_ARRAY", "") + PROGRAM,
    "map m",
    "the kernel refuses a map of type perf_event_array whose key is not 4 bytes, got 0 (declare __type(key, __u32))",
  ],
  [
    "stack-value",
    map("STACK_TRACE", "__uint(max_entries, 4); __uint(key_size, 4); __uint(value_size, 12);") + PROGRAM,
    "map m",
    "the kernel refuses stacks whose value is not a multiple of 8 bytes, got 12 (write __uint(value_size, 8 * depth))",
  ],
  [
    "per-cpu-value",
    map("PERCPU_HASH", "__uint(max_entries, 1); __type(key, u32); __uint(value_size, 32769);") + PROGRAM,
    "map m",
    "a value of 32769 bytes is more than the 32768 that the kernel has for each CPU (make the value smaller)",
  ],
  [
    "no-inner-map",
    map("HASH_OF_MAPS", "__uint(max_entries, 4); __uint(key_size, 4); __uint(value_size, 4);") + PROGRAM,
    "map m",
    "the kernel refuses a map of maps without an inner map (declare it with __array(values, ...))",
  ],
  [
    "inner-max-entries",
    outer(`__uint(type, BPF_MAP_TYPE_HASH); ${PAIR}`) + PROGRAM,
    "map m",
    "of its inner map: the kernel refuses a map of type hash without max_entries (give it some)",
  ],
  [
    "unlinked-extern",
    'extern int other(int x); SEC("syscall") int p(void *ctx) { return other(1); }',
    "extern other",
    "libbpf refuses an extern that neither .kconfig nor .ksyms has: another file defines it (link the objects first: bpftool gen object)",
  ],
  [
    "unknown-data",
    `struct bpf_map_def { u32 type, key_size, value_size, max_entries, map_flags; };
     struct bpf_map_def m SEC("MAPS") = { 1, 4, 8, 16 };\n${LOOKUP}`,
    'section "MAPS"',
    'libbpf refuses code that uses "m" of a section for neither maps nor data (put maps into SEC(".maps"), variables into .data, .rodata or .bss)',
  ],
  [
    "definition",
    hash("", "__uint(color, 2);") + PROGRAM,
    "map m",
    'libbpf refuses the unknown field "color" (remove it)',
  ],
  [
    "inner-value",
    inner("RINGBUF", "__uint(max_entries, 4096); __type(value, u64);") + PROGRAM,
    "map m",
    "the kernel refuses an inner map of type ringbuf with values of 8 bytes (leave its value out)",
  ],
  [
    "inner-value",
    inner("PERF_EVENT_ARRAY", "__uint(max_entries, 4); __uint(key_size, 4);") + PROGRAM,
    "map m",
    "the kernel refuses an inner map of type perf_event_array with values of 0 bytes (write __uint(value_size, 4))",
  ],
  [
    "inner-perf-entries",
    inner("PERF_EVENT_ARRAY", "__uint(key_size, 4); __uint(value_size, 4);") + PROGRAM,
    "map m",
    "libbpf before 1.4 does not count the CPUs for an inner map of type perf_event_array (give it max_entries)",
    "1.4",
  ],
  ...["PROG_ARRAY", "STRUCT_OPS"].map((type) => {
    const what = `the kernel refuses maps of type ${type.toLowerCase()} in a map of maps (declare another inner map)`;
    return ["inner-type", inner(type, "__uint(max_entries, 1); __uint(key_size, 4); __uint(value_size, 4);") + PROGRAM, "map m", what] as const; // prettier-ignore
  }),
  [
    "storage-types",
    map("TASK_STORAGE", "__uint(map_flags, 1); __uint(key_size, 4); __uint(value_size, 8);") + PROGRAM,
    "map m",
    "the kernel refuses a map of type task_storage whose key and value have no types (declare __type(key, int) and __type(value, ...))",
  ],
  [
    "struct-ops-map",
    map("STRUCT_OPS", "__uint(max_entries, 1); __uint(key_size, 4); __uint(value_size, 8);") + PROGRAM,
    "map m",
    'libbpf crashes on a map of type struct_ops in SEC(".maps") (declare it in SEC(".struct_ops.link"))',
  ],
  [
    "struct-ops-alone",
    congestion("") + PROGRAM,
    "map m",
    'libbpf before 1.4 crashes on a struct_ops map where no program of the object is placed by the kernel\'s BTF (add a SEC("struct_ops/...") program)',
    "1.4",
  ],
  [
    "struct-ops-program",
    `SEC("struct_ops/ssthresh") unsigned int s(void *ctx) { return 1; }\n${PROGRAM}`,
    'program "s"',
    'libbpf cannot load a struct_ops program that no struct_ops map is set to (set a member of one to it, or place it in SEC("?struct_ops/..."))',
  ],
  [
    "definition",
    PROGRAM + congestion(".ssthresh = (void *)p") + TASKS,
    "struct_ops m",
    'libbpf refuses a member that is set to what is no program, got "p" (place it: SEC("struct_ops/..."))',
  ],
  [
    "slot-key",
    slots("&one", "", "HASH", "u64") + PROGRAM,
    "map m",
    "libbpf fills slots only of maps whose key is 4 bytes, got 8 (declare __type(key, __u32), or leave .values out)",
  ],
  ...["ARRAY", "HASH"].map((type) => {
    const what = ".values needs 2 entries, got max_entries 1 (raise it, or set maxEntries before load)";
    return ["slot-entries", slots("&one, &two", "", type) + PROGRAM, "map m", what] as const;
  }),
  [
    "slot-entries",
    programs("[3] = (void *)&q") + PROGRAM,
    "map m",
    ".values needs 4 entries, got max_entries 2 (raise it, or set maxEntries before load)",
  ],
  ...(
    [
      ["__uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1);", "type than the inner map of the definition, expected hash, got array"], // prettier-ignore
      ["__uint(type, BPF_MAP_TYPE_HASH); __uint(map_flags, 1); __uint(max_entries, 1);", "map_flags than the inner map of the definition, expected 0, got 1"], // prettier-ignore
    ] as const
  ).map(([members, difference]) => {
    const other = `struct { ${members} ${PAIR} } other SEC(".maps");`;
    const what = `slot 0: map other has another ${difference} (define it as __array(values, ...) says)`;
    return ["slot-inner-map", slots("(void *)&other", other) + PROGRAM, "map m", what] as const;
  }),
  [
    "definition",
    slots("(void *)&v", "int v = 5;") + PROGRAM,
    "map m",
    'libbpf refuses slot 0: it is not a map of SEC(".maps"), got "v" (change .values)',
  ],
  [
    "definition",
    programs("(void *)&f", "__attribute__((noinline)) int f(void *ctx) { return 1; }") + PROGRAM,
    "map m",
    'libbpf refuses slot 0: it is not a program, got "f" (change .values)',
  ],
  [
    "definition",
    `int p(void *ctx);
     struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 1); ${PAIR} } m SEC(".maps") = { .key = (void *)&p };\n${PROGRAM}`,
    "map m",
    'libbpf refuses a pointer in a definition, got "p" (only .values has any)',
  ],
  [
    "slot-program",
    programs("(void *)&o", `SEC("?syscall") int o(void *ctx) { return 0; }`) + PROGRAM,
    "map m",
    'slot 0: libbpf does not load program "o" of SEC("?...") (leave out the ?, or set autoload before load)',
  ],
  ...["xdp", "socket"].map((section) => {
    const what = `slot 1: the kernel refuses programs of several types in one map, got syscall and ${section === "xdp" ? section : "socket_filter"} (use a map for each)`;
    return ["slot-program-type", programs("(void *)&q, (void *)&o", `SEC("${section}") int o(void *ctx) { return 0; }`), "map m", what] as const; // prettier-ignore
  }),
];

const KEY = "__type(key, u32);";
const IN =
  "struct in { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 1); __type(key, u32); __type(value, u64); };";
const OUTER = `__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __uint(max_entries, 1);`;
const struct = (members: string, before = ""): string => `${before} struct { ${members} } m SEC(".maps");\n${PROGRAM}`;

/** What libbpf refuses of a definition. */
const DEFINITIONS: readonly (readonly [source: string, what: string, until?: string])[] = [
  [struct(`${OUTER} struct in *values[0]; ${KEY}`, IN), "libbpf refuses values that are not the last field (move them to the end)"], // prettier-ignore
  [struct(`__uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 1); ${KEY} __array(values, struct in);`, IN), "libbpf refuses values of a map that is neither a map of maps nor an array of programs (remove them)"], // prettier-ignore
  [struct(`__uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 1); ${KEY} __array(values, struct in);`, IN), "libbpf refuses values that are maps in an array of programs (change them)"], // prettier-ignore
  [struct(`${OUTER} ${KEY} __array(values, int (void *));`), "libbpf refuses values that are programs in a map of maps (change them)"], // prettier-ignore
  [struct(`${OUTER} ${KEY} in_t values;`, `${IN} typedef struct in *in_t[0];`), 'libbpf refuses values by a typedef, got "struct in *[0]" (write __array(values, ...))'], // prettier-ignore
  [struct(`${OUTER} ${KEY} __array(values, struct in);`, IN.replace("};", "__uint(pinning, 0); };")), "libbpf refuses pinning of an inner map, even none (remove it)"], // prettier-ignore
  [struct(`__uint(type, BPF_MAP_TYPE_HASH); enum { FOUR = 4 } max_entries; ${PAIR}`), "libbpf refuses max_entries that is not written with __uint, got an enumeration"], // prettier-ignore
  [struct(`hash_t *type; __uint(max_entries, 1); ${PAIR}`, "typedef int hash_t[1];"), 'libbpf refuses type by a typedef, got a pointer to "int[1]" (write __uint)'], // prettier-ignore
  [struct(`__uint(type, 0); __uint(max_entries, 1); ${PAIR}`), "libbpf refuses type 0 (write __uint(type, BPF_MAP_TYPE_...))"], // prettier-ignore
  [struct("__uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 1); key_t key; __type(value, u64);", "typedef u32 *key_t;"), 'libbpf refuses key by a typedef or qualified, got "key_t" (write __type(key, ...))'], // prettier-ignore
  [struct("__uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 1); u32 *const key; __type(value, u64);"), 'libbpf refuses key by a typedef or qualified, got "u32 *const" (write __type(key, ...))'], // prettier-ignore
  [struct("__uint(type, BPF_MAP_TYPE_BLOOM_FILTER); __uint(max_entries, 1); __type(value, u64); enum { THREE = 3 } map_extra;"), "libbpf before 1.4 refuses map_extra that is written with __ulong (write __uint where the number fits)", "1.4"], // prettier-ignore
];

/** What the kernel refuses: the rule, the type, the rest of the definition, and the words. */
const SIZES: readonly (readonly [rule: string, type: string, members: string, what: string])[] = [
  ["key-size", "LPM_TRIE", `__uint(map_flags, 1); ${PAIR}`, "the kernel refuses a trie whose key is not 5 to 260 bytes, got 4 (a prefix length of 4 bytes, then the data)"], // prettier-ignore
  ["key-size", "CGROUP_STORAGE", PAIR, "the kernel refuses a map of type cgroup_storage whose key is not 8 or 16 bytes, got 4 (declare __type(key, struct bpf_cgroup_storage_key))"], // prettier-ignore
  ...["SOCKMAP", "SOCKHASH", "DEVMAP", "DEVMAP_HASH", "CPUMAP", "REUSEPORT_SOCKARRAY"].map((type) => {
    const what = `the kernel refuses a map of type ${type.toLowerCase()} whose value is not 4 or 8 bytes, got 2 (change its value)`;
    return ["value-size", type, `${KEY} __uint(value_size, 2);`, what] as const;
  }),
  ["value-size", "XSKMAP", PAIR, "the kernel refuses a map of type xskmap whose value is not 4 bytes, got 8 (change its value)"], // prettier-ignore
  ["no-key", "SOCKHASH", "__uint(value_size, 4);", "the kernel refuses a map of type sockhash without a key (declare __type(key, ...))"], // prettier-ignore
  ["no-value", "CGROUP_STORAGE", "__type(key, u64);", "the kernel refuses a map of type cgroup_storage without a value (declare __type(value, ...))"], // prettier-ignore
  ["array-key", "SK_STORAGE", "__uint(map_flags, 1); __type(key, u64); __type(value, u64);", "the kernel refuses a map of type sk_storage whose key is not 4 bytes, got 8 (declare __type(key, __u32))"], // prettier-ignore
  ...["ARRAY", "LRU_HASH"].map((type) => {
    const what = `the kernel refuses BPF_F_NO_PREALLOC for a map of type ${type.toLowerCase()} (leave the flag out)`;
    return ["flags", type, `__uint(map_flags, BPF_F_NO_PREALLOC); ${PAIR}`, what] as const;
  }),
  ["flags", "HASH", `__uint(map_flags, BPF_F_NO_COMMON_LRU); ${PAIR}`, "the kernel refuses BPF_F_NO_COMMON_LRU for a map of type hash (leave the flag out)"], // prettier-ignore
  ["flags", "HASH", `__uint(map_flags, BPF_F_MMAPABLE); ${PAIR}`, "the kernel refuses BPF_F_MMAPABLE for a map of type hash (leave the flag out)"], // prettier-ignore
  ["flags", "ARRAY", `__uint(map_flags, BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG); ${PAIR}`, "the kernel refuses BPF_F_RDONLY_PROG and BPF_F_WRONLY_PROG together (leave one out)"], // prettier-ignore
  ["extra", "HASH", `__uint(map_extra, 1); ${PAIR}`, "the kernel refuses map_extra for a map of type hash, got 1 (leave it out)"], // prettier-ignore
  ["ring-size", "RINGBUF", "", "the kernel refuses a map of type ringbuf of more than 2147483648 bytes, got 4294967295 (lower max_entries)"], // prettier-ignore
];
const FURTHER: typeof BROKEN = [
  ...DEFINITIONS.map(([source, what, until]) => ["definition", source, "map m", what, until] as const),
  ...SIZES.map(([rule, type, members, what]) => {
    const entries = rule === "ring-size" ? "__uint(max_entries, 0xffffffff);" : type.endsWith("_STORAGE") ? "" : "__uint(max_entries, 1);"; // prettier-ignore
    return [rule, map(type, `${entries} ${members}`) + PROGRAM, "map m", what] as const;
  }),
];

/** What is near to breaking a rule. */
const LOADING: readonly (readonly [string, string])[] = [
  ["a hidden program", `__attribute__((visibility("hidden"))) ${PROGRAM}`],
  ["an optional program of an unknown section", `${PROGRAM}SEC("?classifier/x") int q(void *ctx) { return 0; }`],
  ["a ring buffer whose size libbpf rounds up", map("RINGBUF", "__uint(max_entries, 5000);") + PROGRAM],
  ["an inner one", outer("__uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 5000);") + PROGRAM],
  ["a perf event array that libbpf counts", map("PERF_EVENT_ARRAY", "__uint(key_size, 4); __uint(value_size, 4);") + PROGRAM], // prettier-ignore
  ["one without a value", map("PERF_EVENT_ARRAY", "__uint(key_size, 4);") + PROGRAM],
  ["one with declared events", map("PERF_EVENT_ARRAY", "__uint(key_size, 4); __type(value, struct e);", "struct e { u64 a, b; };") + PROGRAM], // prettier-ignore
  ["storage without entries", map("TASK_STORAGE", "__uint(map_flags, 1); __type(key, int); __type(value, u64);") + PROGRAM], // prettier-ignore
  ["a per-CPU value of just the limit", map("PERCPU_ARRAY", "__uint(max_entries, 1); __type(key, u32); __uint(value_size, 32768);") + PROGRAM], // prettier-ignore
  ["a trie", map("LPM_TRIE", "__uint(map_flags, BPF_F_NO_PREALLOC); __uint(max_entries, 1); __type(key, u64); __type(value, u64);") + PROGRAM], // prettier-ignore
  ["storage of cgroups without entries", map("CGROUP_STORAGE", "__type(key, u64); __type(value, u64);") + PROGRAM],
  ["stacks", map("STACK_TRACE", "__uint(max_entries, 4); __uint(key_size, 4); __uint(value_size, 80);") + PROGRAM],
  ["key_size 0 before the key", map("HASH", `__uint(max_entries, 1); __uint(key_size, 0); ${PAIR}`) + PROGRAM],
  ["a name that begins with a digit", map("HASH", `__uint(max_entries, 1); ${PAIR}`).replace("} m ", '} m __asm__("3.map") ') + PROGRAM], // prettier-ignore
  ["a sock map of cookies", map("SOCKMAP", `__uint(max_entries, 1); ${PAIR}`) + PROGRAM],
  ["a trie of the longest key", map("LPM_TRIE", "__uint(map_flags, 1); __uint(max_entries, 1); __uint(key_size, 260); __type(value, u64);") + PROGRAM], // prettier-ignore
  ["a struct_ops map beside a program that needs the kernel's BTF", congestion("") + TASKS],
  ["an inner arena, which is only made", inner("ARENA", "__uint(map_flags, 1024); __uint(max_entries, 1);").replace("BPF_MAP_TYPE_ARENA", "33") + PROGRAM], // prettier-ignore
  ["slots of a hash beyond its entries", slots("[7] = &one", "", "HASH") + PROGRAM],
  ["a slot of a map with more entries", slots("(void *)&other", `struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 9); ${PAIR} } other SEC(".maps");`) + PROGRAM], // prettier-ignore
  ["slots of programs of one type", programs("(void *)&q, (void *)&q")],
  ["a bloom filter, a queue", map("BLOOM_FILTER", "__uint(max_entries, 5); __type(value, u64);") + PROGRAM],
];

/** What became of one object. */
interface Seen {
  readonly warnings: readonly { readonly where: string; readonly what: string }[];
  /** The message of `strict`; undefined where it lets the object pass. */
  readonly strict: string | undefined;
  /** "" where it loads. */
  readonly load: string;
  readonly check: {
    readonly machine: { readonly libbpf: string };
    readonly verdict: string;
    readonly needs: readonly Record<string, unknown>[];
  };
}

const folder = new Folder();
afterAll(() => folder.remove());

/** Loads each module and prints what is said of it. */
const LOADER = `
const said = [];
for (const file of process.argv.slice(1)) {
  const { X } = await import(file);
  try { X.load().close(); said.push(""); } catch (e) { said.push(e.message); }
}
console.log(JSON.stringify(said));
`;

async function see(sources: readonly string[]): Promise<Seen[]> {
  const gen1 = pathToFileURL(join(repository, "runtime/dist/gen1.js")).href;
  const made: (Omit<Seen, "load"> & { readonly module: string })[] = [];
  // The session of the command line takes one command at a time.
  for (const [i, source] of sources.entries()) {
    const bytes = compileBpf(PRELUDE + source);
    const [object, module] = [folder.at(`${i}.bpf.o`), folder.at(`${i}.mjs`)];
    writeFileSync(object, bytes);
    const options = { name: "x.bpf.o", js: true };
    const { text, warnings } = await generateWithWarnings(bytes, options);
    writeFileSync(module, text.replace("@ebpf-skel/runtime/gen1", gen1));
    const strict = await generateWithWarnings(bytes, { ...options, strict: true }).then(
      () => undefined,
      (e: Error) => e.message,
    );
    const check = JSON.parse((await folder.command(["check", object, "--json"])).stdout) as Seen["check"];
    made.push({ module, warnings, strict, check });
  }
  const modules = made.map(({ module }) => pathToFileURL(module).href);
  const { stdout, stderr } = start(process.execPath, ["--input-type=module", "-e", LOADER, ...modules], {});
  if (stdout === "") throw new Error(stderr);
  const loads = JSON.parse(stdout) as string[];
  return made.map(({ warnings, strict, check }, i) => ({ warnings, strict, check, load: loads[i]! }));
}

let seen: ReadonlyMap<string, Seen>;
beforeAll(async () => {
  ensureBuilt();
  const sources = [...[...BROKEN, ...FURTHER].map(([, source]) => source), ...LOADING.map(([, source]) => source)];
  const all = await see(sources);
  seen = new Map(sources.map((source, i) => [source, all[i]!]));
}, 0);

describe("one answer", () => {
  test.each<(typeof BROKEN)[number]>([...BROKEN, ...FURTHER])("%s", (...[rule, source, where, what, until]) => {
    const { warnings, strict, load, check } = seen.get(source!)!;
    const loads = until !== undefined && isAtLeast(check.machine.libbpf, until);
    expect(warnings.find((warning) => warning.where === where)?.what.split("; ")).toContain(what);
    expect(strict).toContain(what);
    const [answer, reason] = loads ? ["yes", `since libbpf ${until}`] : ["no", what];
    expect(check).toMatchObject({
      verdict: loads ? expect.not.stringMatching("no") : "no",
      needs: expect.arrayContaining([
        expect.objectContaining({ kind: "rule", name: rule, by: [where], answer, reason }),
      ]) as unknown,
    });
    if (loads) expect(load).toBe("");
    else expect(load).toContain(what);
  });
});

test("a function of .text alone is refused by libbpf before 1.5, and no program of the others", async () => {
  const [one] = await see(["int count(void *ctx) { return 0; }"]);
  const { warnings, load, check } = one!;
  const what =
    'a function of .text is no program to libbpf, and before 1.5 one that has no type and cannot load (place it: SEC("..."))';
  expect(warnings).toEqual([{ where: 'program "count"', what }]);
  const [rule] = check.needs;
  expect(rule).toMatchObject({ kind: "rule", name: "no-section", answer: load === "" ? "yes" : "no" });
  if (load !== "") expect(load).toContain(what);
});

describe("what loads", () => {
  test.each(LOADING)("%s", (_, source) => {
    const { load, check, strict } = seen.get(source)!;
    for (const { what } of check.needs.filter(({ kind }) => kind === "rule")) expect(strict ?? "").not.toContain(what);
    expect({
      load,
      refused: check.needs.filter(({ answer, optional }) => answer === "no" && optional !== true),
    }).toEqual({
      load: "",
      refused: [],
    });
  });
});
