// C in, what each program uses out.

import { expect, test } from "vitest";
import { inspectObject } from "../src/inspect.ts";
import type { ProgramUses } from "../src/object/model.ts";
import { compileBpf } from "./support/compile.ts";

const source = `
  #include <linux/bpf.h>
  #include <bpf/bpf_helpers.h>
  #define MAP(name) struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __type(key, int); __type(value, int); } \\
    name SEC(".maps")
  MAP(direct); MAP(nested); MAP(passed); MAP(unused);
  int before, shared[4], written;
  static volatile int hidden;
  extern int CONFIG_HZ __kconfig;
  extern const int runqueues __ksym;
  extern void bpf_rcu_read_lock(void) __ksym;
  static __noinline int lookup(void *map) { int key = 1; return bpf_map_lookup_elem(map, &key) != 0; }
  static __noinline int deep(int n) { return lookup(&nested) + shared[2] + n; }
  static long each(__u32 i, void *ctx) { written = i; return lookup(&passed); }
  SEC("xdp") int own(struct xdp_md *ctx) { return lookup(&direct) + hidden; }
  SEC("xdp") int through(struct xdp_md *ctx) { return deep(ctx->rx_queue_index); }
  SEC("xdp") int loops(struct xdp_md *ctx) { return bpf_loop(4, each, 0, 0); }
  SEC("xdp") int kernels(struct xdp_md *ctx) { bpf_rcu_read_lock(); return CONFIG_HZ + (int)(long)&runqueues; }
  SEC("xdp") int nothing(struct xdp_md *ctx) { return 2; }`;

const bss = (...variables: readonly string[]): ProgramUses["globals"] => [{ section: ".bss", variables }];
const none: ProgramUses = { maps: [], globals: [], functions: [], helpers: [], externs: [] };

test.each(["bpf", "bpfeb"] as const)(
  "%s: what is its own, and what the functions use that it calls or passes on",
  (target) => {
    const { programs } = inspectObject(compileBpf(source, target));
    expect(Object.fromEntries(programs.map(({ name, uses }) => [name, uses]))).toEqual({
      own: { ...none, maps: ["direct"], globals: bss(), functions: ["lookup"], helpers: [1] },
      through: { ...none, maps: ["nested"], globals: bss("shared"), functions: ["deep", "lookup"], helpers: [1] },
      loops: { ...none, maps: ["passed"], globals: bss("written"), functions: ["each", "lookup"], helpers: [1, 181] },
      kernels: {
        ...none,
        globals: [{ section: ".kconfig", variables: ["CONFIG_HZ"] }],
        externs: ["bpf_rcu_read_lock", "runqueues"],
      },
      nothing: none,
    });
  },
);
