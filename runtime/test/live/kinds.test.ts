// Per-CPU maps, tries, queues, stacks, Bloom filters, mapped arrays and the verbs for many entries, on the real kernel.
// What they store is held against what bpftool sees, and the other way round.

import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Kinds } from "../../../fixtures/kinds.skel.ts";
import {
  type ArrayMap,
  hash,
  type HashMap,
  mmapableArray,
  percpuHash,
  type PerCpuHashMap,
  queue,
  type QueueMap,
  u32,
  u64n,
} from "../../src/gen1.ts";
import { isBpfError, type BpfMap, type Loaded } from "../../src/index.ts";
import { compile, skeletonOf } from "../support/clang.ts";
import { thrownBy } from "../support/errors.ts";
import { requireKernel } from "../support/kernel.ts";

requireKernel();

let live: Loaded<Kinds>;
let maps: Loaded<Kinds>["maps"];

/** Possible CPUs, as the kernel lists them: "0-3,8". */
const cpus = readFileSync("/sys/devices/system/cpu/possible", "utf8")
  .trim()
  .split(",")
  .map((range) => range.split("-").map(Number))
  .reduce((sum, [first, last = first]) => sum + last! - first! + 1, 0);

const perCpu = <T>(make: (cpu: number) => T): T[] => Array.from({ length: cpus }, (_, cpu) => make(cpu));

beforeAll(() => {
  const open = Kinds.open();
  open.rodata.target_tgid = process.pid;
  live = open.load();
  maps = live.maps;
});
afterAll(() => live?.close());
beforeEach(() => {
  for (const name of ["per_hash", "per_lru", "routes4", "routes6", "flows", "locked_hash"] as const) maps[name].clear();
});

function bpftool(...args: string[]): string {
  return execFileSync("bpftool", ["-j", ...args], { encoding: "utf8", maxBuffer: 1 << 26 });
}

interface Dumped {
  readonly key: unknown;
  readonly value: unknown;
  readonly values: unknown;
}

/** The entries as bpftool formats them by the map's BTF. */
function dump(map: BpfMap): Dumped[] {
  const entries = JSON.parse(bpftool("map", "dump", "id", String(map.id))) as ({ formatted?: Dumped } & Dumped)[];
  return entries.map((entry) => entry.formatted ?? entry);
}

/** Writes by bpftool, which takes bytes: `size` of a little-endian number. */
function bytesOf(value: number, size: number): string[] {
  return Array.from({ length: size }, (_, i) => String(Math.floor(value / 256 ** i) % 256));
}

function updateByBpftool(map: BpfMap, key: string[], value: string[]): void {
  bpftool("map", "update", "id", String(map.id), "key", ...key, "value", ...value);
}

describe("a per-CPU hash", () => {
  const odds = (n: number) => perCpu((cpu) => ({ a: n + cpu, b: n * 2 + cpu, c: 0xffff_ffff - cpu }));

  test("has a value for each possible CPU", () => {
    const { per_hash: map } = maps;
    expect(map.cpus).toBe(cpus);
    expect(map.type).toBe("percpu_hash");
    expect(map.valueSize).toBe(12);
    expect(map.get(1)).toBeUndefined();
    map.set(1, odds(10));
    map.set(2, odds(20));
    expect(map.get(1)).toEqual(odds(10));
    expect(map.get(2)).toEqual(odds(20));
    expect(map.has(1)).toBe(true);
    expect(map.has(3)).toBe(false);
    map.fill(2, { a: 7, b: 8, c: 9 });
    expect(map.get(2)).toEqual(perCpu(() => ({ a: 7, b: 8, c: 9 })));
    expect(map.delete(2)).toBe(true);
    expect(map.delete(2)).toBe(false);
    expect([...map]).toEqual([[1, odds(10)]]);
    expect([...map.keys()]).toEqual([1]);
    expect([...map.values()]).toEqual([odds(10)]);
    expect(map.count()).toBe(1);
  });

  test("is what bpftool sees", () => {
    const { per_hash: map } = maps;
    map.set(5, odds(50));
    map.set(6, odds(60));
    const seen = new Map(
      dump(map).map(({ key, values }) => [
        key,
        (values as { cpu: number; value: object }[]).sort((x, y) => x.cpu - y.cpu).map(({ value }) => value),
      ]),
    );
    expect(seen).toEqual(new Map(map));
    updateByBpftool(map, bytesOf(7, 4), [...bytesOf(1, 4), ...bytesOf(2, 4), ...bytesOf(3, 4)]);
    expect(map.get(7)).toEqual(perCpu(() => ({ a: 1, b: 2, c: 3 })));
  });

  test("takes exactly one value for each CPU", () => {
    const { per_hash: map } = maps;
    const one = { a: 1, b: 2, c: 3 };
    for (const length of [0, cpus - 1, cpus + 1]) {
      const error = thrownBy(() => map.set(1, Array<typeof one>(length).fill(one)));
      expect(error).toMatchObject({ name: "ValueError", path: "map per_hash: value" });
      expect(error.message).toBe(
        `map per_hash: value: expected an array of ${cpus} values, one for each possible CPU, got ${length}`,
      );
    }
    expect(thrownBy(() => map.set(1, one as never)).message).toMatch(/expected an array of .*, got an object$/);
    expect(thrownBy(() => map.setMany([[1, [one]]])).message).toMatch(
      /^map per_hash: entry 0: value: expected an array/,
    );
    expect(
      thrownBy(() =>
        map.set(
          1,
          perCpu((cpu) => (cpu === 1 ? { ...one, c: -1 } : one)),
        ),
      ),
    ).toMatchObject({
      name: "ValueError",
      path: "map per_hash: value[1].c",
    });
    expect(map.has(1)).toBe(false);
  });

  test("crosses in batches, whatever the value's size", () => {
    const { per_hash: map } = maps;
    const entries = Array.from({ length: 3000 }, (_, i) => [i, odds(i)] as const);
    map.setMany(entries);
    expect(map.count()).toBe(3000);
    expect(new Map(map)).toEqual(new Map(entries));
    expect(map.getMany([2999, 5000, 0])).toEqual([odds(2999), undefined, odds(0)]);
    expect(map.take(17)).toEqual(odds(17));
    expect(map.has(17)).toBe(false);
    expect(map.deleteMany([17, 0, 1, 9999, 2, 9998])).toBe(3);
    const drained = new Map(map.drain());
    expect(drained.size).toBe(2996);
    expect(drained.get(2999)).toEqual(odds(2999));
    expect(map.count()).toBe(0);
  });

  test("has raw bytes, one array for each CPU", () => {
    const { per_hash: map } = maps;
    map.set(1, odds(10));
    const { raw } = map;
    const key = new Uint8Array([1, 0, 0, 0]);
    const values = raw.get(key)!;
    expect(values.length).toBe(cpus);
    expect(values.map((bytes) => [...new Uint32Array(bytes.buffer)])).toEqual(odds(10).map(({ a, b, c }) => [a, b, c]));
    raw.set(new Uint8Array([2, 0, 0, 0]), values);
    expect(map.get(2)).toEqual(odds(10));
    expect([...raw].length).toBe(2);
    raw.fill(key, new Uint8Array(12));
    expect(map.get(1)).toEqual(perCpu(() => ({ a: 0, b: 0, c: 0 })));
    expect(thrownBy(() => raw.fill(key, new Uint8Array(16))).message).toBe(
      "map per_hash: value[0]: expected 12 bytes, got 16",
    );
  });

  test("counts on the CPU where the program ran", () => {
    maps.per_hash.delete(process.pid);
    using link = live.progs.touch.attach();
    for (let i = 0; i < 10; i++) process.getgid!();
    link.detach();
    const calls = maps.per_hash.get(process.pid)!;
    expect(calls.reduce((sum, { a }) => sum + a, 0)).toBeGreaterThanOrEqual(10);
    expect(maps.per_byte.get(1).some((byte) => byte === 1)).toBe(true);
    expect(maps.counters.get(1)).toBeGreaterThanOrEqual(10n);
  });

  test("drops old keys when it is an LRU one", () => {
    const { per_lru: map } = maps;
    for (let i = 0; i < 1000; i++) map.fill(i, BigInt(i));
    expect(map.get(999)).toEqual(perCpu(() => 999n));
    expect(map.count()).toBeLessThan(1000);
    for (const [key, values] of map) expect(values).toEqual(perCpu(() => BigInt(key)));
    expect(map.take(999)).toEqual(perCpu(() => 999n));
    map.clear();
    expect(map.count()).toBe(0);
  });
});

describe("a per-CPU array", () => {
  test("has a value for each index and CPU", () => {
    const { per_array: map } = maps;
    expect(map.length).toBe(3);
    expect(map.cpus).toBe(cpus);
    const flow = perCpu((cpu) => ({ packets: BigInt(cpu) + 5n, bytes: cpu }));
    map.set(1, flow);
    map.fill(2, { packets: 1n, bytes: 2 });
    expect(map.get(1)).toEqual(flow);
    const zero = perCpu(() => ({ packets: 0n, bytes: 0 }));
    const filled = perCpu(() => ({ packets: 1n, bytes: 2 }));
    expect([...map]).toEqual([
      [0, zero],
      [1, flow],
      [2, filled],
    ]);
    expect([...map.values()]).toEqual([zero, flow, filled]);
    expect(map.getMany([2, 0])).toEqual([filled, zero]);
    map.setMany([
      [2, zero],
      [0, flow],
    ]);
    expect([...map.values()]).toEqual([flow, flow, zero]);
    expect(
      dump(map).map(({ values }) => (values as { value: { bytes: number } }[]).map(({ value }) => value.bytes)),
    ).toEqual([flow, flow, zero].map((values) => values.map(({ bytes }) => bytes)));
    expect(thrownBy(() => map.set(3, flow)).message).toBe("per_array: index 3 is outside 0..2");
    expect(thrownBy(() => map.setMany([[3, flow]])).message).toMatch(/index 3 is outside 0..2/);
    expect(map).not.toHaveProperty("delete");
  });

  test("keeps bytes 8 apart", () => {
    const { per_byte: map } = maps;
    const bytes = perCpu((cpu) => 200 + cpu);
    map.set(0, bytes);
    expect(map.get(0)).toEqual(bytes);
    expect([...map.values()][0]).toEqual(bytes);
    expect(map.raw.get(0)).toEqual(bytes.map((byte) => new Uint8Array([byte])));
    expect((dump(map)[0]!.values as { cpu: number; value: number }[]).map(({ value }) => value)).toEqual(bytes);
  });
});

describe("an LPM trie", () => {
  test("finds the longest prefix", () => {
    const { routes4: map } = maps;
    map.set(map.cidr("0.0.0.0/0"), 1);
    map.set(map.cidr("10.0.0.0/8"), 2);
    map.set(map.cidr("10.1.0.0/16"), 3);
    map.set(map.cidr("10.1.2.3"), 4);
    const found = (text: string) => map.get(map.cidr(text));
    expect(["10.1.2.3", "10.1.9.9", "10.2.0.0/16", "192.168.0.1"].map(found)).toEqual([4, 3, 2, 1]);
    expect(map.has(map.cidr("172.16.0.0/12"))).toBe(true);
    expect([...map.keys()].map((key) => map.cidrOf(key)).sort()).toEqual([
      "0.0.0.0/0",
      "10.0.0.0/8",
      "10.1.0.0/16",
      "10.1.2.3/32",
    ]);
    expect(map.delete(map.cidr("10.2.0.0/16"))).toBe(false);
    expect(map.take(map.cidr("10.2.0.0/16"))).toBeUndefined();
    expect(map.take(map.cidr("10.1.0.0/16"))).toBe(3);
    expect(found("10.1.9.9")).toBe(2);
    expect(map.delete(map.cidr("0.0.0.0/0"))).toBe(true);
    expect(map.get(map.cidr("11.0.0.0"))).toBeUndefined();
    expect(map.has(map.cidr("11.0.0.0"))).toBe(false);
    expect(map.count()).toBe(2);
  });

  test("is what bpftool sees", () => {
    const { routes4: map } = maps;
    map.set(map.cidr("10.9.0.0/16"), 77);
    expect(dump(map)).toEqual([{ key: { length: 16, address: [10, 9, 0, 0] }, value: 77 }]);
    updateByBpftool(map, ["24", "0", "0", "0", "192", "168", "7", "0"], bytesOf(88, 4));
    expect(map.get(map.cidr("192.168.7.200"))).toBe(88);
    expect([...map].map(([key, value]) => [map.cidrOf(key), value]).sort()).toEqual([
      ["10.9.0.0/16", 77],
      ["192.168.7.0/24", 88],
    ]);
  });

  test.each([
    ["2001:db8::/32", [0x20, 0x01, 0x0d, 0xb8], 32],
    ["::/0", [], 0],
    ["::1", [...Array<number>(15).fill(0), 1], 128],
    ["fe80::1:0:0:1/128", [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1], 128],
    ["2001:db8:1:2:3:4:5:6", [0x20, 1, 0x0d, 0xb8, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6], 128],
    ["::ffff:10.0.0.0/104", [...Array<number>(10).fill(0), 255, 255, 10], 104],
  ])("reads the IPv6 prefix %s", (text, bytes, length) => {
    const { routes6: map } = maps;
    const key = map.cidr(text);
    expect(key.length).toBe(length);
    expect([...key.address]).toEqual([...bytes, ...Array<number>(16 - bytes.length).fill(0)]);
    map.set(key, 5);
    expect(map.get(key)).toBe(5);
    expect(map.cidr(map.cidrOf(key))).toEqual(key);
  });

  test.each([
    ["2001:0DB8:0:0:0:0:0:0/32", "2001:db8::/32"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3/128"],
    ["1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7/128"],
    ["::", "::/128"],
    ["1::", "1::/128"],
  ])("prints %s as %s", (text, printed) => {
    expect(maps.routes6.cidrOf(maps.routes6.cidr(text))).toBe(printed);
  });

  test("stores no prefix that is longer than its bits, and finds nothing under one", () => {
    const { routes4: map, routes_nested: nested } = maps;
    const long = { ...map.cidr("10.0.0.0/8"), length: 33 };
    const bytes = new Uint8Array([33, 0, 0, 0, 10, 0, 0, 0]);
    const refused = (where: string) => `map routes4: ${where}: expected a prefix length of at most 32, got 33`;
    for (const [call, where] of [
      [() => map.set(long, 1), "key.length"],
      [() => map.delete(long), "key.length"],
      [
        () =>
          map.setMany([
            [map.cidr("10.0.0.0/8"), 7],
            [long, 1],
          ]),
        "entry 1: key.length",
      ],
      [() => map.deleteMany([map.cidr("11.0.0.0/8"), long]), "entry 1: key.length"],
      [() => map.raw.set(bytes, new Uint8Array(4)), "key"],
      [() => map.raw.deleteMany([bytes]), "entry 0: key"],
    ] as const)
      expect(thrownBy(call)).toMatchObject({ name: "ValueError", message: refused(where) });
    expect(map.get(map.cidr("10.0.0.0/8"))).toBe(7);
    expect([map.get(long), map.has(long), map.take(long), map.raw.get(bytes)]).toEqual([
      undefined,
      false,
      undefined,
      undefined,
    ]);
    const six = { ...nested.cidr("2001:db8::/48"), length: 129 };
    expect(thrownBy(() => nested.set(six, 1)).message).toContain("at most 128, got 129");
  });

  test("makes a key of whatever the address is declared as", () => {
    const { routes_be: be, routes_nested: nested, routes_other: other } = maps;
    const key = be.cidr("1.2.3.0/24");
    expect(key).toEqual({ length: 24, address: 0x0003_0201 });
    expect(be.cidrOf(key)).toBe("1.2.3.0/24");
    be.set(key, 9);
    expect(be.get(be.cidr("1.2.3.4"))).toBe(9);
    const six = nested.cidr("2001:db8::/48");
    expect(six).toMatchObject({ length: 48, address: { words: [0xb80d_0120, 0, 0, 0] } });
    nested.set(six, 10);
    expect(nested.get(nested.cidr("2001:db8:0:ffff::1"))).toBe(10);
    expect(nested.cidrOf(six)).toBe("2001:db8::/48");
    expect(thrownBy(() => other.cidr("10.0.0.0/8"))).toMatchObject({
      name: "ValueError",
      path: "map routes_other: cidr",
      message: "map routes_other: cidr: expected a key of a u32 and 4 or 16 bytes of address, 8 or 20 in all, got 16",
    });
  });

  test.each([
    "",
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0.0/08",
    "10.0.0.0/8/8",
    "10.0.0/8",
    "10.0.0.256",
    "10.0.0.0/-1",
    "2001:db8::/32",
    "/8",
    "localhost",
    " 10.0.0.0",
  ])("refuses %j as an IPv4 prefix", (text) => {
    expect(thrownBy(() => maps.routes4.cidr(text))).toMatchObject({
      name: "ValueError",
      path: "map routes4: cidr",
      message: `map routes4: cidr: expected an IPv4 prefix as "10.0.0.0/8", got ${JSON.stringify(text)}`,
    });
  });

  test("refuses bits after the prefix, other families and what is no text", () => {
    expect(thrownBy(() => maps.routes4.cidr("10.1.2.3/8")).message).toBe(
      'map routes4: cidr: expected no bits after the first 8, got "10.1.2.3/8" (write 10.0.0.0/8, or 10.1.2.3 for the address)',
    );
    for (const text of ["10.0.0.0/8", "fe80::1%eth0", "::/129", "1::2::3", ":::"]) {
      expect(thrownBy(() => maps.routes6.cidr(text)).message).toMatch(/expected an IPv6 prefix/);
    }
    expect(thrownBy(() => maps.routes4.cidr(10 as never)).name).toBe("ValueError");
    expect(thrownBy(() => maps.routes4.cidr(["10.0.0.0"] as never)).name).toBe("ValueError");
  });

  test("takes many at once and gives each once while it changes", () => {
    const { routes4: map } = maps;
    const prefix = (i: number) => map.cidr(`10.${i >> 8}.${i & 255}.0/24`);
    map.setMany(Array.from({ length: 2000 }, (_, i) => [prefix(i), i] as const));
    expect(map.count()).toBe(2000);
    const given: number[] = [];
    for (const [key, value] of map) {
      given.push(value);
      map.delete(key);
      if (given.length <= 500) map.set(map.cidr(`11.${given.length >> 8}.${given.length & 255}.0/24`), 1_000_000);
    }
    const old = given.filter((value) => value < 1_000_000);
    expect(new Set(old).size).toBe(2000);
    expect(old.length).toBe(2000);
    map.clear();
    map.setMany(Array.from({ length: 1500 }, (_, i) => [prefix(i), i] as const));
    expect(map.deleteMany([prefix(3), prefix(1999), prefix(4)])).toBe(2);
    expect(map.drain().length).toBe(1498);
    expect(map.count()).toBe(0);
    expect(map.drain()).toEqual([]);
  });
});

describe("a queue and a stack", () => {
  const flow = (n: number) => ({ packets: BigInt(n), bytes: n });

  test("give in their order", () => {
    const { fifo, lifo } = maps;
    expect(fifo.pop()).toBeUndefined();
    expect(fifo.peek()).toBeUndefined();
    expect(lifo.pop()).toBeUndefined();
    for (let i = 1; i <= 3; i++) {
      fifo.push(flow(i));
      lifo.push(i);
    }
    expect(fifo.peek()).toEqual(flow(1));
    expect([fifo.pop(), fifo.pop(), fifo.pop(), fifo.pop()]).toEqual([flow(1), flow(2), flow(3), undefined]);
    expect(lifo.peek()).toBe(3);
    expect([lifo.pop(), lifo.pop(), lifo.pop(), lifo.pop()]).toEqual([3, 2, 1, undefined]);
  });

  test("refuse a value when full, or drop the oldest", () => {
    const { fifo, lifo } = maps;
    for (let i = 1; i <= 3; i++) {
      fifo.push(flow(i));
      lifo.push(i);
    }
    const error = thrownBy(() => fifo.push(flow(4)));
    expect(isBpfError(error, "E2BIG")).toBe(true);
    expect(error.message).toBe("map fifo: push: E2BIG (the map is full, max_entries 3)");
    fifo.push(flow(5), { mode: "overwrite" });
    lifo.push(6, { mode: "overwrite" });
    expect([fifo.pop(), fifo.pop(), fifo.pop(), fifo.pop()]).toEqual([flow(2), flow(3), flow(5), undefined]);
    expect([lifo.pop(), lifo.pop(), lifo.pop(), lifo.pop()]).toEqual([6, 3, 2, undefined]);
    expect(thrownBy(() => fifo.push(flow(1), { mode: "create" as "any" })).message).toBe(
      'map fifo: mode: expected "any" or "overwrite", got "create"',
    );
  });

  test("check what is pushed", () => {
    const { fifo, lifo } = maps;
    expect(thrownBy(() => fifo.push({ packets: 1n, bytes: -1 }))).toMatchObject({
      name: "ValueError",
      path: "map fifo: value.bytes",
    });
    expect(thrownBy(() => lifo.raw.push(new Uint8Array(5))).message).toBe("map lifo: value: expected 4 bytes, got 5");
    lifo.raw.push(new Uint8Array([1, 2, 0, 0]));
    expect(lifo.peek()).toBe(513);
    expect(lifo.raw.pop()).toEqual(new Uint8Array([1, 2, 0, 0]));
    const nosy = {
      packets: 1n,
      get bytes() {
        fifo.push(flow(9));
        return 2;
      },
    };
    fifo.push(nosy);
    expect([fifo.pop(), fifo.pop(), fifo.pop()]).toEqual([flow(9), { packets: 1n, bytes: 2 }, undefined]);
  });

  test("share their values with bpftool", () => {
    const { fifo } = maps;
    bpftool("map", "push", "id", String(fifo.id), "value", ...bytesOf(3, 8), ...bytesOf(4, 4), ...bytesOf(0, 4));
    fifo.push(flow(8));
    expect(fifo.pop()).toEqual({ packets: 3n, bytes: 4 });
    const { value } = JSON.parse(bpftool("map", "pop", "id", String(fifo.id))) as { value: string[] };
    expect(value.map(Number)).toEqual([8, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0]);
    expect(fifo.pop()).toBeUndefined();
  });
});

describe("a Bloom filter", () => {
  test("knows what was added", () => {
    const { seen } = maps;
    expect(seen.has(1n)).toBe(false);
    for (let i = 0n; i < 500n; i++) seen.add(i);
    for (let i = 0n; i < 500n; i++) expect(seen.has(i)).toBe(true);
    let wrong = 0;
    for (let i = 1_000_000n; i < 1_001_000n; i++) if (seen.has(i)) wrong++;
    expect(wrong).toBeLessThan(100);
    const bytes = new Uint8Array(new BigUint64Array([499n]).buffer);
    expect(seen.raw.has(bytes)).toBe(true);
    expect(thrownBy(() => seen.add(-1n))).toMatchObject({ name: "ValueError", path: "map seen: value" });
    expect(seen.info.extra).toBe(5n);
  });
});

describe("many entries", () => {
  const flow = (n: number) => ({ packets: BigInt(n), bytes: n });

  test("are written, read and deleted", () => {
    const { flows } = maps;
    flows.setMany(new Map(Array.from({ length: 5000 }, (_, i) => [i, flow(i)])));
    expect(dump(flows).length).toBe(5000);
    expect(flows.getMany([0, 4999, 5000])).toEqual([flow(0), flow(4999), undefined]);
    expect(flows.deleteMany(Array.from({ length: 5000 }, (_, i) => i * 2))).toBe(2500);
    expect(flows.count()).toBe(2500);
    const drained = flows.drain().sort(([a], [b]) => a - b);
    expect(drained).toEqual(Array.from({ length: 2500 }, (_, i) => [2 * i + 1, flow(2 * i + 1)]));
    expect(flows.count()).toBe(0);
    flows.setMany([]);
    expect(flows.deleteMany([])).toBe(0);
    flows.setMany([[1, flow(1)]]);
    flows.clear();
    expect(flows.count()).toBe(0);
    flows.clear();
  });

  test("stop at the first that fails, those before it written", () => {
    const { flows } = maps;
    const error = thrownBy(() => flows.setMany(Array.from({ length: 5010 }, (_, i) => [i, flow(i)] as const)));
    expect(error).toMatchObject({ name: "BpfError", code: "E2BIG", syscall: "bpf_map_update_batch" });
    expect(error.message).toBe("map flows: setMany: entry 5000: E2BIG (the map is full, max_entries 5000)");
    expect(flows.count()).toBe(5000);
    flows.clear();
    const bad = Array.from({ length: 3000 }, (_, i) => [i, i === 1500 ? { packets: 1n, bytes: -1 } : flow(i)] as const);
    expect(thrownBy(() => flows.setMany(bad))).toMatchObject({
      name: "ValueError",
      path: "map flows: entry 1500: value.bytes",
    });
    expect(flows.count()).toBe(1500);
    expect(flows.get(1499)).toEqual(flow(1499));
    expect(flows.get(0)).toEqual(flow(0));
    expect(thrownBy(() => flows.setMany([3 as never])).message).toBe(
      "map flows: entry 0: expected [key, value], got 3",
    );
    expect(thrownBy(() => flows.deleteMany([1499, -1]))).toMatchObject({ path: "map flows: entry 1: key" });
    expect(flows.has(1499)).toBe(false);
  });

  test("obey `mode`", () => {
    const { flows } = maps;
    flows.set(2, flow(0));
    const entries = [1, 2, 3].map((i) => [i, flow(i)] as const);
    expect(thrownBy(() => flows.setMany(entries, { mode: "create" }))).toMatchObject({ code: "EEXIST" });
    expect(flows.getMany([1, 2, 3])).toEqual([flow(1), flow(0), undefined]);
    flows.setMany(entries.slice(0, 2), { mode: "update" });
    expect(flows.get(2)).toEqual(flow(2));
  });

  test("come from iterables that use the map themselves", () => {
    const { flows } = maps;
    function* entries(): Generator<[number, { packets: bigint; bytes: number }]> {
      yield [1, flow(1)];
      flows.setMany([[10, flow(10)]]);
      yield [2, flow(2)];
      throw new RangeError("enough");
    }
    expect(thrownBy(() => flows.setMany(entries())).message).toBe("enough");
    expect(new Map(flows)).toEqual(new Map([1, 2, 10].map((i) => [i, flow(i)])));
    flows.deleteMany(flows.keys());
    expect(flows.count()).toBe(0);
  });

  test("go to arrays by index", () => {
    const { slots } = maps;
    slots.setMany([
      [3, flow(3)],
      [0, flow(1)],
    ]);
    expect(slots.getMany([0, 1, 3])).toEqual([flow(1), flow(0), flow(3)]);
    expect(thrownBy(() => slots.setMany([[4, flow(0)]])).message).toMatch(/slots: index 4 is outside 0..3/);
    expect(thrownBy(() => slots.getMany([-1])).name).toBe("ValueError");
    expect(dump(slots).map(({ value }) => (value as { bytes: number }).bytes)).toEqual([1, 0, 0, 3]);
  });

  test("are taken out one by one", () => {
    const { flows } = maps;
    flows.set(1, flow(1));
    expect(flows.take(1)).toEqual(flow(1));
    expect(flows.take(1)).toBeUndefined();
    expect(thrownBy(() => flows.take(-1))).toMatchObject({ name: "ValueError", path: "map flows: key" });
  });

  test("survive being drained while others write", () => {
    const { flows } = maps;
    flows.setMany(Array.from({ length: 4000 }, (_, i) => [i, flow(i)] as const));
    const seen = new Set<number>();
    for (const [key] of flows) {
      seen.add(key);
      if (seen.size === 100) {
        for (const [other] of flows.drain()) seen.add(other);
        flows.setMany([[4999, flow(1)]]);
      }
    }
    for (let i = 0; i < 4000; i++) expect(seen.has(i)).toBe(true);
  });
});

describe("walking while another process writes", () => {
  // 1000 entries stay; bpftool adds and deletes others as fast as it can, for 20 walks at least.
  const stay = 1000;
  const rounds = 100;

  async function whileOthersWrite(map: BpfMap, key: (i: number) => string[], value: string[], walk: () => void) {
    const folder = mkdtempSync(join(tmpdir(), "ebpf-skel-churn-"));
    const file = join(folder, "commands");
    const id = String(map.id);
    const commands = Array.from({ length: rounds * 200 }, (_, i) => {
      const bytes = key(stay + (i % 200)).join(" ");
      const verb =
        Math.floor(i / 200) % 2 === 0
          ? `update id ${id} key ${bytes} value ${value.join(" ")}`
          : `delete id ${id} key ${bytes}`;
      return `map ${verb}\n`;
    });
    writeFileSync(file, commands.join(""));
    try {
      for (let walks = 0; walks < 20;) {
        const child = spawn("bpftool", ["batch", "file", file], { stdio: "ignore" });
        let status: number | null | undefined;
        child.on("exit", (code) => (status = code));
        while (status === undefined) {
          walk();
          walks++;
          await new Promise((resolve) => setImmediate(resolve));
        }
        expect(status).toBe(0);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  /** Those that stay, each once. */
  function expectStaying(given: readonly number[]): void {
    const staying = given.filter((i) => i < stay);
    expect(staying.length).toBe(stay);
    expect(new Set(staying).size).toBe(stay);
  }

  test("a hash gives each entry that stays once", async () => {
    const { flows } = maps;
    flows.setMany(Array.from({ length: stay }, (_, i) => [i, { packets: BigInt(i), bytes: i }] as const));
    await whileOthersWrite(
      flows,
      (i) => bytesOf(i, 4),
      bytesOf(0, 16),
      () => {
        const given = [...flows];
        expectStaying(given.map(([key]) => key));
        for (const [key, { bytes }] of given) if (key < stay) expect(bytes).toBe(key);
      },
    );
  });

  test("so does a per-CPU hash", async () => {
    const { per_hash } = maps;
    for (let i = 0; i < stay; i++) per_hash.fill(i, { a: i, b: i, c: i });
    await whileOthersWrite(
      per_hash,
      (i) => bytesOf(i, 4),
      bytesOf(0, 12),
      () => {
        const given = [...per_hash];
        expectStaying(given.map(([key]) => key));
        for (const [key, values] of given) if (key < stay) for (const { c } of values) expect(c).toBe(key);
      },
    );
  });

  test("so does a trie", async () => {
    const { routes4 } = maps;
    const prefix = (i: number) => ({ length: 32, address: new Uint8Array([10, 0, i >> 8, i & 255]) });
    routes4.setMany(Array.from({ length: stay }, (_, i) => [prefix(i), i] as const));
    const key = (i: number) => [...bytesOf(32, 4), "10", "0", String(i >> 8), String(i & 255)];
    await whileOthersWrite(routes4, key, bytesOf(5000, 4), () => {
      expectStaying([...routes4.values()]);
    });
  });
});

test("a trie is walked on from where it was when the next key goes, each time", () => {
  const { routes4 } = maps;
  routes4.clear();
  const prefix = (i: number) => ({ length: 32, address: new Uint8Array([10, 0, i >> 8, i & 255]) });
  const all = Array.from({ length: 1000 }, (_, i) => i);
  routes4.setMany(all.map((i) => [prefix(i), i] as const));
  const given: number[] = [];
  for (const i of routes4.values()) {
    given.push(i);
    // The walk has asked for the next key already.
    if (i % 2 === 0) routes4.delete(prefix(i + 1));
  }
  expect(given).toEqual(all.filter((i) => i % 2 === 0));
});

describe("a value with a lock", () => {
  test("is read and written under it", () => {
    const { locked_hash: map } = maps;
    const value = { low: 1, high: 2n };
    map.set(1, value, { lock: true });
    expect(map.get(1, { lock: true })).toEqual(value);
    expect(map.get(1)).toEqual(value);
    map.setMany([[2, { low: 3, high: 4n }]], { lock: true });
    expect(new Map(map.entries({ lock: true }))).toEqual(
      new Map([
        [1, value],
        [2, { low: 3, high: 4n }],
      ]),
    );
    expect([...map.values({ lock: true })].length).toBe(2);
    expect(map.getMany([2], { lock: true })).toEqual([{ low: 3, high: 4n }]);
    expect(map.take(2, { lock: true })).toEqual({ low: 3, high: 4n });
    expect(map.drain({ lock: true })).toEqual([[1, value]]);
  });

  test("is refused where there is none", () => {
    const { flows, slots } = maps;
    flows.set(1, { packets: 1n, bytes: 1 });
    for (const call of [
      () => flows.get(1, { lock: true }),
      () => flows.set(1, { packets: 1n, bytes: 1 }, { lock: true }),
      () => flows.setMany([[1, { packets: 1n, bytes: 1 }]], { lock: true }),
      () => flows.take(1, { lock: true }),
      () => [...flows.entries({ lock: true })],
      () => slots.get(1, { lock: true }),
      () => maps.counters.get(1, { lock: true }),
    ]) {
      expect(isBpfError(thrownBy(call), "EINVAL")).toBe(true);
    }
    expect(flows.get(1, { lock: false })).toEqual({ packets: 1n, bytes: 1 });
  });
});

describe("a mapped array", () => {
  test("is the kernel's memory", () => {
    const { counters, odds } = maps;
    counters.set(7, 70n);
    counters.set(999, (1n << 64n) - 1n);
    expect(counters.get(7)).toBe(70n);
    expect(counters.raw.get(7)).toEqual(new Uint8Array([70, 0, 0, 0, 0, 0, 0, 0]));
    expect([...counters.values()][999]).toBe((1n << 64n) - 1n);
    const seen = dump(counters);
    expect(seen[7]).toEqual({ key: 7, value: 70 });
    updateByBpftool(counters, bytesOf(8, 4), bytesOf(80, 8));
    expect(counters.get(8)).toBe(80n);
    // 12 bytes, 16 apart, over more than one page.
    for (let i = 0; i < 600; i++) odds.set(i, { a: i, b: i + 1, c: i + 2 });
    expect(dump(odds)).toEqual(
      Array.from({ length: 600 }, (_, i) => ({ key: i, value: { a: i, b: i + 1, c: i + 2 } })),
    );
    odds.setMany([[599, { a: 7, b: 8, c: 9 }]]);
    expect(odds.get(599)).toEqual({ a: 7, b: 8, c: 9 });
    expect(odds.get(598)).toEqual({ a: 598, b: 599, c: 600 });
  });

  test("refuses an index outside, and values that do not fit", () => {
    const { counters } = maps;
    for (const index of [1000, -1, 0.5, NaN, 2 ** 32, "1"]) {
      for (const call of [() => counters.get(index as number), () => counters.set(index as number, 0n)]) {
        const error = thrownBy(call);
        expect(error).toMatchObject({ name: "ValueError", path: "counters" });
        expect(error.message).toMatch(/^counters: index .* is outside 0..999$/);
      }
    }
    counters.set(3, 5n);
    expect(thrownBy(() => counters.set(3, -1n))).toMatchObject({ name: "ValueError", path: "map counters: value" });
    expect(counters.get(3)).toBe(5n);
    maps.odds.set(3, { a: 1, b: 2, c: 3 });
    expect(thrownBy(() => maps.odds.set(3, { a: 9, b: 9, c: -9 })).name).toBe("ValueError");
    expect(maps.odds.get(3)).toEqual({ a: 1, b: 2, c: 3 });
  });

  test("works without the flag, by system calls", () => {
    using open = Kinds.open();
    open.maps.counters.flags = 0;
    using loaded = open.load();
    loaded.maps.counters.set(5, 50n);
    expect(loaded.maps.counters.get(5)).toBe(50n);
    expect(loaded.maps.counters.info.flags).toBe(0);
  });

  test("is gone with its skeleton", () => {
    const mapped = () => readFileSync("/proc/self/maps", "utf8").match(/bpf-map/g)?.length ?? 0;
    const before = mapped();
    const loaded = Kinds.load();
    const { counters } = loaded.maps;
    counters.set(1, 5n);
    expect(mapped()).toBeGreaterThan(before);
    const values = counters.values();
    values.next();
    loaded.close();
    expect(mapped()).toBe(before);
    for (const call of [() => counters.get(1), () => counters.set(1, 1n), () => values.next(), () => counters.info]) {
      expect(thrownBy(call)).toMatchObject({ name: "StateError", message: "map counters: closed with kinds" });
    }
  });

  test("is not written to when its own value freezes it", () => {
    using loaded = Kinds.load();
    const { odds } = loaded.maps;
    const value = {
      a: 1,
      b: 2,
      get c() {
        odds.freeze();
        // Mapped again, for reading.
        return odds.get(0).a;
      },
    };
    expect(thrownBy(() => odds.set(0, value))).toMatchObject({
      name: "StateError",
      message: "map odds: frozen while its value was read",
    });
    expect(odds.get(0)).toEqual({ a: 0, b: 0, c: 0 });
  });

  test("is not written to when its own value closes it", () => {
    const loaded = Kinds.load();
    const { odds } = loaded.maps;
    odds.get(0);
    const value = {
      a: 1,
      b: 2,
      get c() {
        loaded.close();
        return 3;
      },
    };
    expect(thrownBy(() => odds.set(0, value))).toMatchObject({ name: "StateError" });
  });
});

describe("64-bit integers as numbers", () => {
  interface Numbers {
    maps: {
      n_hash: HashMap<number, number>;
      n_percpu: PerCpuHashMap<number, number>;
      n_queue: QueueMap<number>;
      n_mapped: ArrayMap<number>;
    };
    progs: {};
    sections: {};
    structOps: {};
  }
  const source = `
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 8); __type(key, u32); __type(value, u64); } n_hash SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_PERCPU_HASH); __uint(max_entries, 8); __type(key, u32); __type(value, u64); } n_percpu SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_QUEUE); __uint(max_entries, 8); __type(value, u64); } n_queue SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 8); __uint(map_flags, BPF_F_MMAPABLE); __type(key, u32); __type(value, u64); } n_mapped SEC(".maps");
`;

  test("are refused where a number does not hold them, with the place", () => {
    using loaded = skeletonOf<Numbers>(compile(source), {
      maps: {
        n_hash: hash(u32, u64n),
        n_percpu: percpuHash(u32, u64n),
        n_queue: queue(u64n),
        n_mapped: mmapableArray(u64n),
      },
      progs: {},
      sections: {},
    }).load();
    const { n_hash, n_percpu, n_queue, n_mapped } = loaded.maps;
    const key = new Uint8Array(4);
    const big = new Uint8Array(new BigUint64Array([(1n << 53n) + 1n]).buffer);
    n_hash.raw.set(key, big);
    n_percpu.raw.fill(key, big);
    n_queue.raw.push(big);
    n_mapped.raw.set(0, big);
    const percpu = "map n_percpu: value";
    for (const [path, call] of [
      ["map n_hash: value", () => n_hash.get(0)],
      ["map n_hash: value", () => [...n_hash]],
      ["map n_hash: value", () => [...n_hash.values()]],
      ["map n_hash: value", () => n_hash.drain()],
      [percpu, () => n_percpu.get(0)],
      [percpu, () => [...n_percpu.entries()]],
      [percpu, () => n_percpu.take(0)],
      ["map n_queue: value", () => n_queue.peek()],
      ["map n_mapped: value", () => n_mapped.get(0)],
      ["map n_mapped: value", () => [...n_mapped]],
    ] as const) {
      const error = thrownBy(call);
      expect(error, call.toString()).toMatchObject({ name: "ValueError", path });
      expect(error.message).toMatch(/ expected u64 that a number holds exactly, got 9007199254740993n/);
    }
    // Where reading fails, the walk goes on behind it.
    n_hash.set(1, 7);
    n_hash.raw.set(key, big);
    const values = n_hash.values();
    const given = [0, 1].map(() => {
      try {
        return values.next().value;
      } catch (e) {
        return (e as Error).name;
      }
    });
    expect(new Set(given)).toEqual(new Set([7, "ValueError"]));
    expect(values.next().done).toBe(true);
  });
});

describe("every map", () => {
  test("is described by the kernel", () => {
    const { routes_nested: map, per_hash, seen } = maps;
    const shown = JSON.parse(bpftool("map", "show", "id", String(map.id))) as Record<string, unknown>;
    expect(map.info).toEqual({
      type: shown["type"],
      id: shown["id"],
      name: shown["name"],
      keySize: shown["bytes_key"],
      valueSize: shown["bytes_value"],
      maxEntries: shown["max_entries"],
      flags: shown["flags"],
      extra: 0n,
      btfId: shown["btf_id"],
      memlock: shown["bytes_memlock"],
      frozen: shown["frozen"] !== 0,
    });
    expect(map.info.name).toBe("routes_nested");
    expect(per_hash.info).toMatchObject({ type: "percpu_hash", valueSize: 12, maxEntries: 4096 });
    expect(seen.info.type).toBe("bloom_filter");
  });

  test("can be pinned and unpinned", () => {
    const root = mkdtempSync("/sys/fs/bpf/ebpf-skel-kinds-");
    const { flows, lifo } = maps;
    try {
      const path = `${root}/flows`;
      flows.pin(path);
      const pinned = JSON.parse(bpftool("map", "show", "pinned", path)) as { id: number };
      expect(pinned.id).toBe(flows.id);
      expect(thrownBy(() => flows.pin(path)).message).toBe(`map flows: pin: EEXIST (${path} is there already)`);
      expect(thrownBy(() => lifo.unpin(path)).message).toBe(
        `map lifo: unpin: expected a pin of this map, got ${JSON.stringify(path)}`,
      );
      flows.unpin(path);
      expect(existsSync(path)).toBe(false);
      expect(thrownBy(() => flows.unpin(path)).name).toBe("ValueError");
      expect(thrownBy(() => flows.pin(`${root}/no/such`)).message).toMatch(
        /^map flows: pin: ENOENT \(the directory of /,
      );
      expect(thrownBy(() => flows.pin("relative")).message).toBe(
        'map flows: pin: expected an absolute path, got "relative"',
      );
    } finally {
      rmSync(root, { recursive: true });
    }
    const folder = mkdtempSync(join(tmpdir(), "ebpf-skel-kinds-"));
    const file = join(folder, "pin");
    expect(
      isBpfError(
        thrownBy(() => flows.pin(file)),
        "EPERM",
      ),
    ).toBe(true);
    // Not a pin: it stays.
    writeFileSync(file, "kept");
    expect(thrownBy(() => flows.unpin(file)).name).toBe("ValueError");
    expect(readFileSync(file, "utf8")).toBe("kept");
    rmSync(folder, { recursive: true });
  });

  test("can be frozen, mapped or not", () => {
    using loaded = Kinds.load();
    const { flows, counters } = loaded.maps;
    flows.set(1, { packets: 1n, bytes: 1 });
    flows.freeze();
    expect(flows.info.frozen).toBe(true);
    for (const call of [
      () => flows.set(2, { packets: 1n, bytes: 1 }),
      () => flows.setMany([[2, { packets: 1n, bytes: 1 }]]),
      () => flows.delete(1),
      () => flows.deleteMany([1]),
      () => flows.take(1),
      () => flows.drain(),
      () => flows.clear(),
    ]) {
      expect(isBpfError(thrownBy(call), "EPERM")).toBe(true);
    }
    expect(flows.get(1)).toEqual({ packets: 1n, bytes: 1 });
    expect(thrownBy(() => flows.freeze())).toMatchObject({ code: expect.stringMatching(/^(EPERM|EBUSY)$/) });
    expect(counters.get(1)).toBe(0n);
    expect(thrownBy(() => counters.raw.freeze()).message).toBe(
      "map counters: freeze: EBUSY (a process has it mapped for writing, or writes to it now)",
    );
    counters.set(1, 11n);
    counters.freeze();
    expect(counters.get(1)).toBe(11n);
    expect(thrownBy(() => counters.set(1, 12n)).message).toBe("map counters: set: EPERM (the map is frozen)");
    expect(counters.get(1)).toBe(11n);
  });

  test("ends with its skeleton", () => {
    const loaded = Kinds.load();
    const { per_hash, per_array, routes4, fifo, seen, flows, slots } = loaded.maps;
    const keys = flows.keys();
    loaded.close();
    const flow = { packets: 0n, bytes: 0 };
    const key = { length: 0, address: new Uint8Array(4) };
    for (const call of [
      () => per_hash.get(1),
      () => per_hash.fill(1, { a: 1, b: 2, c: 3 }),
      () => per_array.get(0),
      () => [...per_array],
      () => routes4.get(key),
      () => routes4.clear(),
      () => fifo.push(flow),
      () => fifo.pop(),
      () => fifo.peek(),
      () => seen.add(1n),
      () => seen.has(1n),
      () => flows.take(1),
      () => flows.setMany([]),
      () => flows.getMany([]),
      () => flows.deleteMany([]),
      () => flows.drain(),
      () => flows.clear(),
      () => keys.next(),
      () => slots.setMany([[0, flow]]),
      () => flows.freeze(),
      () => flows.pin("/sys/fs/bpf/never"),
      () => flows.unpin("/sys/fs/bpf/never"),
      () => flows.info,
    ]) {
      expect(thrownBy(call), call.toString()).toMatchObject({ name: "StateError" });
    }
  });
});
