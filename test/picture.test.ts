// Layouts in, byte maps, figures and values out, as they are drawn.

import { describe, expect, test } from "vitest";
import { parseElf, sectionData } from "../src/elf/read.ts";
import { inspectObject } from "../src/inspect.ts";
import type { FieldLayout, Layout, StructLayout, Union } from "../src/layout/layout.ts";
import { readLayouts } from "../src/layout/read.ts";
import { type Content, html } from "../src/picture/html.ts";
import { byteMap } from "../src/picture/rows.ts";
import { spansOf, structsOf } from "../src/picture/spans.ts";
import { sentenceOf, sumsOf } from "../src/picture/sums.ts";
import { drawByteMap } from "../src/picture/terminal.ts";
import { showValue } from "../src/picture/value.ts";
import { compileBpf } from "./support/compile.ts";

const u32: Layout = { kind: "scalar", scalar: "u32" };

/** A field of bytes; the layout matters only for structs and bitfields. */
function field(name: string, offset: number, size: number, layout: Layout = u32): FieldLayout {
  return { name, offset, size, layout, spelled: "T" };
}

function bits(name: string, offset: number, bit: number, width: number): FieldLayout {
  return field(name, offset, Math.ceil((bit + width) / 8), { kind: "bits", bit, width, base: u32 });
}

/** What is of type 7. */
const INNER: StructLayout = {
  kind: "struct",
  type: 7,
  name: { rank: "struct", name: "inner" },
  spelled: "struct inner",
  size: 8,
  fields: [field("first", 0, 4), field("last", 4, 1)],
  unions: [],
  init: false,
  padding: [{ offset: 5, size: 3 }],
  kernelFields: [],
};

const structs = structsOf([INNER]);

function drawn(size: number, fields: readonly FieldLayout[], unions: readonly Union[] = []): string[] {
  return drawByteMap(byteMap(spansOf({ size, fields, unions, kernelFields: [] }, structs)), (text) => text);
}

/** A drawing as it stands in the source, without its indentation. */
function picture(text: string): string[] {
  return text
    .split("\n")
    .slice(1, -1)
    .map((line) => line.slice(4));
}

describe("drawByteMap", () => {
  test("fields with a hole between and padding behind", () => {
    expect(drawn(16, [field("pid", 0, 4), field("at", 8, 7)])).toEqual(
      picture(`
             0       1       2       3       4       5       6       7
            ┌───────────────────────────────┬───────────────────────────────┐
         0  │ pid                           │░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░│
            ├───────────────────────────────┴───────────────────────┬───────┤
         8  │ at                                                    │░░░░░░░│
            └───────────────────────────────────────────────────────┴───────┘
    `),
    );
  });

  test("a field over several rows is one box, and the rows in the middle of a long one are left out", () => {
    expect(drawn(72, [field("id", 0, 4), field("name", 4, 16), field("data", 20, 44), field("end", 64, 8)])).toEqual(
      picture(`
             0       1       2       3       4       5       6       7
            ┌───────────────────────────────┬───────────────────────────────┐
         0  │ id                            │ name                          │
            ├───────────────────────────────┘                               │
         8  │                                                               │
            │                               ┌───────────────────────────────┤
        16  │                               │ data                          │
            ├───────────────────────────────┘                               │
         ⋮  │ 32 more bytes                                                 │
        56  │                                                               │
            ╞═══════════════════════════════════════════════════════════════╡
        64  │ end                                                           │
            └───────────────────────────────────────────────────────────────┘
    `),
    );
  });

  test("bits in rows of four bytes", () => {
    expect(drawn(4, [bits("a", 0, 0, 3), bits("long_name", 0, 3, 1), bits("c", 1, 0, 16)])).toEqual(
      picture(`
             0               1               2               3
            ┌─────┬─┬───────┬───────────────────────────────┬───────────────┐
         0  │ a   │…│░░░░░░░│ c                             │░░░░░░░░░░░░░░░│
            └─────┴─┴───────┴───────────────────────────────┴───────────────┘
    `),
    );
  });

  test("what shares bytes follows line by line, the members of a struct in a union together", () => {
    const fields = [field("a", 0, 4), field("b", 4, 1), field("c", 4, 2), field("d", 6, 1), field("whole", 4, 8)];
    expect(drawn(16, [...fields, field("after", 12, 4)], [["b", ["c", "d"], "whole"]])).toEqual(
      picture(`
             0       1       2       3       4       5       6       7
            ┌───────────────────────────────┬───────┐
         0  │ a                             │ b     │
            └───────────────────────────────┼───────┴───────────────────────┐
         8                                  │ after                         │
                                            ├───────────────┬───────┬───────┘
      or 0                                  │ c             │ d     │
                                            ├───────────────┴───────┴───────┐
      or 0                                  │ whole                         │
            ┌───────────────────────────────┼───────────────────────────────┘
         8  │                               │
            └───────────────────────────────┘
    `),
    );
  });

  test("fields of a nested struct by their path, or their own name where that has no room", () => {
    expect(drawn(8, [field("nested", 0, 8, { kind: "struct", type: 7 })])).toEqual(
      picture(`
             0       1       2       3       4       5       6       7
            ┌───────────────────────────────┬───────┬───────────────────────┐
         0  │ nested.first                  │ last  │░░░░░░░░░░░░░░░░░░░░░░░│
            └───────────────────────────────┴───────┴───────────────────────┘
    `),
    );
  });

  test("control characters as their numbers", () => {
    expect(drawn(8, [field("\u001b[2J\u202e", 0, 8)])[2]).toContain("│ \\u001b[2J\\u202e  ");
  });

  test("nothing for what has no bytes", () => expect(drawn(0, [field("empty", 0, 0)])).toEqual([]));
});

test("byteMap is small for a struct of any size, and spans are few for any number of fields", () => {
  const huge = [field("head", 0, 4), field("data", 4, 2 ** 31), field("end", 2 ** 31 + 4, 4)];
  expect(
    byteMap(spansOf({ size: 2 ** 31 + 8, fields: huge, kernelFields: [], unions: [] }, new Map())).lines.length,
  ).toBe(3);
  const fields = Array.from({ length: 5000 }, (_, i) => field(`m${i}`, 0, 8));
  expect(
    spansOf({ size: 8, fields, kernelFields: [], unions: [fields.map(({ name }) => name)] }, new Map()).length,
  ).toBe(32);
});

test("sentenceOf says what pahole says, and leaves out what is none", () => {
  const types = inspectObject(
    compileBpf(`
      #include <linux/bpf.h>
      #include <bpf/bpf_helpers.h>
      struct full { int a, b; } full;
      struct holey { char a; int b; char c; } holey;
      struct bitty { unsigned a : 3, b : 7; char c; } bitty;`),
  ).types;
  const says = (name: string): string => {
    const type = types.find((one) => one.kind === "struct" && one.name === name);
    return sentenceOf(sumsOf(types, type as never));
  };
  expect(says("full")).toBe("size: 8, cachelines: 1, members: 2");
  expect(says("holey")).toBe("size: 12, cachelines: 1, members: 3, sum members: 6, holes: 1, sum holes: 3, padding: 3");
  expect(says("bitty")).toBe("size: 4, cachelines: 1, members: 3, bit holes: 1, sum bit holes: 6 bits, padding: 1");
});

describe("html", () => {
  test.each<[Content, string]>([
    [`<img src=x onerror="pwned()">`, "&lt;img src=x onerror=&quot;pwned()&quot;&gt;"],
    ["</script>'&amp;", "&lt;/script&gt;&#39;&amp;amp;"],
    ["\u202e\u0000\n\udc80", "\\u202e\\u0000\\n\\udc80"],
    [7, "7"],
    [undefined, ""],
    [false, ""],
    [["<", html`<b>${">"}</b>`, 1], "&lt;<b>&gt;</b>1"],
  ])("%j becomes %j", (content, text) => expect(String(html`${content}`)).toBe(text));
});

/** The initial values of `.data`, by name. */
function valuesOf(bytes: Uint8Array): Readonly<Record<string, string>> {
  const model = inspectObject(bytes);
  const layouts = readLayouts(model);
  const section = parseElf(bytes).sections.find(({ name }) => name === ".data")!;
  const memory = {
    bytes: sectionData(bytes, section),
    littleEndian: model.endian === "little",
    types: new Map(layouts.types.map((type) => [type.type, type])),
  };
  const { variables } = layouts.sections[model.sections.findIndex(({ name }) => name === ".data")]!;
  return Object.fromEntries(
    variables.map(({ name, layout, offset, size }) => [name, showValue(memory, layout, offset, size)]),
  );
}

describe("showValue", () => {
  const source = `
    #include <linux/bpf.h>
    #include <bpf/bpf_helpers.h>
    enum mode { OFF, ON = 7 };
    struct pair { int x; short y; };
    struct flags { unsigned a : 3; int b : 5; enum mode mode : 8; };
    int negative = -2;
    unsigned long long big = 0xffffffffffffffffull;
    enum mode mode = ON;
    enum mode odd = 3;
    char text[8] = "h\\x1b<";
    unsigned char raw[3] = {1, 0xab, 0};
    double real = 0.5;
    _Bool yes = 1;
    struct pair pair = {1, -1};
    struct pair pairs[2] = {{1, 2}, {3, 4}};
    int mostly[2][2] = {{}, {1, 2}};
    int many[20] = {1};
    struct flags flags = {5, -3, ON};`;
  test.each(["bpf", "bpfeb"] as const)("%s: as C would have it", (target) => {
    expect(valuesOf(compileBpf(source, target))).toEqual({
      negative: "-2",
      big: "18446744073709551615",
      mode: "ON",
      odd: "3",
      text: '"h\\u001b<"',
      raw: "01 ab 00",
      real: "0.5",
      yes: "true",
      pair: "{.x = 1, .y = -1}",
      pairs: "{{.x = 1, .y = 2}, {.x = 3, .y = 4}}",
      mostly: "{{0}, {1, 2}}",
      many: "{1, 0, 0, 0, 0, 0, 0, 0, …}",
      flags: "{.a = 5, .b = -3, .mode = ON}",
    });
  });
});
