// Reads the imports of every source file and holds them against the one direction and the table of only-importers.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "..");

interface Import {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
}

function filesOf(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => join(folder, file))
    .sort();
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), "utf8").replace(/^\s*(\/\/|\*|\/\*).*$/gm, "");
  const statements = text.matchAll(/(?:^|\n)(?:import|export)\s+(type\s)?[^;]*?from\s+"([^"]+)"/g);
  const dynamic = text.matchAll(/\bimport\("([^"]+)"\)|\brequire\("([^"]+)"\)|createRequire\([^)]*\)\("([^"]+)"\)/g);
  const local = (to: string): string => (to.startsWith(".") ? relative(root, resolve(root, dirname(file), to)) : to);
  return [
    ...[...statements].map(([, type, to]) => ({ from: file, to: local(to!), typeOnly: type !== undefined })),
    ...[...dynamic].map(([, a, b, c]) => ({ from: file, to: local((a ?? b ?? c)!), typeOnly: false })),
  ];
}

const generator = filesOf("src");
const runtime = filesOf("runtime/src");
const imports = [...generator, ...runtime].flatMap(importsOf);

/** Stages in order; a file may import what stands in its own stage or in an earlier one. */
function stageOf(stages: readonly (readonly string[])[], folder: string, file: string): number {
  const name = relative(folder, file);
  return stages.findIndex((members) => members.some((m) => name === `${m}.ts` || name.startsWith(`${m}/`)));
}

const GENERATOR = [
  ["version", "errors", "group"],
  ["elf"],
  ["btf", "bytecode"],
  ["dwarf"],
  ["object"],
  ["rules"],
  ["upgrade"],
  ["layout"],
  ["names"],
  ["emit"],
  ["header", "options"],
  ["inspect", "generate", "needs", "files"],
  ["picture"],
  ["build", "live"],
  ["plugins"],
  ["index", "cli"],
];
const RUNTIME = [
  ["errors", "abi"],
  ["memory", "codec"],
  ["native"],
  ["library"],
  ["maps", "events", "program", "link", "attach", "sections", "structops"],
  ["object"],
  ["skeleton"],
  ["gen1", "index"],
];

/** The packages, each with the one place that may import it. */
const ONLY_IMPORTERS: Readonly<Record<string, RegExp>> = {
  elfy: /^src\/elf\/container\.ts$/,
  "ts-morph": /^src\/emit\//,
  prettier: /^src\/emit\/format\.ts$/,
  unplugin: /^src\/plugins\//,
  yargs: /^src\/cli\//,
  koffi: /^runtime\/src\/native\.ts$/,
};

test("the scan sees the sources", () => {
  expect(generator.length).toBeGreaterThan(30);
  expect(runtime.length).toBeGreaterThan(10);
  expect(imports.length).toBeGreaterThan(100);
});

describe.each([
  ["src", generator, GENERATOR],
  ["runtime/src", runtime, RUNTIME],
] as const)("%s", (folder, files, stages) => {
  test.each(files)("%s has a stage", (file) => {
    expect(stageOf(stages, folder, file)).toBeGreaterThanOrEqual(0);
  });

  test("every import goes to the same stage or an earlier one", () => {
    const backward = imports
      .filter(({ from, to }) => from.startsWith(`${folder}/`) && to.startsWith(`${folder}/`))
      .filter(({ from, to }) => stageOf(stages, folder, to) > stageOf(stages, folder, from));
    expect(backward).toEqual([]);
  });
});

test("elf and btf do not know each other, nor bytecode and btf or dwarf", () => {
  const known = imports.filter(
    ({ from, to }) =>
      (from.startsWith("src/elf/") && to.startsWith("src/btf/")) ||
      (from.startsWith("src/btf/") && to.startsWith("src/elf/")) ||
      (from.startsWith("src/btf/") && to.startsWith("src/bytecode/")) ||
      (from.startsWith("src/bytecode/") && /^src\/(btf|dwarf)\//.test(to)) ||
      (from.startsWith("src/dwarf/") && to.startsWith("src/bytecode/")),
  );
  expect(known).toEqual([]);
});

const DOOR = "src/live/runtime.ts";

test("the generator takes only types from the runtime, and the runtime nothing from the generator", () => {
  const crossing = imports.filter(
    ({ from, to, typeOnly }) =>
      // The commands that ask a kernel have a door of their own.
      (from.startsWith("src/") && /^(@ebpf-skel\/runtime|runtime\/)/.test(to) && !typeOnly && from !== DOOR) ||
      (from.startsWith("runtime/") && /^(ebpf-skel|src\/)/.test(to)),
  );
  expect(crossing).toEqual([]);
});

test("the runtime imports no Node module statically", () => {
  expect(imports.filter(({ from, to }) => from.startsWith("runtime/") && to.startsWith("node:"))).toEqual([]);
});

test.each(Object.entries(ONLY_IMPORTERS))("%s is imported from one place only", (name, allowed) => {
  const importers = imports.filter(({ to }) => to === name || to.startsWith(`${name}/`)).map(({ from }) => from);
  expect(importers.length).toBeGreaterThan(0);
  expect(importers.filter((file) => !allowed.test(file))).toEqual([]);
});

test("there are no import cycles between values", () => {
  const edges = new Map<string, string[]>();
  for (const { from, to, typeOnly } of imports)
    if (!typeOnly && to.endsWith(".ts")) edges.set(from, [...(edges.get(from) ?? []), to]);
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(" -> "));
    if (done.has(file) || path.includes(file)) return;
    for (const to of edges.get(file) ?? []) visit(to, [...path, file]);
    done.add(file);
  };
  for (const file of edges.keys()) visit(file, []);
  expect(cycles).toEqual([]);
});

test.each([...generator, ...runtime])("%s stays within 300 lines", (file) => {
  expect(readFileSync(join(root, file), "utf8").split("\n").length - 1).toBeLessThanOrEqual(300);
});
