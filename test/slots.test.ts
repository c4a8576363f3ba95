// Static slots: literals of what the ELF reader gives in, the model's slots and warnings out.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Elf, ElfSection, ElfSymbol } from "../src/elf/elf.ts";
import type { MapModel } from "../src/object/model.ts";
import { readObject } from "../src/object/read.ts";
import { readSlots } from "../src/object/slots.ts";
import { indexObject } from "../src/object/source.ts";
import { fixturesFolder } from "./support/fixtures.ts";

const section = (index: number, name: string, flags: number): ElfSection => ({
  index,
  name,
  type: 1,
  flags,
  offset: 0,
  size: 256,
  link: 0,
  info: 0,
  addralign: 8,
  entsize: 0,
});
const symbol = (index: number, name: string, kind: ElfSymbol["kind"], at: number, value = 0, size = 8): ElfSymbol => ({
  index,
  name,
  value,
  size,
  bind: "global",
  kind,
  visibility: "default",
  section: at,
});

const [MAPS, CODE, DATA] = [1, 2, 3];
const sections = [section(0, "", 0), section(MAPS, ".maps", 3), section(CODE, "xdp", 6), section(DATA, ".data", 3)];
// The outer map lies at 64, its slots from 64 + 24 on, and the next map at 128.
const symbols = [
  symbol(0, "", "notype", 0),
  symbol(1, "outer", "object", MAPS, 64, 56),
  symbol(2, "inner", "object", MAPS, 0, 32),
  symbol(3, "prog", "func", CODE),
  symbol(4, "variable", "object", DATA),
  symbol(5, "next", "object", MAPS, 128, 32),
];
const members = [
  { name: "type", type: 1, bitOffset: 0, bitSize: 0 },
  { name: "values", type: 1, bitOffset: 24 * 8, bitSize: 0 },
];
const model = (more: object): MapModel => ({
  name: "outer",
  type: "prog_array",
  typeId: 3,
  keySize: 4,
  valueSize: 4,
  maxEntries: 4,
  flags: 0,
  extra: "0",
  numaNode: 0,
  pinning: "none",
  ...more,
});
const ofMaps = model({ inner: model({ name: "inner", type: "hash" }) });

function slotsOf(map: MapModel, relocations: readonly (readonly [offset: number, symbol: number])[], own = members) {
  const warnings: string[] = [];
  const elf: Elf = {
    endian: "little",
    sections,
    symbols,
    relocations: relocations.map(([offset, to]) => ({ section: MAPS, offset, type: 2, symbol: to })),
  };
  const source = indexObject(elf, [{ kind: "void" }], ({ what }) => warnings.push(what));
  return { slots: readSlots(source, sections[MAPS]!, { offset: 64, members: own, map }), warnings };
}

describe("readSlots", () => {
  test("counts slots in pointers, in their order", () => {
    expect(slotsOf(ofMaps, [[88 + 16, 5], [88, 2]])).toEqual({ slots: [{ index: 0, name: "inner" }, { index: 2, name: "next" }], warnings: [] }); // prettier-ignore
    expect(slotsOf(model({}), [[88 + 8, 3]])).toEqual({ slots: [{ index: 1, name: "prog" }], warnings: [] });
  });

  test("leaves other maps' slots to them", () => {
    expect(slotsOf(ofMaps, [[56, 2], [120, 2]])).toEqual({ slots: [], warnings: [] }); // prettier-ignore
  });

  test.each([
    ["before the values", ofMaps, 80, members],
    ["between two slots", ofMaps, 90, members],
    ["where there are no values", ofMaps, 88, members.slice(0, 1)],
    ["in a map of another type", model({ type: "hash" }), 88, members],
  ] as const)("warns of a pointer %s", (_, map, at, own) => {
    const warning = 'libbpf refuses a pointer in a definition, got "inner" (only .values has any)';
    expect(slotsOf(map, [[at, 2]], own)).toEqual({ slots: [], warnings: [warning] });
  });

  test.each([
    [
      "a program among maps",
      ofMaps,
      3,
      'libbpf refuses slot 0: it is not a map of SEC(".maps"), got "prog" (change .values)',
    ],
    ["a map among programs", model({}), 2, 'libbpf refuses slot 0: it is not a program, got "inner" (change .values)'],
    [
      "a variable",
      ofMaps,
      4,
      'libbpf refuses slot 0: it is not a map of SEC(".maps"), got "variable" (change .values)',
    ],
    ["no symbol", model({}), 0, 'libbpf refuses slot 0: it is not a program, got "" (change .values)'],
  ] as const)("warns of %s", (_, map, to, warning) => {
    expect(slotsOf(map, [[88, to]])).toEqual({ slots: [], warnings: [warning] });
  });
});

test.each([
  ["maps.bpf.o", "array_of_maps", [[0, "inner_a"], [2, "inner_b"]]], // prettier-ignore
  ["maps.bpf.o", "tails", [[1, "answer_one"], [3, "answer_two"]]], // prettier-ignore
  ["fds.bpf.o", "by_index", [[0, "first"], [2, "third"]]], // prettier-ignore
  ["fds.bpf.o", "tails", [[1, "landed_one"]]],
] as const)("%s: %s", (file, name, slots) => {
  const { maps } = readObject(readFileSync(join(fixturesFolder, file)));
  expect(maps.find((map) => map.name === name)!.slots).toEqual(slots.map(([index, name]) => ({ index, name })));
  expect(maps.filter((map) => map.slots?.length === 0)).toEqual([]);
});
