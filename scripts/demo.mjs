// `npm run demo`: the whole way in front of the reader's eyes. A BPF object becomes a typed module, a small program is checked
// against that module, and the kernel counts. Where the kernel or the rights are missing it says so and shows the rest.

import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { clangArguments, findClang } from "./build-fixtures.mjs";
import { paths, run, setup, wantsOf } from "./setup.mjs";

const runFor = 3000;
const tracepoint = "/sys/kernel/tracing/events/syscalls/sys_enter_execve";

function say(step, text) {
  console.log(`${step.padEnd(11)} ${text}`);
}

/** The object: compiled here where clang and the headers are, else the committed one. */
function provideObject(folder) {
  const object = join(folder, "execve_counter.bpf.o");
  const clang = findClang();
  const args = ["-g", ...clangArguments(), "-c", "execve_counter.bpf.c", "-o", object];
  if (clang !== undefined && spawnSync(clang.path, args, { cwd: folder }).status === 0) {
    say(
      "compile",
      `execve_counter.bpf.c -> execve_counter.bpf.o, ${statSync(object).size} bytes (clang ${clang.major})`,
    );
    return object;
  }
  copyFileSync(join(paths.root, "fixtures/execve_counter.bpf.o"), object);
  say("compile", `no clang with libbpf's headers here: taking the compiled fixtures/execve_counter.bpf.o`);
  return object;
}

async function generate(object) {
  const skeleton = object.replace(/\.bpf\.o$/, ".skel.ts");
  await run(process.execPath, [join(paths.root, "dist/cli/main.js"), "gen", object, "-o", skeleton]);
  const lines = readFileSync(skeleton, "utf8").trimEnd().split("\n");
  say("generate", `ebpf-skel gen ${basename(object)} -> ${basename(skeleton)}, ${lines.length} lines; among them`);
  for (const line of lines.filter((line) => /: s\.(HashMap|Program)</.test(line)))
    console.log(`            ${line.trim()}`);
}

async function typeCheck(folder) {
  const tsc = join(paths.root, "node_modules/.bin/tsc");
  await run(tsc, ["-p", folder]);
  const version = (await run(tsc, ["--version"])).replace("Version", "").trim();
  const lines = readFileSync(join(folder, "main.ts"), "utf8").trimEnd().split("\n").length;
  say("type-check", `main.ts, ${lines} lines, against it: no errors (tsc ${version}, strict)`);
}

/** What this machine lacks for the kernel's part, in plain words; nothing if it can be tried. */
function whatIsMissing(problems) {
  if (process.platform !== "linux") return [`Linux (this is ${process.platform})`];
  const missing = problems.map(({ text }) => text);
  // linux/capability.h. The tracepoint's id is in tracefs, which only root may read.
  const capabilities = { CAP_SYS_ADMIN: 21n, CAP_PERFMON: 38n, CAP_BPF: 39n };
  const effective = BigInt(
    `0x${/^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0"}`,
  );
  const has = (name) => ((effective >> capabilities[name]) & 1n) === 1n;
  const wanted = ["CAP_BPF", "CAP_PERFMON"].filter((name) => !has(name));
  if (wanted.length > 0 && !has("CAP_SYS_ADMIN"))
    missing.push(`the rights: ${wanted.join(" and ")} (sudo npm run demo)`);
  if (missing.length === 0 && !existsSync(tracepoint))
    missing.push(`tracepoints of system calls (CONFIG_FTRACE_SYSCALLS, tracefs open to this user): no ${tracepoint}`);
  return missing;
}

/** Runs the compiled main.ts like a user, with some execve calls to count and Ctrl-C at the end. */
async function runProgram(folder) {
  const child = spawn(process.execPath, [join(folder, "dist/main.js"), "0.5"], { stdio: ["ignore", "pipe", "pipe"] });
  const counts = [];
  let complaint = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    for (const line of text.trimEnd().split("\n")) {
      console.log(`            ${line}`);
      const count = /^(\d+) execve/.exec(line);
      if (count !== null) counts.push(BigInt(count[1]));
    }
  });
  child.stderr.setEncoding("utf8").on("data", (text) => (complaint += text));
  let ended = false;
  const end = new Promise((done) => {
    child.on("error", (error) => done(error.message));
    child.on("close", (status, signal) => done(signal ?? status));
  }).finally(() => (ended = true));

  for (const until = Date.now() + runFor; Date.now() < until && !ended; await sleep(150)) spawnSync("/bin/true");
  child.kill("SIGINT");
  return { end: await end, counts, complaint: complaint.trim() };
}

async function showKernel(folder, missing) {
  if (missing.length > 0) {
    say("run", "not here, the kernel's part of the demo needs");
    for (const text of missing) console.log(`            ${text.replaceAll("\n", "\n            ")}`);
    return 0;
  }
  say("run", `main.ts: load, attach, read for ${runFor / 1000} s, while this script starts /bin/true again and again`);
  const { end, counts, complaint } = await runProgram(folder);
  const refusal = /^.*\b(EPERM|EACCES|ENOSYS)\b.*$/m.exec(complaint);
  if (end !== 0 && refusal !== null) {
    // Such as in a container: root there, and not in the eyes of the kernel.
    say("", `the kernel refuses: ${refusal[0].trim()}`);
    return 0;
  }
  if (end !== 0) throw new Error(`main.js ended with ${end}\n${complaint}`);
  if (counts.length < 2 || counts.at(-1) <= counts[0]) throw new Error("the count did not grow");
  say("clean up", "Ctrl-C: detached, closed; the kernel keeps nothing of it");
  return 0;
}

async function main() {
  const problems = await setup({ want: wantsOf(["demo"]) });
  const fatal = problems.filter(({ want }) => ["node", "npm", "build"].includes(want));
  if (fatal.length > 0) throw new Error(fatal.map(({ text }) => text).join("\n"));

  // Inside the repository, because the program finds @ebpf-skel/runtime in its node_modules.
  const work = join(paths.root, ".cache");
  mkdirSync(work, { recursive: true });
  const folder = mkdtempSync(join(work, "demo-"));
  try {
    const example = join(paths.root, "examples/execve-counter");
    const files = ["execve_counter.bpf.c", "main.ts", "package.json", "tsconfig.json"];
    for (const name of files) copyFileSync(join(example, name), join(folder, name));
    console.log("");
    await generate(provideObject(folder));
    await typeCheck(folder);
    return await showKernel(folder, whatIsMissing(problems));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

// Ctrl-C goes to the program as well, which ends; then the rest of this script runs and tidies up.
process.on("SIGINT", () => {});

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`demo: ${error.message}`);
  process.exitCode = 1;
}
