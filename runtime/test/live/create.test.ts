// Maps with no object at all.

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Flow, FlowKey, Life } from "../../../fixtures/life.skel.ts";
import {
  ArrayMap,
  BloomFilterMap,
  bytes,
  chars,
  type CreateOptions,
  HashMap,
  LpmTrieMap,
  PerCpuArrayMap,
  PerCpuHashMap,
  QueueMap,
  StackMap,
  struct,
  u32,
  u64,
} from "../../src/index.ts";
import { showMap } from "../support/showmap.ts";
import { saidBy } from "../support/child.ts";
import { thrownBy } from "../support/errors.ts";
import { descriptors } from "../support/held.ts";
import { requireKernel } from "../support/kernel.ts";

requireKernel();

let held: Record<string, number>;
beforeEach(() => (held = descriptors()));
afterEach(() => expect(descriptors()).toEqual(held));

const BPF_F_NO_PREALLOC = 1;
const BPF_F_NUMA_NODE = 4;

describe("a map that is created", () => {
  test("is a hash map of the codecs that it is given", () => {
    const value = struct(16, { count: [0, u64], owner: [8, u32] });
    using map = HashMap.create({ key: chars(16), value, maxEntries: 3, name: "words" });
    map.set("one", { count: 1n, owner: 2 });
    map.set("two", { count: 2n, owner: 3 });
    expect(map.get("one")).toEqual({ count: 1n, owner: 2 });
    expect([...map.keys()].sort()).toEqual(["one", "two"]);
    map.set("three", { count: 3n, owner: 4 });
    expect(thrownBy(() => map.set("four", { count: 4n, owner: 5 })).message).toBe(
      "map words: set: E2BIG (the map is full, max_entries 3)",
    );
    expect(showMap(map.id)).toMatchObject({
      name: "words",
      type: "hash",
      bytes_key: 16,
      bytes_value: 16,
      max_entries: 3,
      flags: 0,
    });
  });

  test("takes the kernel's flags and a node", () => {
    const flags = BPF_F_NO_PREALLOC;
    using map = HashMap.create({ key: u32, value: u64, maxEntries: 10, flags, numaNode: 0 });
    expect(showMap(map.id).flags).toBe(BPF_F_NO_PREALLOC | BPF_F_NUMA_NODE);
    expect(map.name).toBe("hash");
  });

  test("forgets its oldest entries as an LRU one", () => {
    using map = HashMap.create({ key: u32, value: u64, maxEntries: 4, type: "lru_hash" });
    for (let i = 0; i < 1000; i++) map.set(i, BigInt(i));
    expect(map.count()).toBeLessThan(1000);
    expect(showMap(map.id).type).toBe("lru_hash");
  });

  test("is an array map", () => {
    using map = ArrayMap.create({ value: Flow, maxEntries: 3, name: "slots" });
    expect(map.length).toBe(3);
    map.set(2, { ...Flow.zero(), bytes: 9n });
    expect([...map.values()].map(({ bytes }) => bytes)).toEqual([0n, 0n, 9n]);
    expect(thrownBy(() => map.get(3)).message).toBe("slots: index 3 is outside 0..2");
  });

  test("can be what a skeleton uses", () => {
    using flows = HashMap.create({ key: FlowKey, value: Flow, maxEntries: 5 });
    using open = Life.open();
    open.maps.peers.pinPath = undefined;
    open.maps.flows.reuse(flows);
    using live = open.load();
    live.maps.flows.set({ saddr: 1, daddr: 2 }, Flow.zero());
    expect([...flows.keys()]).toEqual([{ saddr: 1, daddr: 2 }]);
  });

  test("is gone after close, which may come twice", () => {
    const map = ArrayMap.create({ value: u32, maxEntries: 1 });
    const { id } = map;
    const values = map.values();
    map.close();
    map.close();
    expect(thrownBy(() => map.get(0))).toMatchObject({ name: "StateError", message: "map array: closed" });
    expect(thrownBy(() => values.next()).name).toBe("StateError");
    expect(thrownBy(() => Life.maps.totals.fromId(id))).toMatchObject({ code: "ENOENT" });
  });
});

describe("what is refused", () => {
  const create = (more: object) => () =>
    HashMap.create({ key: u32, value: u64, maxEntries: 4, ...more } as CreateOptions & {
      key: typeof u32;
      value: typeof u64;
    });

  test.each([
    [{ maxEntries: -1 }, "ValueError", "map hash: maxEntries: expected u32, got -1"],
    [{ maxEntries: undefined }, "ValueError", "map hash: maxEntries: expected u32, got undefined"],
    [{ flags: 2 ** 40, name: "x" }, "ValueError", "map x: flags: expected u32, got 1099511627776"],
    [{ numaNode: -1 }, "ValueError", "map hash: numaNode: expected u32, got -1"],
    [
      { name: "sixteen_letters_" },
      "ValueError",
      'map: name: expected at most 15 letters, digits, "_" and ".", got "sixteen_letters_"',
    ],
    [{ name: "a-b" }, "ValueError", 'map: name: expected at most 15 letters, digits, "_" and ".", got "a-b"'],
    [
      { maxEntries: 0 },
      "BpfError",
      "map hash: create: EINVAL (the kernel refuses these sizes, this number of entries or these flags for a map of type hash)",
    ],
  ])("%o", (more, name, message) => {
    const error = thrownBy(create(more));
    expect({ name: error.name, message: error.message }).toEqual({ name, message });
  });

  test("what the map's flags forbid, and no more", () => {
    const BPF_F_RDONLY = 8;
    const BPF_F_WRONLY = 16;
    using readable = HashMap.create({ key: u32, value: u32, maxEntries: 2, flags: BPF_F_RDONLY });
    expect(readable.get(1)).toBeUndefined();
    expect(thrownBy(() => readable.set(1, 1)).message).toBe(
      "map hash: set: EPERM (the map can only be read by system calls, BPF_F_RDONLY)",
    );
    using writable = HashMap.create({ key: u32, value: u32, maxEntries: 2, flags: BPF_F_WRONLY });
    writable.set(1, 1);
    expect(thrownBy(() => writable.get(1)).message).toBe(
      "map hash: get: EPERM (the map can only be written by system calls, BPF_F_WRONLY)",
    );
    using frozen = HashMap.create({ key: u32, value: u32, maxEntries: 2 });
    frozen.freeze();
    expect(thrownBy(() => frozen.delete(1)).message).toBe("map hash: delete: EPERM (the map is frozen)");
    expect(thrownBy(() => frozen.freeze()).message).toMatch(
      /^map hash: freeze: (EPERM \(the map is frozen\)|EBUSY \(it is frozen already\))$/,
    );
  });

  test("an LPM trie that is full", () => {
    const key = struct<{ length: number; address: number }>("key", 8, () => ({ length: [0, u32], address: [4, u32] }));
    using trie = LpmTrieMap.create({ key, value: u32, maxEntries: 1 });
    trie.set({ length: 32, address: 1 }, 1);
    expect(thrownBy(() => trie.set({ length: 32, address: 2 }, 1)).message).toMatch(
      /: set: ENOSPC \(the map is full, max_entries 1\)$/,
    );
  });

  test("a map without the right", () => {
    const program = `
      import { HashMap, u32 } from "./runtime/src/index.ts";
      say(() => HashMap.create({ key: u32, value: u32, maxEntries: 1, name: "mine" }).close());`;
    const prefix = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"];
    const message = "map mine: create: EPERM (needs CAP_BPF, or root)";
    expect(saidBy(program, { prefix })).toEqual([{ name: "BpfError", code: "EPERM", message }]);
  });
});

describe("a map of every other kind", () => {
  const shownType = (id: number): unknown => showMap(id).type;

  test("per CPU", () => {
    using counts = PerCpuHashMap.create({ key: u32, value: u64, maxEntries: 4, type: "lru_percpu_hash" });
    using slots = PerCpuArrayMap.create({ value: u64, maxEntries: 2 });
    counts.fill(1, 5n);
    expect(counts.get(1)).toEqual(Array<bigint>(counts.cpus).fill(5n));
    slots.fill(1, 6n);
    expect(slots.get(1)).toEqual(Array<bigint>(slots.cpus).fill(6n));
    expect([counts.id, slots.id].map(shownType)).toEqual(["lru_percpu_hash", "percpu_array"]);
  });

  test("a trie, whose flag is set", () => {
    const Key = struct(8, { prefixlen: [0, u32], address: [4, bytes(4)] });
    using routes = LpmTrieMap.create({ key: Key, value: u32, maxEntries: 4 });
    routes.set(routes.cidr("10.0.0.0/8"), 1);
    expect(routes.get(routes.cidr("10.1.2.3/32"))).toBe(1);
    expect(shownType(routes.id)).toBe("lpm_trie");
  });

  test("without keys", () => {
    using queue = QueueMap.create({ value: u32, maxEntries: 2 });
    using stack = StackMap.create({ value: u32, maxEntries: 2 });
    using seen = BloomFilterMap.create({ value: u64, maxEntries: 8 });
    for (const map of [queue, stack]) for (const value of [1, 2]) map.push(value);
    expect([queue.pop(), stack.pop()]).toEqual([1, 2]);
    seen.add(7n);
    expect(seen.has(7n)).toBe(true);
    expect([queue.id, stack.id, seen.id].map(shownType)).toEqual(["queue", "stack", "bloom_filter"]);
  });

  test("an array that is memory", () => {
    using counters = ArrayMap.create({ value: u64, maxEntries: 4, flags: 1 << 10 });
    counters.set(3, 9n);
    expect(counters.get(3)).toBe(9n);
    expect(counters.info.flags).toBe(1 << 10);
  });
});
