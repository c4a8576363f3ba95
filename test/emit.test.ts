import { describe, expect, test } from "vitest";
import { codecOf, enumOf, readOf, typeOf, writeOf } from "../src/emit/codec.ts";
import { mapDoc, spellHoles } from "../src/emit/doc.ts";
import { mapHandle } from "../src/emit/maps.ts";
import type { Layout, MapLayout, Use } from "../src/layout/layout.ts";
import type { Names } from "../src/names/names.ts";
import type { MapModel } from "../src/object/model.ts";

const names: Names = { skeleton: "Prog", types: { 7: "Event", 8: "Color" }, inits: {} };
const u32: Layout = { kind: "scalar", scalar: "u32" };
const color: Layout = { kind: "enum", type: 8, scalar: "u32" };

describe("a layout becomes type, codec, read and write", () => {
  test.each<[string, Layout, string, string, string, string]>([
    ["u32", u32, "number", "s.u32", "m.u32(at + 8)", "m.setU32(at + 8, v.x);"],
    ["s64", { kind: "scalar", scalar: "s64" }, "bigint", "s.s64", "m.s64(at + 8)", "m.setS64(at + 8, v.x);"],
    ["u128", { kind: "scalar", scalar: "u128" }, "bigint", "s.u128", "m.u128(at + 8)", "m.setU128(at + 8, v.x);"],
    ["bool", { kind: "scalar", scalar: "bool" }, "boolean", "s.bool", "m.bool(at + 8)", "m.setBool(at + 8, v.x);"],
    ["double", { kind: "scalar", scalar: "f64" }, "number", "s.f64", "m.f64(at + 8)", "m.setF64(at + 8, v.x);"],
    [
      "char[16]",
      { kind: "chars", length: 16 },
      "string",
      "s.chars(16)",
      "m.chars(at + 8, 16)",
      "m.setChars(at + 8, 16, v.x);",
    ],
    [
      "u8[6]",
      { kind: "bytes", length: 6 },
      "Uint8Array",
      "s.bytes(6)",
      "m.bytes(at + 8, 6)",
      "m.setBytes(at + 8, 6, v.x);",
    ],
    [
      "u32[4]",
      { kind: "list", length: 4, element: u32 },
      "readonly number[]",
      "s.list(4, s.u32)",
      "m.list(at + 8, 4, s.u32)",
      "m.setList(at + 8, 4, s.u32, v.x);",
    ],
    [
      "u32[2][4]",
      { kind: "list", length: 2, element: { kind: "list", length: 4, element: u32 } },
      "readonly (readonly number[])[]",
      "s.list(2, s.list(4, s.u32))",
      "m.list(at + 8, 2, s.list(4, s.u32))",
      "m.setList(at + 8, 2, s.list(4, s.u32), v.x);",
    ],
    [
      "u32[2][3][4]",
      {
        kind: "list",
        length: 2,
        element: { kind: "list", length: 3, element: { kind: "list", length: 4, element: u32 } },
      },
      "readonly (readonly (readonly number[])[])[]",
      "s.list(2, s.list(3, s.list(4, s.u32)))",
      "m.list(at + 8, 2, s.list(3, s.list(4, s.u32)))",
      "m.setList(at + 8, 2, s.list(3, s.list(4, s.u32)), v.x);",
    ],
    [
      "a struct",
      { kind: "struct", type: 7 },
      "Event",
      "Event",
      "Event.read(m, at + 8)",
      "Event.write(m, at + 8, v.x);",
    ],
    ["an enum", { kind: "enum", type: 8, scalar: "u32" }, "Color", "s.u32", "m.u32(at + 8)", "m.setU32(at + 8, v.x);"],
    [
      "an enum bitfield",
      { kind: "bits", bit: 3, width: 2, base: { kind: "enum", type: 8, scalar: "u32" } },
      "Color",
      "s.bits(3, 2, s.u32)",
      "m.bits(at + 8, 3, 2)",
      "m.setBits(at + 8, 3, 2, v.x);",
    ],
    [
      "a signed 64-bit bitfield",
      { kind: "bits", bit: 3, width: 40, base: { kind: "scalar", scalar: "s64" } },
      "bigint",
      "s.bits(3, 40, s.s64)",
      "m.sbits64(at + 8, 3, 40)",
      "m.setSbits64(at + 8, 3, 40, v.x);",
    ],
    [
      "the same as a number",
      { kind: "bits", bit: 3, width: 40, base: { kind: "scalar", scalar: "s64n" } },
      "number",
      "s.bits(3, 40, s.s64n)",
      "m.sbits(at + 8, 3, 40)",
      "m.setSbits(at + 8, 3, 40, v.x);",
    ],
    [
      "a bool bitfield",
      { kind: "bits", bit: 7, width: 1, base: { kind: "scalar", scalar: "bool" } },
      "boolean",
      "s.bits(7, 1, s.bool)",
      "m.flag(at + 8, 7, 1)",
      "m.setFlag(at + 8, 7, 1, v.x);",
    ],
    ["a pointer", { kind: "pointer" }, "bigint", "s.u64", "m.u64(at + 8)", "m.setU64(at + 8, v.x);"],
    [
      "u64 as a number",
      { kind: "scalar", scalar: "u64n" },
      "number",
      "s.u64n",
      "m.u64n(at + 8)",
      "m.setU64n(at + 8, v.x);",
    ],
    [
      "an IPv4 address",
      { kind: "view", view: "ipv4" },
      "string",
      "s.ipv4",
      "s.ipv4.read(m, at + 8)",
      "s.ipv4.write(m, at + 8, v.x);",
    ],
    [
      "a __be64",
      { kind: "view", view: "be64" },
      "bigint",
      "s.be64",
      "s.be64.read(m, at + 8)",
      "s.be64.write(m, at + 8, v.x);",
    ],
  ])("%s", (_, layout, type, codec, read, write) => {
    expect(typeOf(layout, names)).toBe(type);
    expect(codecOf(layout, names)).toBe(codec);
    expect(readOf(layout, 8, names)).toBe(read);
    expect(writeOf(layout, 8, "v.x", names)).toBe(write);
  });

  test("at offset 0 nothing is added", () => expect(readOf(u32, 0, names)).toBe("m.u32(at)"));
});

test.each<[string, Layout, string | undefined]>([
  ["an enum", color, "Color"],
  ["a bitfield of one", { kind: "bits", bit: 3, width: 2, base: color }, "Color"],
  [
    "an array of arrays of one",
    { kind: "list", length: 2, element: { kind: "list", length: 4, element: color } },
    "Color",
  ],
  ["a flexible array of one", { kind: "tail", element: color }, "Color"],
  ["a flexible array of bytes", { kind: "tail", element: "bytes" }, undefined],
  ["a number", u32, undefined],
  ["a struct", { kind: "struct", type: 7 }, undefined],
])("the enumerators of %s", (_, layout, expected) => expect(enumOf(layout, names)).toBe(expected));

test.each([
  [[{ offset: 3, size: 1 }], "byte 3"],
  [[{ offset: 4, size: 4 }], "bytes 4-7"],
  [
    [
      { offset: 1, size: 3 },
      { offset: 21, size: 3 },
    ],
    "bytes 1-3 and 21-23",
  ],
  [
    [
      { offset: 1, size: 1 },
      { offset: 4, size: 2 },
      { offset: 9, size: 1 },
    ],
    "bytes 1, 4-5 and 9",
  ],
])("spellHoles %#", (holes, expected) => expect(spellHoles(holes)).toBe(expected));

describe("mapDoc", () => {
  const map = (more: Partial<MapModel>): MapModel => ({
    name: "m",
    type: "hash",
    typeId: 1,
    keySize: 4,
    valueSize: 8,
    maxEntries: 128,
    flags: 0,
    extra: "0",
    numaNode: 0,
    pinning: "none",
    ...more,
  });
  const use = (spelled: string, layout: Layout = u32): Use => ({ spelled, layout, size: 4 });
  const layout = (key?: Use, value?: Use): MapLayout => ({ name: "m", ...(key && { key }), ...(value && { value }) });
  test.each([
    [map({}), use("u32"), use("u64"), "Hash, 128 entries: `u32` to `u64`."],
    [map({ type: "array", maxEntries: 1 }), use("u32"), use("u64"), "Array, 1 entry: `u32` to `u64`."],
    [map({ type: "ringbuf", maxEntries: 4096 }), undefined, undefined, "Ring buffer, 4096 bytes."],
    [map({ type: "perf_event_array", maxEntries: 0 }), undefined, undefined, "Perf event array."],
    [
      map({}),
      use("6 bytes", { kind: "bytes", length: 6, reason: "why */ not" }),
      use("u64"),
      "Hash, 128 entries: `6 bytes` (as bytes: why *\\/ not) to `u64`.",
    ],
    [map({}), use("struct `k`"), use("u64"), "Hash, 128 entries: `struct 'k'` to `u64`."],
  ])("%#", (model, key, value, expected) => expect(mapDoc(model, layout(key, value), [])).toBe(expected));

  test("warns of padding in the key", () =>
    expect(mapDoc(map({}), layout(use("struct k"), use("u64")), [{ offset: 7, size: 1 }])).toBe(
      "Hash, 128 entries: `struct k` to `u64`. The key has padding (byte 7): a BPF program must zero it, or lookups miss.",
    ));
});

describe("a map's handle says what keys and values with unions are written from", () => {
  const context = { names: { ...names, inits: { 7: "EventInit" } }, byteOrder: "little" } as const;
  const event: Use = { spelled: "struct event", layout: { kind: "struct", type: 7 }, size: 8 };
  const number: Use = { spelled: "u32", layout: u32, size: 4 };
  const model: MapModel = {
    name: "m",
    type: "hash",
    typeId: 1,
    keySize: 8,
    valueSize: 8,
    maxEntries: 1,
    flags: 0,
    extra: "0",
    numaNode: 0,
    pinning: "none",
  };
  const inner = { inner: { name: "m", key: event, value: number } };
  test.each<[string, Omit<MapLayout, "name">, string]>([
    ["hash", { key: number, value: number }, "s.HashMap<number, number>"],
    ["hash", { key: number, value: event }, "s.HashMap<number, Event, EventInit>"],
    ["hash", { key: event, value: number }, "s.HashMap<Event, number, number, EventInit>"],
    ["hash", { key: event, value: event }, "s.HashMap<Event, Event, EventInit, EventInit>"],
    ["percpu_hash", { key: event, value: number }, "s.PerCpuHashMap<Event, number, number, EventInit>"],
    ["lpm_trie", { key: event, value: number }, "s.LpmTrieMap<Event, number, number, EventInit>"],
    ["cgroup_storage", { key: event, value: number }, "s.CgroupStorage<Event, number, number, EventInit>"],
    ["sockhash", { key: event }, "s.SockHash<Event, EventInit>"],
    ["hash_of_maps", { key: number, ...inner }, "s.HashOfMaps<number, s.HashMap<Event, number, number, EventInit>>"],
    [
      "hash_of_maps",
      { key: event, ...inner },
      "s.HashOfMaps<Event, s.HashMap<Event, number, number, EventInit>, EventInit>",
    ],
  ])("%s %#", (type, layout, expected) => {
    const map = { ...model, type, ...(type === "hash_of_maps" && { inner: model }) } as MapModel;
    expect(mapHandle(map, { name: "m", ...layout }, context).type).toBe(expected);
  });
});
