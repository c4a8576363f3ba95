// A few lines of C in, the fields of the generated interfaces out: the cases that libbpf-cargo's users have met.

import { describe, expect, test } from "vitest";
import { generate } from "../../src/generate.ts";
import { inspectObject } from "../../src/inspect.ts";
import { compileBpf } from "../support/compile.ts";

const PRELUDE = `
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
typedef __u8 u8; typedef __u16 u16; typedef __u32 u32; typedef __u64 u64; typedef __s32 s32; typedef __s64 s64;
`;

/** The C of a case, made reachable: a variable of every type it is about. */
const globals = (declarations: string, ...variables: string[]): string =>
  `${PRELUDE}${declarations}\n${variables.map((v) => `${v};`).join("\n")}\n`;

/** Interface members as "Type.field: type // doc", and enums as "Type.NAME = value". */
function membersOf(text: string): string[] {
  const members: string[] = [];
  for (const [, name, body] of text.matchAll(/export interface (\w+) \{\n([^]*?)\n\}/g)) {
    if (body!.includes("structOps")) continue;
    for (const [, doc, field, type] of body!.matchAll(/\/\*\* (.*?) \*\/ (\S+): (.*);/g))
      members.push(`${name}.${field}: ${type} // ${doc!.replace(/`/g, "")}`);
  }
  for (const [, name, body] of text.matchAll(/export const (\w+) = \{\n([^]*?)\n\} as const/g))
    for (const [, key, value] of body!.matchAll(/(\S+): (\S+),/g)) members.push(`${name}.${key} = ${value}`);
  return members;
}

const cases: readonly (readonly [string, string, readonly string[]])[] = [
  [
    "integers of every width",
    globals(
      "struct Foo { int x; char y[2]; u64 z; s64 s; __int128 i; unsigned __int128 u; _Bool b; char c; };",
      "struct Foo foo",
    ),
    [
      "Foo.x: number // int at 0",
      "Foo.y: string // char[2] at 4",
      "Foo.z: bigint // u64 at 8",
      "Foo.s: bigint // s64 at 16",
      "Foo.i: bigint // __int128 at 32",
      "Foo.u: bigint // unsigned __int128 at 48",
      "Foo.b: boolean // _Bool at 64",
      "Foo.c: number // char at 65",
    ],
  ],
  [
    "alignment leaves holes, packing none",
    globals(
      "struct A { u8 a; u32 b; u8 c; u64 d; }; struct __attribute__((packed)) B { u8 a; u32 b; u8 c; u64 d; };",
      "struct A a",
      "struct B b",
    ),
    [
      "A.a: number // u8 at 0",
      "A.b: number // u32 at 4",
      "A.c: number // u8 at 8",
      "A.d: bigint // u64 at 16",
      "B.a: number // u8 at 0",
      "B.b: number // u32 at 1",
      "B.c: number // u8 at 5",
      "B.d: bigint // u64 at 6",
    ],
  ],
  [
    "an aligned member",
    globals("struct A { u8 a; u32 b __attribute__((aligned(64))); };", "struct A a"),
    ["A.a: number // u8 at 0", "A.b: number // u32 at 64"],
  ],
  [
    "bitfields, plain, signed, trailing, and a nameless gap",
    globals("struct A { u32 a : 3; s32 b : 5; u32 : 8; u64 c : 40; _Bool d : 1; u32 tail : 2; };", "struct A a"),
    [
      "A.a: number // u32:3 at 0",
      "A.b: number // s32:5 at 0",
      "A.c: bigint // u64:40 at 2",
      "A.d: boolean // _Bool:1 at 7",
      "A.tail: number // u32:2 at 7",
    ],
  ],
  [
    "a tree of anonymous structs",
    globals("struct A { int a; struct { int b; struct { int c; }; }; struct { int d; } e; };", "struct A a"),
    [
      "A.a: number // int at 0",
      "A.b: number // int at 4",
      "A.c: number // int at 8",
      "A.e: AE // struct {…} at 12",
      "AE.d: number // int at 0",
    ],
  ],
  [
    "enums: unsigned, signed, of one byte, of 64 bits",
    globals(
      "enum E { ZERO, SEVEN = 7 }; enum S { MINUS = -1, ONE = 1 }; enum __attribute__((packed)) T { LAST = 255 }; enum W { WIDE = 0x8000000000000000ULL }; enum V { DEEP = -0x100000000LL };",
      "enum E e",
      "enum S s",
      "enum T t",
      "enum W w",
      "enum V v",
    ),
    [
      "E.ZERO = 0",
      "E.SEVEN = 7",
      "S.MINUS = -1",
      "S.ONE = 1",
      "T.LAST = 255",
      "W.WIDE = 9223372036854775808n",
      "V.DEEP = -4294967296n",
    ],
  ],
  [
    "an anonymous enum behind a typedef",
    globals("typedef enum { RED, GREEN } color_t; struct A { color_t c; };", "struct A a"),
    ["A.c: ColorT // color_t at 0", "ColorT.RED = 0", "ColorT.GREEN = 1"],
  ],
  [
    "arrays: long, of arrays, of structs, of none",
    globals(
      "struct P { int x; }; struct A { int a[33]; u8 b[2][3]; char c[2][4]; struct P d[2]; int e[0]; };",
      "struct A a",
    ),
    [
      "P.x: number // int at 0",
      "A.a: readonly number[] // int[33] at 0",
      "A.b: readonly Uint8Array[] // u8[2][3] at 132",
      "A.c: readonly string[] // char[2][4] at 138",
      "A.d: readonly P[] // struct P[2] at 148",
      "A.e: readonly number[] // int[] from 156 to the record's end",
    ],
  ],
  [
    "pointers: to data, to functions, to what is only declared, to itself",
    globals("struct fwd; struct A { int *a; void (*b)(int); struct fwd *c; struct A *d; void *e; };", "struct A a"),
    [
      "A.a: bigint // int * at 0",
      "A.b: bigint // void (*)(int) at 8",
      "A.c: bigint // struct fwd * at 16",
      "A.d: bigint // struct A * at 24",
      "A.e: bigint // void * at 32",
    ],
  ],
  [
    "qualifiers and typedefs all over",
    globals(
      "typedef const volatile u32 odd; typedef odd odder; struct A { const odder a; volatile char b[4]; };",
      "struct A a",
    ),
    ["A.a: number // const odder at 0", "A.b: string // volatile char[4] at 4"],
  ],
  [
    "floats",
    globals("struct A { float a; double b; };", "struct A a = { 1, 2 }"),
    ["A.a: number // float at 0", "A.b: number // double at 8"],
  ],
  [
    "an empty struct",
    globals("struct E {}; struct A { struct E e; int x; };", "struct A a"),
    ["A.e: E // struct E at 0", "A.x: number // int at 0"],
  ],
  [
    "structs in structs in arrays",
    globals("struct C { u8 c; }; struct B { struct C c[2]; }; struct A { struct B b[2]; };", "struct A a"),
    ["C.c: number // u8 at 0", "B.c: readonly C[] // struct C[2] at 0", "A.b: readonly B[] // struct B[2] at 0"],
  ],
  [
    "a union is all of its members, an anonymous one its parent's",
    globals("union U { int a; char b[8]; }; struct A { union U u; union { int x; long y; }; };", "struct A a"),
    [
      "A.u: U // union U at 0",
      "A.x: number // int at 8",
      "A.y: bigint // long at 8",
      "U.a: number // int at 0",
      "U.b: string // char[8] at 0",
    ],
  ],
  [
    "two structs that become one name",
    globals("struct foo_bar { int a; }; struct FooBar { int b; };", "struct foo_bar x", "struct FooBar y"),
    ["FooBar.a: number // int at 0", "FooBar_2.b: number // int at 0"],
  ],
];

describe.each(["bpf", "bpfeb"] as const)("clang -target %s", (target) => {
  test.each(cases)("%s", async (_, source, expected) => {
    const text = await generate(compileBpf(source, target), { name: "case.bpf.o" });
    expect(membersOf(text).sort()).toEqual([...expected].sort());
  });
});

describe("sections", () => {
  const sections = (source: string): unknown =>
    inspectObject(compileBpf(PRELUDE + source)).sections.map(({ name, ident, kind, size, variables }) => ({
      name,
      ident,
      kind,
      size,
      variables: variables.map((v) => `${v.offset}+${v.size} ${v.name}${v.weak ? " weak" : ""}`),
    }));

  test.each<[string, string, unknown]>([
    [
      "data, rodata, bss and their custom kin",
      `int d = 1; const volatile int r = 2; int b; int c SEC(".data.custom") = 3; const volatile int k SEC(".rodata.cfg") = 4;`,
      [
        { name: ".rodata", ident: "rodata", kind: "rodata", size: 4, variables: ["0+4 r"] },
        { name: ".data", ident: "data", kind: "data", size: 4, variables: ["0+4 d"] },
        { name: ".bss", ident: "bss", kind: "bss", size: 4, variables: ["0+4 b"] },
        { name: ".data.custom", ident: "data_custom", kind: "data", size: 4, variables: ["0+4 c"] },
        { name: ".rodata.cfg", ident: "rodata_cfg", kind: "rodata", size: 4, variables: ["0+4 k"] },
      ],
    ],
    [
      "static and hidden variables stay out, weak ones in",
      `static volatile int s = 1; __hidden int h = 2; __weak int w = 3; int v = 4;
       SEC("socket") int f(void *ctx) { s++; return h; }`,
      [{ name: ".data", ident: "data", kind: "data", size: 16, variables: ["4+4 w weak", "8+4 v"] }],
    ],
    [
      "a section of nothing but statics is none",
      `static volatile int s = 1; SEC("socket") int f(void *ctx) { return s++; }`,
      [],
    ],
  ])("%s", (_, source, expected) => {
    const byName = (list: unknown): unknown =>
      [...(list as { name: string }[])].sort((a, b) => (a.name < b.name ? -1 : 1));
    expect(byName(sections(source))).toEqual(byName(expected));
  });
});

describe("programs", () => {
  test.each<[string, string, unknown, string[]]>([
    [
      "several in one section, an optional one, a subprogram",
      `__noinline int sub(int x) { return x + 1; }
       SEC("xdp") int a(void *ctx) { return sub(1); } SEC("xdp") int b(void *ctx) { return 2; }
       SEC("?kprobe/foo") int c(void *ctx) { return 0; }`,
      ["a xdp xdp true", "b xdp xdp true", "c kprobe/foo kprobe false"],
      [],
    ],
    [
      "a lone function in .text",
      `int f(void *ctx) { return 0; }`,
      [],
      [
        'program "f": a function of .text is no program to libbpf, and before 1.5 one that has no type and cannot load (place it: SEC("..."))',
      ],
    ],
    [
      "a section libbpf does not know",
      `SEC("nosuch/thing") int f(void *ctx) { return 0; }`,
      ["f nosuch/thing undefined true"],
      [
        'program "f": libbpf does not know SEC("nosuch/thing"): the program has no type and cannot load (name the section as libbpf does)',
      ],
    ],
    [
      "a static program",
      `SEC("xdp") static int f(void *ctx) { return 2; } void *keep SEC(".keep") = f;`,
      ["f xdp xdp true"],
      ['program "f": libbpf refuses static programs (remove static, or move it out of "xdp")'],
    ],
  ])("%s", (_, source, expected, warnings) => {
    const model = inspectObject(compileBpf(PRELUDE + source));
    expect(model.programs.map((p) => `${p.name} ${p.section} ${p.sec?.kind} ${p.autoload}`)).toEqual(expected);
    expect(model.warnings.map(({ where, what }) => `${where}: ${what}`)).toEqual(warnings);
  });
});
