// Addresses in data, which no loader of BPF objects fills in.

import { expect, test } from "vitest";
import { inspectObject } from "../src/inspect.ts";
import { compileBpf } from "./support/compile.ts";

const REMEDY =
  "libbpf fills in no addresses in data (keep the data itself, as in char names[3][8], or set them in a program)";

test.each(["bpf", "bpfeb"] as const)("are told, one line a section (%s)", (target) => {
  const source = `
    const char *const volatile names[3] = { "abc", "def", "ghi" };
    const char *const volatile one = "one";
    const volatile int plain = 1;
    int number = 3;
    int *pointer = &number;
    int *null;`;
  expect(inspectObject(compileBpf(source, target)).warnings).toEqual([
    { where: 'section ".rodata"', what: `4 pointers of names, one read as offsets: ${REMEDY}` },
    { where: 'section ".data"', what: `a pointer of pointer reads as an offset: ${REMEDY}` },
  ]);
});

test("of many variables three are named", () => {
  const names = Array.from({ length: 5 }, (_, i) => `const char *const volatile name${i} = "${i}${i}";`);
  const [warning, ...others] = inspectObject(compileBpf(names.join("\n"))).warnings;
  expect(others).toEqual([]);
  expect(warning?.what).toMatch(/^5 pointers of name0, name1, name2 and 2 more read as offsets: /);
});

test("are not in data that has none, nor in slots of maps", () => {
  const source = `
    #include <linux/bpf.h>
    #include <bpf/bpf_helpers.h>
    typedef unsigned u32;
    struct inner { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, u32); __type(value, u32); };
    struct inner inner SEC(".maps");
    struct { __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __uint(max_entries, 2); __type(key, u32); __array(values, struct inner); }
      outer SEC(".maps") = { .values = { &inner } };
    const volatile char names[3][8] = { "abc", "def", "ghi" };`;
  expect(inspectObject(compileBpf(source)).warnings).toEqual([]);
});
