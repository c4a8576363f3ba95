// `npm test`: sets the machine up, runs every suite below and adds up what they say. The last line is for machines too:
// "N passed, N failed, N skipped".
//
//   node scripts/test.mjs [--only NAME,...] [--full] [-- VITEST ARGUMENTS]
//
// A kernel suite skips, with the reason, what the machine has not the rights for; EBPF_SKEL_REQUIRE_ROOT=1 makes each such skip a
// failure. `--full` (EBPF_SKEL_FULL=1 for the tests) means more seeds, and the suites again on other versions of Node.

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir, uptime } from "node:os";
import { join } from "node:path";
import { kernels, runOnKernel, testFiles } from "./kernels.mjs";
import { paths, setup } from "./setup.mjs";
import { whyNoVm } from "./vm.mjs";

/**
 * One run of a vitest project each. `kernel`: needs root, or skips. `want`: what the set-up must bring beyond npm and the build.
 * `env` and `node` are what the run has otherwise than the plain one; `full` runs only with --full, and only it runs what is `without`.
 * `place` is one of the fresh machines below.
 */
const suites = [
  { name: "unit", project: "unit", want: ["tools"], place: "young" },
  { name: "oracle", project: "oracle", want: ["tools", "oracles", "libbpf", "libbpf-1.5", "mounts"], kernel: true },
  { name: "fuzz", project: "fuzz", want: [] },
  { name: "toolchain", project: "toolchain", want: ["node-24", "browser"] },
  { name: "live", project: "live", want: ["tools", "libbpf", "mounts", "node-24"], kernel: true, place: "closed" },
  {
    name: "live-libbpf-1.5",
    project: "live",
    want: ["tools", "libbpf-1.5", "mounts", "node-24"],
    kernel: true,
    env: { EBPF_SKEL_LIBBPF: paths.libbpf15 },
    // About bundlers, other Node versions, the examples' output, and events, which do without libbpf.
    without: "plugins examples node24 perf ringbuf ringbufends ringbufstream userringbuf tracepipe".split(" "),
  },
  { name: "linux-6.1", kernelVersion: "6.1", want: ["tools", "libbpf", "mounts", "kernels"], kernel: true },
  { name: "linux-6.12", kernelVersion: "6.12", want: ["tools", "libbpf", "mounts", "kernels"], kernel: true },
  { name: "unit-node-24", project: "unit", want: ["node-24"], node: paths.node24, full: true },
  { name: "live-node-24", project: "live", want: ["node-24"], node: paths.node24, kernel: true, full: true },
  { name: "unit-node-newest", project: "unit", want: ["node-newest"], node: paths.nodeNewest, full: true },
  {
    name: "live-node-newest",
    project: "live",
    want: ["node-newest"],
    node: paths.nodeNewest,
    kernel: true,
    full: true,
  },
];

/** Several times what a suite takes; one that hangs must not take the others' results with it. */
const suiteTimeout = 25 * 60 * 1000;

/** Two minutes since the machine started, for tests that ask its clocks; a clock that is young already is left as it is. */
const youngClock = () => {
  if (uptime() < 600) return [];
  const offset = String(120 - Math.floor(uptime()));
  return ["unshare", "--time", "--monotonic", offset, "--boottime", offset, "--fork", "--kill-child"];
};

/** The clone below a folder that only root may enter, as root's home is. */
const closedFolder = (folder) => {
  const script = `mount -t tmpfs -o mode=700 none "$1" && mkdir "$1/clone" && mount --rbind "$2" "$1/clone" && cd "$1/clone" && shift 2 && exec "$@"`;
  return ["unshare", "--mount", "sh", "-c", script, "sh", mkdtempSync(join(folder, "closed-")), paths.root];
};

/** What a fresh machine has and one in use has not, for who may make it so: commands that stand before another. */
const places = { young: youngClock, closed: closedFolder };

/** The command of a suite's `place`; none where this user, or this machine, cannot make it. */
function placeOf(name, folder) {
  const command = name === undefined || process.getuid?.() !== 0 ? [] : places[name](folder);
  const [file, ...args] = [...command, "true"];
  return spawnSync(file, args).status === 0 ? command : [];
}

/** Where tests find what the set-up has made. */
const environment = {
  EBPF_SKEL_LIBBPF15: paths.libbpf15,
  EBPF_SKEL_ORACLES: paths.oracles,
  EBPF_SKEL_NODE24: paths.node24,
};

function parseArguments(args) {
  const rest = args.includes("--") ? args.slice(args.indexOf("--") + 1) : [];
  const own = args.slice(0, args.length - rest.length).filter((argument) => argument !== "--");
  const full = own.includes("--full");
  const only = own.includes("--only") ? (own[own.indexOf("--only") + 1] ?? "").split(",") : undefined;
  const names = suites.map(({ name }) => name);
  const unknown = only?.filter((name) => !names.includes(name)) ?? [];
  if (unknown.length > 0) throw new Error(`no such suite: ${unknown.join(", ")} (${names.join(", ")})`);
  const chosen = suites.filter((suite) => (only === undefined ? full || !suite.full : only.includes(suite.name)));
  return { chosen, full, rest };
}

/**
 * A virtual machine takes one processor, and the live tests, one file at a time, little more than another: the kernels' suites run
 * beside the first suite of live tests.
 */
function sideBySide(suites) {
  const kernels = suites.filter(({ kernelVersion }) => kernelVersion !== undefined);
  const others = suites.filter((suite) => !kernels.includes(suite));
  const live = others.findIndex(({ project }) => project === "live");
  if (live < 0) return suites.map((suite) => [suite]);
  return others.map((suite, i) => (i === live ? [suite, ...kernels] : [suite]));
}

/** The first suite, and beside it the others one after the other. */
async function runGroup([first, ...others], options, folder) {
  const beside = async () => {
    const results = [];
    for (const suite of others) results.push(await runSuite(suite, options, folder));
    return results;
  };
  const [result, results] = await Promise.all([runSuite(first, options, folder), beside()]);
  return [result, ...results];
}

/** Runs one suite and counts its tests. */
function runSuite(suite, options, folder) {
  return suite.kernelVersion === undefined ? runVitest(suite, options, folder) : runKernel(suite, options);
}

/** The live tests on one of Debian's kernels. A test that this kernel has nothing for is skipped, with the reason. */
async function runKernel({ name, kernelVersion }, { full }) {
  const none = { name, passed: 0, failed: 0, skipped: 0 };
  const why = whyNoVm();
  if (why !== undefined) return { ...none, notes: [`not run: ${why}`] };
  const kernel = kernels().find(({ version }) => version === kernelVersion);
  if (kernel === undefined) return { ...none, notes: [`not run: the set-up brought no Linux ${kernelVersion}`] };
  let tests;
  try {
    tests = (await runOnKernel(kernel.folder, testFiles(full), { full })).tests;
  } catch (error) {
    return { ...none, failed: 1, notes: [error.message] };
  }
  const of = (wanted) => tests.filter(({ status }) => status === wanted);
  const [passed, failed, skipped] = ["passed", "failed", "skipped"].map((wanted) => of(wanted).length);
  const notes = [
    ...of("failed").map(({ name, why }) => `failed: ${name}\n${why}`),
    ...of("skipped").map(({ name, why }) => `skipped: ${name}: ${why}`),
  ];
  return { name, passed, failed, skipped, notes };
}

/** Vitest's own output goes to the terminal. */
async function runVitest(suite, { full, rest }, folder) {
  const report = join(folder, `${suite.name}.json`);
  const args = ["node_modules/vitest/vitest.mjs", "run", "--project", suite.project];
  args.push("--reporter=default", "--reporter=json", `--outputFile.json=${report}`, ...rest);
  const env = { ...process.env, ...environment, ...suite.env };
  if (full) env.EBPF_SKEL_FULL = "1";
  else env.EBPF_SKEL_WITHOUT = suite.without?.join(",") ?? "";
  const options = { cwd: paths.root, env, stdio: "inherit", timeout: suiteTimeout, killSignal: "SIGKILL" };
  const end = await new Promise((done) => {
    const [file, ...rest] = [...placeOf(suite.place, folder), suite.node ?? process.execPath, ...args];
    const child = spawn(file, rest, options);
    child.on("error", (error) => done(error.message));
    child.on("close", (status, signal) => done(signal ?? status));
  });
  return { name: suite.name, ...count(readReport(report), end, suite.kernel === true) };
}

function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined; // vitest did not get as far
  }
}

/** Adds up a report. Whatever is wrong without a failed test to show for it counts as one. */
function count(report, end, kernel) {
  const files = report?.testResults ?? [];
  const tests = files.flatMap((file) => file.assertionResults.map((test) => ({ ...test, file })));
  const passed = tests.filter(({ status }) => status === "passed").length;
  const skipped = tests.filter(({ status }) => status !== "passed" && status !== "failed");
  // A file that does not even load has no tests.
  const broken = files.filter(
    ({ status, assertionResults }) => status === "failed" && !assertionResults.some((test) => test.status === "failed"),
  );
  let failed = tests.filter(({ status }) => status === "failed").length + broken.length;
  const notes = [];
  if (failed === 0 && end !== 0) {
    failed = 1;
    notes.push(tests.length === 0 ? `no test ran (${end})` : `an error outside of the tests (${end})`);
  }
  if (kernel && process.env.EBPF_SKEL_REQUIRE_ROOT === "1" && skipped.length > 0) {
    notes.push(...skipped.map(({ fullName }) => `skipped, and EBPF_SKEL_REQUIRE_ROOT=1 forbids it: ${fullName}`));
    return { passed, failed: failed + skipped.length, skipped: 0, notes };
  }
  return { passed, failed, skipped: skipped.length, notes };
}

async function main(args) {
  const { chosen, full, rest } = parseArguments(args);
  const want = new Set(["npm", "build", ...chosen.flatMap(({ want }) => want)]);
  const problems = await setup({ want: [...want] });
  for (const { text } of problems) console.error(`set-up: ${text}`);
  if (problems.some(({ optional }) => !optional)) return 1;

  const folder = mkdtempSync(join(tmpdir(), "ebpf-skel-test-"));
  const results = [];
  try {
    for (const group of sideBySide(chosen)) {
      console.log(`\n== ${group.map(({ name }) => name).join(", ")}`);
      results.push(...(await runGroup(group, { full, rest }, folder)));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }

  console.log("");
  const width = Math.max(...results.map(({ name }) => name.length));
  for (const result of results) {
    console.log(`${result.name.padEnd(width)}  ${totals(result)}`);
    for (const note of result.notes) console.log(`${" ".repeat(width)}  ${note}`);
  }
  const sum = (key) => results.reduce((total, result) => total + result[key], 0);
  const total = { passed: sum("passed"), failed: sum("failed"), skipped: sum("skipped") };
  console.log(totals(total));
  return total.failed === 0 ? 0 : 1;
}

function totals({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(`test: ${error.message}`);
  process.exitCode = 2;
}
