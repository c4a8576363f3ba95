// Legacy objects with bytes cut off or changed: what is carried of them is an object that we read and that is carried as it
// is, or there is a SkelError.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { inspectObject } from "../../src/inspect.ts";
import type { ObjectModel } from "../../src/object/model.ts";
import { carry } from "../../src/upgrade/carry.ts";
import { fixtures, isLegacy } from "../support/fixtures.ts";
import { mutate } from "../support/mutate.ts";
import { random, rounds } from "../support/random.ts";
import { faultsOfWarnings, Findings, judge } from "../support/verdict.ts";

const NO_TIME_LIMIT = 0;

const legacy = fixtures.filter(({ name }) => isLegacy(name));
const bytesOf = (object: string): Uint8Array => new Uint8Array(readFileSync(object));

/** What both an object and its carried form must say. */
function common({ maps, programs, sections, structOps, license }: ObjectModel): string {
  return JSON.stringify([maps.map(({ legacy: _, ...map }) => map), programs, sections, structOps, license]);
}

/** Carries `bytes`; true when that and the reader accept them. */
function check(input: string, bytes: Uint8Array, findings: Findings): boolean {
  let accepted = false;
  findings.check(() => {
    const carried = judge(`${input}, carried`, () => carry(bytes)).result;
    const model = judge(input, () => inspectObject(bytes)).result;
    if (model === undefined) return;
    for (const fault of faultsOfWarnings(model.warnings)) findings.add(`${input}: ${fault}`);
    if (carried === undefined) return;
    accepted = true;
    if (carry(carried) !== carried) findings.add(`${input}: carried twice differs`);
    // Of static maps, which libbpf refuses, BTF does not tell the place; so they come last in the carried object.
    if (model.warnings.some(({ what }) => what.includes("static maps"))) return;
    if (common(inspectObject(carried)) !== common(model)) findings.add(`${input}: carried another model`);
  });
  return accepted;
}

test("there are legacy objects", () => {
  expect(legacy.length).toBeGreaterThanOrEqual(4);
});

test.each(legacy)(
  "$name, cut at every byte",
  ({ name, object }) => {
    const bytes = bytesOf(object);
    const findings = new Findings();
    for (let length = 0; length < bytes.length; length++)
      if (check(`${name} cut to ${length} bytes`, bytes.subarray(0, length), findings))
        findings.add(`${name} cut to ${length} bytes: accepted`);
    expect(findings.list).toEqual([]);
  },
  NO_TIME_LIMIT,
);

test(
  "legacy_nobtf, every third bit flipped",
  () => {
    const bytes = bytesOf(legacy.find(({ name }) => name === "legacy_nobtf")!.object);
    const findings = new Findings();
    let accepted = 0;
    for (let bit = 0; bit < 8 * bytes.length; bit += 3) {
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      if (check(`legacy_nobtf with bit ${bit} flipped`, bytes, findings)) accepted++;
      bytes[bit >> 3]! ^= 1 << (bit & 7);
    }
    expect(findings.list).toEqual([]);
    expect(accepted).toBeGreaterThan(bytes.length / 3);
  },
  NO_TIME_LIMIT,
);

test.each(legacy)(
  "$name: 600 random mutants",
  ({ name, object }) => {
    const bytes = bytesOf(object);
    const findings = new Findings();
    let tried = 0;
    let accepted = 0;
    for (const round of rounds(600)) {
      tried++;
      if (check(`${name}, FUZZ round ${round}`, mutate(bytes, random(round)), findings)) accepted++;
    }
    expect(findings.list).toEqual([]);
    expect(accepted).toBeGreaterThan(tried / 20);
    expect(accepted).toBeLessThan(tried);
  },
  NO_TIME_LIMIT,
);
