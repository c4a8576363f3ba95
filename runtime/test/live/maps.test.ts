// Hash and array maps on the real kernel: their words, their errors, and walking them while they change.

import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ExecveCounter } from "../../../fixtures/execve_counter.skel.ts";
import { Pinned } from "../../../fixtures/pinned.skel.ts";
import { Types } from "../../../fixtures/types.skel.ts";
import {
  bloomFilter,
  type BloomFilterMap,
  hash,
  type HashMap,
  lruHash,
  type Skeleton,
  u32,
  u64,
} from "../../src/gen1.ts";
import { isBpfError, type Loaded, openLink } from "../../src/index.ts";
import { openLibrary } from "../../src/library.ts";
import { LoadedMap } from "../../src/maps/core.ts";
import { KeyWalk } from "../../src/maps/keywalk.ts";
import { walk } from "../../src/maps/walk.ts";
import { mountBpffs } from "../support/bpffs.ts";
import { saidBy } from "../support/child.ts";
import { compile, skeletonOf } from "../support/clang.ts";
import { thrownBy } from "../support/errors.ts";
import { requireKernel } from "../support/kernel.ts";

requireKernel();

interface Numbers {
  maps: { counts: HashMap<number, bigint>; recent: HashMap<number, bigint> };
  progs: {};
  sections: {};
  structOps: {};
}

const source = `
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 5000); __type(key, u32); __type(value, u64); } counts SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_LRU_HASH); __uint(max_entries, 4); __type(key, u32); __type(value, u64); } recent SEC(".maps");
`;

let live: Loaded<Numbers>;
let counter: Loaded<ExecveCounter>;
let types: Loaded<Types>;

beforeAll(() => {
  live = skeletonOf<Numbers>(compile(source), {
    maps: { counts: hash(u32, u64), recent: lruHash(u32, u64) },
    progs: {},
    sections: {},
  }).load();
  counter = ExecveCounter.load();
  types = Types.load();
});
afterAll(() => {
  live?.close();
  counter?.close();
  types?.close();
});

function fill(map: HashMap<number, bigint>, count: number): void {
  clear(map);
  for (let i = 0; i < count; i++) map.set(i, BigInt(i) * 10n);
}

function clear(map: HashMap<number, bigint>): void {
  for (const key of [...map.keys()]) map.delete(key);
}

/** What the handle of `counts` works on. */
function coreOfCounts(): LoadedMap {
  const { name, type, keySize, valueSize, fd } = live.maps.counts;
  return new LoadedMap(openLibrary(), { name, type, object: "test", keySize, valueSize, rawFd: fd });
}

describe("a hash map", () => {
  test("sets, gets, has and deletes", () => {
    const { counts } = live.maps;
    expect(counts.get(7)).toBeUndefined();
    expect(counts.has(7)).toBe(false);
    counts.set(7, 70n);
    expect(counts.get(7)).toBe(70n);
    expect(counts.has(7)).toBe(true);
    counts.set(7, (1n << 64n) - 1n);
    expect(counts.get(7)).toBe((1n << 64n) - 1n);
    expect(counts.delete(7)).toBe(true);
    expect(counts.delete(7)).toBe(false);
    expect(counts.get(7)).toBeUndefined();
  });

  test("creates and updates as `mode` says", () => {
    const { counts } = live.maps;
    counts.delete(1);
    expect(thrownBy(() => counts.set(1, 1n, { mode: "update" }))).toMatchObject({
      name: "BpfError",
      code: "ENOENT",
      syscall: "bpf_map_update_elem",
      object: "test",
      map: "counts",
      message: "map counts: set: ENOENT (there is no such key)",
    });
    counts.set(1, 1n, { mode: "create" });
    expect(thrownBy(() => counts.set(1, 2n, { mode: "create" }))).toMatchObject({
      code: "EEXIST",
      message: "map counts: set: EEXIST (the key is there already)",
    });
    counts.set(1, 3n, { mode: "update" });
    counts.set(1, 4n, { mode: "any" });
    expect(counts.get(1)).toBe(4n);
    expect(thrownBy(() => counts.set(1, 1n, { mode: "upsert" as "any" }))).toMatchObject({
      name: "ValueError",
      message: 'map counts: mode: expected "any", "create" or "update", got "upsert"',
    });
    counts.delete(1);
  });

  test("refuses values that do not fit, with the place", () => {
    const { counts } = live.maps;
    expect(thrownBy(() => counts.get(-1))).toMatchObject({ name: "ValueError", path: "map counts: key" });
    expect(thrownBy(() => counts.set(1, -1n))).toMatchObject({ name: "ValueError", path: "map counts: value" });
    expect(thrownBy(() => counts.set(1, 1 as unknown as bigint)).message).toMatch(/^map counts: value: expected u64/);
    expect(counts.has(1)).toBe(false);
  });

  test("says when it is full", () => {
    const full = counter.maps.execve_counter;
    for (let i = 0; i < 128; i++) full.set(`key ${i}`, BigInt(i));
    const error = thrownBy(() => full.set("one more", 1n));
    expect(isBpfError(error, "E2BIG")).toBe(true);
    expect(error).toMatchObject({
      hint: "the map is full, max_entries 128",
      message: "map execve_counter: set: E2BIG (the map is full, max_entries 128)",
    });
    for (const key of [...full.keys()]) full.delete(key);
    expect(full.count()).toBe(0);
  });

  test("keeps every byte of a string key", () => {
    const map = counter.maps.execve_counter;
    const keys = ["", "a", "a\0b", "é", "\udc80\udcff", "x".repeat(64)];
    keys.forEach((key, i) => map.set(key, BigInt(i)));
    expect(new Map(map)).toEqual(new Map(keys.map((key, i) => [key, BigInt(i)])));
    for (const key of keys) map.delete(key);
    expect(map.count()).toBe(0);
    expect(thrownBy(() => map.get("x".repeat(65)))).toMatchObject({
      name: "ValueError",
      path: "map execve_counter: key",
    });
  });

  test("has the sizes and the id that bpftool shows", () => {
    const { counts } = live.maps;
    const shown = JSON.parse(
      execFileSync("bpftool", ["-j", "map", "show", "id", String(counts.id)], { encoding: "utf8" }),
    );
    expect(shown).toMatchObject({
      name: counts.name,
      type: counts.type,
      bytes_key: counts.keySize,
      bytes_value: counts.valueSize,
      max_entries: counts.maxEntries,
    });
    expect(counts.fd).toBeGreaterThan(2);
  });

  test("lets a value's own getters use it", () => {
    const { conns } = types.maps;
    const key = { dev: 0, saddr: 1, daddr: 2, sport: 3, dport: 4, proto: 6, flags: 0 };
    const other = { ...key, saddr: 9 };
    const stats = {
      seen: { first: 1n, last: 2n },
      packets: 3n,
      bytes: 4n,
      cache: { hits: 5, misses: 6 },
      where: { x: -1, y: -2 },
      verdict: 1,
      state: 1,
      closed: true,
    };
    const nosy = Object.defineProperty({ ...stats }, "packets", {
      enumerable: true,
      get() {
        conns.set(other, { ...stats, packets: 99n });
        expect(conns.get(other)?.packets).toBe(99n);
        expect(conns.has(key)).toBe(false);
        return 3n;
      },
    });
    conns.set(key, nosy);
    expect(conns.get(key)).toEqual(stats);
    expect(conns.get(other)).toEqual({ ...stats, packets: 99n });
    conns.delete(key);
    conns.delete(other);
  });

  test("drops old entries when it is an LRU one", () => {
    const { recent } = live.maps;
    expect(recent.type).toBe("lru_hash");
    for (let i = 0; i < 100; i++) recent.set(i, BigInt(i));
    expect(recent.get(99)).toBe(99n);
    // The kernel rounds the size up to one free entry per CPU and hash bucket.
    expect(recent.count()).toBeLessThan(100);
  });
});

describe("walking", () => {
  test("gives every entry once", () => {
    const { counts } = live.maps;
    fill(counts, 5000);
    expect(counts.count()).toBe(5000);
    const entries = new Map(counts);
    expect(entries.size).toBe(5000);
    for (const [key, value] of entries) expect(value).toBe(BigInt(key) * 10n);
    expect([...counts.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: 5000 }, (_, i) => i));
    expect([...counts.values()].length).toBe(5000);
    clear(counts);
    expect([...counts]).toEqual([]);
    expect(counts.count()).toBe(0);
  });

  test("is an iterator like those of ES Map", () => {
    const { counts } = live.maps;
    fill(counts, 3);
    const entries = counts.entries();
    expect(entries[Symbol.iterator]()).toBe(entries);
    for (const entry of entries) {
      expect(entry[1]).toBe(BigInt(entry[0]) * 10n);
      break;
    }
    // `break` ends it for good.
    expect([...entries]).toEqual([]);
    expect(entries.next()).toEqual({ done: true, value: undefined });
    clear(counts);
  });

  test("survives deletes and inserts in its loop", () => {
    const { counts } = live.maps;
    fill(counts, 3000);
    let given = 0;
    for (const [key] of counts) {
      given++;
      counts.delete(key);
      if (key < 1000) counts.set(key + 10_000, 1n);
    }
    expect(given).toBeGreaterThanOrEqual(3000);
    for (let i = 0; i < 3000; i++) expect(counts.has(i)).toBe(false);
    clear(counts);
  });

  test("has memory of its own for each iterator", () => {
    const { counts } = live.maps;
    fill(counts, 50);
    const pairs: number[] = [];
    for (const a of counts.keys()) for (const b of counts.keys()) if (a === b) pairs.push(a);
    expect(pairs.length).toBe(50);
    clear(counts);
  });

  test("grows its batches when one bucket holds more", () => {
    fill(live.maps.counts, 5000);
    const entries = walk(coreOfCounts(), 0, 1);
    const seen = new Map<number, bigint>();
    while (entries.next()) seen.set(entries.keys.u32(entries.keyAt), entries.values.u64(entries.valueAt));
    expect(seen).toEqual(new Map(live.maps.counts));
    expect(walk(coreOfCounts(), 0, 1).count()).toBe(5000);
    clear(live.maps.counts);
  });
});

describe("walking key by key, for kernels without batches", () => {
  test("gives every entry once", () => {
    const { counts } = live.maps;
    fill(counts, 500);
    const walk = new KeyWalk(coreOfCounts());
    const seen = new Map<number, bigint>();
    while (walk.next()) seen.set(walk.keys.u32(walk.keyAt), walk.values.u64(walk.valueAt));
    expect(seen).toEqual(new Map(counts));
    expect(walk.next()).toBe(false);
    expect(new KeyWalk(coreOfCounts()).count()).toBe(500);
    clear(counts);
    expect(new KeyWalk(coreOfCounts()).count()).toBe(0);
  });

  test("survives the deletion of what it gave, and of what it gives next", () => {
    const { counts } = live.maps;
    fill(counts, 500);
    const walk = new KeyWalk(coreOfCounts());
    const seen: number[] = [];
    while (walk.next()) {
      const key = walk.keys.u32(walk.keyAt);
      seen.push(key);
      counts.delete(key);
      // Whatever the walk has looked up ahead is among these sooner or later: it restarts and skips what it gave.
      for (let i = 0; i < 5; i++) counts.delete((key + i * 97) % 500);
      counts.set(key, 1n);
    }
    expect(new Set(seen).size).toBe(seen.length);
    clear(counts);
  });

  test("gives up on a map that changes faster than it walks", () => {
    const { counts } = live.maps;
    fill(counts, 100);
    const walk = new KeyWalk(coreOfCounts());
    let next = 1_000_000;
    const error = thrownBy(() => {
      while (walk.next()) {
        clear(counts);
        for (let i = 0; i < 3; i++) counts.set(next++, 1n);
      }
    });
    expect(isBpfError(error, "EAGAIN")).toBe(true);
    clear(counts);
  });
});

describe("raw", () => {
  test("has the bytes", () => {
    const { raw } = live.maps.counts;
    const key = new Uint8Array(new Uint32Array([5]).buffer);
    const value = new Uint8Array(new BigUint64Array([0x0102030405060708n]).buffer);
    raw.set(key, value);
    expect(live.maps.counts.get(5)).toBe(0x0102030405060708n);
    expect(raw.get(key)).toEqual(value);
    expect([...raw]).toEqual([[key, value]]);
    expect(raw.has(key)).toBe(true);
    expect(raw.raw.keySize).toBe(4);
    expect(raw.delete(key)).toBe(true);
    expect(raw.get(key)).toBeUndefined();
  });

  test("checks every length", () => {
    const { raw } = counter.maps.execve_counter;
    expect(thrownBy(() => raw.get(new Uint8Array(16)))).toMatchObject({
      name: "ValueError",
      path: "map execve_counter: key",
      message: "map execve_counter: key: expected 64 bytes, got 16",
    });
    expect(thrownBy(() => raw.set(new Uint8Array(64), new Uint8Array(9))).message).toBe(
      "map execve_counter: value: expected 8 bytes, got 9",
    );
    expect(thrownBy(() => raw.delete(new Uint8Array(65))).name).toBe("ValueError");
    expect(thrownBy(() => raw.has("x" as unknown as Uint8Array)).name).toBe("ValueError");
    expect(raw.count()).toBe(0);
  });
});

describe("an array map", () => {
  test("has all its values from the start", () => {
    const { settings } = types.maps;
    expect(settings.length).toBe(4);
    expect(settings.count()).toBe(4);
    settings.set(1, 11n);
    expect([...settings]).toEqual([
      [0, 0n],
      [1, 11n],
      [2, 0n],
      [3, 0n],
    ]);
    expect([...settings.keys()]).toEqual([0, 1, 2, 3]);
    expect([...settings.values()]).toEqual([0n, 11n, 0n, 0n]);
    expect(settings.has(3)).toBe(true);
    expect(settings.has(4)).toBe(false);
    expect(settings.has(1.5)).toBe(false);
    expect(settings.raw.get(1)).toEqual(new Uint8Array([11, 0, 0, 0, 0, 0, 0, 0]));
    settings.raw.set(1, new Uint8Array(8));
    expect(settings.get(1)).toBe(0n);
    expect(settings).not.toHaveProperty("delete");
  });

  test("refuses an index outside", () => {
    const { slots } = types.maps;
    for (const index of [3, -1, 0.5, NaN, "1"]) {
      const error = thrownBy(() => slots.get(index as number));
      expect(error).toMatchObject({ name: "ValueError", path: "slots" });
      expect(error.message).toBe(`slots: index ${typeof index === "string" ? '"1"' : index} is outside 0..2`);
    }
    expect(thrownBy(() => slots.raw.set(3, new Uint8Array(slots.valueSize))).message).toBe(
      "slots: index 3 is outside 0..2",
    );
    expect(thrownBy(() => slots.raw.set(0, new Uint8Array(1))).message).toBe(
      `map slots: value: expected ${slots.valueSize} bytes, got 1`,
    );
  });
});

describe("what open can change", () => {
  test("is what the kernel gets", () => {
    using open = ExecveCounter.open();
    const map = open.maps.execve_counter;
    expect(map).toMatchObject({ type: "hash", keySize: 64, valueSize: 8, maxEntries: 128, flags: 0, numaNode: 0 });
    map.maxEntries = 1024;
    map.flags = 1; // BPF_F_NO_PREALLOC
    expect(thrownBy(() => (map.maxEntries = 0)).message).toBe(
      "map execve_counter: maxEntries: expected a number of at least 1, got 0",
    );
    expect(thrownBy(() => (map.maxEntries = 2 ** 32)).name).toBe("ValueError");
    expect(thrownBy(() => (map.autocreate = 1 as unknown as boolean)).name).toBe("ValueError");
    expect(thrownBy(() => (map.pinPath = "relative")).name).toBe("ValueError");
    expect(thrownBy(() => ((map as { type: string }).type = "array")).name).toBe("TypeError");
    using loaded = open.load();
    expect(loaded.maps.execve_counter.maxEntries).toBe(1024);
  });

  test("can leave a map out", () => {
    using open = Types.open();
    open.maps.lru.autocreate = false;
    open.progs.fill.autoload = false;
    using loaded = open.load();
    expect(loaded.maps.conns.count()).toBe(0);
    expect(thrownBy(() => loaded.maps.lru.count())).toMatchObject({ name: "StateError" });
    expect(thrownBy(() => loaded.maps.lru.count()).message).toBe("map lru: not created, its autocreate is off");
  });
});

describe("a map that is pinned by its name", () => {
  test("is taken from its pin by the next load", () => {
    const pinRoot = mkdtempSync("/sys/fs/bpf/ebpf-skel-maps-");
    try {
      using first = Pinned.load({ pinRoot });
      first.maps.shared_counts.set(1, 11n);
      using open = Pinned.open({ pinRoot });
      expect(open.maps.shared_counts.pinPath).toBe(`${pinRoot}/shared_counts`);
      expect(open.maps.private_total.pinPath).toBeUndefined();
      using second = open.load();
      expect(second.maps.shared_counts.id).toBe(first.maps.shared_counts.id);
      expect(second.maps.shared_counts.get(1)).toBe(11n);
      expect(second.maps.private_total.id).not.toBe(first.maps.private_total.id);

      using other = Pinned.open({ pinRoot });
      other.maps.shared_counts.maxEntries = 99;
      const error = thrownBy(() => other.load());
      expect(error).toMatchObject({ name: "BpfError", code: "EINVAL" });
      expect(error.message).toContain("differs: max_entries is 16 there and 99 here");

      using elsewhere = Pinned.open({ pinRoot });
      elsewhere.maps.shared_counts.pinPath = undefined;
      using unshared = elsewhere.load();
      expect(unshared.maps.shared_counts.id).not.toBe(first.maps.shared_counts.id);
    } finally {
      rmSync(pinRoot, { recursive: true });
    }
  });

  test("is refused where its map_extra is another, with both values", () => {
    interface Hashed {
      maps: { seen: BloomFilterMap<number> };
      progs: {};
      sections: {};
      structOps: {};
    }
    const { folder, remove } = mountBpffs();
    const hashedWith = (functions: number): Skeleton<Hashed> =>
      skeletonOf<Hashed>(
        compile(`struct {
          __uint(type, BPF_MAP_TYPE_BLOOM_FILTER); __uint(max_entries, 8); __type(value, u32);
          __uint(map_extra, ${functions}); __uint(pinning, 1);
        } seen SEC(".maps");`),
        { maps: { seen: bloomFilter(u32) }, progs: {}, sections: {} },
      );
    try {
      using _three = hashedWith(3).load({ pinRoot: folder });
      expect(thrownBy(() => hashedWith(7).load({ pinRoot: folder })).message).toBe(
        `test: bpf_object__load: EINVAL (the map pinned at ${folder}/seen differs: map_extra is 3 there and 7 here; ` +
          "remove the pin, or open with what it has)",
      );
    } finally {
      remove();
    }
  });
});

describe("a pin", () => {
  let bpffs: { readonly folder: string; remove(): void };
  beforeAll(() => (bpffs = mountBpffs()));
  afterAll(() => bpffs.remove());

  test("takes no dot in its name, and the error says so", () => {
    const { folder } = bpffs;
    using loaded = Pinned.load({ pinRoot: folder });
    const { shared_counts, private_total } = loaded.maps;
    const why = (name: string): string => `EPERM (a BPF file system takes no dot in names, as "${name}" has)`;
    expect(thrownBy(() => private_total.pin(`${folder}/a.b`)).message).toBe(`map private_total: pin: ${why("a.b")}`);
    expect(thrownBy(() => private_total.pin(`${folder}/v1.2/a`)).message).toBe(
      `map private_total: pin: ${why("v1.2")}`,
    );
    expect(thrownBy(() => Pinned.maps.shared_counts.openPinned(`${folder}/a.b`)).message).toBe(
      `map shared_counts: openPinned: ${why("a.b")}`,
    );
    expect(thrownBy(() => openLink(`${folder}/a.b`)).message).toBe(`link ${folder}/a.b: openLink: ${why("a.b")}`);
    expect(shared_counts.info.id).toBeGreaterThan(0);
  });

  test("is told from directories and from files of other file systems", () => {
    const { folder } = bpffs;
    const open = [
      (path: string) => Pinned.maps.shared_counts.openPinned(path),
      (path: string) => ExecveCounter.progs.handle_execve.openPinned(path),
      openLink,
    ];
    for (const openAt of open) {
      expect(thrownBy(() => openAt(folder)).message).toMatch(`EACCES (${folder} is a directory, not a pin)`);
      expect(thrownBy(() => openAt("/etc/passwd")).message).toMatch(
        "EACCES (/etc/passwd is no pin: it is in no BPF file system)",
      );
      expect(thrownBy(() => openAt(`${folder}/none`)).message).toMatch(`ENOENT (nothing is pinned at ${folder}/none)`);
      expect(thrownBy(() => openAt("/etc/passwd/x")).message).toMatch("ENOTDIR (/etc/passwd is no directory)");
    }
  });

  test("that this process may not have says whose it is", () => {
    const { folder } = bpffs;
    using loaded = Pinned.load({ pinRoot: folder });
    mkdirSync(`${folder}/closed`, { mode: 0o700 });
    loaded.maps.private_total.pin(`${folder}/closed/total`);
    chmodSync(folder, 0o755);
    const program = `
      import { HashMap, u32 } from "@ebpf-skel/runtime";
      import { Pinned } from "./fixtures/pinned.skel.ts";
      say(() => Pinned.maps.shared_counts.openPinned("${folder}/shared_counts"));
      say(() => Pinned.maps.shared_counts.openPinned("${folder}/closed/total"));
      using map = HashMap.create({ key: u32, value: u32, maxEntries: 1 });
      say(() => map.pin("${folder}/mine"));
      say(() => map.pin("${folder}/closed/mine"));
    `;
    const prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    const rights = ["--inh-caps=-all,+bpf", "--ambient-caps=-all,+bpf"];
    const said = saidBy(program, { prefix: [...prefix, ...rights] });
    const closed = `this process may not enter ${folder}/closed: its mode is 0700, its owner user 0`;
    expect(said.map((line) => (line as Error).message)).toEqual([
      `map shared_counts: openPinned: EACCES (this process may not read and write ${folder}/shared_counts: its mode is 0600, its owner user 0)`,
      `map shared_counts: openPinned: EACCES (${closed})`,
      `map hash: pin: EACCES (this process may not write to ${folder}: its mode is 0755, its owner user 0)`,
      `map hash: pin: EACCES (${closed})`,
    ]);
    rmSync(`${folder}/closed`, { recursive: true });
  });
});
