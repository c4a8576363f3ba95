// `ebpf-skel build` with the real clang and bpftool, in a folder of its own: what it compiles, what it leaves alone, what it says.

import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, unlinkSync } from "node:fs";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { parseDepfile } from "../src/build/depfile.ts";
import { build, inspectObject, isSkelError } from "../src/index.ts";
import { ensureBuilt, Folder } from "./support/cli.ts";
import { outputOf } from "./support/programs.ts";

const COUNTER = `#include <linux/types.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "shared.h"

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX);
	__type(key, __u32);
	__type(value, struct count);
} counts SEC(".maps");

char LICENSE[] SEC("license") = "GPL";
`;
const SHARED = "#ifndef MAX\n#define MAX 16\n#endif\nstruct count { __u64 calls; __u32 errors; };\n";

const KERNEL = `#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

int last_pid;

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task)
{
	last_pid = task->pid;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
`;

beforeAll(() => ensureBuilt());

let folder: Folder;
let env: Record<string, string>;
beforeEach(() => {
  folder = new Folder();
  env = { XDG_CACHE_HOME: folder.at("cache") };
  folder.write("prog.bpf.c", COUNTER);
  folder.write("shared.h", SHARED);
});
afterEach(() => folder.remove());

const run = (args: readonly string[], more: Record<string, string> = {}) =>
  folder.command(["build", ...args], { ...env, ...more });
const times = (...names: string[]): number[] => names.map((name) => statSync(folder.at(name)).mtimeMs);
const written = (files: string) => ({ status: 0, stdout: `${files} written\n`, stderr: "" });
const upToDate = (files: string) => ({ status: 0, stdout: `${files} are up to date\n`, stderr: "" });
const object = (name = "prog.bpf.o") => inspectObject(new Uint8Array(readFileSync(folder.at(name))));

describe("build", () => {
  test("compiles a source and writes its module, and neither a second time", async () => {
    expect(await run(["prog.bpf.c"])).toEqual(written("prog.bpf.o, prog.skel.ts"));
    expect(object().maps[0]).toMatchObject({ name: "counts", maxEntries: 16, valueSize: 16 });
    expect(folder.list()).toEqual(["cache", "prog.bpf.c", "prog.bpf.o", "prog.skel.ts", "shared.h"]);
    const before = times("prog.bpf.o", "prog.skel.ts");
    expect(await run(["prog.bpf.c"])).toEqual(upToDate("prog.bpf.o, prog.skel.ts"));
    expect(await run(["prog.bpf.c", "--check"])).toEqual(upToDate("prog.bpf.o, prog.skel.ts"));
    expect(times("prog.bpf.o", "prog.skel.ts")).toEqual(before);
  });

  test("compiles again where the cache cannot be written", async () => {
    folder.write("cache", "no folder");
    for (let i = 0; i < 2; i++) {
      const { status, stderr } = await run(["prog.bpf.c"]);
      expect([status, stderr]).toEqual([0, ""]);
    }
    expect(object().maps[0]!.name).toBe("counts");
  });

  test("notices a changed header, changed arguments, and an object that was changed or taken away", async () => {
    await run(["prog.bpf.c"]);
    folder.write("shared.h", SHARED.replace("16", "32"));
    expect(await run(["prog.bpf.c", "--check"])).toEqual({
      status: 1,
      stdout: "",
      stderr: "ebpf-skel: prog.skel.ts: is out of date (run ebpf-skel build prog.bpf.c)\n",
    });
    expect(object().maps[0]!.maxEntries).toBe(16);
    expect(await run(["prog.bpf.c"])).toEqual(written("prog.bpf.o, prog.skel.ts"));
    expect(object().maps[0]!.maxEntries).toBe(32);
    expect(await run(["prog.bpf.c", "--", "-DMAX=64"])).toEqual(written("prog.bpf.o, prog.skel.ts"));
    expect(object().maps[0]!.maxEntries).toBe(64);
    unlinkSync(folder.at("prog.bpf.o"));
    expect(await run(["prog.bpf.c"])).toEqual(written("prog.bpf.o, prog.skel.ts"));
    folder.write("prog.bpf.o", "");
    expect(await run(["prog.bpf.c"])).toEqual(written("prog.bpf.o, prog.skel.ts"));
  });

  test("passes clang's diagnostics on as they are, and goes on with the other sources", async () => {
    folder.write("bad.bpf.c", "int x = ;\n");
    const { status, stdout, stderr } = await run(["bad.bpf.c", "prog.bpf.c"]);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "prog.bpf.o, prog.skel.ts written\n" });
    expect(stderr).toMatch(/^bad\.bpf\.c:1:9: error: expected expression\n/);
    expect(stderr).toMatch(/\nebpf-skel: bad\.bpf\.c: does not compile \(see what clang says\)\n$/);
    expect(folder.list()).not.toContain("bad.bpf.o");
  });

  test("tells of warnings, and writes all the same", async () => {
    folder.write("warn.bpf.c", `#warning "look"\n${COUNTER}`);
    const { status, stderr } = await run(["warn.bpf.c"]);
    expect(status).toBe(0);
    expect(stderr).toMatch(/^warn\.bpf\.c:1:2: warning: "look"/);
  });

  test("makes vmlinux.h of the running kernel, once, and not for a source that brings its own", async () => {
    folder.write("kernel.bpf.c", KERNEL);
    expect(await run(["kernel.bpf.c"])).toEqual(written("kernel.bpf.o, kernel.skel.ts"));
    expect(object("kernel.bpf.o").programs[0]!.section).toBe("tp_btf/sched_process_exec");
    const [made] = folder.list("cache/ebpf-skel").filter((name) => name.startsWith("vmlinux-"));
    const before = times(`cache/ebpf-skel/${made!}/vmlinux.h`);
    folder.write("other.bpf.c", KERNEL);
    expect((await run(["other.bpf.c", "kernel.bpf.c"])).stdout).toBe(
      "other.bpf.o, other.skel.ts written\nkernel.bpf.o, kernel.skel.ts are up to date\n",
    );
    expect(times(`cache/ebpf-skel/${made!}/vmlinux.h`)).toEqual(before);
    folder.write("vmlinux.h", "#error mine\n");
    expect((await run(["other.bpf.c", "--", "-I."])).stderr).toContain("error: mine");
  });

  test("gives the same object from whatever folder it is called in", async () => {
    await run(["prog.bpf.c"]);
    const here = readFileSync(folder.at("prog.bpf.o"));
    unlinkSync(folder.at("prog.bpf.o"));
    expect((await run([folder.at("prog.bpf.c")])).status).toBe(0);
    expect(readFileSync(folder.at("prog.bpf.o")).equals(here)).toBe(true);
    expect(here.includes(folder.path)).toBe(false);
  });

  test.each([
    ["little", 1],
    ["big", 2],
  ])("--endian %s", async (endian, data) => {
    expect((await run(["prog.bpf.c", "--endian", endian])).status).toBe(0);
    expect(readFileSync(folder.at("prog.bpf.o"))[5]).toBe(data);
  });

  test("takes all that gen takes", async () => {
    mkdirSync(folder.at("out"));
    const { status } = await run(["prog.bpf.c", "-o", "out", "--name", "other", "--int64", "number", "--no-embed"]);
    expect(status).toBe(0);
    expect(folder.list("out")).toEqual(["prog.skel.o", "prog.skel.ts"]);
    expect(folder.read("out/prog.skel.ts")).toContain("export interface Other {");
  });

  test("keeps its cache in the project's node_modules where there is one", async () => {
    folder.write("package.json", "{}");
    mkdirSync(folder.at("node_modules"));
    await run(["prog.bpf.c"]);
    expect(folder.list("node_modules/.cache/ebpf-skel")).toContain("objects");
  });

  test.each([
    [["x.o"], 'source: expected a file of C, got "x.o" (like prog.bpf.c)'],
    [[], "name a C source, like prog.bpf.c (see ebpf-skel build --help)"],
    [["prog.bpf.c", "--mcpu", "v9"], undefined],
  ])("build %j is wrong usage", async (args, message) => {
    const { status, stderr } = await run(args);
    expect(status).toBe(2);
    if (message !== undefined) expect(stderr).toBe(`ebpf-skel: ${message}\n`);
  });

  test("names the packages of a tool that is missing", async () => {
    mkdirSync(folder.at("bin"));
    expect((await run(["prog.bpf.c"], { PATH: folder.at("bin") })).stderr).toMatch(
      /^ebpf-skel: clang: expected the program, got nothing .*\(apt install clang, dnf install clang, apk add clang, or pacman -S clang\)\n$/,
    );
    expect(await run(["prog.bpf.c", "--clang", "/none"])).toMatchObject({ status: 1, stdout: "" });
  });

  test("takes the newest clang of the PATH, whatever its name", async () => {
    const clang = outputOf("sh", ["-c", "ls /usr/bin/clang-[0-9]* /usr/bin/clang 2>/dev/null | head -1"]).trim();
    mkdirSync(folder.at("bin"));
    folder.write("bin/clang", "#!/bin/sh\necho clang version 3.0; exit 0\n");
    chmodSync(folder.at("bin/clang"), 0o755);
    folder.write("bin/clang-98", "#!/bin/sh\nexit 1\n");
    chmodSync(folder.at("bin/clang-98"), 0o755);
    symlinkSync(clang, folder.at("bin/clang-99"));
    expect((await run(["prog.bpf.c"], { PATH: `${folder.at("bin")}:/bin` })).status).toBe(0);
    expect(existsSync(folder.at("prog.bpf.o"))).toBe(true);
  });
});

describe("the function build", () => {
  test("says what it made, from what", async () => {
    const source = folder.at("prog.bpf.c");
    const [built] = await build({ sources: [source], objectName: "counter" });
    expect(built).toEqual({
      source,
      object: folder.at("prog.bpf.o"),
      module: folder.at("prog.skel.ts"),
      inputs: expect.arrayContaining([source, folder.at("shared.h"), "/usr/include/linux/bpf.h"]),
      diagnostics: "",
      warnings: [],
      written: true,
    });
    expect(folder.read("prog.skel.ts")).toContain("export interface Counter {");
    expect(await build({ sources: [source], objectName: "counter" })).toMatchObject([{ written: false }]);
  });

  test("fails with what clang said, after all sources were tried", async () => {
    folder.write("bad.bpf.c", "int x = ;\n");
    const error: unknown = await build({ sources: [folder.at("bad.bpf.c"), folder.at("prog.bpf.c")] }).catch((e) => e);
    expect(isSkelError(error, "ERR_COMPILE")).toBe(true);
    expect((error as Error).cause).toMatchObject({ message: expect.stringContaining("error: expected expression") });
    expect(folder.list()).toContain("prog.skel.ts");
  });

  test.each([[{ sources: [] }], [{ sources: ["a.bpf.c", "b.bpf.c"], output: "x.ts" }], [{ sources: ["prog.o"] }]])(
    "refuses %j",
    async (options) => {
      await expect(build(options)).rejects.toMatchObject({ code: "ERR_OPTION" });
    },
  );
});

test.each([
  ["a.o: a.c b.h\n", ["a.c", "b.h"]],
  ["a.o: a.c \\\n  b.h \\\n  /usr/c.h\n", ["a.c", "b.h", "/usr/c.h"]],
  ["a.o: my\\ file.c d$$.h e\\#.h\n", ["my file.c", "d$.h", "e#.h"]],
  ["C:/x/a.o: a.c", ["a.c"]],
  ["a.o:\n", []],
  ["", []],
])("parseDepfile(%j)", (text, files) => {
  expect(parseDepfile(text)).toEqual(files);
});
