import { describe, expect, test } from "vitest";
import type { BtfInt, BtfMember, BtfType } from "../src/btf/types.ts";
import type { Layout } from "../src/layout/layout.ts";
import { lowerType } from "../src/layout/lower.ts";
import { readLayouts } from "../src/layout/read.ts";
import type { MapModel, ObjectModel } from "../src/object/model.ts";

function int(name: string, size: number, encoding: BtfInt["encoding"] = "unsigned"): BtfInt {
  return { kind: "int", name, size, encoding, bits: size * 8, bitOffset: 0 };
}
const member = (name: string, type: number, offset: number, bitSize = 0): BtfMember => ({
  name,
  type,
  bitOffset: bitSize > 0 ? offset : offset * 8,
  bitSize,
});
const struct = (name: string, size: number, members: BtfMember[]): BtfType => ({ kind: "struct", name, size, members });
const array = (type: number, length: number): BtfType => ({ kind: "array", type, indexType: 1, length });
const typedef = (name: string, type: number): BtfType => ({ kind: "typedef", name, type });

describe("lowerType", () => {
  /** The type under test comes first, as id 1. */
  const cases: readonly (readonly [string, readonly BtfType[], Layout])[] = [
    ["unsigned int", [int("unsigned int", 4)], { kind: "scalar", scalar: "u32" }],
    ["long long", [int("long long", 8, "signed")], { kind: "scalar", scalar: "s64" }],
    ["char is signed", [int("char", 1, "signed")], { kind: "scalar", scalar: "s8" }],
    ["char as gcc encodes it", [int("char", 1, "char")], { kind: "scalar", scalar: "s8" }],
    ["unsigned char as gcc encodes it", [int("unsigned char", 1, "char")], { kind: "scalar", scalar: "u8" }],
    ["u8[6] of gcc", [array(2, 6), int("unsigned char", 1, "char")], { kind: "bytes", length: 6 }],
    [
      "signed char[4] of gcc",
      [array(2, 4), int("signed char", 1, "char")],
      { kind: "list", length: 4, element: { kind: "scalar", scalar: "s8" } },
    ],
    ["_Bool", [int("_Bool", 1, "bool")], { kind: "scalar", scalar: "bool" }],
    ["a bool of 4 bytes is an integer", [int("bool4", 4, "bool")], { kind: "scalar", scalar: "u32" }],
    ["__int128", [int("__int128", 16, "signed")], { kind: "scalar", scalar: "s128" }],
    ["float", [{ kind: "float", name: "float", size: 4 }], { kind: "scalar", scalar: "f32" }],
    [
      "long double has no codec",
      [{ kind: "float", name: "long double", size: 16 }],
      { kind: "bytes", length: 16, reason: "a float of 16 bytes has no codec" },
    ],
    ["a pointer", [{ kind: "ptr", type: 0 }], { kind: "pointer" }],
    [
      "typedefs and qualifiers",
      [typedef("u32", 2), { kind: "const", type: 3 }, int("unsigned int", 4)],
      { kind: "scalar", scalar: "u32" },
    ],
    ["char[16]", [array(2, 16), int("char", 1, "signed")], { kind: "chars", length: 16 }],
    [
      "an array of const char",
      [array(2, 16), { kind: "const", type: 3 }, int("char", 1, "signed")],
      { kind: "chars", length: 16 },
    ],
    [
      "an array of a typedef of char",
      [array(2, 16), typedef("letter", 3), int("char", 1, "signed")],
      { kind: "chars", length: 16 },
    ],
    [
      "signed char[4] is no string",
      [array(2, 4), int("signed char", 1, "signed")],
      { kind: "list", length: 4, element: { kind: "scalar", scalar: "s8" } },
    ],
    ["u8[6]", [array(2, 6), int("unsigned char", 1)], { kind: "bytes", length: 6 }],
    [
      "bool[2]",
      [array(2, 2), int("_Bool", 1, "bool")],
      { kind: "list", length: 2, element: { kind: "scalar", scalar: "bool" } },
    ],
    [
      "char[2][16]",
      [array(2, 2), array(3, 16), int("char", 1, "signed")],
      { kind: "list", length: 2, element: { kind: "chars", length: 16 } },
    ],
    [
      "u32[0]",
      [array(2, 0), int("unsigned int", 4)],
      { kind: "list", length: 0, element: { kind: "scalar", scalar: "u32" } },
    ],
    [
      "an array of what has no form",
      [array(2, 2), { kind: "float", name: "long double", size: 16 }],
      { kind: "bytes", length: 32, reason: "a float of 16 bytes has no codec" },
    ],
    [
      "an enum",
      [{ kind: "enum", name: "e", size: 4, signed: true, values: [{ name: "A", value: "-1" }] }],
      { kind: "enum", type: 1, scalar: "s32" },
    ],
    [
      "an enum64",
      [{ kind: "enum64", name: "e", size: 8, signed: false, values: [{ name: "A", value: "1" }] }],
      { kind: "enum", type: 1, scalar: "u64" },
    ],
    ["a struct", [struct("s", 4, [])], { kind: "struct", type: 1 }],
    ["a union", [{ kind: "union", name: "u", size: 4, members: [] }], { kind: "struct", type: 1 }],
  ];
  test.each(cases)("%s", (_, types, expected) => {
    expect(lowerType([{ kind: "void" }, ...types], 1, "context", () => undefined)).toEqual(expected);
  });

  test("an array of 10,000 dimensions is bytes", () => {
    const nested = Array.from({ length: 10_000 }, (_, i) => array(i + 2, 1));
    const layout = lowerType([{ kind: "void" }, ...nested, int("int", 4, "signed")], 1, "context", () => undefined);
    expect(JSON.stringify(layout)).toContain("more than 16 dimensions");
  });
});

describe("readLayouts", () => {
  const map = (valueType: number, valueSize: number): MapModel => ({
    name: "m",
    type: "hash",
    typeId: 1,
    keySize: 4,
    valueSize,
    maxEntries: 1,
    flags: 0,
    extra: "0",
    numaNode: 0,
    pinning: "none",
    valueType,
  });
  const model = (types: readonly BtfType[], valueSize: number): ObjectModel => ({
    endian: "little",
    license: "GPL",
    maps: [map(1, valueSize)],
    programs: [],
    sections: [],
    structOps: [],
    types: [{ kind: "void" }, ...types],
    warnings: [],
  });
  const u32 = int("unsigned int", 4);

  /** Names, offsets and padding of the one struct that matters. */
  const shape = (types: readonly BtfType[], size: number): unknown => {
    const layouts = readLayouts(model(types, size));
    const layout = layouts.types.find((type) => type.type === 1);
    return layout?.kind === "struct"
      ? {
          fields: layout.fields.map(({ name, offset, spelled }) => `${offset} ${spelled} ${name}`),
          padding: layout.padding.map(({ offset, size }) => `${offset}+${size}`),
          kernel: layout.kernelFields,
        }
      : { value: layouts.maps[0]!.value!.layout, warnings: layouts.warnings };
  };

  const shapes: readonly (readonly [string, readonly BtfType[], number, unknown])[] = [
    [
      "padding between and at the end",
      [struct("s", 16, [member("a", 2, 0), member("b", 3, 8)]), u32, int("unsigned char", 1)],
      16,
      { fields: ["0 unsigned int a", "8 unsigned char b"], padding: ["4+4", "9+7"], kernel: [] },
    ],
    [
      "a packed struct has none",
      [struct("s", 5, [member("b", 3, 0), member("a", 2, 1)]), u32, int("unsigned char", 1)],
      5,
      { fields: ["0 unsigned char b", "1 unsigned int a"], padding: [], kernel: [] },
    ],
    [
      "an anonymous struct is flattened",
      [
        struct("s", 12, [member("a", 3, 0), member("", 2, 4)]),
        struct("", 8, [member("x", 3, 0), member("y", 3, 4)]),
        u32,
      ],
      12,
      { fields: ["0 unsigned int a", "4 unsigned int x", "8 unsigned int y"], padding: [], kernel: [] },
    ],
    [
      "bitfields keep their bit and width",
      [struct("s", 4, [member("a", 2, 0, 3), member("", 2, 3, 5), member("b", 2, 8, 24)]), u32],
      4,
      { fields: ["0 unsigned int:3 a", "1 unsigned int:24 b"], padding: [], kernel: [] },
    ],
    [
      "what only the kernel may touch is left out",
      [
        struct("s", 8, [member("lock", 2, 0), member("n", 3, 4)]),
        struct("bpf_spin_lock", 4, [member("val", 3, 0)]),
        u32,
      ],
      8,
      {
        fields: ["4 unsigned int n"],
        padding: [],
        kernel: [{ spelled: "struct bpf_spin_lock lock", offset: 0, size: 4, reset: false }],
      },
    ],
    [
      "two members of one name make it bytes",
      [struct("s", 8, [member("a", 2, 0), member("a", 2, 4)]), u32],
      8,
      {
        value: { kind: "bytes", length: 8, reason: 'two members are called "a"' },
        warnings: [
          {
            where: "map m",
            what: "key shown as bytes, its definition has key_size and no __type(key, ...)",
          },
          { where: "map m", what: 'value shown as bytes, two members are called "a"' },
        ],
      },
    ],
    [
      "a member without a type is bytes to the next one or the end (Rust's char, references)",
      [struct("s", 16, [member("c", 0, 0), member("n", 2, 8), member("d", 0, 12)]), u32],
      16,
      { fields: ["0 void c", "8 unsigned int n", "12 void d"], padding: [], kernel: [] },
    ],
    [
      "members without a type one after the other, in their order",
      [struct("s", 24, [member("c", 0, 0), member("d", 0, 8), member("n", 2, 16)]), u32],
      24,
      { fields: ["0 void c", "8 void d", "16 unsigned int n"], padding: ["20+4"], kernel: [] },
    ],
    [
      "functions and static members hold no data: in others' bytes, or behind the end",
      [struct("s", 8, [member("a", 2, 0), member("K", 0, 0), member("b", 2, 4), member("get", 0, 32)]), u32],
      8,
      { fields: ["0 unsigned int a", "4 unsigned int b"], padding: [], kernel: [] },
    ],
    [
      "of a base class and a member without a type in one place it is the base class that has the bytes",
      [struct("s", 8, [member("K", 0, 0), member("", 0, 0), member("n", 2, 4)]), u32],
      8,
      { fields: ["0 void void_at_0", "4 unsigned int n"], padding: [], kernel: [] },
    ],
    [
      "two members without a type in one place make it bytes",
      [struct("s", 8, [member("get", 0, 0), member("ref", 0, 0)])],
      8,
      {
        value: { kind: "bytes", length: 8, reason: "members get and ref have no type" },
        warnings: [
          { where: "map m", what: "key shown as bytes, its definition has key_size and no __type(key, ...)" },
          { where: "map m", what: "value shown as bytes, members get and ref have no type" },
        ],
      },
    ],
    [
      "static members that have a type make it bytes: which bytes are whose is not said",
      [struct("s", 4, [member("total", 2, 0), member("n", 2, 0)]), u32],
      4,
      {
        value: {
          kind: "bytes",
          length: 4,
          reason: "members total and n share bytes (one may be a static member)",
        },
        warnings: [
          { where: "map m", what: "key shown as bytes, its definition has key_size and no __type(key, ...)" },
          {
            where: "map m",
            what: "value shown as bytes, members total and n share bytes (one may be a static member)",
          },
        ],
      },
    ],
    [
      "an empty member shares its byte",
      [struct("s", 4, [member("e", 3, 0), member("n", 2, 0)]), u32, struct("empty", 1, [])],
      4,
      { fields: ["0 struct empty e", "0 unsigned int n"], padding: [], kernel: [] },
    ],
  ];
  test.each(shapes)("%s", (_, types, size, expected) => expect(shape(types, size)).toEqual(expected));

  test("anonymous types are named from parent and field, typedefs name theirs", () => {
    const layouts = readLayouts(
      model(
        [
          typedef("event_t", 2),
          struct("", 8, [member("inner", 3, 0), member("color", 5, 4)]),
          struct("", 4, [member("x", 4, 0)]),
          u32,
          { kind: "enum", name: "", size: 4, signed: false, values: [{ name: "RED", value: "0" }] },
        ],
        8,
      ),
    );
    expect(layouts.types.map(({ type, name }) => [type, name.rank, name.name])).toEqual([
      [2, "typedef", "event_t"],
      [3, "anonymous", "event_t_inner"],
      [5, "anonymous", "event_t_color"],
    ]);
  });

  test("types reached through 10,000 nested structs cost no stack", () => {
    const depth = 10_000;
    const nested = Array.from({ length: depth }, (_, i) => struct(`s${i}`, 4, [member("next", i + 2, 0)]));
    expect(readLayouts(model([...nested, u32], 4)).types).toHaveLength(depth);
  });
});
