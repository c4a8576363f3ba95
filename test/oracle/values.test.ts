// Values of thousands of random types, and of every fixture's: clang lays them out from C's own initializers, for both byte
// orders, and the generated codecs must agree to the byte, by their fast code and by their tables.

import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, test, vi } from "vitest";
import ts from "typescript-5.9";
import * as gen1 from "../../runtime/src/gen1.ts";
import type { Codec } from "../../runtime/src/index.ts";
import { parseElf, sectionData } from "../../src/elf/read.ts";
import { generate } from "../../src/generate.ts";
import type { Layout, Layouts, Use } from "../../src/layout/layout.ts";
import { present } from "../../src/layout/present.ts";
import { readLayouts } from "../../src/layout/read.ts";
import { assignNames } from "../../src/names/names.ts";
import { readObject } from "../../src/object/read.ts";
import { NETWORK, type Twin, twinOf } from "../support/c-values.ts";
import { compileBpf } from "../support/compile.ts";
import { goldens } from "../support/fixtures.ts";
import { PRELUDE, randomTypes } from "../support/random-types.ts";
import { random, rounds } from "../support/random.ts";

// Formatting is most of the time, and nothing here reads the text.
vi.mock("../../src/emit/format.ts", () => ({ formatModule: async (text: string) => text }));

type AnyCodec = Codec<unknown>;
type Module = Readonly<Record<string, AnyCodec>>;

/** The runtime with structs that have no fast code, so that their tables do all the work. */
const tablesOnly = {
  ...gen1,
  struct: (name: string, size: number, fields: () => never, fast?: { bigEndian?: boolean; unions?: never }) =>
    gen1.struct(name, size, fields, { bigEndian: fast?.bigEndian, unions: fast?.unions }),
};

function load(text: string, runtime: object): Module {
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
  });
  const exports = {};
  new Function("exports", "require", outputText)(exports, () => runtime);
  return exports;
}

/** A codec for `layout` made by the runtime alone, around the module's structs. */
function codecOf(layout: Layout, module: Module, names: Readonly<Record<number, string>>): AnyCodec {
  switch (layout.kind) {
    case "struct":
      return module[names[layout.type]!]!;
    case "list":
      return gen1.list(layout.length, codecOf(layout.element, module, names)) as AnyCodec;
    case "chars":
      return gen1.chars(layout.length) as AnyCodec;
    case "bytes":
      return gen1.bytes(layout.length) as AnyCodec;
    case "pointer":
      return gen1.u64 as AnyCodec;
    case "scalar":
    case "enum":
      return gen1[layout.scalar] as AnyCodec;
    default:
      throw new TypeError(`no variable is a ${layout.kind}`);
  }
}

/** As `generate` lays them out when nothing is asked for. */
function layoutsOf(object: Uint8Array): Layouts {
  return present(readLayouts(readObject(object)), { int64: "bigint", as: new Map() });
}

interface Variable extends Use {
  readonly name: string;
  readonly twin: Twin;
}

/** The variables of `source` by `declare`, each with a random value for it. */
function variablesOf(source: string, pick: (name: string) => boolean, seed: number): Variable[] {
  const layouts = layoutsOf(compileBpf(source));
  const byId = new Map(layouts.types.map((type) => [type.type, type]));
  const dice = random(seed);
  return layouts.sections
    .flatMap(({ variables }) => variables)
    .filter(({ name }) => pick(name))
    .map((variable) => ({ ...variable, twin: twinOf(dice, variable.layout, byId) }));
}

function initialized(declaration: string, { c }: Twin): string {
  return c === "" ? `${declaration};` : `${declaration} = ${c};`;
}

/** Compares every variable that `source` declares with what the generated codecs make of the same value. */
async function compare(source: string, variables: readonly Variable[], target: "bpf" | "bpfeb"): Promise<number> {
  const object = compileBpf(source, target);
  const model = readObject(object);
  const layouts = readLayouts(model);
  const { types } = assignNames("values", layouts.types);
  const text = await generate(object, { name: "values.bpf.o" });
  const [fast, table] = [load(text, gen1), load(text, tablesOnly)];
  const elf = parseElf(object);
  let compared = 0;
  for (const [i, { name, variables: laidOut }] of layouts.sections.map(
    (s, i) => [i, { ...model.sections[i]!, ...s }] as const,
  )) {
    const section = elf.sections.find((one) => one.name === name);
    if (section === undefined) continue; // .kconfig is the kernel's
    const data = section.type === 8 ? new Uint8Array(section.size) : sectionData(object, section);
    for (const variable of laidOut) {
      const twin = variables.find((one) => one.name === variable.name)?.twin;
      if (twin === undefined) continue;
      const bytes = data.slice(variable.offset, variable.offset + variable.size);
      for (const module of [fast, table]) {
        const codec = codecOf(variable.layout, module, types);
        const where = `${target}, section ${i}, ${variable.name} = ${twin.c}`;
        // Scalars and arrays have the host's order alone.
        const own = variable.layout.kind === "struct" || target === "bpf";
        if (!own) continue;
        expect(Buffer.from(codec.encode(twin.js)).toString("hex"), where).toBe(Buffer.from(bytes).toString("hex"));
        const value = codec.decode(bytes);
        expect({ value }, where).toMatchObject({ value: twin.read });
        expect(codec.encode(value), where).toEqual(new Uint8Array(bytes));
        compared++;
      }
    }
  }
  return compared;
}

const perCall = 200;
const calls = [...rounds(10)];

describe("random types", () => {
  test.each(calls)("200 of them, seed %i", async (seed) => {
    const types = randomTypes(seed, perCall).map((type, i) => {
      const [, kind, rest] = /^(struct|union)(.*)$/s.exec(type) as unknown as [string, string, string];
      const open = rest.indexOf("{");
      return { declared: `${kind} ${rest.slice(0, open)}t${i} ${rest.slice(open)};`, spelled: `${kind} t${i}` };
    });
    const declared = PRELUDE + types.map((type) => type.declared).join("\n");
    const plain = types.map(({ spelled }, i) => `${spelled} v${i};`).join("\n");
    const variables = variablesOf(`${declared}\n${plain}`, (name) => /^v\d+$/.test(name), seed);
    expect(variables).toHaveLength(perCall);
    const init = types.map(({ spelled }, i) => {
      const { twin } = variables.find(({ name }) => name === `v${i}`)!;
      return initialized(`${spelled} v${i}`, twin);
    });
    const source = `${declared}\n${init.join("\n")}`;
    for (const target of ["bpf", "bpfeb"] as const) expect(await compare(source, variables, target)).toBe(2 * perCall);
  });
});

describe("every type of every fixture", () => {
  const sources = goldens
    .map(({ name, object }) => ({ name, file: object.replace(/\.o$/, ".c") }))
    .filter(({ name }) => !name.endsWith("big_endian") && !["nodwarf", "legacy_nobtf"].includes(name));
  test.each(sources)("$name", async ({ file }) => {
    const text = `#line 1 "${file}"\n${readFileSync(file, "utf8").replace(/#include "(\w+\.h)"/g, `#include "${dirname(file)}/$1"`)}`;
    const { types } = layoutsOf(compileBpf(text));
    const structs = types.filter(
      ({ kind, name }) => kind === "struct" && ["struct", "union", "typedef"].includes(name.rank),
    );
    const plain = structs.map(({ spelled }, i) => `${spelled} twin_of_${i};`).join("\n");
    const source = `${text}\n${plain}`;
    const variables = variablesOf(source, (name) => name.startsWith("twin_of_"), 7);
    expect(variables).toHaveLength(structs.length);
    const init = structs.map(({ spelled }, i) => {
      const { twin } = variables.find(({ name }) => name === `twin_of_${i}`)!;
      return initialized(`${spelled} twin_of_${i}`, twin);
    });
    for (const target of ["bpf", "bpfeb"] as const)
      expect(await compare(`${text}\n${NETWORK}${init.join("\n")}`, variables, target)).toBe(2 * structs.length);
  });
});
