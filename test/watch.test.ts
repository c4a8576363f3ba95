// `--watch` as a user meets it: files change in the ways that editors and compilers change them, and a line tells of each.

import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { ensureBuilt, Folder } from "./support/cli.ts";
import { fixtures } from "./support/fixtures.ts";
import { repository } from "./support/workspace.ts";

const fixture = (name: string): Buffer => readFileSync(fixtures.find((one) => one.name === name)!.object);

beforeAll(() => ensureBuilt());

let folder: Folder;
let child: ChildProcess | undefined;
beforeEach(() => {
  folder = new Folder();
});
afterEach(() => {
  child?.kill("SIGKILL");
  folder.remove();
});

/** Starts the program; `line` gives what it writes next, on either stream, a line at a time. */
function watching(args: readonly string[]): { line: () => Promise<string>; ended: Promise<number | null> } {
  const started = spawn(process.execPath, [join(repository, "dist/cli/main.js"), ...args, "--watch"], {
    cwd: folder.path,
    env: { ...process.env, NO_COLOR: "1", XDG_CACHE_HOME: folder.at("cache") },
  });
  child = started;
  let text = "";
  for (const stream of [started.stdout, started.stderr]) stream.on("data", (chunk) => (text += String(chunk)));
  return {
    async line() {
      while (!text.includes("\n")) await sleep(20);
      const end = text.indexOf("\n");
      const line = text.slice(0, end);
      text = text.slice(end + 1);
      return line;
    },
    ended: new Promise((done) => started.on("close", (status) => done(status))),
  };
}

test("gen follows an object that is rewritten, broken, taken away and put back", async () => {
  folder.write("x.bpf.o", fixture("execve_counter"));
  const { line, ended } = watching(["gen", "x.bpf.o"]);
  expect(await line()).toBe("x.skel.ts written");
  expect(await line()).toBe("watching x.bpf.o (Ctrl-C ends)");
  folder.write("x.bpf.o", fixture("globals"));
  expect(await line()).toBe("x.skel.ts written");
  expect(folder.read("x.skel.ts")).toContain("interface Limits");
  folder.write("x.bpf.o", "int main(void)");
  expect(await line()).toMatch(/^ebpf-skel: x\.bpf\.o: not an ELF object/);
  unlinkSync(folder.at("x.bpf.o"));
  expect(await line()).toMatch(/^ebpf-skel: x\.bpf\.o: cannot be read, got ENOENT/);
  // As editors and linkers do: a new file in the place of the old.
  writeFileSync(folder.at("new"), fixture("execve_counter"));
  renameSync(folder.at("new"), folder.at("x.bpf.o"));
  expect(await line()).toBe("x.skel.ts written");
  child!.kill("SIGINT");
  expect(await ended).toBe(130);
});

test("build follows a source and its headers through a mistake", async () => {
  const source = `#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n#include "n.h"\nint value = N;\nchar LICENSE[] SEC("license") = "GPL";\n`;
  folder.write("p.bpf.c", source);
  folder.write("n.h", "#define N 1\n");
  const { line } = watching(["build", "p.bpf.c"]);
  expect(await line()).toBe("p.bpf.o, p.skel.ts written");
  expect(await line()).toMatch(/^watching \d+ files \(Ctrl-C ends\)$/);
  folder.write("n.h", "#define N 2\n");
  expect(await line()).toBe("p.bpf.o, p.skel.ts written");
  folder.write("p.bpf.c", `${source}int more = ;\n`);
  expect(await line()).toBe("p.bpf.c:6:12: error: expected expression");
  for (let told = ""; !told.startsWith("ebpf-skel: p.bpf.c: does not compile");) told = await line();
  folder.write("n.h", "#define N 3\n");
  for (let told = ""; !told.startsWith("ebpf-skel: p.bpf.c: does not compile");) told = await line();
  folder.write("p.bpf.c", `${source}int more;\n`);
  expect(await line()).toBe("p.bpf.o, p.skel.ts written");
  expect(folder.read("p.skel.ts")).toContain("more: number");
});
