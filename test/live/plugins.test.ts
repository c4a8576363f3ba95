// The plugins in the real bundlers: a small program is bundled with its skeleton, which is compiled on the way, and the
// bundle runs against the kernel.

import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { requireKernel } from "../../runtime/test/support/kernel.ts";
import { ensureBuilt } from "../support/cli.ts";
import { makeWorkspace, run, type Run, type Workspace } from "../support/workspace.ts";

requireKernel();

const SOURCE = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "step.h"

__u64 calls;

SEC("raw_tracepoint/sys_enter")
int on_enter(void *ctx)
{
	__sync_fetch_and_add(&calls, STEP);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
`;

const MAIN = `import { readdirSync } from "node:fs";
import { Prog } from "./prog.skel.ts";
const live = Prog.load();
live.attach();
readdirSync("/");
console.log(live.bss.calls > 0n ? "live" : "silent");
live.close();
`;

/** A script that bundles main.js into dist/main.mjs; \`options\` are the plugin's. */
const SCRIPTS: Readonly<Record<string, (options: string) => string>> = {
  vite: (options) => `
    import { build } from "vite";
    import { ebpfSkel } from "ebpf-skel/vite";
    await build({ configFile: false, logLevel: "error", plugins: [ebpfSkel(${options})],
      build: { ssr: "main.js", outDir: "dist", emptyOutDir: true, rolldownOptions: { output: { entryFileNames: "main.mjs" } } } });`,
  rollup: (options) => `
    import { rollup } from "rollup";
    import { ebpfSkel } from "ebpf-skel/rollup";
    const bundle = await rollup({ input: "main.js", external: /^node:/, plugins: [ebpfSkel(${options})] });
    await bundle.write({ dir: "dist", format: "esm", entryFileNames: "main.mjs" });`,
  rolldown: (options) => `
    import { rolldown } from "rolldown";
    import { ebpfSkel } from "ebpf-skel/rolldown";
    const bundle = await rolldown({ input: "main.js", platform: "node", plugins: [ebpfSkel(${options})] });
    await bundle.write({ dir: "dist", format: "esm", entryFileNames: "main.mjs" });`,
  esbuild: (options) => `
    import { build } from "esbuild";
    import { ebpfSkel } from "ebpf-skel/esbuild";
    await build({ entryPoints: ["main.js"], bundle: true, platform: "node", format: "esm", outdir: "dist",
      outExtension: { ".js": ".mjs" }, plugins: [ebpfSkel(${options})], logLevel: "error" });`,
  webpack: (options) => webpackScript('import webpack from "webpack";', "webpack", options),
  rspack: (options) => webpackScript('import { rspack as webpack } from "@rspack/core";', "rspack", options),
};

function webpackScript(bundler: string, entry: string, options: string): string {
  return `
    ${bundler}
    import { ebpfSkel } from "ebpf-skel/${entry}";
    const stats = await new Promise((done, failed) => webpack({ mode: "production", target: "node20", context: process.cwd(),
      entry: "./main.js", experiments: { outputModule: true }, plugins: [ebpfSkel(${options})],
      output: { path: process.cwd() + "/dist", filename: "main.mjs", module: true, chunkFormat: "module" } },
      (error, stats) => (error ? failed(error) : done(stats))));
    if (stats.hasErrors()) throw new Error(stats.toString("errors-only"));`;
}

beforeAll(() => ensureBuilt());

let project: Workspace;
beforeEach(() => {
  project = makeWorkspace({
    "package.json": '{ "name": "app", "type": "module" }',
    "prog.bpf.c": SOURCE,
    "step.h": "#define STEP 1\n",
    "main.js": MAIN,
  });
});
afterEach(() => project.remove());

/** A script of the project, with the bundlers of this repository at hand. */
function script(text: string): string {
  const bundlers = text.replace(
    /from "(vite|rollup|rolldown|esbuild|webpack|@rspack\/core)"/g,
    (_, name: string) => `from ${JSON.stringify(import.meta.resolve(name))}`,
  );
  return project.write("bundle.mjs", bundlers);
}

const bundle = (text: string): Run => run(process.execPath, [script(text)], { cwd: project.folder });
const start = (): Run => run(process.execPath, ["dist/main.mjs"], { cwd: project.folder });

describe.each(Object.entries(SCRIPTS))("%s", (_, makeScript) => {
  test.each([
    ["the object within", "{}"],
    ["the object as an asset", "{ embed: false }"],
  ])("the bundle runs, with %s", (_, options) => {
    const bundled = bundle(makeScript(options));
    expect(bundled, bundled.stderr).toMatchObject({ status: 0 });
    expect(existsSync(join(project.folder, "prog.skel.ts"))).toBe(true);
    // What is in dist is all that the bundle needs, besides the runtime.
    for (const file of ["prog.bpf.o", "prog.skel.o", "prog.skel.ts"])
      if (existsSync(join(project.folder, file))) writeFileSync(join(project.folder, file), "");
    expect(start()).toEqual({ status: 0, stdout: "live\n", stderr: "" });
    const files = readdirSync(join(project.folder, "dist"), { recursive: true, encoding: "utf8" });
    expect(files.some((file) => file.endsWith(".o"))).toBe(options !== "{}");
    const code = readFileSync(join(project.folder, "dist/main.mjs"), "utf8");
    expect(code).toMatch(/@ebpf-skel\/runtime\/gen1/);
  });

  test("a mistake in the C source fails the bundle with what clang says", () => {
    project.write("prog.bpf.c", `${SOURCE}int x = ;\n`);
    const { status, stdout, stderr } = bundle(makeScript("{}"));
    expect(status).not.toBe(0);
    expect(stdout + stderr).toMatch(/prog\.bpf\.c:\d+:9: error: expected expression/);
  });
});

test("a change of a header reaches the output of `vite build --watch`, and a mistake on the way ends nothing", async () => {
  const watching = SCRIPTS["vite"]!("{}").replace("build: {", "build: { watch: {},");
  const child = spawn(process.execPath, [script(watching)], { cwd: project.folder, stdio: "ignore" });
  try {
    const output = join(project.folder, "dist/main.mjs");
    const until = async (word: string): Promise<void> => {
      while (!existsSync(output) || start().stdout !== `${word}\n`) await sleep(200);
    };
    await until("live");
    project.write("step.h", "#define STEP ;\n");
    await sleep(1500);
    project.write("step.h", "#define STEP 0\n");
    await until("silent");
  } finally {
    child.kill("SIGKILL");
  }
});

test("Vite's server runs the module, and anew when a header has changed", () => {
  project.write("step.h", "#define STEP 1\n__u64 more[STEP];\n");
  project.write("served.js", 'export { Prog } from "./prog.skel.ts";\n');
  const served = bundle(`
    import { writeFileSync } from "node:fs";
    import { createServer } from "vite";
    import { ebpfSkel } from "ebpf-skel/vite";
    const server = await createServer({ configFile: false, logLevel: "error", appType: "custom",
      server: { middlewareMode: true, ws: false }, plugins: [ebpfSkel()] });
    const count = async () => {
      const { Prog } = await server.ssrLoadModule("/served.js");
      const open = Prog.open();
      try { return open.bss.more.length; } finally { open.close(); }
    };
    console.log(await count());
    writeFileSync("step.h", "#define STEP 2\\n__u64 more[STEP];\\n");
    while ((await count()) !== 2) await new Promise((done) => setTimeout(done, 50));
    await server.close();`);
  expect(served).toEqual({ status: 0, stdout: "1\n", stderr: "" });
});
