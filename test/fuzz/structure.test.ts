// Well-formed objects with ill-formed contents: types, symbols and sections of fixtures changed one by one and written anew, so
// that what is wrong gets past the reader and as deep into the generator as it can.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { generate } from "../../src/generate.ts";
import { inspectObject } from "../../src/inspect.ts";
import { describePage } from "../../src/picture/page.ts";
import { besidesDebug } from "../support/dwarf.ts";
import { fixtures } from "../support/fixtures.ts";
import { gate } from "../support/gate.ts";
import { mutateParts } from "../support/mutate-parts.ts";
import { putTogether, takeApart } from "../support/parts.ts";
import { random, rounds } from "../support/random.ts";
import { faultsOfWarnings, Findings, judge, judgeAsync } from "../support/verdict.ts";

const NO_TIME_LIMIT = 0;

const seeds = fixtures.filter(({ name }) => name !== "nobtf");

test.each(seeds)("$name: put together again it is the same object, but for debug information", ({ object }) => {
  const bytes = new Uint8Array(readFileSync(object));
  const again = inspectObject(putTogether(takeApart(bytes)));
  const count = again.types.length;
  expect(besidesDebug(again, count)).toEqual(besidesDebug(inspectObject(bytes), count));
});

/** Mutants of each, and how many go through the generator too, which takes a hundred times as long. */
const ROUNDS = 150;
const GENERATED = 5;

test.each(seeds)(
  "$name: mutants of its structure",
  async ({ name, object }) => {
    const bytes = new Uint8Array(readFileSync(object));
    const findings = new Findings();
    let tried = 0;
    let accepted = 0;
    let generated = 0;
    for (const round of rounds(ROUNDS)) {
      const input = `${name}, FUZZ round ${round}`;
      const parts = takeApart(bytes);
      mutateParts(parts, random(round));
      const mutant = putTogether(parts);
      tried++;
      findings.check(() => {
        const { result } = judge(input, () => inspectObject(mutant));
        if (result === undefined) return;
        accepted++;
        for (const fault of faultsOfWarnings(result.warnings)) findings.add(`${input}: ${fault}`);
      });
      if (generated * ROUNDS > GENERATED * tried) continue;
      const { result } = await judgeAsync(input, () => generate(mutant, { name: "x.bpf.o" })).catch((e: unknown) => {
        findings.add(String(e));
        return { result: undefined };
      });
      if (result === undefined) continue;
      generated++;
      for (const fault of gate(result)) findings.add(`${input}: ${fault}`);
      findings.check(() => expect(judge(input, () => describePage(mutant, "x.bpf.o")).error).toBeUndefined());
    }
    expect(findings.list).toEqual([]);
    expect(accepted).toBeGreaterThan(tried / 10);
    expect(accepted).toBeLessThan(tried);
    expect(generated).toBeGreaterThanOrEqual(Math.floor((GENERATED * tried) / ROUNDS) - 1);
  },
  NO_TIME_LIMIT,
);
