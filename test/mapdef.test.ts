import { describe, expect, test } from "vitest";
import type { BtfMember, BtfType } from "../src/btf/types.ts";
import { readDefinition } from "../src/object/mapdef.ts";

/** Types 1 to 9 of every case; a case's own follow from 10 on. */
const COMMON: readonly BtfType[] = [
  { kind: "void" },
  { kind: "int", name: "int", size: 4, encoding: "signed", bits: 32, bitOffset: 0 },
  { kind: "int", name: "unsigned long long", size: 8, encoding: "unsigned", bits: 64, bitOffset: 0 },
  { kind: "ptr", type: 1 },
  { kind: "ptr", type: 2 },
  // __uint(x, 1), __uint(x, 128), __uint(x, 13)
  { kind: "array", type: 1, indexType: 1, length: 1 },
  { kind: "ptr", type: 5 },
  { kind: "array", type: 1, indexType: 1, length: 128 },
  { kind: "ptr", type: 7 },
  { kind: "typedef", name: "alias", type: 6 },
];
const member = (name: string, type: number): BtfMember => ({ name, type, bitOffset: 0, bitSize: 0 });
const TYPE = member("type", 6);

function read(members: readonly BtfMember[], extra: readonly BtfType[] = []): { map: unknown; warnings: string[] } {
  const warnings: string[] = [];
  return { map: readDefinition([...COMMON, ...extra], "m", members, (what) => warnings.push(what)), warnings };
}

describe("readDefinition takes", () => {
  test.each<[string, BtfMember[], BtfType[], object]>([
    [
      "__type",
      [TYPE, member("key", 3), member("value", 4), member("max_entries", 8)],
      [],
      { keySize: 4, valueSize: 8, keyType: 1, valueType: 2, maxEntries: 128 },
    ],
    ["sizes alone", [TYPE, member("key_size", 8), member("value_size", 6)], [], { keySize: 128, valueSize: 1 }],
    [
      "a type and a size that agree",
      [TYPE, member("key", 3), member("key_size", 11)],
      [
        { kind: "array", type: 1, indexType: 1, length: 4 },
        { kind: "ptr", type: 10 },
      ],
      { keySize: 4, keyType: 1 },
    ],
    ["__uint behind a typedef", [member("type", 9)], [], { type: "hash", typeId: 1 }],
    ["an unknown map type", [member("type", 8)], [], { type: "type_128", typeId: 128 }],
    [
      "a number over 2^30, which makes the array that encodes it larger than any type",
      [TYPE, member("max_entries", 11)],
      [
        { kind: "array", type: 1, indexType: 1, length: 0xffff_ffff },
        { kind: "ptr", type: 10 },
      ],
      { maxEntries: 0xffff_ffff },
    ],
    ["pinning by name", [TYPE, member("pinning", 6)], [], { pinning: "by_name" }],
    ["flags and a NUMA node", [TYPE, member("map_flags", 8), member("numa_node", 6)], [], { flags: 128, numaNode: 1 }],
    [
      "an inner map",
      [member("type", 14), member("values", 12)],
      [
        { kind: "struct", name: "inner", size: 16, members: [TYPE, member("max_entries", 8)] },
        { kind: "ptr", type: 10 },
        { kind: "array", type: 11, indexType: 1, length: 0 },
        { kind: "array", type: 1, indexType: 1, length: 12 },
        { kind: "ptr", type: 13 },
      ],
      { valueSize: 4, inner: { name: "inner", type: "hash", maxEntries: 128 } },
    ],
    [
      "programs as values",
      [member("type", 14), member("values", 12)],
      [
        { kind: "func_proto", returnType: 1, params: [] },
        { kind: "ptr", type: 10 },
        { kind: "array", type: 11, indexType: 1, length: 0 },
        { kind: "array", type: 1, indexType: 1, length: 3 },
        { kind: "ptr", type: 13 },
      ],
      { valueSize: 4 },
    ],
  ])("%s", (_, members, extra, expected) => {
    const { map, warnings } = read(members, extra);
    expect(map).toMatchObject(expected);
    expect(warnings).toEqual([]);
  });
});

describe("readDefinition refuses", () => {
  test.each<[string, BtfMember[], BtfType[], string]>([
    ["no type", [member("key", 3)], [], "no map type (write __uint(type, BPF_MAP_TYPE_...))"],
    ["a type that is no pointer", [member("type", 1)], [], 'type is not written with __uint, got "int"'],
    [
      "a type that points to no array",
      [member("type", 3)],
      [],
      'type is not written with __uint, got a pointer to "int"',
    ],
    [
      "a key that is no pointer",
      [TYPE, member("key", 1)],
      [],
      'key type is not a pointer, got "int" (write __type(key, ...))',
    ],
    [
      "a key without a type",
      [TYPE, member("key", 10)],
      [{ kind: "ptr", type: 0 }],
      'key type "void" has no size (BTF has no such type: char16_t and references of C++ are void in it)',
    ],
    [
      "a value that is only declared",
      [TYPE, member("value", 11)],
      [
        { kind: "fwd", name: "event", of: "struct" },
        { kind: "ptr", type: 10 },
      ],
      'value type "struct event" has no size (it is only declared: define it before the map; for C++ compile with -fstandalone-debug)',
    ],
    [
      "a key that is too large",
      [TYPE, member("key", 11)],
      [
        { kind: "array", type: 1, indexType: 1, length: 2 ** 30 },
        { kind: "ptr", type: 10 },
      ],
      'key type "int[1073741824]" is larger than 4294967295 bytes',
    ],
    [
      "two key sizes",
      [TYPE, member("key", 3), member("key_size", 6)],
      [],
      "key is declared twice, with 4 and with 1 bytes",
    ],
    ["values that are no array", [TYPE, member("values", 3)], [], 'values is not written with __array, got "int *"'],
    ["values with a length", [TYPE, member("values", 7)], [], 'values is not written with __array, got "int[128]"'],
    [
      "values of no pointers",
      [TYPE, member("values", 10)],
      [{ kind: "array", type: 1, indexType: 1, length: 0 }],
      'values is not an array of pointers, got "int"',
    ],
    [
      "values of neither maps nor programs",
      [TYPE, member("values", 10)],
      [{ kind: "array", type: 3, indexType: 1, length: 0 }],
      'values is neither maps nor programs, got "int *"',
    ],
    [
      "an inner map that is pinned",
      [TYPE, member("values", 12)],
      [
        { kind: "struct", name: "inner", size: 16, members: [TYPE, member("pinning", 6)] },
        { kind: "ptr", type: 10 },
        { kind: "array", type: 11, indexType: 1, length: 0 },
      ],
      "the inner map is pinned (only the outer map can be)",
    ],
    [
      "a map of maps of maps",
      [TYPE, member("values", 12)],
      [
        { kind: "struct", name: "inner", size: 16, members: [TYPE, member("values", 12)] },
        { kind: "ptr", type: 10 },
        { kind: "array", type: 11, indexType: 1, length: 0 },
      ],
      "the inner map is a map of maps itself (the kernel allows one level)",
    ],
  ])("%s", (_, members, extra, message) => {
    expect(() => read(members, extra)).toThrow(expect.objectContaining({ code: "ERR_MAP_DEF", message }));
  });
});

test("readDefinition warns of an inner map that is only declared, and leaves it out", () => {
  const { map, warnings } = read(
    [member("type", 14), member("values", 12)],
    [
      { kind: "fwd", name: "inner_map", of: "struct" },
      { kind: "ptr", type: 10 },
      { kind: "array", type: 11, indexType: 1, length: 0 },
      { kind: "array", type: 1, indexType: 1, length: 12 },
      { kind: "ptr", type: 13 },
    ],
  );
  expect(map).toMatchObject({ valueSize: 4 });
  expect(map).not.toHaveProperty("inner");
  expect(warnings).toEqual([
    'libbpf refuses an inner map whose members BTF does not tell, got "struct inner_map" (define it before this map)',
  ]);
});

test("readDefinition takes __ulong, which libbpf before 1.4 refuses", () => {
  const { map, warnings } = read(
    [TYPE, member("map_extra", 10)],
    [{ kind: "enum64", name: "", size: 8, signed: false, values: [{ name: "v", value: "18446744073709551615" }] }],
  );
  expect(map).toMatchObject({ extra: "18446744073709551615" });
  expect(warnings).toEqual([
    "libbpf before 1.4 refuses map_extra that is written with __ulong (write __uint where the number fits)",
  ]);
});

test("readDefinition takes a size of 0 for none, where a type follows", () => {
  const { map } = read(
    [TYPE, member("key_size", 11), member("key", 3)],
    [
      { kind: "array", type: 1, indexType: 1, length: 0 },
      { kind: "ptr", type: 10 },
    ],
  );
  expect((map as { keySize: number }).keySize).toBeGreaterThan(0);
});

test("readDefinition warns of a field that libbpf does not know", () => {
  expect(read([TYPE, member("color", 6)]).warnings).toEqual(['libbpf refuses the unknown field "color" (remove it)']);
});

test("readDefinition keeps a pinning that libbpf does not know", () => {
  expect(read([TYPE, member("pinning", 8)]).map).toMatchObject({ pinning: "none", unknownPinning: 128 });
});
