// How values are shown on request: `--int64`, `--as`, and the declaration tag in C.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { isSkelError } from "../src/errors.ts";
import { generateWithWarnings } from "../src/generate.ts";
import type { GenerateOptions } from "../src/options.ts";
import { compileBpf } from "./support/compile.ts";
import { fixturesFolder } from "./support/fixtures.ts";

const readFixture = (name: string): Uint8Array => readFileSync(join(fixturesFolder, `${name}.bpf.o`));

const textOf = async (name: string, options: Partial<GenerateOptions> = {}): Promise<string> =>
  (await generateWithWarnings(readFixture(name), { name: `${name}.bpf.o`, ...options })).text;

const refusalOf = async (name: string, options: Partial<GenerateOptions>): Promise<string> => {
  try {
    await textOf(name, options);
  } catch (e) {
    if (!isSkelError(e, "ERR_OPTION")) throw e;
    return e.message;
  }
  throw new Error("nothing was refused");
};

test("int64 number: integers and bitfields of 64 bits, not pointers, 128 bits or enums", async () => {
  const text = await textOf("types", { int64: "number" });
  expect(text).toContain('options {"int64":"number"}');
  for (const line of [
    "/** `u64` at 0 */ first: number;",
    "first: [0, s.u64n]",
    "m.setS64n(at + 8, v.d)",
    "/** `u64:40` at 8 */ e: number;",
    "m.bits(at + 8, 0, 40)",
    "/** `struct node *` at 0 */ next: bigint;",
    "o: bigint;",
    "settings: s.ArrayMap<number>",
  ])
    expect(text).toContain(line);
  expect(text).toMatch(/`enum wide` at \d+ \*\/ q: Wide;/);
});

test("as: by the struct's name, with or without its keyword", async () => {
  const text = await textOf("types", {
    as: { "conn_key.saddr": "ipv4", "struct slot.mac": "mac", "slot.name": "bytes" },
  });
  for (const line of [
    "/** `u32` at 4 */ saddr: string;",
    "saddr: [4, s.ipv4]",
    "s.mac.write(m,",
    "/** `char[16]` at 0 */ name: Uint8Array;",
  ])
    expect(text).toContain(line);
  expect(text).toContain('options {"as":{"conn_key.saddr":"ipv4","slot.name":"bytes","struct slot.mac":"mac"}}');
});

test("a tag in C, which an option overrules", async () => {
  expect(await textOf("network")).toContain("/** `__be32` at 0 */ saddr: string;");
  expect(await textOf("network", { as: { "packet.saddr": "be" } })).toContain("/** `__be32` at 0 */ saddr: number;");
  const { warnings } = await generateWithWarnings(readFixture("network"), { name: "network.bpf.o" });
  expect(warnings).toEqual([
    {
      where: "struct packet, member length",
      what: 'its tag "ebpf-skel:mac" is ignored, mac has 6 bytes, the field 8',
    },
  ]);
});

test("strings: several texts in an array of bytes, by option and by tag", async () => {
  const source = (tag: string, more = ""): Uint8Array =>
    compileBpf(`
      #define strings __attribute__((btf_decl_tag("ebpf-skel:strings")))
      struct exec { int pid; char args[32] ${tag}; unsigned char env[16]; ${more} };
      struct exec last;`);
  const option = { "exec.args": "strings", "exec.env": "strings" };
  const { text, warnings } = await generateWithWarnings(source(""), { name: "x.bpf.o", as: option });
  expect(warnings).toEqual([]);
  for (const line of [
    "/** `char[32]` at 4 */ args: readonly string[];",
    "/** `unsigned char[16]` at 36 */ env: readonly string[];",
    "args: [4, s.strings(32)]",
    "args: s.strings(32).read(m, at + 4)",
    "s.strings(32).write(m, at + 4, v.args);",
  ])
    expect(text).toContain(line);
  const tagged = await generateWithWarnings(source("strings", "int plain strings;"), { name: "x.bpf.o" });
  expect(tagged.text).toContain("args: readonly string[];");
  expect(tagged.warnings.map(({ what }) => what)).toEqual([
    'its tag "ebpf-skel:strings" is ignored, strings are made of an array of bytes',
  ]);
});

describe("refused", () => {
  test.each<[string, Partial<GenerateOptions>, string]>([
    ["another int64", { int64: "string" as never }, 'int64: expected "bigint" or "number", got "string"'],
    ["no field", { as: { event: "ipv4" } }, 'as: expected TYPE.FIELD, got "event" (like event.saddr)'],
    [
      "another kind",
      { as: { "a.b": "text" } },
      'as: "a.b": expected one of string, strings, bytes, ipv4, ipv6, mac, be, got "text"',
    ],
    ["an unknown type", { as: { "nope.a": "be" } }, 'no struct is called "nope" (there are struct conn_key, '],
    [
      "an unknown field",
      { as: { "conn_key.nope": "be" } },
      'struct conn_key has no field "nope" (there are dev, saddr, ',
    ],
    ["a wrong size", { as: { "conn_key.sport": "ipv4" } }, "ipv4 has 4 bytes, the field 2"],
    ["a bitfield", { as: { "bits.a": "bytes" } }, "a bitfield has no other form"],
    ["text of an integer", { as: { "conn_key.saddr": "string" } }, "a string is made of an array of bytes"],
    ["network order of an array", { as: { "slot.mac": "be" } }, "network byte order is of integers of 2, 4 or 8 bytes"],
  ])("%s", async (_, options, message) => expect(await refusalOf("types", options)).toContain(message));
});
