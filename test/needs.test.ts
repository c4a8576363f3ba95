// What an object needs of a kernel: the tables of versions, and the needs of our own objects.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { mapCapabilities } from "../runtime/src/library/host.ts";
import { mapType, programType } from "../runtime/src/library/kernel.ts";
import { mapCapabilitiesOf } from "../src/needs/capabilities.ts";
import { isAtLeast, needs, readNeeds } from "../src/needs/needs.ts";
import { attachSince, flagsOf, helperOf, mapSince, programSince } from "../src/needs/since.ts";
import { ATTACH_TYPES, MAP_TYPES, PROG_TYPES } from "../src/object/kernel.ts";
import { findSec } from "../src/object/sec.ts";
import type { ObjectModel } from "../src/object/model.ts";
import { compileBpf } from "./support/compile.ts";

const fixture = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../fixtures/${name}.bpf.o`, import.meta.url)));

describe("versions", () => {
  test.each([
    ["6.1.0-31-amd64", "6.1", true],
    ["6.18.44", "6.2", true],
    ["5.10.0", "5.9", true],
    ["5.4.0-generic", "5.10", false],
    ["4.19", "5.0", false],
    ["1.1", "1.3", false],
  ])("%s is at least %s: %s", (a, b, expected) => {
    expect(isAtLeast(a, b)).toBe(expected);
  });

  test("the runtime has the same for types of programs and maps", () => {
    const same = (names: readonly string[], since: (name: string) => string | undefined, of: typeof mapType): void => {
      for (const [number, name] of names.entries())
        expect(of(number)).toEqual(since(name) === undefined ? undefined : { name, since: since(name) });
    };
    same(PROG_TYPES.slice(1), programSince, (i) => programType(i + 1));
    same(MAP_TYPES.slice(1), mapSince, (i) => mapType(i + 1));
  });

  test("the runtime has the same for what maps take", () => {
    expect(MAP_TYPES.map(mapCapabilities)).toEqual(MAP_TYPES.map(mapCapabilitiesOf));
    expect(MAP_TYPES.filter((type) => mapCapabilities(type).length > 1)).toContain("xskmap");
  });

  test("grow along each enumeration where nothing came late into a kernel", () => {
    const order = ATTACH_TYPES.map(attachSince).filter((since) => since !== undefined);
    expect(order.slice(1).every((since, i) => isAtLeast(since, order[i]!))).toBe(true);
    expect(order.length).toBeGreaterThan(57);
  });

  // The header of the kernel that Debian 12 has.
  test("agree with linux/bpf.h on what Linux 6.1 has", () => {
    const header = readFileSync("/usr/include/linux/bpf.h", "utf8");
    const version = readFileSync("/usr/include/linux/version.h", "utf8");
    expect(version).toContain("#define LINUX_VERSION_MAJOR 6\n#define LINUX_VERSION_PATCHLEVEL 1\n");
    const mapper = /#define __BPF_FUNC_MAPPER\(FN\)([\s\S]*?)\/\*/.exec(header)![1]!;
    const helpers = [...mapper.matchAll(/FN\((\w+)/g)].map(([, name]) => name!).slice(1);
    expect(helpers.length).toBe(209);
    expect(helpers).toEqual(helpers.map((_, i) => helperOf(i + 1).name));
    const in61 = (since: string | undefined): boolean => since !== undefined && isAtLeast("6.1", since);
    expect(helpers.every((_, i) => in61(helperOf(i + 1).since))).toBe(true);
    expect([210, 211].some((id) => in61(helperOf(id).since))).toBe(false);
    const has = (prefix: string, name: string): boolean =>
      new RegExp(`\\b${prefix}${name.toUpperCase()}\\b`).test(header);
    for (const name of PROG_TYPES.slice(1))
      expect([name, has("BPF_PROG_TYPE_", name)]).toEqual([name, in61(programSince(name))]);
    for (const name of MAP_TYPES.slice(1))
      expect([name, has("BPF_MAP_TYPE_", name)]).toEqual([name, in61(mapSince(name))]);
    for (const name of ATTACH_TYPES) {
      // BPF_STRUCT_OPS and others are words elsewhere too: only lines of the enumeration count.
      const listed = new RegExp(`^\\tBPF_${name.toUpperCase()},`, "m").test(header);
      expect([name, listed]).toEqual([name, in61(attachSince(name))]);
    }
    for (const { name, since } of flagsOf(-1)) {
      if (since !== undefined) expect([name, has("BPF_F_", name)]).toEqual([name, in61(since)]);
    }
  });

  test.each([
    [0, []],
    [1, ["no_prealloc"]],
    [(1 << 10) | 8, ["rdonly", "mmapable"]],
    [1 << 31, ["bit 31"]],
  ])("flags %i", (flags, names) => {
    expect(flagsOf(flags).map(({ name }) => name)).toEqual(names);
  });

  test("a helper that no kernel has keeps its number", () => {
    expect(helperOf(5000)).toEqual({ name: "helper 5000" });
  });
});

describe("an object needs", () => {
  test("what the reference program does", () => {
    expect(readNeeds(fixture("execve_counter")).map(({ kind, name, since }) => [kind, name, since])).toEqual([
      ["capability", "CAP_BPF", undefined],
      ["capability", "CAP_PERFMON", undefined],
      ["mount", "tracefs", undefined],
      ["program_type", "tracepoint", "4.7"],
      ["target", "syscalls/sys_enter_execve", undefined],
      ["map_type", "hash", "3.19"],
      ["helper", "map_lookup_elem", "3.19"],
      ["helper", "map_update_elem", "3.19"],
    ]);
  });

  test("options of the kernel's configuration, weak ones optionally", () => {
    const options = readNeeds(fixture("kconfig")).filter(({ kind }) => kind === "kconfig");
    expect(options.map(({ name }) => name)).toContain("CONFIG_HZ");
    expect(options.find(({ name }) => name === "CONFIG_EBPF_SKEL_WIDE")).toMatchObject({ optional: true });
    expect(options.some(({ name }) => name.startsWith("LINUX_"))).toBe(false);
  });

  test("a place for pins", () => {
    expect(readNeeds(fixture("pinned"))).toContainEqual(expect.objectContaining({ kind: "mount", name: "bpf" }));
  });

  test("the network's capability for maps of sockets and devices alone", () => {
    const found = readNeeds(fixture("fds")).filter(({ name }) => name === "CAP_NET_ADMIN");
    const by = found.flatMap(({ by }) => by);
    expect(by).toEqual(expect.arrayContaining(["map sockets", "map devices"]));
    expect(by).not.toContain("map cpus");
  });

  test("optionally what only optional programs need", () => {
    const found = readNeeds(fixture("programs"));
    expect(found.find(({ name }) => name === "do_unlinkat")).toMatchObject({ optional: true, of: "kprobe" });
    expect(found.find(({ name }) => name === "CAP_BPF")).toMatchObject({ optional: false });
    expect(found.find(({ kind }) => kind === "btf")).toMatchObject({ optional: true });
  });

  const source = `
    #include <linux/bpf.h>
    #include <bpf/bpf_helpers.h>
    #include <bpf/bpf_core_read.h>
    struct task_struct { int pid; int tgid; } __attribute__((preserve_access_index));
    struct gone___old { int x; } __attribute__((preserve_access_index));
    struct asked { int x; } __attribute__((preserve_access_index));
    extern void bpf_rcu_read_lock(void) __ksym;
    extern void bpf_maybe(void) __ksym __weak;
    extern const void jiffies __ksym;
    static __noinline int deep(void *ctx) { return bpf_get_prandom_u32() + bpf_jiffies64(); }
    static __noinline int shallow(void *ctx) { return deep(ctx) + bpf_get_smp_processor_id(); }
    __noinline int global(void *ctx) { return bpf_ktime_get_ns(); }
    static long each(unsigned int i, void *ctx) { return bpf_get_numa_node_id() > 5; }
    SEC("tp_btf/sched_switch") int calls(void *ctx) { return shallow(ctx); }
    SEC("raw_tp/sys_enter") int loops(void *ctx) {
      bpf_loop(10, each, 0, 0);
      return global(ctx);
    }
    SEC("xdp") int none(void *ctx) {
      struct task_struct *task = ctx;
      struct gone___old *old = ctx;
      bpf_rcu_read_lock();
      if (bpf_maybe) bpf_maybe();
      if (bpf_core_type_exists(struct asked)) return 1;
      return BPF_CORE_READ(task, tgid) + BPF_CORE_READ(old, x) + (long)&jiffies;
    }
    char LICENSE[] SEC("license") = "GPL";
  `;
  const found = readNeeds(compileBpf(source));
  const names = (kind: string, of?: string): string[] =>
    found.filter((need) => need.kind === kind && (of === undefined || need.of === of)).map(({ name }) => name);

  test("helpers of the functions that its programs call", () => {
    expect(names("helper", "tracing").sort()).toEqual(["get_prandom_u32", "get_smp_processor_id", "jiffies64"]);
  });

  test("helpers of the functions that its programs pass on, and of global ones", () => {
    expect(names("helper", "raw_tracepoint").sort()).toEqual(["get_numa_node_id", "ktime_get_ns", "loop"]);
  });

  test("functions and variables of the kernel, weak ones optionally", () => {
    expect(names("kfunc").sort()).toEqual(["bpf_maybe", "bpf_rcu_read_lock"]);
    expect(found.find(({ name }) => name === "bpf_maybe")).toMatchObject({ optional: true });
    expect(names("ksym")).toEqual(["jiffies"]);
  });

  test("types that CO-RE relocates, optionally those it asks for and old flavours", () => {
    const types = found.filter(({ kind }) => kind === "type").map(({ name, optional }) => [name, optional]);
    expect(Object.fromEntries(types)).toEqual({ task_struct: false, gone: true, asked: true });
  });

  test("a newer libbpf where its section is newer than what the runtime can do without", () => {
    const program = (section: string): ObjectModel["programs"][number] => ({
      name: "p",
      section,
      autoload: true,
      size: 16,
      sec: findSec(section)!,
    });
    const empty = {
      endian: "little",
      license: "GPL",
      maps: [],
      sections: [],
      structOps: [],
      types: [{ kind: "void" }],
      warnings: [],
    } as const;
    const used = { helpers: new Map(), subtracting: new Set<string>(), weak: new Set<string>(), coreTypes: new Map() };
    const libbpf = (...sections: string[]): string[] =>
      needs({ ...empty, programs: sections.map(program) }, used)
        .filter(({ kind }) => kind === "libbpf")
        .map(({ name }) => name);
    expect(libbpf("xdp", "tcx/ingress")).toEqual([]);
    expect(libbpf("kprobe.session/f")).toEqual([">= 1.5"]);
  });
});

describe("CAP_PERFMON of programs that subtract pointers to packets", () => {
  const needing = (body: string): readonly string[] => {
    const found = readNeeds(
      compileBpf(`
        #include <linux/bpf.h>
        #include <bpf/bpf_helpers.h>
        volatile long total;
        typedef unsigned char u8;
        #define PTR(x) ((void *)(long)(x))
        ${body}
        char LICENSE[] SEC("license") = "GPL";
      `),
    );
    return found.find(({ name }) => name === "CAP_PERFMON")?.by ?? [];
  };

  test.each([
    ["xdp", "xdp_md", "data_end", "data"],
    ["xdp", "xdp_md", "data", "data_meta"],
    ["tc", "__sk_buff", "data_end", "data"],
    ["cgroup_skb/egress", "__sk_buff", "data_end", "data"],
    ["sk_msg", "sk_msg_md", "data_end", "data"],
    ["cgroup/setsockopt", "bpf_sockopt", "optval_end", "optval"],
    ["sockops", "bpf_sock_ops", "skb_data_end", "skb_data"],
  ])("of %s, %s.%s - %s", (section, struct, end, start) => {
    const program = `SEC("${section}") int p(struct ${struct} *ctx) { total = (long)ctx->${end} - (long)ctx->${start}; return 1; }`;
    expect(needing(program)).toEqual(["program p"]);
  });

  test("also some way into the packet, on one way, from the stack and in functions that it calls", () => {
    const programs = `
      static __noinline long gap(void *from, void *to) { return to - from; }
      static __noinline long left(struct xdp_md *ctx) { return PTR(ctx->data_end) - PTR(ctx->data); }
      SEC("xdp") int on(struct xdp_md *ctx) {
        u8 *at = PTR(ctx->data), *end = PTR(ctx->data_end);
        if (at + 14 > end) return 1;
        at += 14;
        if (at + 20 > end) return 1;
        at += at[0] & 15;
        total = end - at;
        return 2;
      }
      SEC("xdp") int called(struct xdp_md *ctx) { total = left(ctx); return 2; }
      SEC("xdp") int given(struct xdp_md *ctx) { total = gap(PTR(ctx->data), PTR(ctx->data_end)); return 2; }
    `;
    expect(needing(programs)).toEqual(["program on", "program called", "program given"]);
  });

  test("and of no others", () => {
    const programs = `
      SEC("xdp") int reads(struct xdp_md *ctx) {
        u8 *at = PTR(ctx->data), *end = PTR(ctx->data_end);
        if (at + 14 > end) return 1;
        total = at[3] - at[2];
        return 2;
      }
      SEC("xdp") int numbers(struct xdp_md *ctx) { total = ctx->rx_queue_index - ctx->ingress_ifindex; return 2; }
      SEC("tc") int fields(struct __sk_buff *skb) { total = skb->len - skb->mark; return 0; }
    `;
    expect(needing(programs)).toEqual([]);
  });
});
