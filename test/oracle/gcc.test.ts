// gcc's BTF of a source must show the same as clang's: names, places, sizes, and how each value is read and written.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { generateWithWarnings, readForModule } from "../../src/generate.ts";
import { inspectObject } from "../../src/inspect.ts";
import type { Layout } from "../../src/layout/layout.ts";
import { assignNames } from "../../src/names/names.ts";
import { bpftoolTypes, dumpBtf } from "../support/bpftool.ts";
import { compileBpf } from "../support/compile.ts";
import { compileWithGcc } from "../support/gccbpf.ts";
import { gate } from "../support/gate.ts";

const HEAD = `
typedef unsigned char u8; typedef unsigned short u16; typedef unsigned int u32; typedef unsigned long long u64;
typedef signed char s8; typedef short s16; typedef int s32; typedef long long s64; typedef u32 __be32; typedef u16 __be16;
#define SEC(n) __attribute__((section(n), used))
#define __uint(name, val) int (*name)[val]
#define __type(name, val) typeof(val) *name
#define __array(name, val) typeof(val) *name[]
char LICENSE[] SEC("license") = "GPL";
`;

/** Sources that both compile: types alone, since each has its own way to call helpers. */
const SOURCES: Readonly<Record<string, string>> = {
  integers: `
    struct all {
      char c; signed char sc; unsigned char uc; u8 b; s8 sb; short h; u16 uh; int i; u32 u; long l; unsigned long ul;
      long long ll; u64 ull; _Bool ok; __be32 addr; __be16 port;
    };
    struct all all = { 1 }; char c = 1; unsigned char uc = 2; signed char sc = -1; _Bool ok = 1; u64 ull = 1; long l = 1;
    const volatile u8 level = 3;`,
  arrays: `
    struct arrays {
      char comm[16]; u8 mac[6]; s8 levels[4]; unsigned char raw[3]; signed char signs[3]; u64 wide[2]; _Bool flags[4]; const char fixed[4]; u16 ports[0];
    };
    struct arrays arrays = { "a" }; char text[8] = "text"; u8 bytes[8] = { 1 };`,
  bitfields: `
    struct bits {
      u32 a : 3, b : 5; s32 c : 4; u64 d : 40; _Bool e : 1; u8 f : 2; u16 g : 11; signed char h : 3; u32 : 0; u32 i : 32; unsigned char j : 7;
    };
    struct packed { u8 a : 3; u32 b : 17; u64 c; } __attribute__((packed));
    struct bits bits = { 1 }; struct packed packed = { 1 };`,
  "structs, unions and anonymous members": `
    struct inner { u32 x; union { u32 v4; u8 v6[16]; struct { u16 hi, lo; }; }; };
    union either { u32 number; char text[8]; struct inner inner; };
    typedef struct { u8 tag; struct { u16 a, b; } pair; } tagged_t;
    struct outer { struct inner inner; union either either; tagged_t tagged; struct { u8 p; struct { u32 q; }; } in[2]; } __attribute__((aligned(16)));
    struct packed { u8 a; u32 b; u64 c; } __attribute__((packed));
    struct outer outer = { { 1 } }; struct packed packed = { 1 }; union either either = { 1 };`,
  enums: `
    enum color { RED, GREEN = 5, BLUE }; typedef enum { OFF, ON } state_t;
    struct painted { enum color color; state_t state; enum color many[3]; };
    struct painted painted = { GREEN }; enum color color = BLUE; state_t state = ON;`,
  "pointers and lists": `
    struct node; struct unknown;
    struct node { struct node *next; struct unknown *other; void *any; int (*call)(struct node *, char); const char *name; };
    struct node node; void *volatile any;`,
  floats: `struct floats { float f; double d; float many[2]; }; struct floats floats = { 1.0f };`,
  "qualifiers and typedefs": `
    typedef const volatile u32 cvu32; typedef struct item { cvu32 id; volatile u8 v; const u64 c; } item_t; typedef item_t items_t[3];
    struct holder { items_t items; const item_t *const restrict link; }; struct holder holder; volatile const int constant = 4;`,
  maps: `
    struct key { u32 a; u8 b[4]; }; struct value { u64 n; char name[8]; u8 mac[6]; };
    struct { __uint(type, 1); __uint(max_entries, 16); __type(key, struct key); __type(value, struct value); } hash SEC(".maps");
    struct { __uint(type, 2); __uint(max_entries, 4); __type(key, u32); __type(value, u8); __uint(map_flags, 1024); } array SEC(".maps");
    struct { __uint(type, 27); __uint(max_entries, 4096); } ring SEC(".maps");
    struct { __uint(type, 1); __uint(max_entries, 1 << 30); __uint(key_size, 4); __uint(value_size, 8); } sizes SEC(".maps");`,
  programs: `
    struct ctx { u64 arg; }; u64 seen; u8 last;
    SEC("syscall") int prog(struct ctx *ctx) { seen += ctx->arg; last = 200; return 0; }
    SEC("?xdp") int off(void *ctx) { return 2; }`,
};

/** What the module of an object says, without the words of C that the compilers differ in and the order that they have things in. */
function said(bytes: Uint8Array): object {
  const { model, layouts } = readForModule(bytes, { name: "x.bpf.o" });
  const names = assignNames("x", layouts.types).types;
  const form = (layout: Layout | undefined): unknown =>
    layout &&
    JSON.parse(
      JSON.stringify(layout, (key, value: unknown) =>
        key === "type" ? names[value as number] : key === "reason" ? undefined : value,
      ),
    );
  const byName = <T extends { readonly name: string }>(all: readonly T[], of: (one: T, i: number) => unknown): object =>
    Object.fromEntries(all.map((one, i) => [one.name, of(one, i)]));
  return {
    maps: byName(model.maps, ({ type, keySize, valueSize, maxEntries, flags }, i) => {
      const { key, value } = layouts.maps[i]!;
      return { type, keySize, valueSize, maxEntries, flags, key: form(key?.layout), value: form(value?.layout) };
    }),
    programs: byName(model.programs, ({ section, autoload }, i) => ({
      section,
      autoload,
      ctx: form(layouts.programs[i]!.ctx?.layout),
    })),
    // gcc puts `const volatile` into .data.
    variables: Object.fromEntries(
      layouts.sections.flatMap(({ variables }) =>
        variables.map(({ name, size, layout }) => [name, { size, form: form(layout) }]),
      ),
    ),
    types: Object.fromEntries(
      layouts.types.map((type) => [
        names[type.type]!,
        type.kind === "enum"
          ? { size: type.size, scalar: type.scalar, values: type.values }
          : {
              size: type.size,
              unions: type.unions,
              tail: type.tail,
              fields: byName(type.fields, ({ offset, size, layout }) => ({ offset, size, form: form(layout) })),
            },
      ]),
    ),
  };
}

function expectAsBpftool(bytes: Uint8Array): void {
  const folder = mkdtempSync(join(tmpdir(), "ebpf-skel-gcc-"));
  try {
    writeFileSync(join(folder, "x.o"), bytes);
    expect(inspectObject(bytes).types).toEqual(bpftoolTypes(dumpBtf(join(folder, "x.o"))));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe.each(Object.entries(SOURCES))("%s", (_, source) => {
  test("gcc's object shows what clang's does", () => {
    const [gcc, clang] = [said(compileWithGcc(HEAD + source)), said(compileBpf(HEAD + source))];
    expect(gcc).toEqual(clang);
  });

  test("its BTF reads as bpftool reads it", () => expectAsBpftool(compileWithGcc(HEAD + source)));

  test("makes a module like any other", async () => {
    const { text } = await generateWithWarnings(compileWithGcc(HEAD + source), { name: "x.bpf.o" });
    expect(gate(text)).toEqual([]);
  });
});

test("what gcc 12 writes another way, dimensions in reverse and enumerators without a sign, is shown as it is written", () => {
  const source = `
    enum sign { MINUS = -1, PLUS = 1 };
    struct table { unsigned grid[2][3]; enum sign sign; };
    struct table table = { .sign = PLUS };`;
  expectAsBpftool(compileWithGcc(source));
  expect(said(compileWithGcc(source))).toMatchObject({ types: { Table: { size: 28 }, Sign: { size: 4 } } });
});
