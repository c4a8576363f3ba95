import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { NamedLayout, TypeName } from "../src/layout/layout.ts";
import { generate } from "../src/index.ts";
import { assignNames, objectNameOf, pascalCase } from "../src/names/names.ts";
import { compileBpf } from "./support/compile.ts";

test.each([
  ["event", "Event"],
  ["event_t", "EventT"],
  ["execve_counter", "ExecveCounter"],
  ["fooBar", "FooBar"],
  ["__foo__bar", "FooBar"],
  ["HTTP_request", "HTTPRequest"],
  ["task___v6", "TaskV6"],
  ["_", "Unnamed"],
  ["", "Unnamed"],
  ["3d", "_3d"],
  ["Option<u32>", "OptionU32"],
  ["ns::Foo", "NsFoo"],
  ["constructor", "Constructor"],
  ["*/ evil", "Evil"],
  ["größe", "GrE"],
])("pascalCase(%j) is %s", (name, expected) => expect(pascalCase(name)).toBe(expected));

test.each([
  ["prog.bpf.o", "prog"],
  ["a/b/prog.bpf.o", "prog"],
  ["prog.o", "prog"],
  ["my-prog.v2.bpf.o", "my_prog_v2"],
  [".o", "bpf"],
  ["x", "x"],
])("objectNameOf(%j) is %s", (file, expected) => expect(objectNameOf(file)).toBe(expected));

function struct(type: number, name: string, rank: TypeName["rank"] = "struct"): NamedLayout {
  return {
    kind: "struct",
    type,
    name: { rank, name },
    spelled: name,
    size: 0,
    fields: [],
    unions: [],
    init: false,
    padding: [],
    kernelFields: [],
  };
}

describe("assignNames", () => {
  const cases: readonly (readonly [string, readonly NamedLayout[], Record<number, string>])[] = [
    ["one type", [struct(1, "event")], { 1: "Event" }],
    ["the skeleton comes first", [struct(1, "prog")], { 1: "Prog_2" }],
    ["the lower id comes first", [struct(9, "foo_bar"), struct(3, "fooBar")], { 3: "FooBar", 9: "FooBar_2" }],
    [
      "struct before enum before typedef",
      [struct(1, "a", "typedef"), struct(2, "a", "enum"), struct(3, "a")],
      { 1: "A_3", 2: "A_2", 3: "A" },
    ],
    ["anonymous types come last", [struct(1, "a_b", "anonymous"), struct(2, "a_b", "typedef")], { 1: "AB_2", 2: "AB" }],
    [
      "names of generated code are taken",
      [struct(1, "Uint8Array"), struct(2, "uint8Array")],
      {
        1: "Uint8Array_2",
        2: "Uint8Array_3",
      },
    ],
    [
      "a suffix never takes a name by right",
      [struct(1, "a"), struct(2, "A"), struct(3, "A_2")],
      {
        1: "A",
        2: "A_2",
        3: "A2",
      },
    ],
  ];
  test.each(cases)("%s", (_, types, expected) => expect(assignNames("prog", types).types).toEqual(expected));

  test("are identifiers and never given twice", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "grapheme" })), fc.string(), (names, object) => {
        const { skeleton, types } = assignNames(
          object,
          names.map((name, i) => struct(i + 1, name)),
        );
        const all = [skeleton, ...Object.values(types)];
        expect(new Set(all).size).toBe(all.length);
        for (const name of all) expect(name).toMatch(/^[A-Z_][A-Za-z0-9_]*$|^[a-z]\w*$/);
      }),
    );
  });
});

test("names of C with dots and dollars are those of the skeleton", async () => {
  const object = compileBpf(`
    int a asm("my.var") = 1; int $b = 2;
    int p(void *ctx) asm("my.prog");
    __attribute__((section("socket"), used)) int p(void *ctx) { return a + $b; }
    char LICENSE[] __attribute__((section("license"), used)) = "GPL";`);
  const text = await generate(object, { name: "dots" });
  expect(text).toContain('progs: { "my.prog": "socket" }');
  expect(text).toContain('section(".data", 8, { "my.var": [0, s.s32], $b: [4, s.s32] })');
});
