// BTF is the oracle of DWARF: a type that an object has in both has one layout, whichever compiler, level and version wrote it.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openDwarf } from "../../src/dwarf/dwarf.ts";
import { parseElf } from "../../src/elf/read.ts";
import { readTypes } from "../../src/object/read.ts";
import { compileBpf } from "../support/compile.ts";
import { compareTypes } from "../support/dwarf.ts";
import { fixtures, fixturesFolder } from "../support/fixtures.ts";
import { compileWithGcc } from "../support/gccbpf.ts";

/** Those that have no debug information. */
const WITHOUT = ["legacy_nobtf", "nobtf", "nodwarf"];

/** The types that differ, and how many are the same. */
function compare(bytes: Uint8Array): { readonly differ: string[]; readonly same: number } {
  const elf = parseElf(bytes);
  const all = compareTypes(bytes, elf, readTypes(bytes, elf));
  return {
    differ: all.filter(({ same }) => same !== true).map(({ spelled }) => spelled),
    same: all.filter(({ same }) => same === true).length,
  };
}

test.each(fixtures.filter(({ name }) => WITHOUT.includes(name)))("$name has no debug information", ({ object }) => {
  const bytes = new Uint8Array(readFileSync(object));
  expect(openDwarf(bytes, parseElf(bytes))).toBeUndefined();
});

test.each(fixtures.filter(({ name }) => !WITHOUT.includes(name)))(
  "$name has every type of BTF in DWARF, with the same layout",
  ({ object }) => {
    const { differ, same } = compare(new Uint8Array(readFileSync(object)));
    expect(differ).toEqual([]);
    expect(same).toBeGreaterThan(1);
  },
);

/** Bitfields, packing, enums of all widths, unions and anonymous members: what layouts are made of. */
const SOURCES = ["types", "unions", "tails"];

const clangs = ["clang-14", "clang-16", "clang-19"].filter((name) => spawnSync(name, ["--version"]).status === 0);

test("one clang is there at least", () => expect(clangs).toContain("clang-19"));

const combinations = clangs.flatMap((clang) =>
  (["bpf", "bpfeb"] as const).flatMap((target) =>
    ["-O1", "-O2", "-O3"].flatMap((level) =>
      ["-gdwarf-4", "-gdwarf-5"].map((version) => ({ clang, target, level, version })),
    ),
  ),
);

describe.each(combinations)("$clang -target $target $level $version", ({ clang, target, level, version }) => {
  test.each(SOURCES)("%s", (name) => {
    const source = readFileSync(join(fixturesFolder, `${name}.bpf.c`), "utf8");
    const flags = [level, version, `-I${fixturesFolder}`];
    const { differ, same } = compare(compileBpf(source, target, "c", { clang, flags }));
    expect(differ).toEqual([]);
    expect(same).toBeGreaterThan(9);
  });
});

const MORE = `
  typedef unsigned char u8; typedef unsigned short u16; typedef unsigned int u32; typedef unsigned long long u64;
  enum color { RED, GREEN = 7 }; typedef struct { u32 x; u64 y[3]; } pair_t;
  struct inner { u32 a : 3, b : 17; u64 c : 40; u8 d; } __attribute__((packed));
  struct outer { pair_t pair; struct inner inner[2]; union { u32 v4; u8 v6[16]; struct { u16 hi, lo; }; }; enum color color;
    const volatile u32 *pointer; void (*call)(int); char comm[16]; _Bool yes; u8 tail[]; };
  struct outer outer; struct inner inner; pair_t pair; enum color color;
`;

describe.each(["-gdwarf-4", "-gdwarf-5"])("gcc %s", (version) => {
  test.each(["-O1", "-O2"])("%s", (level) => {
    const { differ, same } = compare(compileWithGcc(MORE, ["-g", version, level]));
    expect(differ).toEqual([]);
    expect(same).toBeGreaterThanOrEqual(8);
  });
});

test.each([
  ["compressed sections", ["-gz"]],
  ["units of types", ["-fdebug-types-section"]],
  ["units of types, of version 4", ["-fdebug-types-section", "-gdwarf-4"]],
  ["the 64-bit format", ["-gdwarf64", "-gdwarf-5"]],
  ["types that nothing uses", ["-fno-eliminate-unused-debug-types"]],
])("%s", (_, flags) => {
  const { differ, same } = compare(compileBpf(MORE, "bpf", "c", { flags }));
  expect(differ).toEqual([]);
  expect(same).toBeGreaterThanOrEqual(8);
});

test("of C++, with namespaces and methods", () => {
  const source = `namespace net { struct flow { unsigned a; unsigned long b; int sum() const { return a; } static int count; }; }
    net::flow flow; struct plain { net::flow inner; bool yes; } plain;`;
  const bytes = compileBpf(source, "bpf", "c++");
  const elf = parseElf(bytes);
  const all = compareTypes(bytes, elf, readTypes(bytes, elf));
  // BTF counts methods and static members as members that have no place; DWARF has them apart.
  expect(all.map(({ spelled, same }) => [spelled, same !== undefined])).toEqual([
    ["struct flow", true],
    ["struct plain", true],
  ]);
});
