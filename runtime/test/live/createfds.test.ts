// Maps of descriptors with no object at all.

import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Fds } from "../../../fixtures/fds.skel.ts";
import {
  ArrayOfMaps,
  CgroupArray,
  chars,
  CpuMap,
  type CreateOptions,
  DevMap,
  DevMapHash,
  HashOfMaps,
  ProgArray,
  ReuseportSockArray,
  SockHash,
  SockMap,
  u32,
  u64,
  XskMap,
} from "../../src/index.ts";
import { descriptors } from "../support/held.ts";
import { thrownBy } from "../support/errors.ts";
import { requireKernel } from "../support/kernel.ts";
import { needs } from "../support/needs.ts";
import { enterNetns } from "../support/netns.ts";
import { showMap } from "../support/showmap.ts";

requireKernel();

beforeAll(enterNetns);

let held: Record<string, number>;
beforeEach(() => (held = descriptors()));
afterEach(() => expect(descriptors()).toEqual(held));

const BPF_F_INNER_MAP = 1 << 12;

describe("an array of maps", () => {
  test("takes hash maps, made by it or elsewhere", () => {
    using outer = ArrayOfMaps.create({ inner: { key: u32, value: u64, maxEntries: 8 }, maxEntries: 2, name: "outer" });
    expect(showMap(outer.id)).toMatchObject({ type: "array_of_maps", name: "outer", max_entries: 2 });
    using inner = outer.createInner();
    expect(showMap(inner.id)).toMatchObject({ type: "hash", bytes_key: 4, bytes_value: 8, max_entries: 8 });
    inner.set(1, 10n);
    outer.set(1, inner);
    expect([...outer]).toEqual([[1, inner.id]]);
    using opened = outer.open(1)!;
    opened.set(2, 20n);
    expect([...inner].sort()).toEqual([
      [1, 10n],
      [2, 20n],
    ]);
  });

  test("takes arrays, of any length with the flag for that", () => {
    const inner = { value: u64, maxEntries: 2, flags: BPF_F_INNER_MAP };
    using outer = ArrayOfMaps.create({ inner, maxEntries: 1 });
    using long = outer.createInner({ maxEntries: 5 });
    long.set(4, 1n);
    outer.set(0, long);
    using opened = outer.open(0)!;
    expect(opened.length).toBe(5);
    expect(opened.get(4)).toBe(1n);
  });

  test("takes no map of another kind", () => {
    using outer = ArrayOfMaps.create({ inner: { value: u64, maxEntries: 2 }, maxEntries: 1 });
    using other = ArrayOfMaps.create({ inner: { value: u32, maxEntries: 2 }, maxEntries: 1 });
    using stranger = other.createInner();
    expect(thrownBy(() => outer.set(0, stranger as never))).toMatchObject({ name: "BpfError", code: "EINVAL" });
    expect(outer.get(0)).toBeUndefined();
  });

  test("is refused without an inner map that the kernel makes", () => {
    const inner = { key: u32, value: u64, maxEntries: 0 };
    expect(thrownBy(() => ArrayOfMaps.create({ inner, maxEntries: 1 }))).toMatchObject({ code: "EINVAL", map: "hash" });
    expect(thrownBy(() => ArrayOfMaps.create({ maxEntries: 1 } as never))).toMatchObject({
      name: "ValueError",
      message: "map: inner: expected the options of a map, got undefined",
    });
  });
});

test("a hash of maps takes LRU hash maps by names", () => {
  const inner = { key: u32, value: u64, maxEntries: 8, type: "lru_hash" } as const;
  using outer = HashOfMaps.create({ key: chars(16), inner, maxEntries: 4 });
  using eth0 = outer.createInner();
  outer.set("eth0", eth0, { mode: "create" });
  expect([...outer]).toEqual([["eth0", eth0.id]]);
  expect(showMap(eth0.id)).toMatchObject({ type: "lru_hash", max_entries: 8 });
  expect(showMap(outer.id)).toMatchObject({ type: "hash_of_maps", bytes_key: 16 });
});

test("a program array takes programs, and a skeleton takes it for its own", (context) => {
  needs(context, "inner_locks");
  using tails = ProgArray.create({ maxEntries: 4 });
  using open = Fds.open();
  open.maps.tails.reuse(tails);
  using live = open.load();
  tails.set(3, live.progs.landed_one);
  expect(tails.get(3)).toBe(live.progs.landed_one.id);
  expect(live.maps.tails.get(3)).toBe(live.progs.landed_one.id);
});

test("maps of sockets take sockets", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  try {
    await once(socket, "connect");
    using sockets = SockMap.create({ maxEntries: 2 });
    using names = SockHash.create({ key: u32, maxEntries: 2 });
    sockets.set(1, socket);
    names.set(7, socket);
    expect(sockets.get(1)).toBeTypeOf("bigint");
    expect([...names]).toEqual([[7, sockets.get(1)]]);
  } finally {
    socket.destroy();
    server.close();
    await once(server, "close");
  }
});

test("maps of devices and CPUs take them", () => {
  const loopback = 1;
  using devices = DevMap.create({ maxEntries: 2 });
  using byNumber = DevMapHash.create({ maxEntries: 2 });
  using cpus = CpuMap.create({ maxEntries: 1 });
  devices.set(1, loopback);
  byNumber.set(77, loopback);
  cpus.set(0, 64);
  expect(devices.get(1)).toMatchObject({ ifindex: loopback });
  expect([...byNumber.keys()]).toEqual([77]);
  expect(cpus.get(0)).toMatchObject({ qsize: 64 });
});

test.each([
  ["prog_array", ProgArray],
  ["sockmap", SockMap],
  ["reuseport_sockarray", ReuseportSockArray],
  ["xskmap", XskMap],
  ["cgroup_array", CgroupArray],
  ["devmap", DevMap],
  ["devmap_hash", DevMapHash],
  ["cpumap", CpuMap],
  ["sockhash", { create: (options: CreateOptions) => SockHash.create({ ...options, key: u32 }) }],
])("a %s is one of the kernel's too", (type, maker) => {
  using map = maker.create({ maxEntries: 1, name: "mine" });
  expect(showMap(map.id)).toMatchObject({ type, name: "mine", max_entries: 1 });
});
