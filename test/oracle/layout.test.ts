// Sizes, offsets, signs and types of our Layouts against clang, which compiles each fixture's source, and against pahole.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { BtfStruct } from "../../src/btf/types.ts";
import { inspectObject } from "../../src/inspect.ts";
import type { StructLayout } from "../../src/layout/layout.ts";
import { readLayouts } from "../../src/layout/read.ts";
import { sentenceOf, sumsOf } from "../../src/picture/sums.ts";
import { claimsOf } from "../support/claims.ts";
import { falseClaims } from "../support/clang.ts";
import { corpus } from "../support/corpus.ts";
import { fixturesFolder } from "../support/fixtures.ts";
import { outputOf } from "../support/programs.ts";

/** Fixtures whose source has another name. */
const SOURCES: Readonly<Record<string, string>> = { big_endian: "types", nodwarf: "execve_counter" };

const compiled = corpus
  .filter(({ file }) => file.endsWith(".bpf.o") && file !== "nobtf.bpf.o")
  .map((specimen) => {
    const name = specimen.file.slice(0, -".bpf.o".length);
    return { ...specimen, source: join(fixturesFolder, `${SOURCES[name] ?? name}.bpf.c`) };
  });

describe.each(compiled)("$file", ({ file, source, bytes }) => {
  const model = inspectObject(bytes);
  const claims = claimsOf(readLayouts(model), model.types);
  // One run of clang for all of them: most of its time goes to the headers.
  let wrong: readonly string[];
  beforeAll(() => {
    const options = { folder: fixturesFolder, bigEndian: model.endian === "big" };
    const all = claims.flatMap((one) => one.claims);
    wrong = falseClaims(readFileSync(source, "utf8"), all, options);
  });

  test("its source is there, and its layouts claim something", () => {
    expect(existsSync(source)).toBe(true);
    expect(claims.length > 0).toBe(file !== "nomaps.bpf.o");
    const known = new Set(claims.flatMap((one) => one.claims));
    expect(wrong.filter((line) => !known.has(line))).toEqual([]);
  });

  test.each(claims)("$what is as clang lays it out", (one) => {
    expect(one.claims.filter((claim) => wrong.includes(claim))).toEqual([]);
  });
});

describe("pahole", () => {
  const structs = corpus
    .filter(({ file }) => file !== "nobtf.bpf.o")
    .flatMap(({ file, path, bytes }) => {
      const model = inspectObject(bytes);
      return readLayouts(model)
        .types.filter((type) => type.kind === "struct" && type.name.rank === "struct")
        .map((layout) => ({ file, path, model, endian: model.endian, layout: layout as StructLayout }));
    })
    // pahole counts the bits of big-endian bitfields its own way, and shows anonymous types as a struct within the struct.
    .filter(
      ({ layout, endian }) => endian === "little" || layout.fields.every(({ layout: { kind } }) => kind !== "bits"),
    )
    .map((one) => ({ ...one, text: outputOf("pahole", ["-F", "btf", "-C", one.layout.name.name, one.path]) }))
    .filter(({ text }) => text.split("{").length === 2);

  test("knows structs of fixtures and of packages", () => {
    expect(structs.length).toBeGreaterThan(20);
    expect(new Set(structs.map(({ file }) => file)).size).toBeGreaterThan(8);
  });

  test.each(structs)(
    "$layout.spelled of $file has the same fields, holes, padding and sums",
    ({ layout, text, model }) => {
      const member = /^\t.*?(\w+)\)?(?:\(.*\))?(?:\[\d*\])*(?::\d+)?;\s+\/\*\s+(\d+)(?::\s*(\d+))?\s+(\d+) \*\/$/gm;
      const shown = [...text.matchAll(member)].map(([, name, byte, bit, size]) => [
        name,
        8 * Number(byte) + Number(bit ?? 0),
        bit === undefined ? Number(size) : "bits",
      ]);
      const theirs = shown.filter(([name]) => !layout.kernelFields.some(({ spelled }) => spelled.endsWith(` ${name}`)));
      const ours = layout.fields.map(({ name, offset, size, layout: field }) =>
        field.kind === "bits" ? [name, 8 * offset + field.bit, "bits"] : [name, 8 * offset, size],
      );
      expect(ours).toEqual(theirs);
      expect(text).toContain(`/* size: ${layout.size},`);
      if (ours.some(([, , size]) => size === "bits")) return;
      const holes = [...text.matchAll(/XXX (\d+) bytes? hole|\/\* padding: (\d+) \*\//g)].map(([, a, b]) =>
        Number(a ?? b),
      );
      expect(layout.padding.map(({ size }) => size)).toEqual(holes);
      const sums = [...text.matchAll(/\/\* ((?:size|sum members|padding): .*?) \*\//g)].map(([, sum]) => sum);
      expect(sentenceOf(sumsOf(model.types, model.types[layout.type] as BtfStruct))).toBe(sums.join(", "));
    },
  );
});
