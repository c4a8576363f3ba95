// Every fixture's module, byte for byte; `vitest run -u` rewrites them. They are real modules: other tests import them
// and tsc compiles them.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { inflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { carry } from "../src/upgrade/carry.ts";
import { generate } from "../src/generate.ts";
import { isCurrent } from "../src/header.ts";
import { originOf, resolveOptions } from "../src/options.ts";
import { fixturesFolder, goldens } from "./support/fixtures.ts";

/** The embedded object apart from the text: compressors may differ, what they hold may not. */
function split(text: string): { readonly text: string; readonly object: Buffer } {
  const match = /object: \(\) => s\.base64\("([^"]*)"\)/.exec(text)!;
  return {
    text: text.replace(match[1]!, "").replace(/text-sha256 \w+/, ""),
    object: inflateSync(Buffer.from(match[1]!, "base64")),
  };
}

function sameModule(a: string, b: string): boolean {
  const [left, right] = [split(a), split(b)];
  return left.text === right.text && left.object.equals(right.object);
}

describe.each(goldens)("$name", ({ object, module, name }) => {
  const bytes = readFileSync(object);
  const options = { name: `${name}.bpf.o` };

  test("generates its golden", async () => {
    const text = await generate(bytes, options);
    const golden = existsSync(module) ? readFileSync(module, "utf8") : undefined;
    // Only where more than the compressor's output differs is the file compared (or rewritten) as it stands.
    if (golden === undefined || !sameModule(text, golden)) await expect(text).toMatchFileSnapshot(module);
    expect(split(text).object.equals(carry(bytes))).toBe(true);
  });

  test("is current, and not after an edit or with other options", async () => {
    const text = readFileSync(module, "utf8");
    const origin = originOf(bytes, resolveOptions(options));
    expect(isCurrent(text, origin)).toBe(true);
    expect(isCurrent(text.replace("/* eslint-disable */", ""), origin)).toBe(false);
    expect(isCurrent(text, { ...origin, options: '{"objectName":"x"}' })).toBe(false);
    expect(isCurrent(text, { ...origin, source: "0".repeat(64) })).toBe(false);
    expect(isCurrent(text, { ...origin, name: "other.bpf.o" })).toBe(false);
    expect(isCurrent("", origin)).toBe(false);
  });
});

test("every object has a golden, and every golden an object", () => {
  const modules = readdirSync(fixturesFolder).filter((file) => file.endsWith(".skel.ts"));
  expect(goldens.length).toBeGreaterThanOrEqual(10);
  expect(modules.sort()).toEqual(goldens.map(({ name }) => `${name}.skel.ts`));
});
