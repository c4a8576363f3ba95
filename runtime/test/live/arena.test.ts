// Arenas: memory that a program allocates and writes and this process reads, and the other way round.

import { afterEach, beforeEach, expect, test } from "vitest";
import { Arena, Node } from "../../../fixtures/arena.skel.ts";
import { arena, type Arena as ArenaHandle } from "../../src/gen1.ts";
import type { Loaded } from "../../src/index.ts";
import { openLibrary } from "../../src/library.ts";
import { BPF_F_SEGV_ON_FAULT } from "../../src/maps/arena.ts";
import { addressOf, hostMemory, libc, openShared } from "../../src/native.ts";
import { compile, skeletonOf } from "../support/clang.ts";
import { thrownBy } from "../support/errors.ts";
import { requireKernel } from "../support/kernel.ts";
import { where } from "../support/where.ts";

requireKernel();

const hasArenas = openLibrary().atLeast(1, 4);
const pages = 16;

/** Runs the program once (BPF_PROG_TEST_RUN) and gives what it returned. */
function run(fd: number): number {
  const call = openShared(openLibrary().path).bind("bpf_prog_test_run_opts", ["int", ["int", "ptr"]]);
  // `struct bpf_test_run_opts`: its size, and where the result is.
  const [size, retval] = [80, 56];
  const opts = hostMemory(new Uint8Array(size));
  opts.setU64(0, BigInt(size));
  expect(call?.(fd, addressOf(opts.u8s))).toBe(0);
  return opts.u32(retval);
}

where(hasArenas).describe("an arena", () => {
  let live: Loaded<Arena>;
  beforeEach(() => {
    live = Arena.load();
  });
  afterEach(() => live.close());

  test("has variables, which program and process share", () => {
    expect(live.arena.head).toEqual({ value: 7n, next: 0n });
    expect(live.arena.squares).toEqual([1, 4, 0, 0]);
    live.arena.head = { value: 500n, next: 0n };
    live.arena.$at("squares").set(1, 44);
    expect(run(live.progs.grow.fd)).toBe(0);
    expect(live.arena.hits).toBe(1n);
    expect(live.arena.squares).toEqual([1, 44, 0, 16]);
    const at = Number(live.arena.head.next - live.maps.pages.address);
    expect(Node.decode(live.maps.pages.read(at, Node.size))).toEqual({ value: 1544n, next: 0n });
  });

  test("starts with what open says", () => {
    using open = Arena.open();
    expect(open.arena.head.value).toBe(7n);
    open.arena.head = { value: 9n, next: 1n };
    using own = open.load();
    expect(own.arena.head).toEqual({ value: 9n, next: 1n });
  });

  test("holds what the program links, at the address that it stored", () => {
    expect(run(live.progs.grow.fd)).toBe(0);
    const { address } = live.maps.pages;
    const { next } = live.arena.head;
    expect(next).toBe(live.bss.page_at);
    const offset = Number(next - address);
    expect(offset).toBeGreaterThanOrEqual(0);
    expect(offset).toBeLessThan(live.maps.pages.length);
    expect(Node.decode(live.maps.pages.read(offset, Node.size))).toEqual({ value: 1011n, next: 0n });
  });

  test("is as long as its pages, and reads zeros where nobody was", () => {
    const size = libc().getpagesize();
    expect(live.maps.pages.length).toBe(pages * size);
    expect(live.maps.pages.read(5 * size, size)).toEqual(new Uint8Array(size));
    expect(live.maps.pages.read(0, live.maps.pages.length)).toHaveLength(pages * size);
  });

  test("keeps what is written, across pages too, and gives copies", () => {
    const { pages } = live.maps;
    const at = 3 * libc().getpagesize() - 2;
    pages.write(at, new Uint8Array([1, 2, 3, 4]));
    const read = pages.read(at - 1, 6);
    expect(read).toEqual(new Uint8Array([0, 1, 2, 3, 4, 0]));
    read.fill(9);
    expect(pages.read(at, 4)).toEqual(new Uint8Array([1, 2, 3, 4]));
    pages.write(pages.length - 1, new Uint8Array([5]));
    expect(pages.read(pages.length - 1, 1)).toEqual(new Uint8Array([5]));
  });

  test("has ends", () => {
    const { pages } = live.maps;
    const { length } = pages;
    expect(pages.read(length, 0)).toHaveLength(0);
    const beyond: (() => void)[] = [
      () => pages.read(length, 1),
      () => pages.read(-1, 1),
      () => pages.read(0, length + 1),
      () => pages.read(2 ** 32, 1),
      () => pages.read(0.5, 1),
      () => pages.read(0, -1),
      () => pages.write(length - 1, new Uint8Array(2)),
      () => pages.write(NaN, new Uint8Array(2)),
      () => pages.write(0, "text" as unknown as Uint8Array),
    ];
    for (const use of beyond) expect(thrownBy(use).name).toBe("ValueError");
    expect(thrownBy(() => pages.read(length - 1, 2)).message).toBe(
      `map pages: bytes ${length - 1} to ${length + 1} are not within the ${length} that it has`,
    );
  });

  test("ends with its skeleton", () => {
    const { pages } = live.maps;
    const variables = live.arena;
    pages.read(0, 8);
    expect(variables.hits).toBe(0n);
    const squares = variables.$at("squares");
    live.close();
    const uses = [() => pages.read(0, 8), () => pages.write(0, new Uint8Array(1)), () => pages.address];
    for (const use of [...uses, () => variables.hits, () => (variables.hits = 1n), () => squares.get(0)]) {
      expect(thrownBy(use).name).toBe("StateError");
    }
  });

  test("is not loaded where writing its variables would end the process", () => {
    using open = Arena.open();
    open.maps.pages.flags |= BPF_F_SEGV_ON_FAULT;
    expect(thrownBy(() => open.load())).toMatchObject({
      name: "UnsupportedError",
      message: expect.stringMatching(/^arena: map pages: .* \(leave out BPF_F_SEGV_ON_FAULT\)$/) as unknown,
    });
    open.maps.pages.flags &= ~BPF_F_SEGV_ON_FAULT;
    using own = open.load();
    expect(own.arena.head.value).toBe(7n);
  });

  test("is not read where a page that nobody allocated would end the process", () => {
    const source = `
struct { __uint(type, 33); __uint(map_flags, BPF_F_MMAPABLE | 1 << 17); __uint(max_entries, 2); } faulty SEC(".maps");
`;
    interface Faulty {
      maps: { faulty: ArenaHandle };
      progs: {};
      sections: {};
      structOps: {};
    }
    const table = { maps: { faulty: arena() }, progs: {}, sections: {} };
    using own = skeletonOf<Faulty>(compile(source), table).load();
    const { faulty } = own.maps;
    expect(faulty.length).toBe(2 * libc().getpagesize());
    for (const use of [() => faulty.read(0, 8), () => faulty.write(0, new Uint8Array(8)), () => faulty.address]) {
      expect(thrownBy(use)).toMatchObject({
        name: "UnsupportedError",
        message: expect.stringMatching(/^map faulty: .* \(leave out BPF_F_SEGV_ON_FAULT\)$/) as unknown,
      });
    }
  });

  test("has memory only for the skeleton that loaded it", () => {
    using other = Arena.maps.pages.fromFd(live.maps.pages.fd);
    expect(other.length).toBe(live.maps.pages.length);
    expect(thrownBy(() => other.read(0, 8))).toMatchObject({ name: "UnsupportedError" });
  });

  test("has variables of one length", () => {
    using open = Arena.open();
    open.arena.head = { value: 1n, next: 0n };
    expect(thrownBy(() => open.arena.$resize("squares", 9)).name).toBe("ValueError");
  });
});

where(!hasArenas).test("an older libbpf is named before it opens the object", () => {
  expect(thrownBy(() => Arena.open())).toMatchObject({
    name: "UnsupportedError",
    message: `arena: map pages: needs libbpf >= 1.4, found ${openLibrary().version}`,
  });
});
