// The examples as a user runs them: compiled, generated, type-checked and started; Ctrl-C ends them.

import { spawn, execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { requireKernel } from "../../runtime/test/support/kernel.ts";

requireKernel();

const root = resolve(import.meta.dirname, "../..");
const cache = join(root, ".cache");
mkdirSync(cache, { recursive: true });
// In the repository, where they find the runtime; a program that is started has a name of its own.
const folder = mkdtempSync(join(cache, "examples-"));
const started = join(mkdtempSync(join(tmpdir(), "ebpf-skel-example-")), "started-by-test");
copyFileSync("/bin/true", started);
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  rmSync(resolve(started, ".."), { recursive: true, force: true });
});

/** The compiled main.js of an example. */
function build(name: string): string {
  const example = join(folder, name);
  mkdirSync(example);
  for (const file of readdirSync(join(root, "examples", name))) {
    if (/\.(bpf\.c|ts|json)$/.test(file)) copyFileSync(join(root, "examples", name, file), join(example, file));
  }
  const source = readdirSync(example).find((file) => file.endsWith(".bpf.c"))!;
  const object = source.replace(/c$/, "o");
  const includes = ["-I", "/usr/include/x86_64-linux-gnu"];
  const run = (command: string, ...args: string[]): unknown => execFileSync(command, args, { cwd: example });
  run("clang-19", "-g", "-O2", "-target", "bpf", ...includes, "-c", source, "-o", object);
  run(process.execPath, join(root, "dist/cli/main.js"), "gen", object);
  run(process.execPath, join(root, "node_modules/typescript/bin/tsc"));
  return join(example, "dist/main.js");
}

/** Runs `main` until a line of its output matches, starting programs all the while, and ends it with Ctrl-C. */
async function watch(main: string, args: string[], wanted: (line: string) => boolean): Promise<string[]> {
  const child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise((done) => child.once("close", (status, signal) => done(signal ?? status)));
  let text = "";
  let complaint = "";
  child.stdout.setEncoding("utf8").on("data", (more: string) => (text += more));
  child.stderr.setEncoding("utf8").on("data", (more: string) => (complaint += more));
  const lines = (): string[] => text.split("\n").slice(0, -1);
  try {
    while (!lines().some(wanted) && child.exitCode === null) {
      execFileSync(started);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    child.kill("SIGINT");
    expect(await ended, complaint).toBe(0);
    return lines();
  } finally {
    child.kill("SIGKILL");
  }
}

describe("examples", () => {
  test("execve-counter counts, and ends with Ctrl-C", async () => {
    const lines = await watch(build("execve-counter"), ["0.2"], (line) => Number(/^(\d+) execve/.exec(line)?.[1]) > 5);
    expect(lines[0]).toMatch(/^attached/);
  });

  test.each(["ringbuf", "perfbuf"])("%s tells of each program that starts, and ends with Ctrl-C", async (name) => {
    const lines = await watch(build(name), [], (line) => line.endsWith(started));
    expect(lines[0]).toMatch(/^TIME +EVENT +PID +COMM +FILENAME$/);
    expect(lines.find((line) => line.endsWith(started))).toMatch(/^\d\d:\d\d:\d\d EXEC +\d+ +started-by-test +\//);
  });
});
