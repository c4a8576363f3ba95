// What can be done with a map before load, as bpftool sees it afterwards; and maps that load does not make but take.

import { existsSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Endpoint, Flow, FlowKey, Life } from "../../../fixtures/life.skel.ts";
import { Pinned } from "../../../fixtures/pinned.skel.ts";
import {
  type Codec,
  hash,
  type HashMap,
  lruHash,
  type Program,
  s32,
  section,
  struct,
  u16,
  u32,
} from "../../src/gen1.ts";
import type { Skeleton, SkeletonShape } from "../../src/index.ts";
import { openLibrary } from "../../src/library.ts";
import { BpfObject } from "../../src/object.ts";
import type { FoundMap } from "../../src/skeleton/found.ts";
import { checkTaken } from "../../src/skeleton/pins.ts";
import { mountBpffs } from "../support/bpffs.ts";
import { showMap } from "../support/showmap.ts";
import { compile, skeletonOf } from "../support/clang.ts";
import { thrownBy } from "../support/errors.ts";
import { descriptors } from "../support/held.ts";
import { requireKernel } from "../support/kernel.ts";

requireKernel();

let pins: ReturnType<typeof mountBpffs>;
let held: Record<string, number>;
beforeEach(() => {
  pins = mountBpffs();
  held = descriptors();
});
afterEach(() => {
  expect(descriptors()).toEqual(held);
  pins.remove();
});

const BPF_F_NO_PREALLOC = 1;
const BPF_F_NUMA_NODE = 4;

/** An opened Life that pins nothing outside. */
function openLife(): ReturnType<typeof Life.open> {
  return Life.open({ pinRoot: pins.folder });
}

describe("before load", () => {
  test("sizes, flags and nodes are set for the kernel", () => {
    using open = openLife();
    const { flows, totals } = open.maps;
    flows.maxEntries = 1000;
    flows.flags = BPF_F_NO_PREALLOC;
    flows.numaNode = 0;
    expect(flows.flags).toBe(BPF_F_NO_PREALLOC | BPF_F_NUMA_NODE);
    totals.maxEntries = 9;
    using live = open.load();
    const shown = showMap(live.maps.flows.id);
    expect(shown).toMatchObject({ max_entries: 1000, flags: BPF_F_NO_PREALLOC | BPF_F_NUMA_NODE, type: "hash" });
    expect(showMap(live.maps.totals.id)).toMatchObject({ max_entries: 9, flags: 0 });
    expect(live.maps.totals.length).toBe(9);
    live.maps.totals.set(8, 1n);
  });

  test("a node that does not exist is refused by the kernel", () => {
    using open = openLife();
    open.maps.flows.flags = BPF_F_NO_PREALLOC;
    open.maps.flows.numaNode = 4000;
    expect(thrownBy(() => open.load())).toMatchObject({ name: "BpfError", code: "EINVAL", map: "flows" });
  });

  test("a pinned map of other sizes or flags is told with both values", () => {
    const path = `${pins.folder}/other`;
    using first = openLife();
    first.maps.flows.pinPath = path;
    using live = first.load();
    const had = live.maps.flows.maxEntries;
    using second = openLife();
    second.maps.flows.pinPath = path;
    second.maps.flows.maxEntries = had + 1;
    second.maps.flows.flags = BPF_F_NO_PREALLOC;
    expect(thrownBy(() => second.load())).toMatchObject({
      code: "EINVAL",
      map: "flows",
      hint:
        `the map pinned at ${path} differs: max_entries is ${had} there and ${had + 1} here, ` +
        "map_flags is 0 there and 1 here; remove the pin, or open with what it has",
    });
    live.maps.flows.unpin(path);
  });

  test("a map without autocreate is not made", () => {
    using open = openLife();
    open.maps.blobs.autocreate = false;
    expect(open.maps.blobs.autocreate).toBe(false);
    using live = open.load();
    expect(thrownBy(() => live.maps.blobs.count()).message).toBe("map blobs: not created, its autocreate is off");
  });

  test("a pin path is where load pins", () => {
    const path = `${pins.folder}/totals`;
    using open = openLife();
    open.maps.totals.pinPath = path;
    using live = open.load();
    expect(existsSync(path)).toBe(true);
    expect(existsSync(`${pins.folder}/peers`)).toBe(true);
    using again = Life.maps.totals.openPinned(path);
    expect(again.id).toBe(live.maps.totals.id);
  });

  test.each([
    ["maxEntries", 0, "map flows: maxEntries: expected a number of at least 1, got 0"],
    ["maxEntries", 2 ** 32, "map flows: maxEntries: expected a number of at least 1, got 4294967296"],
    ["flags", -1, "map flows: flags: expected u32, got -1"],
    ["flags", 1.5, "map flows: flags: expected u32, got 1.5"],
    ["numaNode", "0", 'map flows: numaNode: expected u32, got "0"'],
    ["autocreate", 1, "map flows: autocreate: expected a boolean, got 1"],
    ["pinPath", "pins/flows", 'map flows: pinPath: expected an absolute path, got "pins/flows"'],
    ["pinPath", "/a\0b", 'map flows: pinPath: expected an absolute path, got "/a\\0b"'],
  ] as const)("%s = %o is a ValueError", (option, value, message) => {
    using open = openLife();
    const flows = open.maps.flows as unknown as Record<string, unknown>;
    const before = flows[option];
    expect(thrownBy(() => (flows[option] = value))).toMatchObject({ name: "ValueError", message });
    expect(flows[option]).toBe(before);
  });

  test("a relative pinRoot is a ValueError", () => {
    const { name, message } = thrownBy(() => Pinned.open({ pinRoot: "pins" }));
    expect({ name, message }).toEqual({
      name: "ValueError",
      message: 'open: pinRoot: expected an absolute path, got "pins"',
    });
  });
});

describe("a map that is reused", () => {
  const key: FlowKey = { saddr: process.pid, daddr: 0 };
  const flow: Flow = { ...Flow.zero(), bytes: 7n };

  test("is another skeleton's, whose programs then share it", () => {
    using first = openLife().load();
    using open = openLife();
    open.maps.flows.reuse(first.maps.flows);
    open.maps.totals.reuse(first.maps.totals);
    using second = open.load();
    expect(second.maps.flows.id).toBe(first.maps.flows.id);
    expect(second.maps.flows.name).toBe("flows");
    expect(second.maps.blobs.id).not.toBe(first.maps.blobs.id);
    first.maps.flows.set(key, flow);
    second.attach();
    process.umask();
    second.detach();
    expect(first.maps.flows.get(key)!.packets).toBeGreaterThan(0n);
    expect(first.maps.totals.get(0)).toBeGreaterThan(0n);
  });

  test("stays when the handle it came from is closed, and has its own size", () => {
    using open = openLife();
    using first = openLife();
    first.maps.flows.maxEntries = 5;
    const live = first.load();
    open.maps.flows.reuse(live.maps.flows);
    const { id } = live.maps.flows;
    live.close();
    using second = open.load();
    expect(second.maps.flows.id).toBe(id);
    expect(second.maps.flows.maxEntries).toBe(5);
    second.maps.flows.set(key, flow);
  });

  test("can be one that was opened by hand", () => {
    using first = openLife().load();
    using open = openLife();
    {
      using flows = Life.maps.flows.fromId(first.maps.flows.id);
      open.maps.flows.reuse(flows);
    }
    using second = open.load();
    expect(second.maps.flows.id).toBe(first.maps.flows.id);
  });

  test("is checked", () => {
    using live = openLife().load();
    using open = openLife();
    const reuse = (to: keyof Life["maps"], map: unknown): object => {
      const { name, message } = thrownBy(() => open.maps[to].reuse(map as never));
      return { name, message: message.replace(/ \(.*/, "") };
    };
    expect(reuse("flows", live.maps.totals)).toEqual({
      name: "StaleError",
      message: "map flows: type is array in the kernel's map, hash here",
    });
    expect(reuse("flows", live.maps.blobs)).toEqual({
      name: "StaleError",
      message: "map flows: value size is 16 in the kernel's map, 56 here",
    });
    const what = "map flows: reuse: expected the handle of a map in the kernel, got";
    expect(reuse("flows", live.progs.count_calls)).toEqual({ name: "ValueError", message: `${what} bpf-prog` });
    expect(reuse("flows", undefined)).toEqual({ name: "ValueError", message: `${what} undefined` });
    expect(reuse("flows", {})).toEqual({ name: "ValueError", message: `${what} an object` });
    live.close();
    expect(reuse("flows", live.maps.flows)).toEqual({ name: "StateError", message: "map flows: closed with life" });
    open.close();
    expect(reuse("flows", undefined)).toEqual({ name: "StateError", message: "life: closed" });
  });
});

interface Peers extends SkeletonShape {
  maps: { peers: HashMap<number, unknown> };
  progs: {};
  sections: {};
  structOps: {};
}

/** An object with a map `peers` like Life's, but for its value. */
function peersOf(value: string): Skeleton<Peers> {
  const bytes = compile(`
    ${value}
    struct { __uint(type, BPF_MAP_TYPE_LRU_HASH); __uint(max_entries, 16); __uint(pinning, LIBBPF_PIN_BY_NAME);
      __type(key, u32); __type(value, struct endpoint); } peers SEC(".maps");`);
  return skeletonOf<Peers>(bytes, {
    maps: { peers: { ...hash(u32, Endpoint), type: "lru_hash", valueSize: undefined, value: undefined } },
    progs: {},
    sections: {},
  });
}

describe("a map with dots in its name", () => {
  /** The skeleton of `my.map`. */
  interface Dotted {
    maps: { "my.map": HashMap<number, number> };
    progs: {};
    sections: {};
    structOps: {};
  }

  const dotted = (): Skeleton<Dotted> =>
    skeletonOf<Dotted>(
      compile(`struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 16); __uint(pinning, LIBBPF_PIN_BY_NAME);
        __type(key, u32); __type(value, u32); } my_map asm("my.map") SEC(".maps");`),
      { maps: { "my.map": hash(u32, u32) }, progs: {}, sections: {} },
    );

  test("loads, has it in the kernel too, and is pinned with _ in their place", () => {
    using open = dotted().open({ pinRoot: pins.folder });
    expect(open.maps["my.map"].pinPath).toBe(`${pins.folder}/my_map`);
    using first = open.load();
    const map = first.maps["my.map"];
    expect(showMap(map.id)).toMatchObject({ name: "my.map" });
    map.set(1, 2);
    using second = dotted().load({ pinRoot: pins.folder });
    expect(second.maps["my.map"].get(1)).toBe(2);
    using other = dotted().maps["my.map"].openPinned(`${pins.folder}/my_map`);
    expect(other.get(1)).toBe(2);
  });

  test("goes without its pin, or to another one", () => {
    using open = dotted().open({ pinRoot: pins.folder });
    open.maps["my.map"].pinPath = `${pins.folder}/elsewhere`;
    using _loaded = open.load();
    expect(existsSync(`${pins.folder}/elsewhere`)).toBe(true);
    expect(existsSync(`${pins.folder}/my_map`)).toBe(false);
  });
});

test("programs and variables have any name that clang takes and the kernel does not refuse", () => {
  interface Named {
    maps: {};
    progs: { "my.prog": Program<"socket"> };
    sections: { data: { "my.var": number; $var: number } };
    structOps: {};
  }
  const named = skeletonOf<Named>(
    compile(`int my_var asm("my.var") = 1; int $var = 2;
      int my_prog(void *ctx) asm("my.prog"); SEC("socket") int my_prog(void *ctx) { return my_var + $var; }`),
    {
      maps: {},
      progs: { "my.prog": "socket" },
      sections: { data: section(".data", 8, { "my.var": [0, s32], $var: [4, s32] }) },
    },
  );
  using open = named.open();
  open.data.$var = 5;
  using live = open.load();
  expect([live.data["my.var"], live.data.$var]).toEqual([1, 5]);
  expect(live.progs["my.prog"].run({ data: new Uint8Array(14) }).retval).toBe(6);
});

describe("a map that load takes from its pin", () => {
  const stale = "(regenerate with ebpf-skel gen from the object that made it, or remove the pin";

  test("is the pinned one", () => {
    using first = openLife().load();
    first.maps.peers.set(1, { address: 2, port: 3 });
    using second = openLife().load();
    expect(second.maps.peers.get(1)).toEqual({ address: 2, port: 3 });
  });

  test.each([
    [
      "has two fields of one size swapped",
      "struct endpoint { u16 port; u32 address; };",
      "value field address is at 4 in the kernel's map, 0 here",
    ],
    [
      "has a field of another name",
      "struct endpoint { u32 addr; u16 port; };",
      "value field address is not in the kernel's map",
    ],
    [
      "has a field of another size",
      "struct endpoint { u32 address; u32 port; };",
      "value field port has 4 bytes in the kernel's map, 2 here",
    ],
    [
      "has a field where there is padding here",
      "struct endpoint { u32 address; u16 port, flags; };",
      "value field flags is in the kernel's map, not here",
    ],
    ["is of another size", "struct endpoint { u32 address; };", "value size is 4 in the kernel's map, 8 here"],
    [
      "has a bitfield",
      "struct endpoint { u32 address; u16 port : 3; };",
      "value field port has 3 bits in the kernel's map, 16 here",
    ],
  ])("is refused when it %s", (_what, value, difference) => {
    using other = peersOf(value).load({ pinRoot: pins.folder });
    using open = openLife();
    const { name, message } = thrownBy(() => open.load());
    expect({ name, message }).toEqual({
      name: "StaleError",
      message: `map peers: ${difference} ${stale} ${pins.folder}/peers)`,
    });
    // It is still open: elsewhere, it loads.
    open.maps.peers.pinPath = undefined;
    using live = open.load();
    expect(live.maps.peers.id).not.toBe(other.maps.peers.id);
  });

  test("is taken when only comments, typedefs and anonymous structs differ", () => {
    using other = peersOf(`typedef u32 address_t; typedef const u16 port_t;
      struct endpoint { struct { address_t address; }; union { port_t port; }; };`).load({ pinRoot: pins.folder });
    using live = openLife().load();
    expect(live.maps.peers.id).toBe(other.maps.peers.id);
  });

  test("is checked after load too, since a pin may appear meanwhile", () => {
    const object = new BpfObject(openLibrary(), Life.object(), "life", { pinRoot: pins.folder });
    const swapped = struct("endpoint", 8, { port: [0, u16], address: [4, u32] });
    const found = (value: Codec<never>): FoundMap => {
      const spec = lruHash(u32, value as Codec<unknown>);
      return { name: "peers", spec, pointer: object.findMap("peers"), type: "lru_hash", keySize: 4, valueSize: 8 };
    };
    object.load();
    checkTaken(object, [found(Endpoint as never)]);
    expect(thrownBy(() => checkTaken(object, [found(swapped as never)])).message).toMatch(
      /^map peers: value field port is at 4 in the kernel's map, 0 here \(regenerate/,
    );
    object.close();
  });

  test("is checked by loadAsync too", async () => {
    using _other = peersOf("struct endpoint { u16 port; u32 address; };").load({ pinRoot: pins.folder });
    using open = openLife();
    await expect(open.loadAsync()).rejects.toMatchObject({ name: "StaleError" });
  });
});
