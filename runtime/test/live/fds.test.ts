// Maps of maps, program arrays and stack traces on the real kernel, held against what bpftool sees.
// needs Linux 6.2: the fixture is loaded whole, with inner maps that have locks

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Fds } from "../../../fixtures/fds.skel.ts";
import { array, arrayOfMaps, type ArrayOfMaps, type ArrayMap, u32 } from "../../src/gen1.ts";
import { ksym, type Loaded } from "../../src/index.ts";
import { dumpedWords, shownMap } from "../support/bpftool.ts";
import { saidBy } from "../support/child.ts";
import { skeletonOf } from "../support/clang.ts";
import { thrownBy } from "../support/errors.ts";
import { openDescriptors } from "../support/held.ts";
import { requireKernel } from "../support/kernel.ts";

requireKernel();

let live: Loaded<Fds>;

beforeAll(() => {
  const open = Fds.open();
  open.rodata.target_tgid = process.pid;
  live = open.load();
});
afterAll(() => live?.close());

describe("an array of maps", () => {
  test("has the slots that the object fills", () => {
    const { by_index: outer, first, third } = live.maps;
    expect(outer.length).toBe(4);
    expect([...outer]).toEqual([
      [0, first.id],
      [2, third.id],
    ]);
    expect(dumpedWords(outer.id)).toEqual([...outer]);
    expect([...outer.keys()]).toEqual([0, 2]);
    expect([...outer.values()]).toEqual([first.id, third.id]);
    expect(outer.count()).toBe(2);
    expect(outer.get(1)).toBeUndefined();
    expect([outer.has(0), outer.has(1), outer.has(4)]).toEqual([true, false, false]);
    expect(thrownBy(() => outer.get(4)).message).toBe("by_index: index 4 is outside 0..3");
    expect(thrownBy(() => outer.delete(-1)).message).toBe("by_index: index -1 is outside 0..3");
  });

  test("opens the map in a slot", () => {
    const { by_index: outer, third } = live.maps;
    using inner = outer.open(2)!;
    expect(inner.id).toBe(third.id);
    expect(inner.fd).not.toBe(third.fd);
    expect(inner).toMatchObject({ name: "by_index.inner", type: "array", keySize: 4, valueSize: 8, length: 2 });
    inner.set(1, 77n);
    expect(third.get(1)).toBe(77n);
    expect(outer.open(1)).toBeUndefined();
  });

  test("makes maps that fit, and no others fit", () => {
    const { by_index: outer } = live.maps;
    using made = outer.createInner();
    outer.set(1, made);
    expect(outer.get(1)).toBe(made.id);
    expect(shownMap(made.id)).toMatchObject({ type: "array", bytes_key: 4, bytes_value: 8, max_entries: 2, flags: 0 });
    using longer = outer.createInner({ maxEntries: 7 });
    expect(thrownBy(() => outer.set(3, longer))).toMatchObject({
      code: "EINVAL",
      message: expect.stringContaining(
        "map by_index: set: EINVAL (the map differs from the inner definition",
      ) as string,
    });
    expect(thrownBy(() => outer.set(3, 5 as never)).message).toBe("map by_index: value: expected a map, got 5");
    expect(thrownBy(() => outer.set(3, null as never)).message).toBe("map by_index: value: expected a map, got null");
    expect(thrownBy(() => outer.set(3, live.progs.jump as never))).toMatchObject({ code: "EINVAL" });
    expect(outer.has(3)).toBe(false);
    expect(outer.delete(1)).toBe(true);
    expect(outer.delete(1)).toBe(false);
  });

  test("takes arrays of any length where its definition says so", () => {
    const { any_length: outer } = live.maps;
    using made = outer.createInner({ maxEntries: 7, name: "seven" });
    outer.set(0, made);
    expect(made.length).toBe(7);
    expect(shownMap(made.id)).toMatchObject({ name: "seven", max_entries: 7, flags: 4096 });
    expect(thrownBy(() => outer.createInner({ maxEntries: -1 })).message).toBe(
      "map any_length.inner: maxEntries: expected u32, got -1",
    );
    expect(thrownBy(() => outer.createInner({ maxEntries: 0 }))).toMatchObject({
      code: "EINVAL",
      syscall: "bpf_map_create",
    });
    expect(thrownBy(() => outer.createInner({ name: "a b" }))).toMatchObject({ code: "EINVAL" });
  });

  test("makes maps with locks, of which only BTF tells", () => {
    const { guarded: outer } = live.maps;
    using made = outer.createInner();
    made.set(0, { count: 7 }, { lock: true });
    outer.set(0, made);
    using opened = outer.open(0)!;
    expect(opened.get(0)).toEqual({ count: 7 });
    expect(shownMap(made.id)["btf_id"]).toBe(shownMap(live.maps.first.id)["btf_id"]);
  });

  test("keeps a map that its maker has closed, and a closed handle says so", () => {
    const { by_index: outer } = live.maps;
    const made = outer.createInner();
    made.set(0, 5n);
    outer.set(3, made);
    made.close();
    made.close();
    expect(thrownBy(() => made.get(0)).message).toBe("map by_index.inner: closed");
    expect(thrownBy(() => outer.set(1, made))).toMatchObject({ name: "StateError" });
    using again = outer.open(3)!;
    expect(again.get(0)).toBe(5n);
    outer.delete(3);
  });

  test("outlives its skeleton, as its holder wants", () => {
    const other = Fds.load();
    using made = other.maps.by_index.createInner();
    using opened = other.maps.by_index.open(0)!;
    other.close();
    made.set(0, 1n);
    expect([made.get(0), opened.get(0)]).toEqual([1n, 0n]);
    expect(thrownBy(() => other.maps.by_index.createInner())).toMatchObject({ name: "StateError" });
  });

  test("leaves no descriptor behind, whatever goes wrong", () => {
    const { by_index: outer } = live.maps;
    const before = openDescriptors();
    for (let i = 0; i < 40; i++) {
      using made = outer.createInner();
      outer.set(1, made);
      using opened = outer.open(1)!;
      expect(opened.id).toBe(made.id);
      thrownBy(() => outer.createInner({ maxEntries: 0 }));
    }
    outer.delete(1);
    expect(openDescriptors()).toBe(before);
  });

  test("refuses maps of other sizes than the table's", () => {
    interface Wrong {
      maps: { by_index: ArrayOfMaps<ArrayMap<number>> };
      progs: {};
      sections: {};
      structOps: {};
    }
    const inner = arrayOfMaps(array(u32), { type: 2, keySize: 4, valueSize: 8, maxEntries: 2 });
    using wrong = skeletonOf<Wrong>(Fds.object(), { maps: { by_index: inner }, progs: {}, sections: {} }).load();
    const before = openDescriptors();
    const message = "map by_index.inner: expected key and value sizes 4 and 4, got 4 and 8";
    expect(thrownBy(() => wrong.maps.by_index.open(0))).toMatchObject({ name: "StaleError", message });
    expect(thrownBy(() => wrong.maps.by_index.createInner())).toMatchObject({ name: "StaleError", message });
    expect(openDescriptors()).toBe(before);
  });
});

describe("a hash of maps", () => {
  test("has maps under keys", () => {
    const { by_name: outer } = live.maps;
    using eth0 = outer.createInner();
    using lo = outer.createInner({ maxEntries: 99 });
    eth0.set(1, { seen: 10n, last: 2 });
    outer.set("eth0", eth0, { mode: "create" });
    outer.set("lo", lo);
    expect(new Map(outer)).toEqual(new Map([["eth0", eth0.id], ["lo", lo.id]])); // prettier-ignore
    expect(new Set(dumpedWords(outer.id).map(([, id]) => id))).toEqual(new Set(outer.values()));
    expect(new Set(outer.keys())).toEqual(new Set(["eth0", "lo"]));
    expect(outer.count()).toBe(2);
    expect(shownMap(lo.id)).toMatchObject({ type: "hash", bytes_key: 4, bytes_value: 16, max_entries: 99, flags: 1 });
    using opened = outer.open("eth0")!;
    expect([...opened]).toEqual([[1, { seen: 10n, last: 2 }]]);
    expect(outer.open("eth1")).toBeUndefined();
    expect(thrownBy(() => outer.set("eth0", lo, { mode: "create" }))).toMatchObject({ code: "EEXIST" });
    expect(thrownBy(() => outer.set("too long a name", lo))).toMatchObject({ path: "map by_name: key" });
    expect(thrownBy(() => outer.set("x", live.maps.first as never))).toMatchObject({ code: "EINVAL" });
    expect([outer.delete("eth0"), outer.delete("eth0"), outer.has("eth0"), outer.has("lo")]).toEqual([
      true,
      false,
      false,
      true,
    ]);
    outer.delete("lo");
  });
});

test("without CAP_SYS_ADMIN, maps of slots filled here can be opened, others not", () => {
  const said = saidBy(
    `
    import { Fds } from "./fixtures/fds.skel.ts";
    const live = Fds.load();
    const outer = live.maps.by_index;
    say(() => { using inner = outer.open(2)!; return inner.id === live.maps.third.id; });
    const made = outer.createInner();
    outer.set(1, made);
    say(() => { using inner = outer.open(1)!; return inner.id === made.id && inner.fd !== made.fd; });
    made.close();
    say(() => outer.open(1));
    live.close();
    say(() => outer.open(1));
    `,
    { prefix: ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"] },
  );
  expect(said).toEqual([
    { ok: true },
    { ok: true },
    {
      name: "BpfError",
      code: "EPERM",
      message: "map by_index: open: EPERM (needs CAP_SYS_ADMIN, or the map's own handle still open)",
    },
    expect.objectContaining({ name: "StateError", message: "map by_index: closed with fds" }),
  ]);
});

describe("a program array", () => {
  test("is where tail calls go", () => {
    const { tails } = live.maps;
    const { landed_one, landed_two, on_cpu } = live.progs;
    expect([...tails]).toEqual([[1, landed_one.id]]);
    expect(dumpedWords(tails.id)).toEqual([[1, landed_one.id]]);
    using _link = { [Symbol.dispose]: () => live.detach() };
    live.progs.jump.attach();
    const landed = (): number[] => {
      const before = live.bss.landings;
      process.kill(process.pid, 0);
      return live.bss.landings.map((count, i) => Number(count - before[i]!)).map((count) => Math.min(count, 1));
    };
    // Other threads of this process make system calls, too: what counts is where they land, not how many.
    expect(landed()).toEqual([0, 1, 0]);
    expect(live.maps.first.get(0)).toBeGreaterThan(0n);
    tails.set(1, landed_two);
    expect(tails.get(1)).toBe(landed_two.id);
    expect(landed()).toEqual([0, 0, 1]);
    expect(tails.delete(1)).toBe(true);
    expect(tails.delete(1)).toBe(false);
    expect([tails.get(1), tails.has(1)]).toEqual([undefined, false]);
    expect(landed()).toEqual([1, 0, 0]);
    expect(thrownBy(() => tails.set(0, on_cpu))).toMatchObject({
      code: "EINVAL",
      message: expect.stringContaining("the program's kind") as string,
    });
    expect(thrownBy(() => tails.set(0, 3 as never)).message).toBe(
      "map tails: value: expected a program of a skeleton, got 3",
    );
    expect(thrownBy(() => tails.set(4, landed_one)).message).toBe("tails: index 4 is outside 0..3");
  });
});

describe("stack traces", () => {
  test("are addresses that ksym knows", () => {
    live.progs.jump.attach();
    process.kill(process.pid, 0);
    live.detach();
    const { stacks } = live.maps;
    const id = Number(live.data.stack_id);
    expect(id).toBeGreaterThanOrEqual(0);
    const stack = stacks.get(id)!;
    expect(stack.length).toBeGreaterThan(2);
    const names = stack.map((address) => ksym(address)?.name);
    expect(names).toContain("do_syscall_64");
    expect(ksym(stack[0]!, { refresh: true })).toMatchObject({
      name: expect.stringMatching(/^bpf_prog_\w+_jump$/) as string,
      module: "bpf",
    });
    expect([...stacks.keys()]).toContain(id);
    expect(new Map(stacks).get(id)).toEqual(stack);
    expect(dumpedWords(stacks.id).map(([key]) => key)).toEqual([...stacks.keys()]);
    expect([stacks.delete(id), stacks.delete(id), stacks.get(id), stacks.has(id)]).toEqual([
      true,
      false,
      undefined,
      false,
    ]);
    expect(stacks.get(9999)).toBeUndefined();
    expect(stacks).not.toHaveProperty("set");
  });

  test("of user space have no kernel symbols", () => {
    expect(ksym(0n)).toBeUndefined();
    expect(ksym(-1n)).toBeUndefined();
    expect(ksym(0x7fff_0000_0000n)).toBeUndefined();
    expect(thrownBy(() => ksym(1 as never)).message).toBe("ksym: expected an address as bigint, got 1");
  });
});
