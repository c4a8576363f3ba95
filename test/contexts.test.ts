// Which programs take a struct of their author's, and so get a typed context.

import { describe, expect, test } from "vitest";
import { generate } from "../src/generate.ts";
import { inspectObject } from "../src/inspect.ts";
import { readLayouts } from "../src/layout/read.ts";
import { compileBpf } from "./support/compile.ts";
import { gate } from "./support/gate.ts";

const head = `
  #include <linux/bpf.h>
  #include <linux/ptrace.h>
  #include <bpf/bpf_helpers.h>
  struct args { __u32 a; __u64 b; };
  typedef struct { int x; } anonymous_t;
  union either { int i; char c[8]; };
  struct forward;
  struct empty {};`;

/** The C spelling of the context of a program in `section` whose parameters are `params`. */
function contextOf(section: string, params: string): string | undefined {
  const bytes = compileBpf(`${head}\nSEC("${section}") int prog(${params}) { return 0; }`);
  return readLayouts(inspectObject(bytes)).programs[0]!.ctx?.spelled;
}

describe("a program takes", () => {
  test.each([
    ["syscall", "struct args *args", "struct args"],
    ["syscall", "const struct args *args", "const struct args"],
    ["syscall", "anonymous_t *args", "anonymous_t"],
    ["syscall", "union either *args", "union either"],
    ["raw_tp/sys_enter", "struct args *args", "struct args"],
    ["raw_tracepoint/sys_enter", "struct args *args", "struct args"],
  ])("in SEC(%j) with %j the author's struct", (section, params, spelled) => {
    expect(contextOf(section, params)).toBe(spelled);
  });

  test.each([
    ["syscall", "void *ctx"],
    ["syscall", "void"],
    ["syscall", "__u64 *ctx"],
    ["syscall", "struct forward *ctx"],
    ["syscall", "struct empty *ctx"],
    ["raw_tp/sys_enter", "struct bpf_raw_tracepoint_args *ctx"],
    ["xdp", "struct xdp_md *ctx"],
    ["tc", "struct __sk_buff *skb"],
    // The kernel's, or nothing that can be run.
    ["tp/syscalls/sys_enter_getpid", "struct args *args"],
    ["kprobe/do_unlinkat", "struct pt_regs *ctx"],
  ])("in SEC(%j) with %j bytes", (section, params) => {
    expect(contextOf(section, params)).toBeUndefined();
  });
});

test("the generated module names the struct and its codec", async () => {
  const source = `${head}
    SEC("syscall") int one(struct args *args) { return 0; }
    SEC("syscall") int two(union either *args) { return 0; }
    SEC("syscall") int three(void *ctx) { return 0; }`;
  const text = await generate(compileBpf(source), { name: "calls.bpf.o" });
  expect(gate(text)).toEqual([]);
  expect(text).toContain('one: s.Program<"syscall", Args>;');
  expect(text).toContain('two: s.Program<"syscall", Either, EitherInit>;');
  expect(text).toContain('three: s.Program<"syscall">;');
  expect(text).toContain(
    'progs: { one: { section: "syscall", ctx: Args }, two: { section: "syscall", ctx: Either }, three: "syscall" },',
  );
});
