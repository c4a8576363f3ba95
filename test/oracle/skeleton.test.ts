// bpftool's own skeleton of every object: names, sizes, and by way of clang the offsets that its section structs come to.

import { describe, expect, test } from "vitest";
import { inspectObject } from "../../src/inspect.ts";
import type { ObjectModel } from "../../src/object/model.ts";
import { falseClaims } from "../support/clang.ts";
import { corpus, isUnnamed, specimenOf } from "../support/corpus.ts";
import { outputOf } from "../support/programs.ts";
import { genSkeleton, type SkeletonHeader } from "../support/skeleton-header.ts";

/** What bpftool makes no skeleton of, and what it says. */
const REFUSED: Readonly<Record<string, RegExp>> = {
  "big_endian.bpf.o": /Endian mismatch/,
  // The libbpf within Debian 12's bpftool is older than Debian's libbpf.
  // Its libbpf knows no arenas.
  "arena.bpf.o": /./,
  "bss_custom.bpf.o": /Relocation failed/,
  "resize.bpf.o": /Relocation failed/,
  "nobtf.bpf.o": /No such file or directory/,
};

function skeletonOf(path: string): SkeletonHeader {
  const header = genSkeleton(path);
  if (typeof header === "string") throw new Error(`bpftool gen skeleton: ${header}`);
  return header;
}

/** Variables that bpftool shows (before libbpf 1.1's rule reached it) although they are hidden. */
function hiddenIn(path: string): ReadonlySet<string> {
  const symbols = outputOf("llvm-readelf-19", ["--symbols", "--wide", path]).split("\n");
  return new Set(symbols.filter((line) => / HIDDEN /.test(line)).map((line) => line.trim().split(/\s+/).at(-1)!));
}

function offsetClaims({ sections }: ObjectModel): string[] {
  return sections.flatMap(({ ident, variables }) =>
    variables.map(({ name, offset }) => `__builtin_offsetof(struct skel__${ident}, ${name}) == ${offset}`),
  );
}

const shown = corpus.filter(({ file }) => REFUSED[file] === undefined);

describe.each(shown)("$file", ({ file, path, bytes }) => {
  const model = inspectObject(bytes);

  test("maps", () => {
    const { maps } = skeletonOf(path);
    // bpftool 7.1 knows no other section of struct_ops.
    const structOps = model.structOps.filter(({ section }) => section === ".struct_ops").map(({ name }) => name);
    const sections = model.sections.map(({ ident }) => ident);
    const ours = [...model.maps.map(({ name }) => name), ...sections, ...structOps];
    expect(ours).toEqual(maps.filter((name) => !isUnnamed(file, name)));
  });

  test("programs", () => {
    expect(model.programs.map(({ name }) => name)).toEqual(skeletonOf(path).programs);
    expect(model.programs.length).toBeGreaterThan(0);
  });

  test("sections, their variables and sizes", () => {
    const hidden = hiddenIn(path);
    const theirs = Object.entries(skeletonOf(path).sections)
      .filter(([ident]) => !isUnnamed(file, ident))
      .map(([ident, variables]) => [ident, variables.filter(({ name }) => !hidden.has(name))]);
    const ours = model.sections.map(({ ident, variables }) => [
      ident,
      variables.map(({ name, size }) => ({ name, size })),
    ]);
    expect(ours).toEqual(theirs);
  });
});

const withVariables = shown.filter(({ bytes }) => inspectObject(bytes).sections.length > 0);

test.each(withVariables)("$file: offsets of variables", ({ path, bytes }) => {
  const types = outputOf("bpftool", ["btf", "dump", "file", path, "format", "c"]);
  const claims = offsetClaims(inspectObject(bytes));
  expect(claims.length).toBeGreaterThan(0);
  expect(falseClaims(`${types}\n${skeletonOf(path).structs}`, claims)).toEqual([]);
});

test("some object has variables", () => {
  expect(withVariables.map(({ file }) => file)).toEqual(expect.arrayContaining(["globals.bpf.o", "xdpdump_bpf.o"]));
});

test.each(Object.entries(REFUSED))("%s has no skeleton by bpftool", (file, why) => {
  expect(genSkeleton(specimenOf(file).path)).toMatch(why);
});
