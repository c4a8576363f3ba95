// Damaged debug information: every question has an answer or ends in a SkelError, in bounded time.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { ElfSection } from "../../src/elf/elf.ts";
import { parseElf } from "../../src/elf/read.ts";
import { inspectObject } from "../../src/inspect.ts";
import { compileBpf } from "../support/compile.ts";
import { readAll } from "../support/dwarf.ts";
import { fixtures } from "../support/fixtures.ts";
import { type Random, random, rounds } from "../support/random.ts";
import { faultsOfWarnings, Findings, judge } from "../support/verdict.ts";

const NO_TIME_LIMIT = 0;

const SOURCE = `
  struct event { unsigned pid : 3; unsigned long long at; char comm[16]; union { int a; long b; }; enum { X, Y } e; };
  static long (*output)(void *, void *, unsigned long, unsigned long) = (void *)130;
  struct { int (*type)[27]; } rb __attribute__((section(".maps")));
  static inline __attribute__((always_inline)) long send(struct event *event) { return output(&rb, event, sizeof(*event), 0); }
  __attribute__((section("tc"))) int program(void *ctx) { struct event event = { 1 }; struct event *again = &event; { long more = send(again); return more; } }
`;

const objects: [string, Uint8Array][] = [
  ["version 5", compileBpf(SOURCE)],
  ["version 4", compileBpf(SOURCE, "bpf", "c", { flags: ["-gdwarf-4"] })],
  ["version 5, big-endian", compileBpf(SOURCE, "bpfeb")],
  ["units of types", compileBpf(SOURCE, "bpf", "c", { flags: ["-fdebug-types-section"] })],
];

const isRead = (name: string): boolean =>
  /^\.debug_(info|abbrev|types|loc|loclists|ranges|rnglists|addr|str_offsets)$/.test(name);

test.each(objects)(
  "%s: every bit flipped",
  (_, original) => {
    const elf = parseElf(original);
    const bytes = original.slice();
    const findings = new Findings();
    let [answered, refused] = [0, 0];
    for (const { name, offset, size } of elf.sections) {
      if (!isRead(name)) continue;
      for (let bit = 8 * offset; bit < 8 * (offset + size); bit++) {
        bytes[bit >> 3]! ^= 1 << (bit & 7);
        findings.check(() => {
          const { error } = judge(`${name}, bit ${bit - 8 * offset}`, () => readAll(bytes, elf));
          if (error === undefined) answered++;
          else refused++;
        });
        bytes[bit >> 3]! ^= 1 << (bit & 7);
      }
    }
    expect(findings.list).toEqual([]);
    expect(answered).toBeGreaterThan(1000);
    expect(refused).toBeGreaterThan(1000);
  },
  NO_TIME_LIMIT,
);

test.each(objects)(
  "%s: every section cut short anywhere",
  (_, bytes) => {
    const elf = parseElf(bytes);
    const findings = new Findings();
    for (const section of elf.sections) {
      if (!section.name.startsWith(".debug_")) continue;
      for (let size = 0; size < section.size; size++) {
        const sections = elf.sections.map((one) => (one === section ? { ...one, size } : one));
        findings.check(() => judge(`${section.name} of ${size} bytes`, () => readAll(bytes, { ...elf, sections })));
      }
    }
    expect(findings.list).toEqual([]);
  },
  NO_TIME_LIMIT,
);

/** The same with some bytes of its debug sections changed. */
function mutant(original: Uint8Array, sections: readonly ElfSection[], rng: Random): Uint8Array {
  const bytes = original.slice();
  for (let i = rng.below(6); i >= 0; i--) {
    const { offset, size } = rng.pick(sections);
    const at = offset + rng.below(size);
    const how = rng.below(3);
    if (how === 0) bytes[at] = rng.below(256);
    else if (how === 1) bytes[at] = rng.pick([0, 1, 0x7f, 0x80, 0xff]);
    // Bytes from elsewhere in the section, which are likely to mean something here.
    else {
      const from = offset + rng.below(size);
      bytes.copyWithin(at, from, from + rng.below(offset + size - Math.max(at, from)));
    }
  }
  return bytes;
}

test.each(["event_types", "types", "big_endian"])(
  "%s: mutants",
  (name) => {
    const original = new Uint8Array(readFileSync(fixtures.find((fixture) => fixture.name === name)!.object));
    const elf = parseElf(original);
    const sections = elf.sections.filter((section) => isRead(section.name) && section.size > 0);
    const findings = new Findings();
    let refused = 0;
    for (const round of rounds(500)) {
      const rng = random(round);
      const bytes = mutant(original, sections, rng);
      findings.check(() => {
        if (judge(`${name}, FUZZ round ${round}`, () => readAll(bytes, elf)).error !== undefined) refused++;
      });
    }
    expect(findings.list).toEqual([]);
    expect(refused).toBeGreaterThan(50);
  },
  NO_TIME_LIMIT,
);

test.each(["event_types", "event_idioms"])(
  "%s: what generates goes on generating, whatever its debug information says",
  (name) => {
    const original = new Uint8Array(readFileSync(fixtures.find((fixture) => fixture.name === name)!.object));
    const sections = parseElf(original).sections.filter((section) => isRead(section.name) && section.size > 0);
    const findings = new Findings();
    const seen = new Set<string>();
    for (const round of rounds(300)) {
      const bytes = mutant(original, sections, random(round));
      findings.check(() => {
        const { result, error } = judge(`${name}, FUZZ round ${round}`, () => inspectObject(bytes));
        if (error !== undefined) throw error;
        for (const fault of faultsOfWarnings(result.warnings)) findings.add(`round ${round}: ${fault}`);
        seen.add(JSON.stringify(result.maps.map(({ events }) => events)));
      });
    }
    expect(findings.list).toEqual([]);
    expect(seen.size).toBeGreaterThan(5);
  },
  NO_TIME_LIMIT,
);
