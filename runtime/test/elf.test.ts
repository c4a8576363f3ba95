// Functions of binaries, as readelf shows them; and files that are none.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findBinary, functionSymbols } from "../src/library/elf.ts";
import { offsetOf } from "./support/symbols.ts";

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), "ebpf-skel-elf-"))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A library of a function that is strong, one that is weak, one that is another's, and one that is local. */
function library(name: string, ...args: readonly string[]): string {
  const path = join(folder, name);
  const source = `
    int strong(void) { return 1; }
    __attribute__((weak)) int weak(void) { return 2; }
    static __attribute__((noinline, used)) int local(void) { return 3; }
    int elsewhere(void);
    int caller(void) { return elsewhere() + local(); }
    int variable = 4;
  `;
  execFileSync("gcc", ["-shared", "-fPIC", "-O1", "-o", path, ...args, "-x", "c", "-"], { input: source });
  return path;
}

describe("the functions of a binary", () => {
  test("are those that it defines, where readelf has them", () => {
    const path = library("whole.so");
    const found = new Map(functionSymbols(path)!.map((symbol) => [symbol.name, symbol]));
    for (const name of ["strong", "weak", "caller"]) expect(found.get(name)?.offset).toBe(offsetOf(path, name));
    expect([found.get("strong")?.weak, found.get("weak")?.weak]).toEqual([false, true]);
    expect(found.has("local")).toBe(true);
    expect([found.has("elsewhere"), found.has("variable")]).toEqual([false, false]);
  });

  test("are found where .symtab is stripped", () => {
    const names = functionSymbols(library("stripped.so", "-s"))!.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["strong", "weak", "caller"]));
    expect(names).not.toContain("local");
  });

  test("have the versions that nm shows of the C library", () => {
    const path = findBinary("libc.so.6");
    const table = execFileSync("nm", ["-D", "--defined-only", path], { encoding: "utf8", maxBuffer: 1 << 26 });
    const shown = [...table.matchAll(/^[0-9a-f]+ [TWi] (\S+)$/gm)].map(([, name]) => name!).sort();
    const found = functionSymbols(path)!
      .filter(({ dynamic }) => dynamic)
      .map(({ name, version, old }) => `${name}${old ? "@" : "@@"}${version}`);
    expect(shown).toContain("realpath@GLIBC_2.2.5");
    expect(found.sort()).toEqual(shown);
  });

  test("are all that readelf shows of the C library", () => {
    const path = findBinary("libc.so.6");
    const table = execFileSync("readelf", ["-W", "--dyn-syms", path], { encoding: "utf8", maxBuffer: 1 << 26 });
    const shown = [...table.matchAll(/^\s*\d+: [0-9a-f]+\s+\S+ FUNC \s*\S+\s+\S+\s+\d+ ([^@\s]+)/gm)].map(
      ([, name]) => name!,
    );
    expect(shown.length).toBeGreaterThan(1000);
    const found = new Set(functionSymbols(path)!.map(({ name }) => name));
    expect(shown.filter((name) => !found.has(name))).toEqual([]);
  });
});

describe("what is no binary of this machine's", () => {
  test.each([
    ["nothing", new Uint8Array()],
    ["text", new TextEncoder().encode("#!/bin/sh\n".repeat(20))],
    ["ELF of 32 bits", Uint8Array.from({ length: 64 }, (_, i) => [0x7f, 0x45, 0x4c, 0x46, 1, 1][i] ?? 0)],
    ["ELF of the other byte order", Uint8Array.from({ length: 64 }, (_, i) => [0x7f, 0x45, 0x4c, 0x46, 2, 2][i] ?? 0)],
  ])("has no functions: %s", (name, bytes) => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    expect(functionSymbols(path)).toBeUndefined();
  });

  test("may be cut off or damaged anywhere", () => {
    const whole = readFileSync(library("damaged.so"));
    const path = join(folder, "copy");
    for (let i = 0; i < 64; i++) {
      const damaged = Buffer.from(whole);
      // The header, then the table of sections, which stands at the end.
      const at = i < 32 ? 40 + (i % 24) : whole.length - 1 - i * 16;
      damaged[at] = damaged[at]! ^ 0xff;
      writeFileSync(path, i % 2 === 0 ? damaged : damaged.subarray(0, Math.floor((whole.length * i) / 64)));
      expect(Array.isArray(functionSymbols(path) ?? [])).toBe(true);
    }
  });
});

test("a binary is found by its name where there is one, else the name is what it is", () => {
  expect(findBinary("libc.so.6")).toMatch(/^\/.*\/libc\.so\.6$/);
  expect(findBinary("sh")).toMatch(/^\/.*\/sh$/);
  expect(findBinary("./sh")).toBe("./sh");
  expect(findBinary("no-such-binary")).toBe("no-such-binary");
});
