// Calls of helpers as we find them against llvm-objdump's listing: the same calls at the same places, maps that stand in the
// listing, and sizes that the last instructions before a call put into the register. And what programs use, against the relocations
// in that listing.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findHelperCalls, type HelperCall } from "../../src/bytecode/calls.ts";
import { parseElf } from "../../src/elf/read.ts";
import { inspectObject } from "../../src/inspect.ts";
import { SENDERS } from "../../src/object/eventcalls.ts";
import { compileBpf } from "../support/compile.ts";
import { corpus, legacyCorpus, type Specimen } from "../support/corpus.ts";
import { outputOf } from "../support/programs.ts";

/** Helpers that programs call all the time, so that every object has something to compare. */
const helpers = new Set([...SENDERS.keys(), 1, 2, 3, 5, 6, 14, 16, 27, 51, 113, 114, 115]);

/** A call in the listing, with what a straight look upwards tells of r1 to r5. */
interface Listed {
  readonly section: string;
  readonly offset: number;
  readonly helper: number;
  /** By register: a constant, or the symbol of an address. */
  readonly known: ReadonlyMap<number, bigint | string>;
}

/**
 * Reads `llvm-objdump -dr`. Only what is set in the same straight run of instructions counts: a branch, the place of a label
 * or a call before it ends the run.
 */
function listed(path: string): Listed[] {
  const lines = outputOf("llvm-objdump-19", ["-dr", "--no-show-raw-insn", path]).split("\n");
  const calls: Listed[] = [];
  let section = "";
  let known = new Map<number, bigint | string>();
  let last: number | undefined;
  for (const line of lines) {
    section = /^Disassembly of section (.*):$/.exec(line)?.[1] ?? section;
    const symbol = /R_BPF_64_64\s+(\S+)$/.exec(line)?.[1];
    if (symbol !== undefined && last !== undefined) known.set(last, symbol);
    // Not a helper's number: a function in another section.
    const isLast = calls.at(-1)?.section === section && calls.at(-1)?.offset === parseInt(line, 16);
    if (/R_BPF_64_32\s/.test(line) && isLast) calls.pop();
    const [, index, text] = /^\s*(\d+):\s+(.*)$/.exec(line) ?? [];
    if (index === undefined || text === undefined) {
      if (/^[0-9a-f]+ </.test(line)) known = new Map();
      continue;
    }
    last = undefined;
    const constant = /^r(\d+) = (-?0x[0-9a-f]+)$/.exec(text);
    const wide = /^r(\d+) = (-?0x[0-9a-f]+) ll$/.exec(text);
    const helper = /^call (?:0x)?([0-9a-f]+)$/.exec(text)?.[1];
    const written = /^[rw](\d+) /.exec(text)?.[1];
    if (wide !== null) {
      last = Number(wide[1]);
      known.delete(last);
    } else if (constant !== null) {
      const [sign, digits] = constant[2]!.startsWith("-") ? [-1n, constant[2]!.slice(1)] : [1n, constant[2]!];
      known.set(Number(constant[1]), BigInt.asUintN(64, sign * BigInt(digits)));
    } else if (helper !== undefined) {
      const number = parseInt(helper, 16);
      if (helpers.has(number))
        calls.push({ section, offset: 8 * Number(index), helper: number, known: new Map(known) });
      known = new Map();
    } else if (/goto|exit|^call|^if /.test(text)) known = new Map();
    else if (written !== undefined) known.delete(Number(written));
    else if (!text.startsWith("*(")) known = new Map();
  }
  return calls;
}

/** A constant or the symbol at an address. */
function spell(elf: ReturnType<typeof parseElf>, value: HelperCall["args"][number]): bigint | string | undefined {
  // What is only a name for where a value comes from is unknown to a listing.
  if (typeof value !== "string" || /^[a-z]/.test(value)) return typeof value === "bigint" ? value : undefined;
  const [section, offset] = value.split("+").map(Number);
  const { symbols } = elf;
  return symbols.find((one) => one.section === section && one.value === offset && one.kind === "object")?.name;
}

const folder = mkdtempSync(join(tmpdir(), "ebpf-skel-bytecode-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Code that clang would rather not make: not optimised, by older instruction sets, with branches between the arguments. */
const flat = `
  #include <linux/bpf.h>
  #include <bpf/bpf_helpers.h>
  struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } a SEC(".maps"), b SEC(".maps");
  SEC("xdp") int one(struct xdp_md *ctx) {
    long size = ctx->data_end & 1 ? 16 : 24, data[8] = {};
    for (int i = 0; i < 3; i++) bpf_ringbuf_output(&a, data, 16, 0);
    bpf_ringbuf_output(ctx->data & 2 ? (void *)&a : (void *)&b, data, 32, 0);
    bpf_ringbuf_output(&b, data, size, 0);
    return 0;
  }`;
const made: Specimen[] = (["bpf", "bpfeb"] as const).map((target) => {
  const [file, bytes] = [`${target}.o`, compileBpf(flat, target)];
  return { file, path: join(folder, file), bytes };
});
beforeAll(() => made.forEach(({ path, bytes }) => writeFileSync(path, bytes)));

/** What each function refers to in the listing, by section and place: symbols, and functions that it calls or passes on. */
function references(path: string): ReadonlyMap<string, { symbols: Set<string>; functions: Set<string> }> {
  const found = new Map<string, { symbols: Set<string>; functions: Set<string> }>();
  let [section, at, imm] = ["", "", 0];
  for (const line of outputOf("llvm-objdump-19", ["-dr", "--no-show-raw-insn", path]).split("\n")) {
    section = /^Disassembly of section (.*):$/.exec(line)?.[1] ?? section;
    const start = /^([0-9a-f]+) <(?!LBB)/.exec(line)?.[1];
    if (start !== undefined) {
      at = `${section} ${parseInt(start, 16)}`;
      found.set(at, { symbols: new Set(), functions: new Set() });
    }
    const constant = /^\s*\d+:\s.*?(-?0x[0-9a-f]+)(?: ll)?$/.exec(line)?.[1];
    if (constant !== undefined) imm = Number(constant.replace("-", "")) * (constant.startsWith("-") ? -1 : 1);
    const [, kind, symbol] = /R_BPF_64_(64|32)\s+(\S+)$/.exec(line) ?? [];
    if (symbol === undefined) continue;
    // Of a function in .text without a name of its own: the place stands in the instruction.
    if (symbol === ".text") found.get(at)!.functions.add(`.text ${kind === "32" ? 8 * (imm + 1) : imm}`);
    else found.get(at)!.symbols.add(symbol);
  }
  return found;
}

let followed = 0;

const typed = [...corpus, ...legacyCorpus].filter(({ file }) => file !== "nobtf.bpf.o");

describe.each(typed)("$file", ({ path, bytes }) => {
  test("each program uses the maps and sections that llvm-objdump shows it to refer to", () => {
    const listing = references(path);
    const elf = parseElf(bytes);
    const symbols = new Map(elf.symbols.filter(({ kind }) => kind !== "section").map((one) => [one.name, one]));
    const homeOf = (name: string): string | undefined => {
      const section = symbols.get(name)?.section;
      return typeof section === "number" ? elf.sections[section]!.name : name;
    };
    const placeOf = (name: string): string => `${homeOf(name)} ${symbols.get(name)!.value}`;
    const model = inspectObject(bytes);
    const known = new Set([...model.maps, ...model.sections].map(({ name }) => name));
    for (const { name, uses } of model.programs) {
      const reached = new Set([placeOf(name)]);
      const theirs = new Set<string>();
      for (const place of reached) {
        const { symbols: named = [], functions = [] } = listing.get(place) ?? {};
        for (const one of named) {
          if (symbols.get(one)?.kind === "func") reached.add(placeOf(one));
          theirs.add(known.has(one) ? one : (homeOf(one) ?? one));
        }
        for (const one of functions) reached.add(one);
      }
      followed += reached.size - 1;
      const ours = [...uses!.maps, ...uses!.globals.map(({ section }) => section)];
      const isKnown = (one: string): boolean => known.has(one) && one !== ".kconfig";
      expect([name, ours.filter(isKnown).sort()]).toEqual([name, [...theirs].filter(isKnown).sort()]);
    }
  });
});

let calls = 0;
let values = 0;
let agreed = 0;

describe.each([...corpus, ...legacyCorpus, ...made])("$file", ({ path, bytes }) => {
  test("has the calls that llvm-objdump lists, with the arguments that it shows", () => {
    const elf = parseElf(bytes);
    const ours = findHelperCalls(bytes, elf, helpers);
    const theirs = listed(path);
    const place = ({ section, offset, helper }: Listed): string => `${section} ${offset} ${helper}`;
    const own = ours.map((call) => ({ ...call, section: elf.sections[call.section]!.name, known: new Map() }));
    expect(own.map(place)).toEqual(theirs.map(place));
    for (const [i, { known }] of theirs.entries()) {
      calls++;
      for (const [register, value] of known) {
        if (register < 1 || register > 5) continue;
        const found = spell(elf, ours[i]!.args[register - 1]);
        // The listing spells addresses in data sections in ways of its own.
        if (typeof value === "string" && value.startsWith(".")) continue;
        values++;
        // A branch may lead in between, which a straight look does not see: then we know less, never other.
        expect([value, undefined]).toContain(found);
        if (found === value) agreed++;
      }
    }
  });
});

test("that was worth the trouble", () => {
  expect(calls).toBeGreaterThan(100);
  expect(values).toBeGreaterThan(140);
  expect(agreed / values).toBeGreaterThan(0.95);
  expect(followed).toBeGreaterThan(20);
});
