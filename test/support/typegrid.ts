// Every shape of C type in every place that a module has types in: the C source, and the values that go there.

/** One type of C. */
export interface Shape {
  /** Of the typedef, without its `t_`. */
  readonly name: string;
  /** C that declares `t_NAME`. */
  readonly c: string;
  /** Its codec, as text: `r` is the runtime, `g` the module. */
  readonly codec: string;
  /** Zero, all ones and a pattern, as text of TypeScript; what is read is that again. */
  readonly values: readonly string[];
  /** Of unions: what may be written, and the value that is then read. */
  readonly inits?: readonly (readonly [init: string, read: string])[];
  /** Why the kernel refuses a key, a value or a variable of it alone. */
  readonly refused?: string;
}

const scalar = (c: string, codec: string, ...values: string[]): Shape => ({
  name: codec,
  c: `typedef ${c} t_${codec};`,
  codec: `r.${codec}`,
  values,
});

const bytes = (length: number, ...first: number[]): string =>
  `Uint8Array.of(${[...first, ...new Array<number>(length - first.length).fill(0)].join(", ")})`;
const ones = (length: number): string => `new Uint8Array(${length}).fill(255)`;

/** `union address`, by the number in its first member. */
const address = (v4: string, v6: string): string => `{ v4: ${v4}, v6: ${v6} }`;
const addresses = [
  address("0", bytes(16)),
  address("0xffffffff", ones(16)),
  address("0x04030201", bytes(16, 1, 2, 3, 4, 5, 6)),
];
const oneAddress = [
  ["{ v4: 0x04030201 }", address("0x04030201", bytes(16, 1, 2, 3, 4))],
  [`{ v6: ${bytes(16, 9, 8)} }`, address("0x0809", bytes(16, 9, 8))],
] as const;

export const SHAPES: readonly Shape[] = [
  scalar("unsigned char", "u8", "0", "255", "0x12"),
  scalar("unsigned short", "u16", "0", "65535", "0x1234"),
  scalar("unsigned int", "u32", "0", "0xffffffff", "0x12345678"),
  scalar("unsigned long long", "u64", "0n", "0xffffffffffffffffn", "0x123456789abcdef0n"),
  scalar("signed char", "s8", "0", "-1", "0x12"),
  scalar("short", "s16", "0", "-1", "-0x1234"),
  scalar("int", "s32", "0", "-1", "-0x12345678"),
  scalar("long long", "s64", "0n", "-1n", "-0x123456789abcdef0n"),
  scalar("unsigned __int128", "u128", "0n", "(1n << 128n) - 1n", "0x123456789abcdef0123456789abcdef0n"),
  scalar("__int128", "s128", "0n", "-1n", "-0x123456789abcdef0123456789abcdef0n"),
  scalar("_Bool", "bool", "false", "true", "true"),
  scalar("float", "f32", "0", "-1", "0.5"),
  scalar("double", "f64", "0", "-1", "1e300"),
  { name: "pointer", c: "typedef void *t_pointer;", codec: "r.u64", values: ["0n", "0xffffffffffffffffn", "0x1234n"] },
  {
    name: "text",
    c: "typedef char t_text[8];",
    codec: "r.chars(8)",
    values: ['""', '"\\udcff\\udcff\\udcff\\udcff\\udcff\\udcff\\udcff\\udcff"', '"größe"'],
  },
  {
    name: "blob",
    c: "typedef unsigned char t_blob[6];",
    codec: "r.bytes(6)",
    values: [bytes(6), ones(6), bytes(6, 2, 0x42, 0xac)],
  },
  {
    name: "ints",
    c: "typedef int t_ints[3];",
    codec: "r.list(3, r.s32)",
    values: ["[0, 0, 0]", "[-1, -1, -1]", "[1, -2, 3]"],
  },
  {
    name: "grid",
    c: "typedef unsigned short t_grid[2][3];",
    codec: "r.list(2, r.list(3, r.u16))",
    values: ["[[0, 0, 0], [0, 0, 0]]", "[[65535, 65535, 65535], [65535, 65535, 65535]]", "[[1, 2, 3], [4, 5, 0x1234]]"],
  },
  {
    name: "color",
    c: "typedef enum color { RED, GREEN = 2 } t_color;",
    codec: "r.u32",
    values: ["0", "0xffffffff", "2"],
  },
  {
    name: "verdict",
    c: "typedef enum verdict { UNKNOWN = -1, DROP } t_verdict;",
    codec: "r.s32",
    values: ["0", "-1", "7"],
  },
  {
    name: "wide",
    c: "typedef enum wide { LOW = 1, HIGH = 1ULL << 63 } t_wide;",
    codec: "r.u64",
    values: ["0n", "0xffffffffffffffffn", "1n << 63n"],
  },
  {
    name: "point",
    c: "typedef struct point { int x; unsigned long long y; } t_point;",
    codec: "g.Point",
    values: ["{ x: 0, y: 0n }", "{ x: -1, y: 0xffffffffffffffffn }", "{ x: 3, y: 1n << 40n }"],
  },
  {
    name: "nested",
    c: "typedef struct nested { struct point at; struct { unsigned char a; } in; } t_nested;",
    codec: "g.Nested",
    values: [
      "{ at: { x: 0, y: 0n }, in: { a: 0 } }",
      "{ at: { x: -1, y: 0xffffffffffffffffn }, in: { a: 255 } }",
      "{ at: { x: 3, y: 1n << 40n }, in: { a: 7 } }",
    ],
  },
  {
    name: "packed",
    c: "typedef struct packed { unsigned char a; unsigned long long b; short c; } __attribute__((packed)) t_packed;",
    codec: "g.Packed",
    values: ["{ a: 0, b: 0n, c: 0 }", "{ a: 255, b: 0xffffffffffffffffn, c: -1 }", "{ a: 1, b: 1n << 33n, c: -300 }"],
  },
  {
    name: "bits",
    c: "typedef struct bits { unsigned int a : 3, b : 7; int c : 5; unsigned long long d : 40; _Bool e : 1; enum color f : 2; } t_bits;",
    codec: "g.Bits",
    values: [
      "{ a: 0, b: 0, c: 0, d: 0n, e: false, f: 0 }",
      "{ a: 7, b: 127, c: -1, d: (1n << 40n) - 1n, e: true, f: 3 }",
      "{ a: 5, b: 99, c: -7, d: 0x123456789an, e: true, f: 2 }",
    ],
  },
  {
    name: "address",
    c: "typedef union address { unsigned int v4; unsigned char v6[16]; } t_address;",
    codec: "g.Address",
    values: addresses,
    inits: oneAddress,
  },
  {
    name: "holder",
    c: "typedef struct holder { unsigned short port; union address from; } t_holder;",
    codec: "g.Holder",
    values: addresses.map((from, i) => `{ port: ${[0, 65535, 53][i]}, from: ${from} }`),
    inits: oneAddress.map(([init, read]) => [`{ port: 53, from: ${init} }`, `{ port: 53, from: ${read} }`]),
  },
  {
    name: "anonymous",
    c: "typedef struct anonymous { unsigned int n; union { unsigned int a; struct { unsigned short b, c; }; }; } t_anonymous;",
    codec: "g.Anonymous",
    values: [
      "{ n: 0, a: 0, b: 0, c: 0 }",
      "{ n: 0xffffffff, a: 0xffffffff, b: 65535, c: 65535 }",
      "{ n: 1, a: 0x00030002, b: 2, c: 3 }",
    ],
    inits: [
      ["{ n: 1, a: 0x00030002 }", "{ n: 1, a: 0x00030002, b: 2, c: 3 }"],
      ["{ n: 1, b: 2, c: 3 }", "{ n: 1, a: 0x00030002, b: 2, c: 3 }"],
    ],
  },
  {
    name: "unions",
    c: "typedef union address t_unions[2];",
    codec: "r.list(2, g.Address)",
    values: addresses.map((value) => `[${value}, ${addresses[2]}]`),
    inits: [[`[{ v4: 1 }, { v6: ${bytes(16, 2)} }]`, `[${address("1", bytes(16, 1))}, ${address("2", bytes(16, 2))}]`]],
  },
  {
    name: "route",
    c: "typedef struct route { union address hops[2]; unsigned int n; } t_route;",
    codec: "g.Route",
    values: addresses.map((value, i) => `{ hops: [${addresses[2]}, ${value}], n: ${[0, 0xffffffff, 3][i]} }`),
    inits: oneAddress.map(([init, read]) => [
      `{ hops: [${init}, ${addresses[1]}], n: 3 }`,
      `{ hops: [${read}, ${addresses[1]}], n: 3 }`,
    ]),
  },
  {
    name: "tail",
    c: "typedef struct tail { unsigned int n; unsigned char rest[]; } t_tail;",
    codec: "g.Tail",
    values: ["0", "0xffffffff", "7"].map((n) => `{ n: ${n}, rest: new Uint8Array(0) }`),
  },
  {
    name: "empty",
    c: "typedef struct empty {} t_empty;",
    codec: "g.Empty",
    values: ["{}"],
    refused: "it has no bytes",
  },
  {
    name: "hollow",
    c: "typedef struct hollow { struct empty none; unsigned int n; } t_hollow;",
    codec: "g.Hollow",
    values: ["0", "0xffffffff", "7"].map((n) => `{ none: {}, n: ${n} }`),
  },
];

/** A kind of map, and which of its parts has the shape. */
export interface Place {
  readonly name: string;
  /** C that declares a map of this name for the shape `t_SHAPE`. */
  readonly c: (shape: string, name: string) => string;
}

/** An LRU map hands out its entries to CPUs in batches, so that a small one forgets early. */
function sizeOf(type: string): string {
  if (type.endsWith("STORAGE")) return "";
  return `\n  __uint(max_entries, ${type === "RINGBUF" ? 65536 : type.startsWith("LRU") ? 4096 : 8});`;
}

const map = (name: string, type: string, key: string | undefined, value: string | undefined, more = ""): Place => ({
  name,
  c: (shape, id) =>
    `struct {
  __uint(type, BPF_MAP_TYPE_${type});${sizeOf(type)}${more}
${key === undefined ? "" : `  __type(key, ${key.replace("T", `t_${shape}`)});\n`}${
      value === undefined ? "" : `  __type(value, ${value.replace("T", `t_${shape}`)});\n`
    }} ${id} SEC(".maps");`,
});

const storage = "\n  __uint(map_flags, BPF_F_NO_PREALLOC);";

/** With the shape as its key and as its value. */
export const BOTH: readonly Place[] = [
  map("hash", "HASH", "T", "T"),
  map("lru", "LRU_HASH", "T", "T"),
  map("percpu", "PERCPU_HASH", "T", "T"),
  map("lru_percpu", "LRU_PERCPU_HASH", "T", "T"),
  {
    name: "trie",
    c: (shape, id) => `struct ${id}_key { unsigned int prefixlen; t_${shape} data; } __attribute__((packed));
${map("trie", "LPM_TRIE", `struct ${id}_key`, "T", storage).c(shape, id)}`,
  },
];

/** With the shape as its key alone; the values are numbers or sockets. */
export const KEYS: readonly Place[] = [
  map("by", "HASH", "T", "unsigned int"),
  map("sockets", "SOCKHASH", "T", "unsigned long long"),
];

/** With the shape as its value alone. */
export const VALUES: readonly Place[] = [
  map("of", "HASH", "unsigned int", "T"),
  map("array", "ARRAY", "unsigned int", "T"),
  map("percpu_array", "PERCPU_ARRAY", "unsigned int", "T"),
  map("queue", "QUEUE", undefined, "T"),
  map("stack", "STACK", undefined, "T"),
  map("bloom", "BLOOM_FILTER", undefined, "T"),
  map("of_task", "TASK_STORAGE", "int", "T", storage),
  map("of_socket", "SK_STORAGE", "int", "T", storage),
  map("of_inode", "INODE_STORAGE", "int", "T", storage),
  map("of_cgroup", "CGRP_STORAGE", "int", "T", storage),
];

/** A map of maps whose key, and whose inner maps' keys and values, have the shape. */
export const NESTED: readonly Place[] = [
  {
    name: "maps",
    c: (shape, id) => `struct ${id}_inner {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, 8);
  __type(key, t_${shape});
  __type(value, t_${shape});
};
struct {
  __uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
  __uint(max_entries, 8);
  __type(key, t_${shape});
  __array(values, struct ${id}_inner);
} ${id} SEC(".maps");`,
  },
];

export const PLACES: readonly Place[] = [...BOTH, ...KEYS, ...VALUES, ...NESTED];

/** A map's name in the source. */
export function mapName(place: Place, shape: Shape): string {
  return `${place.name}_${shape.name}`;
}

/** The source of an object with `shapes` in `places`, and, where `events` is set, a program that sends each variable. */
export function gridSource(shapes: readonly Shape[], places: readonly Place[], events: boolean): string {
  const maps = places.flatMap((place) => shapes.map((shape) => place.c(shape.name, mapName(place, shape))));
  const variables = shapes.flatMap(({ name }) => [
    `t_${name} var_${name};`,
    map("events", "RINGBUF", undefined, "T").c(name, `events_${name}`),
  ]);
  const sends = shapes.map(
    ({ name }) => `  bpf_ringbuf_output(&events_${name}, &var_${name}, sizeof(var_${name}), 0);`,
  );
  return `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
/* Younger than Debian's header. */
#define BPF_MAP_TYPE_CGRP_STORAGE 32
${SHAPES.map(({ c }) => c).join("\n")}
${maps.join("\n")}
${events ? variables.join("\n") : ""}
${events ? `SEC("syscall") int send(void *ctx)\n{\n${sends.join("\n")}\n  return 0;\n}` : ""}
char LICENSE[] SEC("license") = "GPL";
`;
}
