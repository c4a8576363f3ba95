// The examples as a user runs them: compiled, generated, type-checked and started; Ctrl-C ends them.

import { spawn, execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
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

/** The programs that the examples' scripts call, by the names that users have them by. */
const bin = join(folder, "bin");
mkdirSync(bin);
symlinkSync("/usr/bin/clang-19", join(bin, "clang"));
symlinkSync(join(root, "dist/cli/main.js"), join(bin, "ebpf-skel"));

/** The compiled main.js of an example, made by the scripts of its package.json. */
function build(name: string): string {
  const example = join(folder, name);
  mkdirSync(example);
  for (const file of readdirSync(join(root, "examples", name))) {
    if (/\.(bpf\.c|ts|json|sh)$/.test(file)) copyFileSync(join(root, "examples", name, file), join(example, file));
  }
  const { scripts } = JSON.parse(readFileSync(join(example, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  const PATH = [bin, join(root, "node_modules/.bin"), process.env["PATH"]].join(":");
  for (const script of [scripts["compile"], scripts["generate"], "tsc"])
    execFileSync("sh", ["-c", script!], { cwd: example, env: { ...process.env, PATH } });
  return join(example, "dist/main.js");
}

/** A process, and what it has written so far. */
function follow(command: string, args: readonly string[]) {
  const child = spawn(command, args, { stdio: "pipe" });
  const ended = new Promise((done) => child.once("close", (status, signal) => done(signal ?? status)));
  let text = "";
  let complaint = "";
  child.stdout.setEncoding("utf8").on("data", (more: string) => (text += more));
  child.stderr.setEncoding("utf8").on("data", (more: string) => (complaint += more));
  /** Waits until `isSo`, or for the end of the process. */
  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo() && child.exitCode === null) await sleep(20);
  };
  return { child, ended, until, text: () => text, complaint: () => complaint };
}

/** Whether a process waits for something. */
function sleeps(pid: number): boolean {
  return /\) S /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
}

/** Runs `main` until a line of its output matches, starting programs all the while, and ends it with Ctrl-C. */
async function watch(main: string, args: string[], wanted: (line: string) => boolean): Promise<string[]> {
  const { child, ended, until, text, complaint } = follow(process.execPath, [main, ...args]);
  const lines = (): string[] => text().split("\n").slice(0, -1);
  try {
    await until(() => {
      execFileSync(started);
      return lines().some(wanted);
    });
    child.kill("SIGINT");
    expect(await ended, complaint()).toBe(0);
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

  describe("top", () => {
    let main: string;
    beforeAll(() => (main = build("top")));

    test("counts and times a process exactly, and tells of its slow call", async () => {
      // Waits in a read that began too early to be seen, and then in one that does not end.
      const calls =
        "sysread STDIN, $_, 1; getppid for 1..10000; select undef, undef, undef, 0.05; sysread STDIN, $_, 1";
      const perl = spawn("perl", ["-e", calls], { stdio: ["pipe", "ignore", "inherit"] });
      while (!sleeps(perl.pid!)) await sleep(5);
      const top = follow(process.execPath, [main, "--interval", "0.3", "--pid", String(perl.pid)]);
      try {
        await top.until(() => top.text().split("\n\n").length > 2);
        perl.stdin.write("x");
        await top.until(() => / in p?select6?$/m.test(top.text()));
        top.child.kill("SIGINT");
        expect(await top.ended, top.complaint()).toBe(0);
        const counts = [...top.text().matchAll(/^ *\d+  perl +(\d+)( +[\d.]+){3}$/gm)].map(([, count]) =>
          Number(count),
        );
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(10_001);
        expect(Number(/ perl +([\d.]+) ms in p?select6?$/m.exec(top.text())![1])).toBeGreaterThanOrEqual(50);
        expect(top.text()).not.toMatch(/[^\P{Cc}\n]/u);
      } finally {
        for (const child of [perl, top.child]) child.kill("SIGKILL");
      }
    });

    test("does what keys say, and gives the terminal back", async () => {
      const command = `exec '${process.execPath}' '${main}' --interval 0.1`;
      const top = follow("script", ["-qec", `stty rows 10 cols 60; ${command}`, "/dev/null"]);
      try {
        for (const [key, answer] of [
          ["", "> CALLS"],
          ["s", "> TOTAL ms"],
          ["+", "slow is 20.000 ms"],
          [" ", "paused"],
          ["q", "\x1b[?7h\x1b[?25h\x1b[?1049l"],
        ] as const) {
          top.child.stdin.write(key);
          await top.until(() => top.text().includes(answer));
        }
        expect(await top.ended, top.complaint()).toBe(0);
        const frames = top.text().split("\x1b[H").slice(1);
        expect(Math.max(...frames.map((frame) => frame.split("\n").length))).toBeLessThanOrEqual(10);
        expect(top.text().trimEnd().endsWith("\x1b[?1049l")).toBe(true);
      } finally {
        top.child.kill("SIGKILL");
      }
    });
  });
});
