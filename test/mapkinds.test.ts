// Which handle each kind of map gets: a model and its layout in, the type and the table's entry out.

import { expect, test } from "vitest";
import { mapHandle } from "../src/emit/maps.ts";
import type { MapLayout, Use } from "../src/layout/layout.ts";
import type { MapModel } from "../src/object/model.ts";

const u32: Use = { layout: { kind: "scalar", scalar: "u32" }, spelled: "u32", size: 4 };
const u64: Use = { layout: { kind: "scalar", scalar: "u64" }, spelled: "u64", size: 8 };
const text: Use = { layout: { kind: "chars", length: 8 }, spelled: "char[8]", size: 8 };

const model = (type: string, more: Partial<MapModel> = {}): MapModel => ({
  name: "m",
  type,
  typeId: 1,
  keySize: 4,
  valueSize: 4,
  maxEntries: 1,
  flags: 0,
  extra: "0",
  numaNode: 0,
  pinning: "none",
  ...more,
});
const layout = (more: Omit<MapLayout, "name"> = {}): MapLayout => ({ name: "m", ...more });

const inner = model("hash", { valueSize: 8, maxEntries: 7 });
const innerLayout = layout({ key: u32, value: u64 });
const tuned = { ...inner, flags: 1, numaNode: 2, extra: "18446744073709551615", keyType: 3, valueType: 5 };

test.each<[string, MapModel, MapLayout, string, string]>([
  [
    "an array of maps",
    model("array_of_maps", { inner }),
    layout({ key: u32, inner: innerLayout }),
    "s.ArrayOfMaps<s.HashMap<number, bigint>>",
    "s.arrayOfMaps(s.hash(s.u32, s.u64), { type: 1, keySize: 4, valueSize: 8, maxEntries: 7 })",
  ],
  [
    "a hash of maps, with all that a definition can say",
    model("hash_of_maps", { keySize: 8, inner: tuned }),
    layout({ key: text, inner: innerLayout }),
    "s.HashOfMaps<string, s.HashMap<number, bigint>>",
    "s.hashOfMaps(s.chars(8), s.hash(s.u32, s.u64), { type: 1, keySize: 4, valueSize: 8, maxEntries: 7, flags: 1, extra: 18446744073709551615n, numaNode: 2, btf: [3, 5] })",
  ],
  [
    "maps of a kind without words",
    model("array_of_maps", { inner: model("ringbuf", { typeId: 27, keySize: 0, valueSize: 0, maxEntries: 4096 }) }),
    layout({ key: u32, inner: layout() }),
    "s.ArrayOfMaps<s.RingBuf>",
    "s.arrayOfMaps(s.ringbuf(), { type: 27, keySize: 0, valueSize: 0, maxEntries: 4096 })",
  ],
  ["maps of maps without a definition", model("array_of_maps"), layout(), "s.BpfMap", 's.map("array_of_maps")'],
  ["programs", model("prog_array"), layout(), "s.ProgArray", "s.progArray()"],
  ["programs by keys of other sizes", model("prog_array", { keySize: 8 }), layout(), "s.BpfMap", 's.map("prog_array")'],
  ["sockets", model("sockmap", { valueSize: 8 }), layout({ key: u32 }), "s.SockMap", "s.sockMap()"],
  ["sockets by key", model("sockhash"), layout({ key: text }), "s.SockHash<string>", "s.sockHash(s.chars(8))"],
  ["devices", model("devmap", { valueSize: 8 }), layout(), "s.DevMap", "s.devMap()"],
  ["values that no kernel takes", model("devmap", { valueSize: 16 }), layout(), "s.BpfMap", 's.map("devmap")'],
  ["stacks", model("stack_trace", { valueSize: 64 }), layout(), "s.StackTraceMap", "s.stackTrace()"],
  [
    "stacks of build ids",
    model("stack_trace", { valueSize: 64, flags: 1 << 5 }),
    layout(),
    "s.BpfMap",
    's.map("stack_trace")',
  ],
  ["storage", model("task_storage"), layout({ key: u32, value: u64 }), "s.TaskStorage<bigint>", "s.taskStorage(s.u64)"],
  [
    "storage of cgroup programs",
    model("cgroup_storage", { keySize: 8 }),
    layout({ key: u64, value: u32 }),
    "s.CgroupStorage<bigint, number>",
    "s.cgroupStorage(s.u64, s.u32)",
  ],
  ["records of no type", model("ringbuf"), layout({ events: [] }), "s.RingBuf", "s.ringbuf()"],
  ["records of one type", model("ringbuf"), layout({ events: [u64] }), "s.RingBuf<bigint>", "s.ringbuf(s.u64)"],
  [
    "records of several types",
    model("perf_event_array"),
    layout({ events: [u64, text, { ...u32, layout: { kind: "scalar", scalar: "s64" } }] }),
    "s.PerfEventArray<bigint | string>",
    "s.perfEventArray(s.u64, s.chars(8), s.s64)",
  ],
  [
    "a perf event array of no type",
    model("perf_event_array"),
    layout({ events: [] }),
    "s.PerfEventArray",
    "s.perfEventArray()",
  ],
  ["commands", model("user_ringbuf"), layout({ events: [text] }), "s.UserRingBuf<string>", "s.userRingbuf(s.chars(8))"],
  ["commands of no type", model("user_ringbuf"), layout({ events: [] }), "s.UserRingBuf", "s.userRingbuf()"],
  [
    "ring buffers in a map, which declare their type",
    model("array_of_maps", { inner: model("ringbuf", { typeId: 27, keySize: 0, valueSize: 8, maxEntries: 4096 }) }),
    layout({ key: u32, inner: layout({ events: [u64] }) }),
    "s.ArrayOfMaps<s.RingBuf<bigint>>",
    "s.arrayOfMaps(s.ringbuf(s.u64), { type: 27, keySize: 0, valueSize: 0, maxEntries: 4096 })",
  ],
  ["a kind from the future", model("type_99"), layout({ key: u32, value: u64 }), "s.BpfMap", 's.map("type_99")'],
])("%s", (_, map, use, type, table) => {
  expect(mapHandle(map, use, { names: { skeleton: "M", types: {}, inits: {} }, byteOrder: "little" })).toEqual({
    type,
    table,
  });
});
