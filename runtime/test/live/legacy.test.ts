// Objects with maps of before BTF, on the real kernel: they load, their programs count, and their maps read typed.

import { afterEach, describe, expect, test } from "vitest";
import { Legacy } from "../../../fixtures/legacy.skel.ts";
import { LegacyMixed } from "../../../fixtures/legacy_mixed.skel.ts";
import { LegacyNobtf } from "../../../fixtures/legacy_nobtf.skel.ts";
import { isUnsupportedError } from "../../src/index.ts";
import { LegacyBigEndian } from "../../../fixtures/legacy_big_endian.skel.ts";
import { thrownBy } from "../support/errors.ts";
import { requireKernel } from "../support/kernel.ts";

requireKernel();

const held: { close(): void }[] = [];
afterEach(() => held.splice(0).forEach((one) => one.close()));

function hold<T extends { close(): void }>(one: T): T {
  held.push(one);
  return one;
}

/** Bytes of a little-endian u32, as an untyped map has them. */
function u32Bytes(value: number): Uint8Array {
  return new Uint8Array(new Uint32Array([value]).buffer);
}

const { pid } = process;

test("counts into legacy maps, whose types BTF tells", () => {
  const live = hold(Legacy.load());
  live.maps.counts.set(pid, 0n);
  live.attach();
  process.cpuUsage();
  const count = live.maps.counts.get(pid)!;
  expect(count).toBeGreaterThan(0n);
  expect(live.maps.last.get(1)).toMatchObject({ pid, cpu: expect.any(Number), number: expect.any(BigInt) });
  expect(live.maps.last.get(0)).toEqual({ pid: 0, cpu: 0, number: 0n });
  const plain = live.maps.plain.get(u32Bytes(pid))!;
  expect(new DataView(plain.buffer, plain.byteOffset).getUint32(0, true)).toBe(pid);
  expect(live.maps.counts).toMatchObject({ type: "hash", keySize: 4, valueSize: 8, maxEntries: 64 });
});

test("counts without any BTF, in bytes", () => {
  const live = hold(LegacyNobtf.load());
  live.maps.counts.set(u32Bytes(pid), new Uint8Array(8));
  live.attach();
  process.cpuUsage();
  const value = live.maps.counts.get(u32Bytes(pid))!;
  expect(new DataView(value.buffer, value.byteOffset).getBigUint64(0, true)).toBeGreaterThan(0n);
  expect([...live.maps.plain.keys()]).toEqual([u32Bytes(pid)]);
});

test("each program finds its own map among those of every age", () => {
  const open = LegacyMixed.open();
  open.rodata.target_pid = pid;
  const live = hold(open.load());
  live.attach();
  process.cpuUsage();
  live.detach();
  const number = (bytes: Uint8Array | undefined): number =>
    Number(new DataView(bytes!.slice().buffer).getBigUint64(0, true));
  const calls = number(live.maps.first.get(0));
  expect(calls).toBeGreaterThan(0);
  expect([0, 1].map((i) => number(live.maps.second.get(i)))).toEqual([0, 2 * calls]);
  expect([0, 1, 2].map((i) => number(live.maps.slots.get(i)))).toEqual([0, 0, 3 * calls]);
  expect([...live.maps.modern.values()]).toEqual([0n, 0n, 0n, BigInt(4 * calls)]);
  expect([...live.maps.seen.entries()]).toEqual([[u32Bytes(pid), u32Bytes(pid)]]);
  expect([...live.maps.untyped.entries()]).toEqual([[u32Bytes(4), u32Bytes(pid)]]);
});

describe("before load", () => {
  test("a legacy map is as adjustable as any other", () => {
    const open = Legacy.open();
    open.maps.plain.maxEntries = 2;
    const live = hold(open.load());
    expect(live.maps.plain.maxEntries).toBe(2);
  });

  test("one of the other byte order is refused as ever", () => {
    expect(isUnsupportedError(thrownBy(() => LegacyBigEndian.open()))).toBe(true);
  });
});
