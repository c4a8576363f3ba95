// Random programs: what is said of a call's arguments must be what a machine that runs the program has there. And code that
// is no program: an answer or a SkelError, nothing else.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { findHelperCalls } from "../../src/bytecode/calls.ts";
import { splitValue, type Value } from "../../src/bytecode/state.ts";
import { parseElf } from "../../src/elf/read.ts";
import { inspectObject } from "../../src/inspect.ts";
import { buildElf } from "../support/elf-builder.ts";
import { fixtures } from "../support/fixtures.ts";
import { mutate } from "../support/mutate.ts";
import { type Random, random, rounds } from "../support/random.ts";
import { Findings, faultsOfWarnings, judge } from "../support/verdict.ts";

const NO_TIME_LIMIT = 0;
/** The call that is looked at, and another. */
const HERE = 130;
const ELSEWHERE = 5;

interface Step {
  readonly code: number;
  readonly dst: number;
  readonly src: number;
  readonly offset: number;
  readonly imm: number;
}

const OPERATIONS = [0x00, 0x10, 0x20, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xb0, 0xb0];

/** Few registers and few slots, so that what one instruction does matters to another. */
const REGISTERS = [1, 2, 3, 6, 7];
const SLOTS = [-8, -16, -24];

/** An instruction that clang could have written; branches lead forwards, so that every program ends. */
function randomStep(rng: Random, left: number): Step {
  const step = (code: number, more: Partial<Step> = {}): Step => ({
    ...{ code, dst: rng.pick(REGISTERS), src: rng.pick(REGISTERS), offset: 0, imm: rng.pick([0, 1, 8, 24, -1]) },
    ...more,
  });
  const slot = { offset: rng.pick(SLOTS) + rng.pick([0, 0, 0, 0, 4, 1]) };
  switch (rng.below(16)) {
    case 0:
      return step(rng.pick([0x07, 0x04, 0x0f, 0x0c]) | rng.pick(OPERATIONS));
    case 1:
      return step(rng.pick([0xb7, 0xb4]));
    case 2:
    case 3:
      return step(0xbf, { src: rng.pick([10, rng.pick(REGISTERS)]) });
    case 4:
      return step(0x07, { imm: rng.pick(SLOTS) });
    case 5:
    case 6:
      return step(rng.pick([0x7b, 0x7b, 0x7b, 0x63, 0x73]), { dst: 10, ...slot });
    case 7:
    case 8:
    case 9:
      return step(rng.pick([0x79, 0x79, 0x79, 0x61]), { src: 10, ...slot });
    case 10:
      return step(rng.pick([0x7a, 0x62]), { dst: rng.pick([10, rng.pick(REGISTERS)]), ...slot });
    case 11:
      return step(rng.pick([0x7b, 0x79]), { offset: rng.pick([0, 0, -8, 8]) });
    case 12:
      return step(0x15, { offset: rng.below(Math.min(6, left)) });
    case 13:
      return step(0x05, { offset: rng.below(Math.min(3, left)) });
    default:
      return step(0x85, { src: 0, imm: rng.pick([HERE, HERE, ELSEWHERE]) });
  }
}

function encode(steps: readonly Step[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(8 * steps.length));
  steps.forEach(({ code, dst, src, offset, imm }, i) => {
    view.setUint8(8 * i, code);
    view.setUint8(8 * i + 1, dst | (src << 4));
    view.setInt16(8 * i + 2, offset, true);
    view.setInt32(8 * i + 4, imm, true);
  });
  return new Uint8Array(view.buffer);
}

/** Where the stack ends; addresses outside of it lead nowhere. */
const TOP = 0x7000_0000_0000n;
const STACK = 512;

/** What values have names of their own, by the name. */
type Sources = ReadonlyMap<string, bigint>;

/**
 * Runs a program as the kernel would, with random memory; `at` sees the registers before each call of {@link HERE}, and what
 * the program was given, and calls returned and instructions loaded by then.
 */
function execute(
  steps: readonly Step[],
  rng: Random,
  at: (index: number, registers: readonly bigint[], sources: Sources) => void,
): void {
  const stack = new DataView(new ArrayBuffer(STACK));
  const noise = (): bigint => BigInt(rng.below(2 ** 32)) * BigInt(rng.pick([0, 1, 2 ** 31]));
  const registers = Array.from({ length: 10 }, noise);
  registers.push(TOP);
  const sources = new Map<string, bigint>(registers.slice(1, 6).map((value, i) => [`arg${i + 1}`, value]));
  const place = (address: bigint, width: number): number | undefined => {
    const offset = Number(address - TOP) + STACK;
    return offset >= 0 && offset + width <= STACK ? offset : undefined;
  };
  const told = new Set<bigint>();
  const write = (address: bigint, width: number, value: bigint): void => {
    if (width === 8 && place(address, 8) === undefined && place(value, 1) !== undefined) told.add(value);
    for (let i = 0; i < width; i++) {
      const to = place(address + BigInt(i), 1);
      if (to !== undefined) stack.setUint8(to, Number((value >> BigInt(8 * i)) & 255n));
    }
  };
  const read = (address: bigint, width: number): bigint => {
    const from = place(address, width);
    if (from === undefined) return noise() & ((1n << BigInt(8 * width)) - 1n);
    return Array.from({ length: width }, (_, i) => BigInt(stack.getUint8(from + i)) << BigInt(8 * i)).reduce(
      (a, b) => a | b,
    );
  };
  const widths: Readonly<Record<number, number>> = { 0: 4, 1: 2, 2: 1, 3: 8 };
  for (let index = 0; index < steps.length; index++) {
    const { code, dst, src, offset, imm } = steps[index]!;
    const kind = code & 7;
    const width = widths[(code >> 3) & 3]!;
    if (code === 0x95) return;
    if (code === 0x05) index += offset;
    else if (code === 0x15) index += rng.chance(50) ? offset : 0;
    else if (code === 0x85) {
      if (imm === HERE) at(index, registers, sources);
      // A helper writes upwards from where its arguments point, from every address it finds there, and from those that
      // the program has left outside of its stack.
      const reachable = [...registers.slice(1, 6), ...told];
      for (const address of reachable) {
        const from = place(address, 1);
        for (let to = from ?? STACK; to < STACK; to++) {
          if (to + 8 <= STACK) {
            const found = stack.getBigUint64(to, true);
            if (place(found, 1) !== undefined && !reachable.includes(found)) reachable.push(found);
          }
        }
      }
      for (const address of reachable) {
        const from = place(address, 1);
        for (let to = from ?? STACK; to < STACK; to++) if (rng.chance(50)) stack.setUint8(to, rng.below(256));
      }
      for (let i = 0; i < 6; i++) registers[i] = noise();
      sources.set(`call${index}`, registers[0]!);
    } else if (kind === 1) {
      registers[dst] = read(registers[src]! + BigInt(offset), width);
      sources.set(`load${index}`, registers[dst]);
    } else if (kind === 2) write(registers[dst]! + BigInt(offset), width, BigInt.asUintN(64, BigInt(imm)));
    else if (kind === 3) write(registers[dst]! + BigInt(offset), width, registers[src]!);
    else {
      const bits = kind === 7 ? 64 : 32;
      const a = BigInt.asUintN(bits, registers[dst]!);
      const b = BigInt.asUintN(bits, (code & 8) === 0 ? BigInt(imm) : registers[src]!);
      const shift = b & BigInt(bits - 1);
      const results: Readonly<Record<number, bigint>> = {
        ...{ 0x00: a + b, 0x10: a - b, 0x20: a * b, 0x40: a | b, 0x50: a & b },
        ...{ 0x60: a << shift, 0x70: a >> shift, 0xa0: a ^ b, 0xb0: b },
      };
      registers[dst] = BigInt.asUintN(bits, results[code & 0xf0]!);
    }
  }
}

function objectOf(code: Uint8Array): Uint8Array {
  return buildElf({
    sections: [{ name: "tc", flags: 6, data: code, addralign: 8 }],
    symbols: [{ name: "program", bind: 1, kind: 2, section: 1, size: code.length }],
  });
}

/** The number that a value stands for, where it is one. */
function valueOf(value: Value, sources: Sources): bigint | undefined {
  if (typeof value !== "string") return value;
  if (value === "fp?") return undefined;
  if (value.startsWith("fp")) return TOP + BigInt(value.slice(2));
  const { base, offset } = splitValue(value)!;
  return BigInt.asUintN(64, sources.get(base)! + BigInt(offset));
}

test(
  "what is known of a random program is what a machine has",
  () => {
    const findings = new Findings();
    let [known, named] = [0, 0];
    for (const round of rounds(3000)) {
      const rng = random(round);
      const length = 10 + rng.below(50);
      const steps = Array.from({ length }, (_, i) => randomStep(rng, length - i));
      steps.push({ code: 0x95, dst: 0, src: 0, offset: 0, imm: 0 });
      const bytes = objectOf(encode(steps));
      const calls = new Map(
        findHelperCalls(bytes, parseElf(bytes), new Set([HERE])).map(({ offset, args }) => [offset / 8, args]),
      );
      for (let run = 0; run < 8; run++)
        execute(steps, rng, (index, registers, sources) => {
          calls.get(index)!.forEach((value, i) => {
            const has = registers[i + 1]!;
            const said = valueOf(value, sources);
            if (typeof value === "string" && !value.startsWith("fp")) named++;
            if (typeof said !== "bigint") return;
            known++;
            if (said !== has) findings.add(`round ${round}, call ${index}: r${i + 1} is ${has}, said to be ${value}`);
          });
        });
    }
    expect(findings.list).toEqual([]);
    expect(known).toBeGreaterThan(10_000);
    expect(named).toBeGreaterThan(1000);
  },
  NO_TIME_LIMIT,
);

test(
  "bytes that are no program end in an answer",
  () => {
    const findings = new Findings();
    for (const round of rounds(500)) {
      const rng = random(round);
      const code = Uint8Array.from({ length: rng.below(400) }, () => rng.below(256));
      // Codes that lead somewhere, which few random bytes are.
      for (let at = 0; at + 8 <= code.length; at += 8)
        if (rng.chance(70)) code[at] = rng.pick([0x05, 0x15, 0x18, 0x85, 0x06, 0xb7, 0x7b, 0x79, 0xdb, 0x0d]);
      for (let at = 0; at + 8 <= code.length; at += 8)
        if (code[at] === 0x85) code.set([rng.pick([0, 16]), 0, 0, HERE, 0, 0, 0], at + 1);
      const bytes = objectOf(code);
      findings.check(() => judge(`round ${round}`, () => findHelperCalls(bytes, parseElf(bytes), new Set([HERE]))));
    }
    expect(findings.list).toEqual([]);
  },
  NO_TIME_LIMIT,
);

test.each(["event_types", "event_declared"])(
  "%s.bpf.o with its code, or anything, changed",
  (name) => {
    const original = new Uint8Array(readFileSync(fixtures.find((fixture) => fixture.name === name)!.object));
    const code = parseElf(original).sections.filter(({ flags, size }) => (flags & 4) !== 0 && size > 0);
    const findings = new Findings();
    const seen = new Set<string>();
    for (const round of rounds(400)) {
      const rng = random(round);
      const bytes = rng.chance(30) ? mutate(original, rng) : original.slice();
      const { offset, size } = rng.pick(code);
      for (let i = rng.below(4); i >= 0; i--)
        if (offset + size <= bytes.length) bytes[offset + rng.below(size)] = rng.below(256);
      findings.check(() => {
        const { result } = judge(`${name}, FUZZ round ${round}`, () => inspectObject(bytes));
        if (result === undefined) return;
        for (const fault of faultsOfWarnings(result.warnings)) findings.add(`round ${round}: ${fault}`);
        seen.add(JSON.stringify(result.maps.map(({ events }) => events)));
      });
    }
    expect(findings.list).toEqual([]);
    expect(seen.size).toBeGreaterThan(5);
  },
  NO_TIME_LIMIT,
);
