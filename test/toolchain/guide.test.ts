// The code of docs/guide: every block compiles as it stands, beside the fixtures' modules.

import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const guide = join(root, "docs/guide");

/** The TypeScript of a page, by block. */
function blocksOf(page: string): string[] {
  return [...readFileSync(join(guide, page), "utf8").matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code]) => code!);
}

const pages = readdirSync(guide).filter((file) => file.endsWith(".md"));

test("there are pages", () => expect(pages).toContain("programs.md"));

test.each(pages)("the code of %s compiles", (page) => {
  const blocks = blocksOf(page);
  expect(blocks.length).toBeGreaterThan(0);
  const folder = mkdtempSync(join(tmpdir(), "ebpf-skel-guide-"));
  try {
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    // `ebpf-skel` is what the nearest package.json says it is.
    copyFileSync(join(root, "package.json"), join(folder, "package.json"));
    symlinkSync(join(root, "dist"), join(folder, "dist"));
    const modules = readdirSync(join(root, "fixtures")).filter((file) => file.endsWith(".skel.ts"));
    for (const file of modules) copyFileSync(join(root, "fixtures", file), join(folder, file));
    blocks.forEach((code, i) => writeFileSync(join(folder, `block${i + 1}.ts`), `${code}\nexport {};\n`));
    const options = ["--noEmit", "--strict", "--target", "esnext", "--module", "nodenext", "--skipLibCheck"];
    const files = blocks.map((_, i) => `block${i + 1}.ts`);
    const args = [...options, "--types", "node", "--allowImportingTsExtensions", ...files];
    const { stdout, status } = spawnSync(join(root, "node_modules/.bin/tsc"), args, { cwd: folder, encoding: "utf8" });
    expect(stdout).toBe("");
    expect(status).toBe(0);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
