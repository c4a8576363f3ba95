// Global data before and after load, against what the program in the kernel sees and writes.

import { release } from "node:os";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BssCustom } from "../../../fixtures/bss_custom.skel.ts";
import { Globals, Mode } from "../../../fixtures/globals.skel.ts";
import { Unions } from "../../../fixtures/unions.skel.ts";
import { array, type ArrayMap, bool, bytes, type Program, section, u32, u64 } from "../../src/gen1.ts";
import type { Loaded } from "../../src/index.ts";
import { openLibrary } from "../../src/library.ts";
import { LoadedMap } from "../../src/maps/core.ts";
import { mapMemory } from "../../src/native/mapping.ts";
import { sectionObject } from "../../src/sections.ts";
import { LiveBytes } from "../../src/sections/bytes.ts";
import { compile, skeletonOf } from "../support/clang.ts";
import { thrownBy } from "../support/errors.ts";
import { requireKernel } from "../support/kernel.ts";
import { hasFastProperties } from "../support/v8.ts";

requireKernel();

let live: Loaded<Globals>;

beforeAll(() => {
  const open = Globals.open();
  open.rodata.target_tgid = process.pid;
  open.rodata.greeting = "bonjour";
  open.rodata.ports = [8080];
  open.rodata.limits = { bytes: 7n, packets: 8, strict: false };
  open.rodata_cfg.cfg_rate = 250;
  open.data.an_u64 = 123456789012345678n;
  open.data.step = 2n;
  open.data.$at("track").set(1, { x: -7, y: 7 });
  open.data_foo.foo = 1000;
  open.bss.$at("counters").set(1, 5n);
  live = open.load();
});
afterAll(() => live?.close());

/** Enters the kernel, which runs `on_enter`. */
function enter(): void {
  process.hrtime();
  process.umask();
}

describe("before load", () => {
  test("reads what the object holds", () => {
    using open = Globals.open();
    expect(open.rodata.greeting).toBe("hello");
    expect(open.rodata.enabled).toBe(true);
    expect(open.rodata.mode).toBe(Mode.MODE_COUNT);
    expect(open.rodata.mac).toEqual(new Uint8Array([2, 0, 0, 0, 0, 1]));
    expect(open.rodata.ports).toEqual([22, 53, 80, 443]);
    expect(open.rodata.lowest).toBe(-(1n << 63n));
    expect(open.rodata.limits).toEqual({ bytes: 1n << 40n, packets: 1500, strict: true });
    expect(open.data.an_u128).toBe((1n << 64n) + 2n);
    expect(open.data.a_float).toBe(1.5);
    expect(open.data.grid).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(open.bss.counters).toEqual([0n, 0n, 0n, 0n]);
    expect(open.data_foo.foo_pair).toEqual({ x: 7, y: -7 });
    expect(open.rodata_cfg.cfg_name).toBe("cfg");
  });

  test("keeps what is written, and writes nothing that does not fit", () => {
    using open = Globals.open();
    open.data.pair = { x: 3, y: 4 };
    expect(open.data.pair).toEqual({ x: 3, y: 4 });
    const error = thrownBy(() => (open.data.pair = { x: 5, y: 2 ** 31 }));
    expect(error).toMatchObject({ name: "ValueError", path: "data.pair.y" });
    expect(open.data.pair).toEqual({ x: 3, y: 4 });
    expect(thrownBy(() => (open.rodata.greeting = "x".repeat(17))).message).toMatch(/^rodata\.greeting: /);
    // Two opens share nothing.
    using other = Globals.open();
    expect(other.data.pair).toEqual({ x: 1, y: -2 });
  });
});

describe("after load", () => {
  test("holds what was written before", () => {
    expect(live.rodata).toMatchObject({ target_tgid: process.pid, greeting: "bonjour", ports: [8080, 0, 0, 0] });
    expect(live.rodata.limits).toEqual({ bytes: 7n, packets: 8, strict: false });
    expect(live.rodata_cfg.cfg_rate).toBe(250);
    expect(live.data.an_u64).toBe(123456789012345678n);
    expect(live.data.track).toEqual([
      { x: 1, y: 2 },
      { x: -7, y: 7 },
      { x: 5, y: 6 },
    ]);
    expect(live.bss.counters).toEqual([0n, 5n, 0n, 0n]);
  });

  test("is the program's own memory, both ways", () => {
    live.attach();
    enter();
    expect(live.bss.u64_seen).toBe(123456789012345678n);
    expect(live.bss.greeting_seen).toBe("bonjour");
    expect(live.bss.limits_seen).toEqual({ bytes: 7n, packets: 8, strict: false });
    expect(live.bss.cfg_seen).toBe(250);
    expect(live.bss.weak_seen).toBe(5);
    expect(live.bss.last.tgid).toBe(process.pid);

    const before = live.bss.$at("counters").get(0);
    enter();
    expect(live.bss.$at("counters").get(0)).toBeGreaterThan(before);
    live.data.pair = { x: 11, y: 22 };
    live.data.next_mode = 99;
    enter();
    expect(live.bss.last).toMatchObject({ pair: { x: 11, y: 22 }, mode: 99 });
    live.detach();

    live.bss.counters = [1n, 2n, 3n, 4n];
    live.bss.$at("counters").set(3, 1n << 63n);
    expect(live.bss.counters).toEqual([1n, 2n, 3n, 1n << 63n]);
    expect(live.bss.$at("counters").length).toBe(4);
  });

  test("writes one variable and nothing beside it", () => {
    const { data } = live;
    const names = Object.keys(data) as (keyof typeof data)[];
    const values = (): unknown[] => names.map((name) => data[name]);
    const before = values();
    for (const name of names) {
      const value = data[name];
      (data as Record<string, unknown>)[name] = value;
      expect(values()).toEqual(before);
    }
    expect(names.length).toBeGreaterThan(15);
  });

  test("refuses to write constants, in plain JavaScript too", () => {
    expect(thrownBy(() => ((live.rodata as { target_tgid: number }).target_tgid = 1))).toMatchObject({
      name: "StateError",
      message: "globals: rodata.target_tgid: readonly after load (set it between open and load)",
    });
    const ports = live.rodata.$at("ports") as unknown as { set(index: number, value: number): void };
    expect(thrownBy(() => ports.set(0, 1)).name).toBe("StateError");
    expect(live.rodata.$at("ports").get(0)).toBe(8080);
    expect(thrownBy(() => ((live.data as unknown as { stp: bigint }).stp = 1n)).name).toBe("TypeError");
  });

  test("checks the elements that `$at` names", () => {
    const track = live.data.$at("track");
    expect(thrownBy(() => track.get(3)).message).toBe("data.track: index 3 is outside 0..2");
    expect(thrownBy(() => track.set(-1, { x: 1, y: 1 })).message).toBe("data.track: index -1 is outside 0..2");
    expect(thrownBy(() => track.set(0, { x: 1 } as { x: number; y: number }))).toMatchObject({
      name: "ValueError",
      path: "data.track[0].y",
    });
    expect(live.data.$at("grid").get(1)).toEqual([4, 5, 6]);
    live.data.$at("grid").set(0, [9]);
    expect(live.data.grid).toEqual([
      [9, 0, 0],
      [4, 5, 6],
    ]);
    expect(live.rodata.$at("mac").get(5)).toBe(1);
    expect(thrownBy(() => live.data.$at("pair" as "track")).message).toBe("data.pair: expected an array, got pair");
    expect(thrownBy(() => live.data.$at("nope" as "track")).message).toBe('data: has no variable "nope"');
  });

  test("lets a value's own getters write the same variable", () => {
    const nosy = {
      x: 1,
      get y() {
        live.data.pair = { x: 77, y: 77 };
        return 2;
      },
    };
    live.data.pair = nosy;
    expect(live.data.pair).toEqual({ x: 1, y: 2 });
  });

  test("reads a 64-bit variable back whole", () => {
    live.data.step = 1n;
    for (let i = 0; i < 1000; i++) {
      const value = BigInt(i) * 0x1_0000_0001n;
      live.data.an_u64 = value;
      expect(live.data.an_u64).toBe(value);
    }
  });

  test("ends with its skeleton", () => {
    const own = Globals.load();
    const { data, rodata } = own;
    expect(data.step).toBe(1n);
    expect(rodata.greeting).toBe("hello");
    const elements = own.data.$at("track");
    own.close();
    for (const use of [() => data.step, () => (data.step = 1n), () => rodata.greeting, () => elements.get(0)]) {
      expect(thrownBy(use).name).toBe("StateError");
    }
    expect(thrownBy(() => own.bss).message).toBe("globals: closed");
  });
});

test("a skeleton and what it holds by name are no dictionaries to V8, the second time neither", () => {
  using first = Globals.load();
  using second = Globals.load();
  for (const own of [first, second]) {
    const { data, bss, maps, progs, links, structOps } = own;
    const objects = { own, data, bss, maps, progs, links, structOps };
    const slow = Object.entries(objects).filter(([, object]) => !hasFastProperties(object));
    expect(slow.map(([name]) => name)).toEqual([]);
  }
});

test("a large section of its own is mapped whole", () => {
  using own = BssCustom.load();
  own.attach();
  enter();
  own.detach();
  expect(own.bss_big.big_hits).toBeGreaterThan(0n);
  const sum = own.bss_big.big.reduce((total, n) => total + n, 0);
  expect(BigInt(sum)).toBe(own.bss_big.big_hits);
  own.bss_big.$at("big").set(4095, 200);
  expect(own.bss_big.big[4095]).toBe(200);
});

describe("where the kernel cannot map global data", () => {
  interface Plain {
    maps: { plain: ArrayMap<Uint8Array> };
    progs: {};
    sections: {};
    structOps: {};
  }
  // A plain array map is what such a kernel has for a section: mmap refuses it too.
  const source = `
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, u32); __type(value, u8[16]); } plain SEC(".maps");
`;

  test("reads and writes go through the map's element, writes only before attach", () => {
    const plain = { maps: { plain: array(bytes(16)) }, progs: {}, sections: {} };
    using own = skeletonOf<Plain>(compile(source), plain).load();
    const { name, type, keySize, valueSize, fd } = own.maps.plain;
    const map = new LoadedMap(openLibrary(), { name, type, object: "test", keySize, valueSize, rawFd: fd });
    let attached = false;
    const spec = section<{ a: number; b: bigint }>(".data", 16, { a: [0, u32], b: [8, u64] });
    const data = sectionObject(
      "test",
      "data",
      spec,
      new LiveBytes(
        map,
        16,
        (fd) => mapMemory(fd, 16, true),
        () => attached,
      ),
      {},
    ) as {
      a: number;
      b: bigint;
    };
    expect(data.a).toBe(0);
    data.a = 7;
    data.b = 1n << 40n;
    expect(data).toMatchObject({ a: 7, b: 1n << 40n });
    expect(own.maps.plain.get(0)).toEqual(new Uint8Array([7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0]));
    attached = true;
    expect(thrownBy(() => (data.a = 8)).name).toBe("UnsupportedError");
    expect(data.a).toBe(7);
  });
});

describe(".kconfig", () => {
  interface Configured {
    maps: {};
    progs: { on_exit: Program<"raw_tracepoint"> };
    sections: { kconfig: { CONFIG_MADE_UP: bigint; LINUX_KERNEL_VERSION: number; CONFIG_SWITCH: boolean } };
    structOps: {};
  }
  const source = `
extern unsigned long CONFIG_MADE_UP __kconfig __weak;
extern int LINUX_KERNEL_VERSION __kconfig;
extern bool CONFIG_SWITCH __kconfig __weak;
SEC("raw_tp/sys_exit") int on_exit(void *ctx) { return CONFIG_MADE_UP + LINUX_KERNEL_VERSION + CONFIG_SWITCH; }
`;

  test("is what open says and the kernel has", () => {
    const skeleton = skeletonOf<Configured>(compile(source), {
      maps: {},
      progs: { on_exit: "raw_tp/sys_exit" },
      sections: {
        kconfig: section(".kconfig", 13, {
          CONFIG_MADE_UP: [0, u64],
          LINUX_KERNEL_VERSION: [8, u32],
          CONFIG_SWITCH: [12, bool],
        }),
      },
    });
    const [major = 0, minor = 0] = release().split(".").map(Number);
    for (const kconfig of ["CONFIG_MADE_UP=1234\nCONFIG_SWITCH=y\n", { CONFIG_MADE_UP: 1234n, CONFIG_SWITCH: true }]) {
      using open = skeleton.open({ kconfig });
      expect(open).not.toHaveProperty("kconfig");
      using own = open.load();
      expect(own.kconfig).toMatchObject({ CONFIG_MADE_UP: 1234n, CONFIG_SWITCH: true });
      expect(own.kconfig.LINUX_KERNEL_VERSION >>> 8).toBe((major << 8) | minor);
      expect(thrownBy(() => ((own.kconfig as { CONFIG_MADE_UP: bigint }).CONFIG_MADE_UP = 1n)).message).toBe(
        "test: kconfig.CONFIG_MADE_UP: readonly after load (its values come from open({ kconfig }) and the kernel)",
      );
    }
  });
});

test("variables with unions in them are written by one member, before load and after it", () => {
  const open = Unions.open();
  open.rodata.target_tgid = process.pid;
  open.rodata.listen = { v4: 7 };
  open.rodata.$at("friends").set(1, { from: { v4: 1 }, port: 0x20001, seen: 8n });
  open.data.gateway = { ...open.data.gateway };
  using unions = open.load();
  unions.bss.routes = [{ v4: 1 }, { v6: new Uint8Array(16).fill(2) }];
  unions.bss.$at("routes").set(2, { v4: 3 });
  unions.bss.peer = { from: { v4: 4 }, ports: [5, 6], seen: 9n };
  unions.attach();
  enter();
  const { listen_seen, gateway_seen, routes_seen, peer_seen, friend_seen } = unions.bss;
  expect(listen_seen.v4).toBe(7);
  expect(gateway_seen.v4).toBe(0x0101a8c0);
  expect(routes_seen.map(({ v4 }) => v4)).toEqual([1, 0x02020202, 3]);
  expect(peer_seen).toMatchObject({ from: { v4: 4 }, port: 0x60005 });
  expect(friend_seen).toMatchObject({ ports: [1, 2], seen: 8n });
  const error = thrownBy(() => (unions.bss.peer = { ...peer_seen, from: { v4: 1, v6: new Uint8Array(16) } }));
  expect(error.message).toBe("bss.peer.from: members v4 and v6 disagree (write one)");
});
