// Where the `extern` variables of .kconfig lie, and what libbpf refuses of them.

import { describe, expect, test } from "vitest";
import { inspectObject } from "../src/inspect.ts";
import type { ObjectModel } from "../src/object/model.ts";
import { compileBpf } from "./support/compile.ts";

/** The model of an object that declares `externs` and adds up `uses`. */
function modelOf(externs: string, uses: string): ObjectModel {
  return inspectObject(
    compileBpf(`
      #include <linux/bpf.h>
      #include <stdbool.h>
      #include <bpf/bpf_helpers.h>
      ${externs}
      SEC("raw_tp") long prog(void *ctx) { return ${uses}; }`),
  );
}

function placesIn({ sections }: ObjectModel): string[] {
  return sections.flatMap(({ ident, size, variables }) => [
    `${ident} ${size}`,
    ...variables.map(({ name, offset, weak }) => `${offset} ${name}${weak ? " weak" : ""}`),
  ]);
}

describe("variables lie", () => {
  test.each([
    [
      "by alignment, then size, then name",
      "extern char B[3] __kconfig; extern int D __kconfig; extern bool Z __kconfig; extern long A __kconfig; extern int C __kconfig;",
      "B[0] + D + Z + A + C",
      ["kconfig 20", "0 A", "8 C", "12 D", "16 Z", "17 B"],
    ],
    [
      "by name as bytes compare",
      "extern int a __kconfig; extern int B __kconfig __weak; extern int _c __kconfig;",
      "a + B + _c",
      ["kconfig 12", "0 B weak", "4 _c", "8 a"],
    ],
    [
      "without those that nobody uses, and without ksyms",
      "extern int A __kconfig; extern int B __kconfig; extern const void bpf_prog_active __ksym;",
      "A + (long)&bpf_prog_active",
      ["kconfig 4", "0 A"],
    ],
    [
      "behind typedefs and qualifiers",
      "typedef const enum libbpf_tristate tri_t; extern tri_t T __kconfig; extern const short S __kconfig;",
      "T + S",
      ["kconfig 6", "0 T", "4 S"],
    ],
    [
      "after the other sections",
      "extern int A __kconfig; int x = 1; int y;",
      "A + x + y",
      ["data 4", "0 x", "bss 4", "0 y", "kconfig 4", "0 A"],
    ],
  ])("%s", (_what, externs, uses, places) => {
    const model = modelOf(externs, uses);
    expect(placesIn(model)).toEqual(places);
    expect(model.warnings).toEqual([]);
  });
});

describe("what libbpf refuses is a warning", () => {
  const kinds = "(it takes bool, char, integers, enum libbpf_tristate and arrays of char)";
  test.each([
    ["enum other { X }; extern enum other E __kconfig;", "E", `libbpf refuses type "enum other" in .kconfig ${kinds}`],
    ["extern struct { int a; } E __kconfig;", "E.a", `libbpf refuses type "struct {…}" in .kconfig ${kinds}`],
    ["extern int E[2] __kconfig;", "E[1]", `libbpf refuses type "int[2]" in .kconfig ${kinds}`],
    ["extern __int128 E __kconfig;", "(long)E", `libbpf refuses type "__int128" in .kconfig ${kinds}`],
  ])("%s", (externs, uses, what) => {
    const { sections, warnings } = modelOf(externs, uses);
    expect(sections).toEqual([]);
    expect(warnings).toEqual([{ where: "extern E", what }]);
  });
});
