// Unions, bitfields and network data: as a program in the kernel, bpftool and a skeleton see them.

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { Network } from "../../fixtures/network.skel.ts";
import { type Flow, Proto, Types } from "../../fixtures/types.skel.ts";
import { requireKernel } from "../../runtime/test/support/kernel.ts";

requireKernel();

const dumpMap = (id: number): { value: string[]; formatted: { value: Record<string, unknown> } }[] =>
  JSON.parse(execFileSync("bpftool", ["-j", "map", "dump", "id", String(id)], { encoding: "utf8" }));

/** What the program of fixtures/types.bpf.c writes. */
const written: Flow = {
  from: {
    v4: 0x0100007f,
    v6: Uint8Array.of(0x7f, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    unix_like: { port: 0x007f, family: 0x0100 },
  },
  id: 0x646362616362n,
  tag: "bcabcd",
  bits: { a: 5, b: 0x1234, c: -7, d: 99, e: 0x123456789an, f: Proto.PROTO_UDP, g: true, rest: 0xbeef },
  node: { next: 0n, stranger: 0n, data: 0n, compare: 0n, stats: 0n },
};

test("a program's union and bitfields, and the same value back to the kernel", () => {
  using open = Types.open();
  open.rodata.target_tgid = process.pid;
  using live = open.load();
  live.attach();
  existsSync("/");
  live.detach();
  const { flows } = live.maps;
  const value = flows.get(1n);
  expect(value).toEqual(written);

  const [before] = dumpMap(flows.id);
  expect(before!.formatted.value).toMatchObject({
    from: { v4: 0x0100007f, unix_like: { port: 0x007f, family: 0x0100 } },
    "": { id: 0x646362616362 },
    // bpftool prints the bits of a bitfield, whatever its type.
    bits: { a: "0x5", b: "0x1234", c: "0x19", d: "0x63", e: "0x123456789a", g: "0x1", rest: 0xbeef },
  });
  flows.set(1n, value!);
  expect(dumpMap(flows.id)).toEqual([before]);
  flows.set(1n, structuredClone({ ...value! }));
  expect(dumpMap(flows.id)).toEqual([before]);

  // One member each; what the others are follows from it.
  flows.set(1n, { ...value!, from: { unix_like: { port: 1, family: 2 } } });
  expect(flows.get(1n)!.from.v4).toBe(0x0002_0001);
  flows.set(1n, { from: { v4: 1 }, tag: "x", bits: written.bits, node: written.node });
  expect(flows.get(1n)).toMatchObject({
    id: 0x78n,
    from: { v4: 1, v6: Uint8Array.of(1, ...Array<number>(15).fill(0)) },
  });
  expect(() => flows.set(1n, { ...value!, id: 1n })).toThrow(
    "map flows: value: members id and tag disagree (write one)",
  );
  expect(() => flows.set(1n, { ...value!, from: { v4: -1 } })).toThrow(
    "map flows: value.from.v4: expected u32, got -1",
  );
  expect(flows.get(1n)!.id).toBe(0x78n);
});

test("network data as its tags in C say", () => {
  using open = Network.open();
  open.rodata.target_tgid = process.pid;
  using live = open.load();
  live.attach();
  existsSync("/");
  live.detach();
  const value = live.maps.packets.get(1)!;
  expect(value).toEqual({
    saddr: "127.0.0.1",
    daddr: 0x0200007f,
    saddr6: "2001:db8::1",
    source: "02:42:ac:11:00:02",
    sport: 80,
    dport: 0xbb01,
    id: 1n,
    name: "ebpf",
    blob: Uint8Array.of(1, 2, 3, 4),
    length: 5n,
    gateway: "192.168.0.1",
    hops: 192,
  });
  const [before] = dumpMap(live.maps.packets.id);
  live.maps.packets.set(1, value);
  expect(dumpMap(live.maps.packets.id)).toEqual([before]);
  live.maps.packets.set(1, { ...value, gateway: "10.0.0.1", hops: undefined });
  expect(live.maps.packets.get(1)!.hops).toBe(10);
});
