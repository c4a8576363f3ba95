// Hostile names in every place where a name can occur. What the generator accepts must parse, hold nothing but the declarations
// that it writes itself, say the name exactly, and run none of it.

import { describe, expect, test } from "vitest";
import { isSkelError } from "../../src/errors.ts";
import { generate } from "../../src/generate.ts";
import { inspectObject } from "../../src/inspect.ts";
import { array, datasec, enumeration, func, int, proto, ptr, struct, typedef, variable } from "../support/btf-builder.ts";
import { buildBtf } from "../support/btf-builder.ts";
import { buildElf } from "../support/elf-builder.ts";
import { type Evaluated, evaluate } from "../support/evaluate.ts";
import { gate } from "../support/gate.ts";
import { HOSTILE, ODDITIES, PAYLOADS, WORDS } from "../support/hostile.ts";

/** Where a name stands in the object; each has a harmless one that a test replaces. */
interface Names {
  map: string;
  program: string;
  /** Of the program. */
  section: string;
  dataSection: string;
  variable: string;
  struct: string;
  member: string;
  enumeration: string;
  value: string;
  typedef: string;
  /** The base type's, which only comments spell. */
  integer: string;
  license: string;
}

const HARMLESS: Names = {
  map: "counts",
  program: "handle",
  section: "tracepoint/syscalls/sys_enter_execve",
  dataSection: ".data",
  variable: "settings",
  struct: "event",
  member: "pid",
  enumeration: "mode",
  value: "MODE_ON",
  typedef: "pair_t",
  integer: "unsigned int",
  license: "GPL",
};

/** U+DC00 + byte, as BTF names are read, back to that byte. */
function encoded(name: string): number[] {
  return [...name].flatMap((c) => {
    const code = c.codePointAt(0)!;
    return code >= 0xdc80 && code <= 0xdcff ? [code - 0xdc00] : [...new TextEncoder().encode(c)];
  });
}

/** An object with a hash map, a program, a variable and all kinds of types, under these names. */
function objectWith(names: Names): Uint8Array {
  const types = [
    int(names.integer, 4, "unsigned"), // 1
    array(1, 1, 1), // 2: what __uint(type, 1) points to
    ptr(2), // 3
    enumeration(names.enumeration, { [names.value]: 1, MODE_OFF: 0 }), // 4
    struct("", 8, [["left", 1, 0], ["right", 1, 32]]), // 5
    typedef(names.typedef, 5), // 6
    struct(names.struct, 16, [[names.member, 1, 0], ["mode_of", 4, 32], ["both", 6, 64]]), // 7
    ptr(1), // 8
    ptr(7), // 9
    struct("", 32, [["type", 3, 0], ["max_entries", 3, 64], ["key", 8, 128], ["value", 9, 192]]), // 10
    variable(names.map, 10), // 11
    variable(names.variable, 7), // 12
    datasec(".maps", 0, [[11, 0, 32]]), // 13
    datasec(names.dataSection, 0, [[12, 0, 16]]), // 14
    proto(1, [["ctx", 8]]), // 15
    func(names.program, 15), // 16
  ] as const;
  return buildElf({
    sections: [
      { name: encoded(names.section), flags: 6, data: new Uint8Array(16), addralign: 8 },
      { name: ".maps", flags: 3, data: new Uint8Array(32), addralign: 8 },
      { name: encoded(names.dataSection), flags: 3, data: new Uint8Array(16), addralign: 8 },
      { name: "license", flags: 3, data: [...encoded(names.license), 0] },
      { name: ".BTF", data: buildBtf(types), addralign: 4 },
    ],
    symbols: [
      { name: encoded(names.program), bind: 1, kind: 2, section: 1, size: 16 },
      { name: encoded(names.map), bind: 1, kind: 1, section: 2, size: 32 },
      { name: encoded(names.variable), bind: 1, kind: 1, section: 3, size: 16 },
    ],
  });
}

const isIdentifier = (name: string): boolean => /^[A-Za-z_][A-Za-z0-9_]{0,126}$/.test(name);
const isUtf8 = (name: string): boolean => !/[\udc80-\udcff]/.test(name.replace(/[\ud800-\udbff][\udc00-\udfff]/g, ""));

/** The code of the refusal; undefined where the name is taken. */
type Rule = (name: string) => string | undefined;

const onlyIdentifiers: Rule = (name) => (!isUtf8(name) ? "ERR_ELF_FORMAT" : isIdentifier(name) ? undefined : "ERR_NAME");
const anything: Rule = () => undefined;
const onlyUtf8: Rule = (name) => (isUtf8(name) ? undefined : "ERR_ELF_FORMAT");

interface Place {
  readonly place: keyof Names;
  readonly rule: Rule;
  /** Where the name, or what it was put in, must come out again. */
  readonly found?: (evaluated: Evaluated) => readonly string[];
  /** What stands around the hostile name. */
  readonly around?: readonly [string, string];
}

const places: readonly Place[] = [
  { place: "map", rule: onlyIdentifiers, found: ({ maps }) => maps },
  { place: "program", rule: onlyIdentifiers, found: ({ progs }) => Object.keys(progs) },
  {
    place: "section",
    rule: onlyUtf8,
    around: ["tracepoint/", ""],
    found: ({ progs }) => Object.values(progs),
  },
  { place: "section", rule: onlyUtf8, found: ({ progs }) => Object.values(progs).map((s) => s.replace(/^\?/, "")) },
  { place: "dataSection", rule: onlyUtf8, around: [".data.", ""], found: ({ sections }) => Object.keys(sections) },
  { place: "variable", rule: onlyIdentifiers, found: ({ sections }) => Object.values(sections).flat() },
  { place: "struct", rule: anything, found: ({ structs }) => Object.keys(structs) },
  { place: "member", rule: anything, found: ({ structs }) => Object.values(structs).flat() },
  { place: "enumeration", rule: anything },
  { place: "value", rule: anything, found: ({ enums }) => Object.values(enums).flat() },
  { place: "typedef", rule: anything, found: ({ structs }) => Object.keys(structs) },
  { place: "integer", rule: anything },
  { place: "license", rule: anything },
];

/** A test's title on one line. */
const titled = (names: readonly string[]): { name: string; title: string }[] =>
  names.map((name) => ({ name, title: JSON.stringify(name.length > 40 ? `${name.slice(0, 40)}...` : name) }));

/** Outcome of the generator: text, or the code of a SkelError; anything else is thrown on. */
async function outcome(bytes: Uint8Array, options: Parameters<typeof generate>[1]): Promise<{ text?: string; code?: string }> {
  try {
    return { text: await generate(bytes, options) };
  } catch (e) {
    if (!isSkelError(e)) throw e;
    expect(e.message).not.toMatch(/[\p{Cc}\p{Cs}\u2028\u2029\u202e]/u);
    return { code: e.code };
  }
}

test("the object with harmless names is read as it was meant", async () => {
  const { text } = await outcome(objectWith(HARMLESS), { name: "x.bpf.o" });
  expect(gate(text!)).toEqual([]);
  expect(evaluate(text!)).toEqual({
    pwned: 0,
    name: "x",
    maps: ["counts"],
    progs: { handle: "tracepoint/syscalls/sys_enter_execve" },
    sections: { ".data": ["settings"] },
    structs: { event: ["pid", "mode_of", "both"], pair_t: ["left", "right"] },
    enums: { Mode: ["MODE_ON", "MODE_OFF"] },
  });
});

test("the recorders notice what the tests look for", () => {
  const frame = (body: string): string => `import * as s from "@ebpf-skel/runtime/gen1";\n${body}\n`;
  const skeleton = 's.skeleton(() => ({ name: "x", maps: {}, progs: {}, object: () => s.base64("") }));';
  expect(evaluate(frame(`pwned(); ${skeleton}`)).pwned).toBe(1);
  expect(evaluate(frame(`s.struct("x", 1, () => ({ a: [0, pwned()] })); ${skeleton}`)).pwned).toBe(1);
  expect(() => evaluate(frame(`globalThis.x = 1; ${skeleton}`))).toThrow("changed its globals");
  expect(() => evaluate(frame(`Object.prototype.x = 1; ${skeleton}`))).toThrow("changed a prototype");
  expect(() => evaluate(`import "node:fs";\n${skeleton}`)).toThrow("required node:fs");
});

describe.each(places)("as name of $place ($around)", ({ place, rule, found, around: [before, after] = ["", ""] }) => {
  test.each(titled(HOSTILE))("$title", async ({ name }) => {
    const full = `${before}${name}${after}`;
    const bytes = objectWith({ ...HARMLESS, [place]: full });
    const { text, code } = await outcome(bytes, { name: "x.bpf.o" });
    expect(code).toBe(rule(full));
    if (text === undefined) return;
    expect(gate(text)).toEqual([]);
    const evaluated = evaluate(text);
    expect(evaluated.pwned).toBe(0);
    // An empty section name or a `?` in front of it is no part of it.
    if (found) expect(found(evaluated)).toContain(place === "section" ? full.replace(/^\?/, "") : full);
  });
});

describe("as the object's file name", () => {
  test.each(titled(HOSTILE.filter((name) => !name.includes("/"))))("$title", async ({ name }) => {
    const { text } = await outcome(objectWith(HARMLESS), { name: `${name}.bpf.o` });
    expect(gate(text!)).toEqual([]);
    expect(evaluate(text!)).toMatchObject({ pwned: 0, maps: ["counts"] });
    expect(evaluate(text!).name).toMatch(/^[A-Za-z0-9_]+$/);
  });

  test.each(titled(HOSTILE))("$title and nothing behind it", async ({ name }) => {
    const { text } = await outcome(objectWith(HARMLESS), { name: `/tmp/${name}` });
    expect(gate(text!)).toEqual([]);
    expect(evaluate(text!)).toMatchObject({ pwned: 0, maps: ["counts"] });
  });
});

describe("as objectName", () => {
  test.each(titled(HOSTILE))("$title", async ({ name }) => {
    const { text, code } = await outcome(objectWith(HARMLESS), { name: "x.bpf.o", objectName: name });
    expect(code).toBe(/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? undefined : "ERR_OPTION");
    if (text === undefined) return;
    expect(gate(text)).toEqual([]);
    expect(evaluate(text)).toMatchObject({ pwned: 0, name });
  });
});

test("the names are hostile", () => {
  expect(PAYLOADS.filter((payload) => payload.includes("pwned")).length).toBeGreaterThan(30);
  expect(WORDS.every(isIdentifier)).toBe(true);
  expect(ODDITIES.filter(isIdentifier)).toEqual([]);
  expect(inspectObject(objectWith({ ...HARMLESS, member: "\udc80\udcff" })).types[7]).toMatchObject({
    members: [{ name: "\udc80\udcff" }, {}, {}],
  });
});
