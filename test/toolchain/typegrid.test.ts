// Every shape of C type in every place, generated and used as a program would: tsc of the oldest and newest versions takes it.

import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { generate } from "../../src/index.ts";
import { compileBpf } from "../support/compile.ts";
import {
  BOTH,
  gridSource,
  KEYS,
  mapName,
  NESTED,
  type Place,
  PLACES,
  type Shape,
  SHAPES,
  VALUES,
} from "../support/typegrid.ts";
import { makeWorkspace, repository, run, type Workspace } from "../support/workspace.ts";

const STRICT = {
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  verbatimModuleSyntax: true,
  noPropertyAccessFromIndexSignature: true,
  declaration: true,
  lib: ["es2022"],
  types: [],
  target: "es2022",
  module: "nodenext",
  moduleResolution: "nodenext",
  outDir: "out",
};

/** What a place's maps are made with beside an object. */
const MAKERS: Readonly<Record<string, (shape: Shape) => string>> = {
  hash: ({ codec }) => `r.HashMap.create({ key: ${codec}, value: ${codec}, maxEntries: 1 })`,
  lru: ({ codec }) => `r.HashMap.create({ type: "lru_hash", key: ${codec}, value: ${codec}, maxEntries: 1 })`,
  percpu: ({ codec }) => `r.PerCpuHashMap.create({ key: ${codec}, value: ${codec}, maxEntries: 1 })`,
  lru_percpu: ({ codec }) =>
    `r.PerCpuHashMap.create({ type: "lru_percpu_hash", key: ${codec}, value: ${codec}, maxEntries: 1 })`,
  trie: ({ name, codec }) =>
    `r.LpmTrieMap.create({ key: g.Trie${name[0]!.toUpperCase()}${name.slice(1)}Key, value: ${codec}, maxEntries: 1 })`,
  by: ({ codec }) => `r.HashMap.create({ key: ${codec}, value: r.u32, maxEntries: 1 })`,
  sockets: ({ codec }) => `r.SockHash.create({ key: ${codec}, maxEntries: 1 })`,
  of: ({ codec }) => `r.HashMap.create({ key: r.u32, value: ${codec}, maxEntries: 1 })`,
  array: ({ codec }) => `r.ArrayMap.create({ value: ${codec}, maxEntries: 1 })`,
  percpu_array: ({ codec }) => `r.PerCpuArrayMap.create({ value: ${codec}, maxEntries: 1 })`,
  queue: ({ codec }) => `r.QueueMap.create({ value: ${codec}, maxEntries: 1 })`,
  stack: ({ codec }) => `r.StackMap.create({ value: ${codec}, maxEntries: 1 })`,
  bloom: ({ codec }) => `r.BloomFilterMap.create({ value: ${codec}, maxEntries: 1 })`,
  maps: ({ codec }) =>
    `r.HashOfMaps.create({ key: ${codec}, inner: { key: ${codec}, value: ${codec}, maxEntries: 1 }, maxEntries: 1 })`,
};

/** What is read is written again, by every verb; a wrong type is refused. */
const entries = (key: string, value: string): string => `
  m.set(${key}, ${value});
  const found = m.get(${key});
  if (found !== undefined) m.set(${key}, found);
  for (const [k, v] of m) m.set(k, v), m.has(k), m.delete(k);
  for (const k of m.keys()) m.take(k);
  m.setMany([[${key}, ${value}]]);
  m.setMany(m.drain());
  m.setMany(new Map(m));
  m.getMany([${key}]).map((v) => v !== undefined && m.set(${key}, v));
  m.getMany(m.keys());
  m.deleteMany([${key}]);
  // @ts-expect-error a key is never null
  m.get(null);
  // @ts-expect-error a value is never null
  m.set(${key}, null);
  for (const [k, v] of m.raw) m.raw.setMany([[k.subarray(0), v]]);`;

const sockets = (key: string): string => `
  m.set(${key}, 3);
  const found: bigint | undefined = m.get(${key});
  for (const [k] of m) m.set(k, 3), m.has(k), m.delete(k), found;
  // @ts-expect-error a key is never null
  m.get(null);`;

const indexed = (value: string): string => `
  m.set(0, ${value});
  const found = m.get(0);
  if (found !== undefined) m.set(0, found);
  for (const [i, v] of m) m.set(i, v);
  // @ts-expect-error a value is never null
  m.set(0, null);
  m.raw.get(0);`;

const queue = (value: string): string => `
  m.push(${value});
  for (const v of [m.peek(), m.pop()]) if (v !== undefined) m.push(v);
  // @ts-expect-error a value is never null
  m.push(null);
  m.raw.pop();`;

const bloom = (value: string): string => `
  m.add(${value});
  m.has(${value});
  // @ts-expect-error a value is never null
  m.add(null);`;

const storage =
  (of: string) =>
  (value: string): string => `
  m.set(${of}, ${value});
  const found = m.get(${of});
  if (found !== undefined) m.set(${of}, found);
  // @ts-expect-error a value is never null
  m.set(${of}, null);`;

/** Statements that use a map `m` of the place, with a key and a value of the shape. */
const USES: Readonly<Record<string, (value: string) => string>> = {
  hash: (value) => entries(value, value),
  lru: (value) => entries(value, value),
  percpu: (value) => `${entries(value, `[${value}]`)}\n  m.fill(${value}, ${value});`,
  lru_percpu: (value) => `${entries(value, `[${value}]`)}\n  m.fill(${value}, ${value});`,
  trie: (value) => entries(`{ prefixlen: 8, data: ${value} }`, value),
  by: (value) => entries(value, "1"),
  sockets,
  of: (value) => entries("1", value),
  array: indexed,
  percpu_array: (value) => `${indexed(`[${value}]`)}\n  m.fill(0, ${value});`,
  queue,
  stack: queue,
  bloom,
  of_task: storage("r.pidfd(1)"),
  of_socket: storage("3"),
  of_inode: storage('"/"'),
  of_cgroup: storage("3"),
  maps: (value) => `
  const made = m.createInner();
  made.set(${value}, ${value});
  m.set(${value}, made);
  const id: number | undefined = m.get(${value});
  for (const [k, v] of m.open(${value}) ?? []) made.set(k, v), id;
  for (const k of m.keys()) m.open(k)?.close(), m.delete(k);
  // @ts-expect-error a key is never null
  m.get(null);`,
};

/** Values that are written: a whole one, and each way to write of a union one member. */
function written({ values, inits = [] }: Shape): readonly string[] {
  return [values.at(-1)!, ...inits.map(([init]) => init)];
}

function useOf(place: Place, shape: Shape): string {
  const id = mapName(place, shape);
  const make = MAKERS[place.name]?.(shape);
  const uses = written(shape).map((value) => `  {${USES[place.name]!(value)}\n  }`);
  return `export function ${id}(m: Maps["${id}"]): void {\n${uses.join("\n")}\n}
${id}(live.maps.${id});
${id}(g.Grid.maps.${id}.openPinned("/pin"));
${make === undefined ? "" : `${id}(${make});`}`;
}

function useOfVariable(shape: Shape): string {
  const id = `var_${shape.name}`;
  const writes = written(shape).map((value) => `  live.bss.${id} = ${value};`);
  // Events of a type without bytes are bytes.
  const event = shape.refused === undefined ? `(e) => (live.bss.${id} = e)` : "(e: Uint8Array) => e.length";
  return `{
${writes.join("\n")}
  live.bss.${id} = live.bss.${id};
  live.maps.events_${shape.name}.consume(${event});
  // @ts-expect-error a value is never null
  live.bss.${id} = null;
}`;
}

let project: Workspace;
beforeAll(async () => {
  const module = await generate(compileBpf(gridSource(SHAPES, PLACES, true)), { name: "grid.bpf.o" });
  const uses = PLACES.flatMap((place) => SHAPES.map((shape) => useOf(place, shape)));
  project = makeWorkspace({
    "package.json": '{ "type": "module" }',
    "grid.skel.ts": module,
    "use.ts": `import * as r from "@ebpf-skel/runtime";
import * as g from "./grid.skel.js";
type Maps = r.Loaded<g.Grid>["maps"];
declare const live: r.Loaded<g.Grid>;
${[...uses, ...SHAPES.map(useOfVariable)].join("\n")}
`,
  });
});
afterAll(() => project.remove());

test("there is a use for every place", () => {
  expect([...BOTH, ...KEYS, ...VALUES, ...NESTED].map(({ name }) => name)).toEqual(Object.keys(USES));
});

test.each(["typescript-5.2", "typescript-5.9", "typescript"])("%s compiles every type in every place", (version) => {
  const config = project.write(
    `tsconfig.${version}.json`,
    JSON.stringify({ compilerOptions: STRICT, include: ["*.ts"] }),
  );
  const tsc = join(repository, "node_modules", version, "bin/tsc");
  const { stdout, stderr } = run(process.execPath, [tsc, "-p", config], { cwd: project.folder, maxBuffer: 1 << 26 });
  expect((stdout + stderr).split("\n").slice(0, 20).join("\n")).toBe("");
});
