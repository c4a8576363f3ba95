// struct_ops maps in the model, in layouts and in generated text: sections, members, what is left out and why.

import { describe, expect, test } from "vitest";
import { generate } from "../src/generate.ts";
import { inspectObject } from "../src/inspect.ts";
import { readLayouts } from "../src/layout/read.ts";
import type { ObjectModel } from "../src/object/model.ts";
import { compileBpf } from "./support/compile.ts";
import { gate } from "./support/gate.ts";

const head = `
  #include <linux/bpf.h>
  #include <stdbool.h>
  #include <bpf/bpf_helpers.h>
  struct sock;
  SEC("struct_ops/run") long on_run(void *ctx) { return 0; }`;

const modelOf = (source: string): ObjectModel => inspectObject(compileBpf(`${head}\n${source}`));

/** "offset spelled name: kind" of each member of the first map. */
function membersOf(source: string): string[] {
  const [ops] = readLayouts(modelOf(source)).structOps;
  return ops!.members.map(({ name, offset, spelled, layout }) => {
    const kind = layout === "func" ? "func" : layout.kind;
    return `${offset} ${spelled} ${name}: ${kind}`;
  });
}

const ops = "struct my_ops { long (*run)(struct sock *); int flags; };";

describe("sections", () => {
  test.each([
    [".struct_ops", { section: ".struct_ops", link: false, autocreate: true }],
    [".struct_ops.link", { section: ".struct_ops.link", link: true, autocreate: true }],
    ["?.struct_ops", { section: "?.struct_ops", link: false, autocreate: false }],
    ["?.struct_ops.link", { section: "?.struct_ops.link", link: true, autocreate: false }],
  ])("%s is one of struct_ops maps", (section, expected) => {
    const { structOps, maps, sections, warnings } = modelOf(
      `${ops} SEC("${section}") struct my_ops mine = { .run = (void *)on_run };`,
    );
    expect(structOps).toEqual([{ name: "mine", type: expect.any(Number), size: 16, ...expected }]);
    expect([maps, sections, warnings]).toEqual([[], [], []]);
  });

  test("hold several maps, also behind typedefs and qualifiers", () => {
    const { structOps } = modelOf(`${ops}
      typedef struct my_ops ops_t;
      SEC(".struct_ops") struct my_ops a = { .run = (void *)on_run };
      SEC(".struct_ops") volatile ops_t b = { .run = (void *)on_run };
      SEC(".struct_ops.link") struct my_ops c = { .run = (void *)on_run };`);
    expect(structOps.map(({ name, link }) => [name, link])).toEqual([
      ["a", false],
      ["b", false],
      ["c", true],
    ]);
  });

  test.each([
    [
      "a static map",
      `${ops} SEC(".struct_ops") __attribute__((used)) static struct my_ops mine = { .run = (void *)on_run };`,
      { where: "struct_ops mine", what: "static, so userspace cannot reach it (remove static)" },
    ],
    [
      "a map of a struct without a name",
      `SEC(".struct_ops") struct { long (*run)(struct sock *); } mine = { .run = (void *)on_run };`,
      {
        where: "struct_ops mine",
        what: 'libbpf refuses what is no struct with a name, got "struct {…}" (declare it as the kernel\'s struct)',
      },
    ],
    [
      "a map that is no struct",
      `SEC(".struct_ops") long mine = (long)on_run;`,
      {
        where: "struct_ops mine",
        what: 'libbpf refuses what is no struct with a name, got "long" (declare it as the kernel\'s struct)',
      },
    ],
  ])("%s is left out with a warning", (_what, source, warning) => {
    const { structOps, warnings } = modelOf(source);
    expect(structOps).toEqual([]);
    expect(warnings).toEqual([warning]);
  });
});

describe("members", () => {
  test("are functions and plain values, at BTF's offsets", () => {
    expect(
      membersOf(`
        enum speed { SLOW, FAST };
        typedef long (*run_t)(struct sock *);
        struct my_ops {
          long (*run)(struct sock *);
          run_t again;
          void (*const fixed)(void);
          unsigned char small;
          bool on;
          short pair[2];
          enum speed speed;
          char name[16];
          unsigned char raw[4];
          __u64 wide;
          double real;
        };
        SEC(".struct_ops") struct my_ops mine = { .run = (void *)on_run };`),
    ).toEqual([
      "0 long (*)(struct sock *) run: func",
      "8 run_t again: func",
      "16 void (*const)(void) fixed: func",
      "24 unsigned char small: scalar",
      "25 _Bool on: scalar",
      "26 short[2] pair: list",
      "32 enum speed speed: enum",
      "36 char[16] name: chars",
      "52 unsigned char[4] raw: bytes",
      "56 __u64 wide: scalar",
      "64 double real: scalar",
    ]);
  });

  test("that are the kernel's own are left out, and so are their types", () => {
    const source = `
      struct list { struct list *next, *prev; };
      struct my_ops {
        long (*run)(struct sock *);
        void *owner;
        struct list list;
        struct list lists[2];
        void *pointers[2];
        union { int a; long b; } either;
        int bits : 3;
        struct { int anonymous; };
        int flags;
      };
      SEC(".struct_ops") struct my_ops mine = { .run = (void *)on_run };`;
    expect(membersOf(source)).toEqual(["0 long (*)(struct sock *) run: func", "96 int flags: scalar"]);
    expect(readLayouts(modelOf(source)).types).toEqual([]);
  });
});

describe("the generated module", () => {
  const source = `${head} ${ops}
    SEC("struct_ops.s/run") long on_run_sleeping(void *ctx) { return 0; }
    SEC(".struct_ops.link") struct my_ops mine = { .run = (void *)on_run };`;

  test("has a type and a table of each member", async () => {
    const text = await generate(compileBpf(source), { name: "mine.bpf.o" });
    expect(gate(text)).toEqual([]);
    expect(text).toContain(`  structOps: {
    /** \`struct my_ops\` in \`SEC(".struct_ops.link")\` */
    mine: {
      /** \`long (*)(struct sock *)\` at 0 */
      run: s.StructOpsFunc<Mine["progs"]>;
      /** \`int\` at 8 */
      flags: number;
    };
  };`);
    expect(text).toContain(`mine: s.structOps(".struct_ops.link", 16, { run: [0, "func"], flags: [8, s.s32] })`);
  });

  test("shows 64-bit members as asked", async () => {
    const wide = `${head} struct my_ops { long (*run)(struct sock *); __u64 wide; };
      SEC(".struct_ops") struct my_ops mine = { .run = (void *)on_run };`;
    const text = await generate(compileBpf(wide), { name: "mine.bpf.o", int64: "number" });
    expect(text).toMatch(/wide: number;/);
    expect(text).toMatch(/wide: \[8, s\.u64n\]/);
  });
});
