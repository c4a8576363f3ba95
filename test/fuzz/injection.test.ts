// Hostile names in every place where a name can occur. What the generator accepts must parse, hold nothing but the declarations
// that it writes itself, say the name exactly, and run none of it.

import { describe, expect, test } from "vitest";
import { isSkelError } from "../../src/errors.ts";
import { generate } from "../../src/generate.ts";
import { inspectObject } from "../../src/inspect.ts";
import { evaluate } from "../support/evaluate.ts";
import { gate } from "../support/gate.ts";
import { HOSTILE, ODDITIES, PAYLOADS, WORDS } from "../support/hostile.ts";
import { HARMLESS, type Names, objectWith } from "../support/small-object.ts";

const isIdentifier = (name: string): boolean => /^[A-Za-z_][A-Za-z0-9_]{0,126}$/.test(name);
const isUtf8 = (name: string): boolean => !/\p{Cs}/u.test(name);

/** A test's title on one line. */
const titled = (names: readonly string[]): { name: string; title: string }[] =>
  names.map((name) => ({ name, title: JSON.stringify(name.length > 40 ? `${name.slice(0, 40)}...` : name) }));

/** Outcome of the generator: text, or the code of a SkelError; anything else is thrown on. */
async function outcome(
  bytes: Uint8Array,
  options: Parameters<typeof generate>[1],
): Promise<{ text?: string; code?: string }> {
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
    structs: [
      ["pair_t", ["left", "right"]],
      ["event", ["pid", "mode_of", "both"]],
    ],
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

describe("in every place that takes any name", () => {
  test.each(titled(HOSTILE))("$title", async ({ name }) => {
    // ELF's names must be UTF-8; those of BTF may hold any bytes.
    const elf = isUtf8(name);
    const names: Names = {
      ...HARMLESS,
      ...(elf && { section: name, dataSection: `.data.${name}`, license: name }),
      struct: name,
      member: name,
      enumeration: name,
      value: name,
      typedef: name,
      integer: name,
    };
    const file = name.includes("/") ? "x.bpf.o" : `${name}.bpf.o`;
    const { text, code } = await outcome(objectWith(names), { name: file });
    expect(code).toBeUndefined();
    expect(gate(text!)).toEqual([]);
    const { pwned, name: objectName, progs, sections, structs, enums } = evaluate(text!);
    expect(pwned).toBe(0);
    expect(objectName).toMatch(/^[A-Za-z0-9_]+$/);
    expect(progs).toEqual({ handle: names.section });
    expect(sections).toEqual({ [names.dataSection]: ["settings"] });
    expect(structs).toEqual([
      [name, ["left", "right"]],
      [name, [name, "mode_of", "both"]],
    ]);
    expect(Object.values(enums)).toEqual([[name, "MODE_OFF"]]);
  });
});

describe("where only identifiers are taken, or little else", () => {
  const others = HOSTILE.filter((name) => !isIdentifier(name));
  const places = (["map", "program", "variable"] as const).flatMap((place) =>
    titled(others).map((row) => ({ place, ...row })),
  );
  /** What the kernel takes beyond identifiers, and clang for variables. */
  const beyond = { map: /^[\w.]{1,127}$/, program: /^[\w.]{1,127}$/, variable: /^[A-Za-z_$][\w.$]{0,126}$/ };

  test.each(places)("$title as name of a $place", async ({ place, name }) => {
    const names = { ...HARMLESS, [place]: name };
    const { text, code } = await outcome(objectWith(names), { name: "x.bpf.o" });
    if (!beyond[place].test(name)) return expect(code).toBe(isUtf8(name) ? "ERR_NAME" : "ERR_ELF_FORMAT");
    expect(code).toBeUndefined();
    expect(gate(text!)).toEqual([]);
    const { pwned, maps, progs, sections } = evaluate(text!);
    expect({ pwned, maps, progs: Object.keys(progs), sections }).toEqual({
      pwned: 0,
      maps: [names.map],
      progs: [names.program],
      sections: { [names.dataSection]: [names.variable] },
    });
  });

  test.each(titled(others.filter((name) => name !== "a".repeat(128) && name.length < 5000)))(
    "$title as objectName",
    async ({ name }) => {
      const { code } = await outcome(objectWith(HARMLESS), { name: "x.bpf.o", objectName: name });
      expect(code).toBe("ERR_OPTION");
    },
  );

  test.each([...new Set(WORDS)])("%s is taken for each of them", async (name) => {
    const bytes = objectWith({ ...HARMLESS, map: name, program: name, variable: name });
    const { text } = await outcome(bytes, { name: "x.bpf.o", objectName: name });
    expect(gate(text!)).toEqual([]);
    const { pwned, maps, progs, sections, ...evaluated } = evaluate(text!);
    expect(pwned).toBe(0);
    expect(evaluated.name).toBe(name);
    expect(maps).toEqual([name]);
    expect(Object.entries(progs)).toEqual([[name, HARMLESS.section]]);
    expect(sections).toEqual({ ".data": [name] });
  });
});

test("the names are hostile", () => {
  expect(PAYLOADS.filter((payload) => payload.includes("pwned")).length).toBeGreaterThan(30);
  expect(WORDS.every(isIdentifier)).toBe(true);
  expect(ODDITIES.filter(isIdentifier)).toEqual([]);
  const bytes = objectWith({ ...HARMLESS, member: "\udc80\udcff" });
  expect(inspectObject(bytes).types[7]).toMatchObject({ members: [{ name: "\udc80\udcff" }, {}, {}] });
});
