// Mutants that the reader took go through the whole generator: a module that passes the gate, or a SkelError.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { generate } from "../../src/generate.ts";
import { inspectObject } from "../../src/inspect.ts";
import { fixtures, fixturesFolder, goldens } from "../support/fixtures.ts";
import { gate } from "../support/gate.ts";
import { mutate } from "../support/mutate.ts";
import { random, rounds } from "../support/random.ts";
import { Findings, judge, judgeAsync } from "../support/verdict.ts";

const NO_TIME_LIMIT = 0;

/** How many accepted mutants of each go on. The big objects have the most to go wrong, and take the longest. */
const SHARES: Readonly<Record<string, number>> = {
  execve_counter: 60,
  nodwarf: 140,
  pinned: 60,
  nomaps: 20,
  bss_custom: 8,
  globals: 4,
  types: 4,
  hostile_names: 4,
};

const shares = fixtures
  .filter(({ name }) => SHARES[name] !== undefined)
  .map((fixture) => ({ ...fixture, share: SHARES[fixture.name]! }));

test("300 mutants are tried, of every object named", () => {
  expect(shares.map(({ name }) => name).sort()).toEqual(Object.keys(SHARES).sort());
  expect(shares.reduce((sum, { share }) => sum + share, 0)).toBe(300);
});

/** Mutants of `bytes` that the reader takes and that are not what they were made of. */
function* acceptedMutants(name: string, bytes: Uint8Array, share: number): Generator<readonly [string, Uint8Array]> {
  const original = JSON.stringify(inspectObject(bytes));
  for (const start of rounds(share)) {
    for (let attempt = 0; ; attempt++) {
      const input = `${name}, FUZZ round ${start}, attempt ${attempt}`;
      const mutant = mutate(bytes, random(start * 1000 + attempt));
      const { result } = judge(input, () => inspectObject(mutant));
      // A flipped bit of DWARF changes nothing that the generator looks at.
      if (result === undefined || (attempt < 500 && JSON.stringify(result) === original)) continue;
      yield [input, mutant];
      break;
    }
  }
}

test.each(shares)(
  "$name: $share accepted mutants",
  async ({ name, object, share }) => {
    const findings = new Findings();
    const original = await generate(new Uint8Array(readFileSync(object)), { name: "x.bpf.o" });
    let generated = 0;
    let changed = 0;
    for (const [input, mutant] of acceptedMutants(name, new Uint8Array(readFileSync(object)), share)) {
      const { result } = await judgeAsync(input, () => generate(mutant, { name: "x.bpf.o" })).catch((e: unknown) => {
        findings.add(String(e));
        return { result: undefined };
      });
      if (result === undefined) continue;
      for (const fault of gate(result)) findings.add(`${input}: ${fault}`);
      if (result.slice(500) !== original.slice(500)) changed++;
      if (generated++ % 10 === 0 && (await generate(mutant, { name: "x.bpf.o" })) !== result)
        findings.add(`${input}: another text the second time`);
    }
    expect(findings.list).toEqual([]);
    expect(generated).toBeGreaterThan(share / 2);
    expect(changed).toBeGreaterThan(share / 4);
  },
  NO_TIME_LIMIT,
);

describe("the gate", () => {
  test.each(goldens)("lets the module of $name pass", ({ module }) => {
    expect(gate(readFileSync(module, "utf8"))).toEqual([]);
  });

  const text = readFileSync(`${fixturesFolder}/globals.skel.ts`, "utf8");
  const insert = (what: string): string => text.replace("/** `struct pair`", () => `${what}\n\n/** \`struct pair\``);
  const inField = (what: string): string => text.replace("x: m.s32(at)", () => what);

  test.each([
    ["a statement", insert("fetch('x');")],
    ["a second import", insert('import "node:fs";')],
    ["an export of another kind", insert("export function f() {}")],
    ["a declaration that is not exported", insert("const x = 1;")],
    ["let", insert("export let x = 1;")],
    ["two declarations at once", insert("export const x = 1, y = 2;")],
    ["a call of a global", insert("export const x = eval('1');")],
    ["a global", insert("export const x = process;")],
    ["new", insert("export const x = new s.X();")],
    ["a template literal", insert("export const x = `1`;")],
    ["a regular expression", insert("export const x = /1/;")],
    ["a prototype", insert('export const x = { "__proto__": 1 };')],
    ["a getter", insert("export const x = { get x() { return 1; } };")],
    ["another computed name", insert('export const x = { ["x"]: 1 };')],
    ["something of the runtime that nobody asked for", insert("export const x = s.library;")],
    ["a syntax error", insert("export const = 1;")],
    ["a comment that ends early", text.replace("/** `struct pair`", "/** */ fetch('x') /* `struct pair`")],
    ["a first line that breaks", text.replace("globals.bpf.o. DO NOT", "globals\nfetch('x') // DO NOT")],
    ["a line separator", text.replace("globals.bpf.o. DO NOT", "globals\u2028fetch('x') // DO NOT")],
    ["a hidden character", text.replace("globals.bpf.o. DO NOT", "globals\u202e DO NOT")],
    ["a reference", text.replace("/* eslint-disable */", '/// <reference path="x" />')],
    ["a call within a read", inField("x: pwned()")],
    ["a spread", inField("...m.s32(at)")],
    ["an assignment", inField("x: (at = 1)")],
    ["an await", inField("x: await m")],
  ])("stops %s", (_, changed) => {
    expect(changed).not.toBe(text);
    expect(gate(changed)).not.toEqual([]);
  });
});
