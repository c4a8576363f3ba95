// Objects with bytes cut off or changed go through the reader, the model, layouts and names: a result or a SkelError, nothing
// else, and never more than a second. FUZZ_SECONDS and FUZZ_SEED make longer runs.

import { expect, test } from "vitest";
import { parseElf } from "../../src/elf/read.ts";
import { carry } from "../../src/upgrade/carry.ts";
import { inspectObject } from "../../src/inspect.ts";
import { readNeeds } from "../../src/needs/needs.ts";
import type { ObjectModel } from "../../src/object/model.ts";
import { besidesDebug } from "../support/dwarf.ts";
import { fixtures, isLegacy } from "../support/fixtures.ts";
import { readFileSync } from "node:fs";
import { mutate } from "../support/mutate.ts";
import { random, rounds } from "../support/random.ts";
import { Findings, judge } from "../support/verdict.ts";

const NO_TIME_LIMIT = 0;

function bytesOf(name: string): Uint8Array {
  return new Uint8Array(readFileSync(fixtures.find((fixture) => fixture.name === name)!.object));
}

test.each(["execve_counter", "globals", "types", "big_endian"])(
  "%s.bpf.o, cut at every byte",
  (name) => {
    const bytes = bytesOf(name);
    const findings = new Findings();
    let refused = 0;
    for (let length = 0; length < bytes.length; length++)
      findings.check(() => {
        const { error } = judge(`${name} cut to ${length} bytes`, () => inspectObject(bytes.subarray(0, length)));
        if (error !== undefined) refused++;
      });
    expect(findings.list).toEqual([]);
    // The section headers come last: whatever is cut off, some of them is.
    expect(refused).toBe(bytes.length);
  },
  NO_TIME_LIMIT,
);

test.each(["execve_counter", "nodwarf"])(
  "%s.bpf.o, every bit flipped",
  (name) => {
    const bytes = bytesOf(name);
    const findings = new Findings();
    const counts = { accepted: 0, refused: 0 };
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      findings.check(() => {
        const { error } = judge(`${name} with bit ${bit} flipped`, () => inspectObject(bytes));
        counts[error === undefined ? "accepted" : "refused"]++;
      });
      bytes[bit >> 3]! ^= 1 << (bit & 7);
    }
    expect(findings.list).toEqual([]);
    // Neither so strict that harmless bits matter nor so lax that none does.
    expect(counts.accepted).toBeGreaterThan(bytes.length);
    expect(counts.refused).toBeGreaterThan(bytes.length);
  },
  NO_TIME_LIMIT,
);

/** What both an object and its carried form must say: all but what lies in the sections that are dropped. */
function sameModel(model: ObjectModel, carried: ObjectModel): boolean {
  const count = carried.types.length;
  return JSON.stringify(besidesDebug(model, count)) === JSON.stringify(besidesDebug(carried, count));
}

// What is carried of legacy objects is another model on purpose: legacy.test.ts.
test.each(fixtures.filter(({ name }) => !isLegacy(name)))(
  "$name: 250 random mutants, and what is carried of them",
  ({ name }) => {
    const bytes = bytesOf(name);
    const findings = new Findings();
    let tried = 0;
    let accepted = 0;
    for (const round of rounds(250)) {
      const input = `${name}, FUZZ round ${round}`;
      const mutant = mutate(bytes, random(round));
      tried++;
      findings.check(() => {
        judge(input, () => parseElf(mutant));
        const { result, error } = judge(input, () => inspectObject(mutant));
        judge(`${input}, needs`, () => readNeeds(mutant));
        const carried = judge(`${input}, carried`, () => carry(mutant));
        if (error !== undefined || carried.error !== undefined) return;
        accepted++;
        // One changed byte can make ".maps" the "maps" of old.
        const isUpgraded = result.maps.some(({ legacy }) => legacy === true);
        if (!isUpgraded && !sameModel(result, inspectObject(carried.result)))
          findings.add(`${input}: carried another model`);
        if (Buffer.compare(carry(carried.result), carried.result) !== 0)
          findings.add(`${input}: carried twice differs`);
      });
    }
    expect(findings.list).toEqual([]);
    expect(accepted).toBeLessThan(tried);
    // Without its BTF nothing of it is accepted.
    if (name !== "nobtf") expect(accepted).toBeGreaterThan(tried / 20);
  },
  NO_TIME_LIMIT,
);
