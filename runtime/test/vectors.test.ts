// Structs as gcc lays them out and fills them, in both byte orders, against codecs written by hand from the same C.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { bytes, chars, list } from "../src/codec/arrays.ts";
import { bits } from "../src/codec/bits.ts";
import type { Codec } from "../src/codec/codec.ts";
import { fieldsOf } from "../src/codec/fields.ts";
import { bool, f32, f64, s16, s32, s64, s64n, s8, u128, u16, u32, u64, u64n, u8, s128 } from "../src/codec/scalars.ts";
import { struct } from "../src/codec/struct.ts";
import { Memory } from "../src/memory.ts";

type Table = Parameters<typeof struct<Record<string, readonly [number, Codec<unknown, never>]>>>[1];

interface Case {
  /** The members in C, and their initializers. */
  c: string;
  init: string;
  packed?: true;
  size: number;
  fields: Table;
  value: Record<string, unknown>;
}

const cases: Record<string, Case> = {
  padded: {
    c: "char a; int b; short c; long long d; unsigned char e;",
    init: ".a = -1, .b = -2, .c = 3, .d = -4, .e = 255",
    size: 32,
    fields: { a: [0, s8], b: [4, s32], c: [8, s16], d: [16, s64], e: [24, u8] },
    value: { a: -1, b: -2, c: 3, d: -4n, e: 255 },
  },
  packed: {
    c: "unsigned char a; unsigned int b; unsigned short c; unsigned long long d;",
    init: ".a = 1, .b = 0xdeadbeef, .c = 0x1234, .d = 0x0123456789abcdefULL",
    packed: true,
    size: 15,
    fields: { a: [0, u8], b: [1, u32], c: [5, u16], d: [7, u64] },
    value: { a: 1, b: 0xdeadbeef, c: 0x1234, d: 0x0123456789abcdefn },
  },
  arrays: {
    c: "unsigned short words[3]; unsigned char mac[6]; char comm[16]; char names[2][5]; int grid[2][3]; long long last;",
    init: '.words = {1, 2, 0xffff}, .mac = {1, 2, 3, 4, 5, 6}, .comm = "b\\xc3\\xa4sh", .names = {"ab", "vwxyz"}, .grid = {{1, -2, 3}, {4, 5, -6}}, .last = 7',
    size: 72,
    fields: {
      words: [0, list(3, u16)],
      mac: [6, bytes(6)],
      comm: [12, chars(16)],
      names: [28, list(2, chars(5))],
      grid: [40, list(2, list(3, s32))],
      last: [64, s64],
    },
    value: {
      words: [1, 2, 0xffff],
      mac: new Uint8Array([1, 2, 3, 4, 5, 6]),
      comm: "bäsh",
      names: ["ab", "vwxyz"],
      grid: [
        [1, -2, 3],
        [4, 5, -6],
      ],
      last: 7n,
    },
  },
  nested: {
    c: "char tag; struct ORDER { short x; long long y; } one; struct ORDER { char a; int b; } many[2]; char end;",
    init: ".tag = 1, .one = {-2, -3}, .many = {{4, -5}, {6, 7}}, .end = 8",
    size: 48,
    fields: {
      tag: [0, s8],
      one: [8, struct(16, { x: [0, s16], y: [8, s64] })],
      many: [24, list(2, struct(8, { a: [0, s8], b: [4, s32] }))],
      end: [40, s8],
    },
    value: {
      tag: 1,
      one: { x: -2, y: -3n },
      many: [
        { a: 4, b: -5 },
        { a: 6, b: 7 },
      ],
      end: 8,
    },
  },
  reals: {
    c: "float f; double d; float tiny; double big; float ratios[2];",
    init: ".f = 1.5f, .d = -0.1, .tiny = 1e-40f, .big = 1e300, .ratios = {0.25f, -2}",
    size: 40,
    fields: { f: [0, f32], d: [8, f64], tiny: [16, f32], big: [24, f64], ratios: [32, list(2, f32)] },
    value: { f: 1.5, d: -0.1, tiny: Math.fround(1e-40), big: 1e300, ratios: [0.25, -2] },
  },
  enums: {
    c: "enum plain plain; enum negative negative; enum wide wide; _Bool yes; _Bool no;",
    init: ".plain = B, .negative = C, .wide = E, .yes = 1, .no = 0",
    size: 24,
    fields: { plain: [0, u32], negative: [4, s32], wide: [8, u64], yes: [16, bool], no: [17, bool] },
    value: { plain: 7, negative: -1, wide: 0x123456789an, yes: true, no: false },
  },
  wide: {
    c: "char a; unsigned __int128 u; __int128 s;",
    init: ".a = 1, .u = ((unsigned __int128)0x0102030405060708ULL << 64) | 0x090a0b0c0d0e0f10ULL, .s = -5",
    size: 48,
    fields: { a: [0, s8], u: [16, u128], s: [32, s128] },
    value: { a: 1, u: 0x0102030405060708090a0b0c0d0e0f10n, s: -5n },
  },
  numbers: {
    c: "unsigned long long u; long long s; unsigned long long wide:50;",
    init: ".u = 9007199254740991ULL, .s = -9007199254740991LL, .wide = 0x2222233334444",
    size: 24,
    fields: { u: [0, u64n], s: [8, s64n], wide: [16, bits(0, 50, u64n)] },
    value: { u: 2 ** 53 - 1, s: -(2 ** 53) + 1, wide: 0x2222233334444 },
  },
  flags: {
    c: "unsigned a:3; int b:5; unsigned c:17; int d:7; _Bool e:1; unsigned char f:4; unsigned g;",
    init: ".a = 5, .b = -7, .c = 0x1abcd, .d = -64, .e = 1, .f = 9, .g = 10",
    size: 12,
    fields: {
      a: [0, bits(0, 3, u32)],
      b: [0, bits(3, 5, s32)],
      c: [0, bits(8, 17, u32)],
      d: [0, bits(25, 7, s32)],
      e: [4, bits(0, 1, bool)],
      f: [4, bits(1, 4, u8)],
      g: [8, u32],
    },
    value: { a: 5, b: -7, c: 0x1abcd, d: -64, e: true, f: 9, g: 10 },
  },
  flags64: {
    c: "unsigned long long a:3; long long b:40; unsigned long long c:21; long long d:33; unsigned long long e:31;",
    init: ".a = 5, .b = -0x7edcba9876, .c = 0x1fedcb, .d = -1, .e = 0x7fedcba9",
    size: 16,
    fields: {
      a: [0, bits(0, 3, u64)],
      b: [0, bits(3, 40, s64)],
      c: [0, bits(43, 21, u64)],
      d: [8, bits(0, 33, s64)],
      e: [8, bits(33, 31, u64)],
    },
    value: { a: 5n, b: -0x7edcba9876n, c: 0x1fedcbn, d: -1n, e: 0x7fedcba9n },
  },
  straddling: {
    c: "unsigned a:5; unsigned long long b:62; int c:13; long long d:64; unsigned e:30; unsigned f:2; char g;",
    init: ".a = 21, .b = 0x2123456789abcdefULL, .c = -4095, .d = -0x123456789abcdefLL, .e = 0x2aaaaaab, .f = 2, .g = 'g'",
    packed: true,
    size: 23,
    fields: {
      a: [0, bits(0, 5, u32)],
      b: [0, bits(5, 62, u64)],
      c: [8, bits(3, 13, s32)],
      d: [10, bits(0, 64, s64)],
      e: [18, bits(0, 30, u32)],
      f: [18, bits(30, 2, u32)],
      g: [22, u8],
    },
    value: { a: 21, b: 0x2123456789abcdefn, c: -4095, d: -0x123456789abcdefn, e: 0x2aaaaaab, f: 2, g: 103 },
  },
  ninebytes: {
    c: "unsigned char a:3; unsigned long long b:64; unsigned char c:5;",
    init: ".a = 5, .b = 0xfedcba9876543210ULL, .c = 17",
    packed: true,
    size: 9,
    fields: { a: [0, bits(0, 3, u8)], b: [0, bits(3, 64, u64)], c: [8, bits(3, 5, u8)] },
    value: { a: 5, b: 0xfedcba9876543210n, c: 17 },
  },
};

interface Printed {
  size: number;
  offsets: Record<string, number>;
  hex: string;
}

const isBitfield = (codec: Codec<unknown, never>) => codec.name.includes(":");

// One C function per struct and byte order; gcc's scalar_storage_order stands in for a big-endian machine.
function program(): string {
  const types: string[] = [];
  const calls: string[] = [];
  for (const [name, { c, init, packed, fields }] of Object.entries(cases)) {
    for (const order of ["little", "big"]) {
      const attributes = `__attribute__((scalar_storage_order("${order}-endian")${packed ? ", packed" : ""}))`;
      const id = `${name}_${order}`;
      const offsets = Object.entries(fields)
        .filter(([, [, codec]]) => !isBitfield(codec))
        .map(([field]) => `offset(${id}, ${field})`);
      types.push(`struct ${attributes} ${id} { ${c.replaceAll("ORDER", attributes)} };`);
      calls.push(
        `{ static const struct ${id} v = { ${init} };`, // static: its padding is zero
        `  printf("%s\\"${id}\\": {\\"size\\": %zu, \\"offsets\\": {", comma, sizeof v); comma = "";`,
        ...offsets,
        `  printf("}, \\"hex\\": \\""); hex(&v, sizeof v); printf("\\"}"); comma = ",\\n"; }`,
      );
    }
  }
  return `#include <stddef.h>
#include <stdio.h>
#include <string.h>
static const char *comma = "";
#define offset(type, field) printf("%s\\"" #field "\\": %zu", comma, offsetof(struct type, field)); comma = ", ";
static void hex(const void *p, size_t n) { for (size_t i = 0; i < n; i++) printf("%02x", ((const unsigned char *)p)[i]); }
enum plain { A, B = 7 };
enum negative { C = -1, D };
enum wide { E = 0x123456789aLL };
${types.join("\n")}
int main(void) {
  printf("{");
${calls.join("\n")}
  printf("}\\n");
  return 0;
}
`;
}

const hasGcc = (() => {
  try {
    execFileSync("gcc", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    console.warn("vectors.test.ts: skipped, there is no gcc");
    return false;
  }
})();

describe.skipIf(!hasGcc)("what gcc printed", () => {
  let printed: Record<string, Printed> = {};
  beforeAll(() => {
    const folder = mkdtempSync(join(tmpdir(), "vectors-"));
    try {
      writeFileSync(join(folder, "vectors.c"), program());
      execFileSync("gcc", ["-w", "-std=gnu11", "-o", "vectors", "vectors.c"], { cwd: folder, stdio: "pipe" });
      printed = JSON.parse(execFileSync(join(folder, "vectors"), { encoding: "utf8" })) as Record<string, Printed>;
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  for (const [name, { size, fields, value }] of Object.entries(cases)) {
    for (const order of ["little", "big"]) {
      it(`${name}, ${order}-endian`, () => {
        const vector = printed[`${name}_${order}`]!;
        const codec = struct(size, fields, { bigEndian: order === "big" }) as Codec<unknown>;
        const plain = fieldsOf(codec)!.filter(({ codec }) => !isBitfield(codec));
        expect({ size, offsets: Object.fromEntries(plain.map(({ name, offset }) => [name, offset])) }).toEqual({
          size: vector.size,
          offsets: vector.offsets,
        });
        const bytes = new Uint8Array(Buffer.from(vector.hex, "hex"));
        expect(codec.decode(bytes)).toEqual(value);
        expect(Buffer.from(codec.encode(value)).toString("hex")).toBe(vector.hex);

        const m = Memory.alloc(size + 1, { bigEndian: order === "big" });
        codec.write(m, 1, value); // nothing aligned
        expect(Buffer.from(m.bytes(1, size)).toString("hex")).toBe(vector.hex);
        expect(codec.read(m, 1)).toEqual(value);
      });
    }
  }
});
