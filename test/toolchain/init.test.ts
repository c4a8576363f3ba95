// `ebpf-skel init` as a new user meets it: the packed tarballs in an empty folder, npm's own commands, the real kernel.

import { spawn } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeWorkspace, repository, run, type Workspace } from "../support/workspace.ts";

let home: Workspace;
beforeAll(() => {
  home = makeWorkspace({}, false);
  for (const cwd of [repository, join(repository, "runtime")])
    expect(run("npm", ["pack", "--ignore-scripts", "--pack-destination", home.folder], { cwd })).toMatchObject({
      status: 0,
    });
});
afterAll(() => home.remove());

const main = join(repository, "dist/cli/main.js");
const init = (...args: string[]) => run(process.execPath, [main, "init", ...args], { cwd: home.folder });

const node24 = process.env["EBPF_SKEL_NODE24"] ?? join(repository, ".cache/node-24/bin/node");

/** Runs the project until it has told of a program that was started, and ends it with Ctrl-C. */
async function watchEvents(node: string, cwd: string): Promise<void> {
  const child = spawn(node, ["dist/main.js"], { cwd });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += String(chunk)));
  const ended = new Promise((done) => child.on("close", (status, signal) => done(status ?? signal)));
  try {
    while (!output.includes("Ctrl-C") && child.exitCode === null) await sleep(20);
    const started = spawn("true", { stdio: "ignore" });
    while (!output.includes(`${started.pid} true\n`) && child.exitCode === null) await sleep(20);
    child.kill("SIGINT");
    expect(await ended, output).toBe(0);
  } finally {
    child.kill("SIGKILL");
  }
}

/** Command lines of the processes that run in `folder` or below it. */
function processesIn(folder: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((id) => {
      try {
        const cwd = readlinkSync(`/proc/${id}/cwd`);
        return cwd === folder || cwd.startsWith(`${folder}/`) ? [readFileSync(`/proc/${id}/cmdline`, "utf8")] : [];
      } catch {
        return []; // It ended between two looks.
      }
    });
}

/** Runs `npm run watch`; `said` waits for a text that was not waited for before. */
function startWatch(cwd: string) {
  const child = spawn("npm", ["run", "watch"], { cwd, env: { ...process.env, NO_COLOR: "1" } });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += String(chunk)));
  const ended = new Promise((done) => child.on("close", (status, signal) => done(status ?? signal)));
  const said = async (text: string): Promise<void> => {
    while (!output.includes(text)) {
      if (child.exitCode !== null) throw new Error(`ended before it said ${JSON.stringify(text)}:\n${output}`);
      await sleep(20);
    }
    output = output.slice(output.indexOf(text) + text.length);
  };
  return { child, ended, said };
}

describe("init", () => {
  test("writes a project once, and never over files that are there", () => {
    const { status, stdout } = init("My Tracer");
    expect(status).toBe(0);
    expect(stdout).toMatch(/^(.*written\n){6}next: cd My Tracer && npm install && sudo npm start\n$/);
    expect(JSON.parse(readFileSync(join(home.folder, "My Tracer/package.json"), "utf8"))).toMatchObject({
      name: "my-tracer",
    });
    expect(init("My Tracer")).toMatchObject({ status: 1, stderr: expect.stringContaining("is there already") });
  });

  test("the project installs, builds and shows live events as it stands, also on Node 24", async () => {
    expect(init("app").status).toBe(0);
    const cwd = join(home.folder, "app");
    // What the registry will have: the packages of this version.
    const manifest = join(cwd, "package.json");
    const tarballs = readdirSync(home.folder).filter((file) => file.endsWith(".tgz"));
    const [skel, runtime] = ["ebpf-skel-0", "ebpf-skel-runtime"].map((name) =>
      tarballs.find((one) => one.startsWith(name)),
    );
    const text = readFileSync(manifest, "utf8")
      .replace(/("@ebpf-skel\/runtime": )"[^"]*"/, `$1"file:../${runtime!}"`)
      .replace(/("ebpf-skel": )"[^"]*"/, `$1"file:../${skel!}"`);
    writeFileSync(manifest, text);
    const installed = run("npm", ["install", "--prefer-offline"], { cwd });
    expect(installed, installed.stderr).toMatchObject({ status: 0 });
    const built = run("npm", ["run", "build"], { cwd });
    expect(built, built.stdout + built.stderr).toMatchObject({ status: 0 });

    for (const node of [process.execPath, node24]) await watchEvents(node, cwd);

    // What the guide says to commit is not ignored.
    expect(run("git", ["init", "-q"], { cwd }).status).toBe(0);
    const { stdout: committed } = run("git", ["status", "--porcelain", "--untracked-files=all"], { cwd });
    expect(committed.match(/\S+$/gm)).toEqual(
      expect.arrayContaining(["src/main.ts", "src/prog.bpf.c", "src/prog.bpf.o", "src/prog.skel.ts"]),
    );
    expect(committed).not.toMatch(/dist|node_modules/);
  });

  test("its watch follows both languages, runs what compiles, and leaves no process", async () => {
    const cwd = join(home.folder, "app");
    const edit = (file: string, from: string, to: string): void => {
      const before = readFileSync(join(cwd, file), "utf8");
      expect(before).toContain(from);
      writeFileSync(join(cwd, file), before.replace(from, to));
    };
    const { child, ended, said } = startWatch(cwd);
    try {
      await said("programs that start");
      edit("src/main.ts", "programs that start", "processes that begin");
      await said("processes that begin");
      edit("src/prog.bpf.c", "char LICENSE[]", "int more = ;\nchar LICENSE[]");
      await said("error: expected expression");
      edit("src/prog.bpf.c", "int more = ;", "int more = 1;");
      await said("processes that begin");
      expect(readFileSync(join(cwd, "dist/prog.skel.js"), "utf8")).toContain("more");
      // The program is not run where tsc refuses it, and its own failure names the source's line.
      edit("src/main.ts", "using live", "const x: number = '';\nusing live");
      await said("error TS2322");
      edit("src/main.ts", "const x: number = '';", "if (process.pid > 0) throw new Error('mine');\n");
      await said("Error: mine");
      await said("src/main.ts:3:");
      edit("src/main.ts", "process.pid > 0", "process.pid < 0");
      await said("processes that begin");
      expect(processesIn(cwd).length).toBeGreaterThanOrEqual(4);
      child.kill("SIGTERM");
      await ended;
      expect(processesIn(cwd)).toEqual([]);
    } finally {
      child.kill("SIGTERM");
      await ended;
    }
  });
});
