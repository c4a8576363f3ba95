// Instructions assembled by hand in, what is known of the arguments of the calls in them out.

import { describe, expect, test } from "vitest";
import { findHelperCalls, type HelperCall } from "../src/bytecode/calls.ts";
import { addressValue } from "../src/bytecode/code.ts";
import type { Value } from "../src/bytecode/state.ts";
import { parseElf } from "../src/elf/read.ts";
import { buildElf, type RelocationSpec } from "./support/elf-builder.ts";

/** Code, destination, source, offset, immediate; the second half of a wide one follows by itself. */
type Row = readonly [code: number, dst: number, src: number, offset: number, imm: number];

function assemble(rows: readonly Row[], endian: "little" | "big"): Uint8Array {
  const little = endian === "little";
  const halves = rows.flatMap((row): Row[] => (row[0] === 0x18 ? [row, [0, 0, 0, 0, 0]] : [row]));
  const bytes = new Uint8Array(8 * halves.length);
  const view = new DataView(bytes.buffer);
  halves.forEach(([code, dst, src, offset, imm], i) => {
    view.setUint8(8 * i, code);
    view.setUint8(8 * i + 1, little ? dst | (src << 4) : src | (dst << 4));
    view.setInt16(8 * i + 2, offset, little);
    view.setInt32(8 * i + 4, imm, little);
  });
  return bytes;
}

const mov = (dst: number, imm: number): Row => [0xb7, dst, 0, 0, imm];
const mov32 = (dst: number, imm: number): Row => [0xb4, dst, 0, 0, imm];
const copy = (dst: number, src: number): Row => [0xbf, dst, src, 0, 0];
const copy32 = (dst: number, src: number): Row => [0xbc, dst, src, 0, 0];
const add = (dst: number, imm: number): Row => [0x07, dst, 0, 0, imm];
const spill = (offset: number, src: number): Row => [0x7b, 10, src, offset, 0];
const fill = (dst: number, offset: number): Row => [0x79, dst, 10, offset, 0];
const wide = (dst: number, imm = 0, src = 0): Row => [0x18, dst, src, 0, imm];
const jump = (offset: number): Row => [0x05, 0, 0, offset, 0];
const branch = (offset: number): Row => [0x15, 0, 0, offset, 0];
const call = (helper: number): Row => [0x85, 0, 0, 0, helper];
const subprogram: Row = [0x85, 0, 1, 0, 0];
const EXIT: Row = [0x95, 0, 0, 0, 0];
/** What is looked for. */
const HERE = call(130);

/** The maps of every case, 32 bytes each. */
const MAPS = ["rb", "other"];
/** Where the relocated instructions are, by index. */
type Addresses = Readonly<Record<number, string>>;

function callsIn(rows: readonly Row[], addresses: Addresses = {}, endian: "little" | "big" = "little"): HelperCall[] {
  const code = assemble(rows, endian);
  const relocations = Object.entries(addresses).map(([index, symbol]): RelocationSpec => ({
    section: "tc",
    offset: 8 * Number(index),
    type: 1,
    symbol,
  }));
  const bytes = buildElf({
    endian,
    sections: [
      { name: "tc", flags: 6, data: code, addralign: 8 },
      { name: ".maps", flags: 3, data: new Uint8Array(64), addralign: 8 },
    ],
    symbols: [
      { name: "program", bind: 1, kind: 2, section: 1, size: code.length },
      ...MAPS.map((name, i) => ({ name, bind: 1, kind: 1, section: 2, value: 32 * i, size: 32 })),
    ],
    relocations,
  });
  return findHelperCalls(bytes, parseElf(bytes), new Set([130]));
}

const rb = addressValue(2, 0);
const other = addressValue(2, 32);
const unknown = undefined;
/** A value that is nothing but a name for where it comes from counts as unknown here. */
const known = (value: Value): Value => (typeof value === "string" && /^[a-z]+\d+\+/.test(value) ? unknown : value);

describe.each(["little", "big"] as const)("%s-endian: r1 to r3 before the call", (endian) => {
  test.each<[string, readonly Row[], Addresses, readonly unknown[]]>([
    ["nothing", [HERE, EXIT], {}, [unknown, unknown, unknown]],
    ["constants", [mov(1, 7), mov(2, -1), mov32(3, -1), HERE, EXIT], {}, [7n, 2n ** 64n - 1n, 0xffffffffn]],
    ["a map", [wide(1), mov(2, 32), HERE, EXIT], { 0: "rb" }, [rb, 32n, unknown]],
    ["another map", [wide(1), HERE, EXIT], { 0: "other" }, [other, unknown, unknown]],
    ["a 64-bit constant", [wide(1, -1), HERE, EXIT], {}, [0xffffffffn, unknown, unknown]],
    ["a descriptor in place of a map", [wide(1, 3, 1), HERE, EXIT], {}, [unknown, unknown, unknown]],
    ["copies", [wide(6), mov(7, 5), copy(1, 6), copy(2, 7), HERE, EXIT], { 0: "rb" }, [rb, 5n, unknown]],
    [
      "half an address",
      [wide(6), copy32(1, 6), mov(7, -2), copy32(2, 7), HERE, EXIT],
      { 0: "rb" },
      [unknown, 0xfffffffen, unknown],
    ],
    ["a sign-extending copy", [mov(6, 200), [0xbf, 1, 6, 8, 0], HERE, EXIT], {}, [unknown, unknown, unknown]],
    ["sums", [mov(1, 30), add(1, 2), mov(2, 3), [0x04, 2, 0, 0, -4], HERE, EXIT], {}, [32n, 0xffffffffn, unknown]],
    [
      "the zero-extension of old compilers",
      [mov(2, -32), [0x67, 2, 0, 0, 32], [0x77, 2, 0, 0, 32], HERE, EXIT],
      {},
      [unknown, 2n ** 32n - 32n, unknown],
    ],
    ["a sum with an address", [wide(1), add(1, 8), HERE, EXIT], { 0: "rb" }, ["2+8", unknown, unknown]],
    ["a division", [mov(1, 8), [0x37, 1, 0, 0, 2], HERE, EXIT], {}, [unknown, unknown, unknown]],
    ["a negation", [mov(1, 8), [0x87, 1, 0, 0, 0], HERE, EXIT], {}, [unknown, unknown, unknown]],
    ["what was loaded", [mov(1, 8), [0x79, 1, 6, 0, 0], HERE, EXIT], {}, [unknown, unknown, unknown]],
    ["spills", [wide(1), spill(-8, 1), mov(1, 0), fill(1, -8), HERE, EXIT], { 0: "rb" }, [rb, unknown, unknown]],
    ["a spilled constant", [[0x7a, 10, 0, -16, 24], fill(2, -16), HERE, EXIT], {}, [unknown, 24n, unknown]],
    [
      "half of a spill overwritten",
      [mov(1, 1), spill(-8, 1), [0x62, 10, 0, -4, 9], fill(1, -8), HERE, EXIT],
      {},
      [unknown, unknown, unknown],
    ],
    ["half of a spill", [mov(1, 1), spill(-8, 1), [0x61, 1, 10, -8, 0], HERE, EXIT], {}, [unknown, unknown, unknown]],
    [
      "a spill through a copy of the frame pointer",
      [mov(1, 1), copy(6, 10), add(6, -8), [0x7b, 6, 1, 0, 0], mov(1, 2), fill(1, -8), HERE, EXIT],
      {},
      [1n, unknown, unknown],
    ],
    [
      "a spill under a write to somewhere in the stack",
      [mov(1, 1), spill(-8, 1), copy(6, 10), [0x0f, 6, 0, 0, 0], [0x7b, 6, 7, 0, 0], fill(1, -8), HERE, EXIT],
      {},
      [unknown, unknown, unknown],
    ],
    [
      "a spill under an atomic addition",
      [mov(1, 1), spill(-8, 1), [0xdb, 10, 2, -8, 0], fill(1, -8), HERE, EXIT],
      {},
      [unknown, unknown, unknown],
    ],
    ["a call before", [mov(1, 1), mov(6, 2), call(5), copy(2, 6), HERE, EXIT], {}, [unknown, 2n, unknown]],
    ["a subprogram before", [mov(1, 1), mov(6, 2), subprogram, copy(2, 6), HERE, EXIT], {}, [unknown, 2n, unknown]],
    [
      "a spill that a helper may have changed, and one below that it cannot",
      [
        ...[mov(6, 1), spill(-8, 6), spill(-16, 6), copy(1, 10), add(1, -8), call(5)],
        ...[fill(1, -8), fill(2, -16), HERE, EXIT],
      ],
      {},
      [unknown, 1n, unknown],
    ],
    [
      "a spill that anybody may have changed, whose address was stored",
      [mov(6, 1), spill(-8, 6), copy(7, 10), [0x7b, 8, 7, 0, 0], call(5), fill(1, -8), HERE, EXIT],
      {},
      [unknown, unknown, unknown],
    ],
    [
      "a spill under a write to what is in the stack on one way only",
      [
        ...[mov(1, 1), spill(-8, 1), copy(6, 10), add(6, -8), branch(1), mov(6, 0)],
        ...([[0x7b, 6, 7, 0, 0], fill(1, -8), HERE, EXIT] as const),
      ],
      {},
      [unknown, unknown, unknown],
    ],
    [
      "a spill whose address is still in a slot that was written to",
      [
        ...[copy(7, 10), spill(-16, 7), mov(6, 1), spill(-8, 6)],
        ...([[0x62, 10, 0, -16, 0], call(5), fill(1, -8), HERE, EXIT] as const),
      ],
      {},
      [unknown, unknown, unknown],
    ],
    [
      "a packet read by the old instructions",
      [mov(1, 1), mov(6, 3), [0x30, 0, 0, 0, 12], copy(2, 6), HERE, EXIT],
      {},
      [unknown, 3n, unknown],
    ],
    ["both ways the same", [mov(2, 8), branch(1), mov(1, 1), HERE, EXIT], {}, [unknown, 8n, unknown]],
    [
      "a map by either way",
      [wide(1), branch(2), wide(1), mov(2, 8), HERE, EXIT],
      { 0: "rb", 3: "rb" },
      [rb, 8n, unknown],
    ],
    [
      "a map that depends on the way",
      [wide(1), mov(2, 8), branch(2), wide(1), HERE, EXIT],
      { 0: "rb", 4: "other" },
      [unknown, 8n, unknown],
    ],
    ["a long jump", [mov(1, 4), [0x06, 0, 0, 0, 1], mov(1, 5), HERE, EXIT], {}, [4n, unknown, unknown]],
    [
      "what a loop changes and what it does not",
      [mov(1, 1), mov(2, 2), branch(2), add(1, 1), jump(-3), HERE, EXIT],
      {},
      [unknown, 2n, unknown],
    ],
    ["code behind a jump that nobody reaches", [jump(1), mov(1, 1), HERE, EXIT], {}, [unknown, unknown, unknown]],
    ["a jump to an address", [mov(1, 1), [0x0d, 6, 0, 0, 0], mov(1, 2), HERE, EXIT], {}, [unknown, unknown, unknown]],
    ["a jump out of the section", [mov(1, 1), branch(99), HERE, EXIT], {}, [unknown, unknown, unknown]],
    ["a jump before its start", [mov(1, 1), branch(-9), HERE, EXIT], {}, [unknown, unknown, unknown]],
    ["no end", [mov(1, 1), HERE], {}, [unknown, unknown, unknown]],
    [
      "registers that no machine has",
      [mov(15, 3), copy(1, 15), copy(2, 11), HERE, EXIT],
      {},
      [unknown, unknown, unknown],
    ],
    ["the frame pointer cannot be set", [mov(10, 3), copy(1, 10), HERE, EXIT], {}, ["fp0", unknown, unknown]],
  ])("%s", (_, rows, addresses, expected) => {
    const calls = callsIn(rows, addresses, endian);
    expect(calls.map(({ args }) => args.slice(0, 3).map(known))).toEqual([expected]);
    const index = rows.flatMap((row) => (row[0] === 0x18 ? [row, undefined] : [row])).indexOf(HERE);
    expect(calls[0]).toMatchObject({ caller: "program", section: 1, offset: 8 * index, helper: 130 });
  });
});

describe.each(["little", "big"] as const)("%s-endian: what has no value has a name", (endian) => {
  test.each<[string, readonly Row[], readonly Value[]]>([
    ["what the function was given", [HERE, EXIT], ["arg1+0", "arg2+0", "arg3+0"]],
    ["the same moved", [add(1, 8), add(2, -8), copy(3, 1), HERE, EXIT], ["arg1+8", "arg2-8", "arg1+8"]],
    ["moved too far", [add(1, 1 << 25), HERE, EXIT], [unknown, "arg2+0", "arg3+0"]],
    ["half of it", [copy32(1, 2), HERE, EXIT], [unknown, "arg2+0", "arg3+0"]],
    ["what a call returned", [call(1), copy(1, 0), copy(2, 0), add(2, 4), HERE, EXIT], ["call0+0", "call0+4", unknown]],
    [
      "of two calls",
      [call(1), copy(6, 0), call(1), copy(1, 6), copy(2, 0), HERE, EXIT],
      ["call0+0", "call2+0", unknown],
    ],
    ["of a function", [subprogram, copy(1, 0), HERE, EXIT], ["call0+0", unknown, unknown]],
    ["what was loaded", [[0x79, 1, 6, 0, 0], HERE, EXIT], ["load0+0", "arg2+0", "arg3+0"]],
    ["half of what was loaded", [[0x61, 1, 6, 0, 0], HERE, EXIT], [unknown, "arg2+0", "arg3+0"]],
    ["what is still in its slot", [fill(1, -8), fill(2, -8), HERE, EXIT], ["load0+0", "load0+0", "arg3+0"]],
    ["what was spilled", [spill(-8, 1), mov(1, 0), fill(1, -8), HERE, EXIT], ["arg1+0", "arg2+0", "arg3+0"]],
    ["two ways", [branch(1), copy(1, 2), HERE, EXIT], [unknown, "arg2+0", "arg3+0"]],
  ])("%s", (_, rows, expected) => {
    expect(callsIn(rows, {}, endian).map(({ args }) => args.slice(0, 3))).toEqual([expected]);
  });
});

describe("the search", () => {
  test("tells helpers from functions of the object and the kernel", () => {
    const rows: Row[] = [call(131), [0x85, 0, 1, 0, 130], [0x85, 0, 2, 0, 130], HERE, EXIT];
    expect(callsIn(rows).map(({ offset }) => offset)).toEqual([24]);
  });

  test("finds no call in the second half of a wide instruction", () => {
    const code = assemble([wide(1), EXIT], "little");
    code.set(assemble([HERE], "little"), 8);
    const bytes = buildElf({ sections: [{ name: "tc", flags: 6, data: code, addralign: 8 }] });
    expect(findHelperCalls(bytes, parseElf(bytes), new Set([130]))).toEqual([]);
  });

  test("looks at each function by itself, and at code that belongs to none", () => {
    const code = assemble([mov(1, 1), HERE, EXIT, HERE, EXIT, mov(1, 2), HERE, EXIT], "little");
    const bytes = buildElf({
      sections: [{ name: ".text", flags: 6, data: code, addralign: 8 }],
      symbols: [
        { name: "first", bind: 0, kind: 2, section: 1, value: 24, size: 16 },
        { name: "second", bind: 1, kind: 2, section: 1, value: 40, size: 24 },
      ],
    });
    const calls = findHelperCalls(bytes, parseElf(bytes), new Set([130]));
    expect(calls.map(({ caller, args }) => [caller, args[0]])).toEqual([
      [".text", 1n],
      ["first", "arg1+0"],
      ["second", 2n],
    ]);
  });

  test.each<[string, readonly Row[]]>([
    ["a wide instruction at the end", [mov(1, 1), HERE, wide(2)]],
    ["a jump into a wide instruction", [jump(1), wide(1), HERE, EXIT]],
    ["an endless loop", [HERE, jump(-2)]],
  ])("ends at %s", (_, rows) => expect(callsIn(rows).length).toBe(1));

  test("ends at half a wide instruction, and at bytes that are no whole instruction", () => {
    for (const cut of [1, 8, 9]) {
      const code = assemble([mov(1, 1), HERE, EXIT, wide(1)], "little").subarray(0, 40 - cut);
      const bytes = buildElf({ sections: [{ name: "tc", flags: 6, data: code, addralign: 8 }] });
      expect(findHelperCalls(bytes, parseElf(bytes), new Set([130])).map(({ args }) => args[0])).toEqual([1n]);
    }
  });

  test("gives up on a function with more branches than the work is bounded for", () => {
    const first = (branches: number): unknown =>
      callsIn([mov(1, 1), ...Array.from({ length: branches }, () => branch(0)), HERE, EXIT])[0]!.args[0];
    expect(first(60_000)).toBe(1n);
    expect(first(70_000)).toBe(undefined);
  });
});
