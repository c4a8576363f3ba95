// What a bundle carries: whoever imports one codec gets that codec and what it needs, not the object, not koffi.

import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { rollup } from "rollup";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fixturesFolder } from "../support/fixtures.ts";
import { makeWorkspace, repository, run, type Workspace } from "../support/workspace.ts";

let project: Workspace;
beforeAll(() => {
  project = makeWorkspace({ "package.json": '{ "type": "module" }' });
  copyFileSync(join(fixturesFolder, "globals.skel.ts"), join(project.folder, "globals.skel.ts"));
});
afterAll(() => project.remove());

/** `entry` bundled with the built runtime, as text. */
async function bundleEsbuild(entry: string): Promise<string> {
  const result = await build({
    stdin: { contents: entry, resolveDir: project.folder, loader: "ts" },
    bundle: true,
    format: "esm",
    platform: "neutral",
    write: false,
    minifySyntax: true,
    external: ["koffi"],
  });
  return result.outputFiles[0]!.text;
}

async function bundleRollup(entry: string): Promise<string> {
  // Rollup reads JavaScript: tsc takes the types away first, as a user's build does.
  const source = project.write("entry.ts", entry);
  const tsc = join(repository, "node_modules/typescript/bin/tsc");
  const flags = ["--module", "nodenext", "--target", "es2022", "--types", "", "--outDir", "js"];
  const compiled = run(process.execPath, [tsc, source, ...flags, "--rewriteRelativeImportExtensions"], {
    cwd: project.folder,
  });
  expect(compiled.stdout).toBe("");
  const bundle = await rollup({
    input: join(project.folder, "js/entry.js"),
    external: ["koffi"],
    onwarn: () => undefined,
    plugins: [
      {
        name: "runtime",
        resolveId: (id: string) => (id === "@ebpf-skel/runtime/gen1" ? join(repository, "runtime/dist/gen1.js") : null),
      },
    ],
  });
  const { output } = await bundle.generate({ format: "esm" });
  return output[0].code;
}

const globals = '"./globals.skel.ts"';

describe.each([
  ["esbuild", bundleEsbuild],
  ["rollup", bundleRollup],
])("%s", (_, bundle) => {
  test("one codec brings no object, no other codec, no libbpf, no koffi", async () => {
    const code = await bundle(`export { Limits } from ${globals};`);
    expect(code).toContain('"limits"');
    expect(code).not.toMatch(/"observation"|"pair"|base64|koffi|bpf_|getBuiltinModule/);
    expect(code.length).toBeLessThan(60_000);
  });

  test("an enum brings nothing at all", async () => {
    const code = await bundle(`export { Mode } from ${globals};`);
    expect(code).toContain("MODE_TRACE");
    // Comments at the top of modules are all that rollup leaves of the runtime.
    expect(code.length).toBeLessThan(800);
  });

  test("an unused skeleton is gone", async () => {
    const code = await bundle(`import { Globals } from ${globals}; export type { Globals }; export const one = 1;`);
    expect(code.length).toBeLessThan(200);
  });

  test("the bundled codec works", async () => {
    const code = await bundle(`export { Limits } from ${globals};`);
    const file = project.write(
      `bundle-${_}.mjs`,
      `${code}\n;console.log(JSON.stringify(Limits.decode(Limits.encode({ bytes: 5n, packets: 6, strict: true })), (k, v) => typeof v === "bigint" ? String(v) : v));`,
    );
    expect(JSON.parse(run(process.execPath, [file]).stdout)).toEqual({ bytes: "5", packets: 6, strict: true });
  });
});
