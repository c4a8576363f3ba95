// `ebpf-skel init` as a new user meets it: the packed tarballs in an empty folder, npm's own commands, the real kernel.

import { spawn } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
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

describe("init", () => {
  test("writes a project once, and never over files that are there", () => {
    const { status, stdout } = init("My Tracer");
    expect(status).toBe(0);
    expect(stdout).toMatch(/^(.*written\n){5}next: cd My Tracer && npm install && sudo npm start\n$/);
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
  });
});
