// The live tests on other kernels: bundled into one file, which one process runs in each of Debian's kernels (scripts/vm.mjs).
//
//   node scripts/kernels.mjs [--full] [--kernel 6.1] [FILE...]
//
// Everything there runs 20 to 35 times slower. So what only spends processor time is left to this machine's kernel, and without
// --full only the files of `quick` run.

import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { paths } from "./setup.mjs";
import { runInVm } from "./vm.mjs";

const source = (path) => join(paths.root, path);

/**
 * Live tests that are about processes, Node, bundlers or speed, and not about what the kernel does; and that of `check`, which is about
 * what this machine's kernel has not.
 */
const leftOut = [
  ..."async phases leaks ringbufends ringbufreaders foreign errors workers terminate unclosed unheard".split(" "),
  ..."node24 dump plugins examples run check docs lines typegrid".split(" "),
];

/** The first of a family that says most about the kernel. */
const quick = ["maps", "sections", "values", "kconfig", "attach", "vm-attach"];

const folders = ["runtime/test/live", "test/live"];

/** The test files, as paths from the root. */
export function testFiles(full) {
  const all = folders.flatMap((folder) => readdirSync(source(folder)).map((name) => `${folder}/${name}`));
  const nameOf = (file) => /([^/]+)\.test\.ts$/.exec(file)?.[1];
  return all.filter((file) => {
    const name = nameOf(file);
    if (name === undefined || leftOut.includes(name)) return false;
    return full || quick.includes(name);
  });
}

/** All of `files` as one module that runs where the files are: their own URLs stay. */
async function bundle(files, output) {
  const { build } = await import("esbuild"); // not there yet when the set-up starts
  const shim = source("test/kernels/vitest.ts");
  const resolve = {
    name: "live-tests",
    setup(build) {
      build.onResolve({ filter: /^vitest$/ }, () => ({ path: shim }));
      build.onResolve({ filter: /^@ebpf-skel\/runtime(\/gen1)?$/ }, ({ path }) => ({
        path: source(path.endsWith("gen1") ? "runtime/src/gen1.ts" : "runtime/src/index.ts"),
      }));
      build.onLoad({ filter: /\.ts$/ }, ({ path }) => ({
        loader: "ts",
        contents: readFileSync(path, "utf8")
          .replaceAll("import.meta.url", JSON.stringify(pathToFileURL(path).href))
          .replaceAll("import.meta.dirname", JSON.stringify(dirname(path)))
          .replaceAll("import.meta.filename", JSON.stringify(path)),
      }));
    },
  };
  // A suite a file: what is at a file's top level, hooks above all, is the file's alone.
  const suites = files.map((file) => `describe(${JSON.stringify(file)}, () => import("./${file}"));`);
  await build({
    stdin: {
      contents: ['import { describe } from "vitest";', ...suites].join("\n"),
      resolveDir: paths.root,
      loader: "ts",
    },
    outfile: output,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    plugins: [resolve],
    external: ["esbuild", "koffi"],
    // Under a name that no test file has: the bundle's own imports are below it.
    banner: {
      js: 'import * as bundle$module from "node:module"; const require = bundle$module.createRequire(import.meta.url);',
    },
    logLevel: "warning",
  });
}

/** The unpacked kernels, oldest first: `{ version: "6.1", folder }`. */
export function kernels() {
  return readdirSync(paths.kernels)
    .map((name) => ({ version: /^linux-image-(\d+\.\d+)/.exec(name)?.[1], folder: join(paths.kernels, name) }))
    .filter(({ version }) => version !== undefined)
    .sort((a, b) => a.version.localeCompare(b.version, undefined, { numeric: true }));
}

/** Tests of the quick files that wait for a loop to end, or for a compiler: left out without --full. */
const slow = [
  "gives up on a map that changes faster than it walks",
  "attach by their options and sections",
  "USDT probes",
  "are loaded as the generator's table says",
  "gives every entry once",
  "reads and writes go through the map's element, writes only before attach",
  "is what open says and the kernel has",
  "any 6 bytes are a key",
  "any 16 bytes are a text key",
];

/** Tests that only keep the processors busy, and take a minute or more of them here: they say no more of one kernel than of another. */
const busy = [
  "counts every sample once: as received or as lost, a million of them",
  "gives the samples whole, those of one CPU in their order",
  "gives samples as they come",
  "so does a per-CPU hash",
  "so does a trie",
  "gives up on a map that changes faster than it walks",
  "gives every line of a flood, in order, or counts it as lost",
  "lets timers have their turn in a flood",
  // It measures processor time.
  "waits for lines without turning in circles",
];

/** In seconds: several times what a run takes here, for a machine that is busy otherwise. */
const limits = { quick: 600, full: 3600 };

/** What a test file wants on the kernel's command line: its line `// kernel command line: lockdown=confidentiality`. */
function commandLineOf(file) {
  return /^\/\/ kernel command line: (.*)$/m.exec(readFileSync(source(file), "utf8"))?.[1] ?? "";
}

const isAtLeast = (version, least) => version.localeCompare(least, undefined, { numeric: true }) >= 0;

/** Why a test file is none for Linux `version`, by its line `// needs Linux 6.9: REASON`; undefined where it is one. */
function whyNotOn(version, file) {
  const [, least, reason] = /^\/\/ needs Linux (\d+\.\d+): (.*)$/m.exec(readFileSync(source(file), "utf8")) ?? [];
  return least === undefined || isAtLeast(version, least) ? undefined : `needs Linux ${least}: ${reason}`;
}

/**
 * Runs `files` on the kernel in `folder`, booted once for each command line that they want; each test as `{ name, status, why, ms }`.
 * @throws Error when the guest or the process did not come to its end
 */
export async function runOnKernel(folder, files, options) {
  const version = /linux-image-(\d+\.\d+)/.exec(folder)?.[1] ?? "";
  const ends = [];
  const skipped = files.flatMap((name) => {
    const why = whyNotOn(version, name);
    return why === undefined ? [] : [{ name, status: "skipped", why, ms: 0 }];
  });
  const fitting = files.filter((name) => whyNotOn(version, name) === undefined);
  for (const append of new Set(fitting.map(commandLineOf)))
    ends.push(
      await runInBoot(
        folder,
        fitting.filter((file) => commandLineOf(file) === append),
        append,
        options,
      ),
    );
  return {
    status: Math.max(0, ...ends.map(({ status }) => status)),
    tests: [...skipped, ...ends.flatMap(({ tests }) => tests)],
    stderr: ends.map(({ stderr }) => stderr).join(""),
  };
}

async function runInBoot(folder, files, append, { full }) {
  const output = join(paths.cache, "kernel-tests", `${basename(folder)}.mjs`);
  mkdirSync(dirname(output), { recursive: true });
  await bundle(files, output);
  const reporter = pathToFileURL(source("test/kernels/reporter.mjs")).href;
  const command = [process.execPath, `--test-reporter=${reporter}`, "--test-reporter-destination=stdout", output];
  const env = { EBPF_SKEL_REQUIRE_ROOT: "1", EBPF_SKEL_LEAVE_OUT: [...busy, ...(full ? [] : slow)].join("|") };
  if (process.env.EBPF_SKEL_LIBBPF !== undefined) env.EBPF_SKEL_LIBBPF = process.env.EBPF_SKEL_LIBBPF;
  const { status, stdout, stderr } = await runInVm(folder, command, {
    append,
    env,
    seconds: full ? limits.full : limits.quick,
  });
  const lines = stdout.split("\n").filter((line) => line.startsWith('{"name"'));
  const tests = lines.map((line) => JSON.parse(line));
  if (tests.length === 0) throw new Error(`no test ran (${status})\n${stdout}\n${stderr}`);
  return { status, tests, stderr };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const args = process.argv.slice(2);
  const full = args.includes("--full");
  const only = args.includes("--kernel") ? args[args.indexOf("--kernel") + 1] : undefined;
  const named = args.filter((arg) => arg.endsWith(".ts"));
  for (const { version, folder } of kernels().filter(({ version }) => only === undefined || version === only)) {
    const started = Date.now();
    const { status, tests, stderr } = await runOnKernel(folder, named.length > 0 ? named : testFiles(full), { full });
    for (const { name, status, why, ms } of tests) {
      if (status !== "passed") console.log(`${status} ${name} (${ms} ms)\n${why ?? ""}\n`);
    }
    if (args.includes("--times"))
      for (const { name, ms } of tests.toSorted((a, b) => b.ms - a.ms).slice(0, 25)) console.log(ms, name);
    const count = (wanted) => tests.filter(({ status }) => status === wanted).length;
    console.log(
      `Linux ${version}: ${count("passed")} passed, ${count("failed")} failed, ${count("skipped")} skipped (${status}, ${((Date.now() - started) / 1000).toFixed(0)} s)`,
    );
    if (stderr.trim() !== "") console.log(stderr);
  }
}
