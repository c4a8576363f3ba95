// One source, compiled from several folders and in several places: equal bytes, and paths as the user's folder sees them.

import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { placeOf, seenDiagnostics } from "../src/build/place.ts";
import { ensureBuilt, Folder } from "./support/cli.ts";

const SOURCE = `#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "near.h"
#include "far.h"
SEC("tp/syscalls/sys_enter_execve") int on_execve(void *ctx) { return near(ctx) * far(ctx) + sizeof(__FILE__); }
char LICENSE[] SEC("license") = "GPL";
`;
const header = (name: string): string =>
  `static __always_inline int ${name}(int *ctx) {\n\treturn ctx[2] + sizeof(__FILE__); // ${name}\n}\n`;

let folder: Folder;
beforeAll(() => {
  ensureBuilt();
  folder = new Folder();
  for (const path of ["one", "one/src", "one/include", "elsewhere"]) mkdirSync(folder.at(path));
  folder.write("one/package.json", "{}");
  folder.write("one/src/prog.bpf.c", SOURCE);
  folder.write("one/src/near.h", header("near"));
  folder.write("one/include/far.h", header("far"));
});
afterAll(() => folder.remove());

/** Builds the source of `project` from the folder `cwd`; `name` spells paths. */
function build(project: string, cwd: string, name: (path: string) => string, include = "-I") {
  rmSync(folder.at(`${project}/src/prog.bpf.o`), { force: true });
  const flag = include.length > 2 ? [include, name("include")] : [include + name("include")];
  const said = folder.run(["build", name("src/prog.bpf.c"), "--", ...flag], {
    env: { XDG_CACHE_HOME: folder.at(`cache-${project}`) },
    under: ["env", "-C", folder.at(cwd)],
  });
  return { ...said, object: () => readFileSync(folder.at(`${project}/src/prog.bpf.o`)) };
}

describe("build", () => {
  test("gives the same bytes from everywhere, with the lines of all files of the project and no absolute path", () => {
    const here = build("one", "one", (path) => path);
    expect(here).toMatchObject({ status: 0, stderr: "" });
    const object = here.object();
    for (const line of ["return near(ctx) * far(ctx)", "// near", "// far"])
      expect(object.includes(line), line).toBe(true);
    expect(object.toString("latin1")).not.toMatch(/\0\/\w/);

    const absolute = (path: string): string => folder.at(`one/${path}`);
    const froms: [cwd: string, name: (path: string) => string, include?: string][] = [
      ["one/src", (path) => relative(folder.at("one/src"), folder.at(`one/${path}`))],
      ["elsewhere", (path) => `../one/${path}`, "-iquote"],
      ["elsewhere", absolute, "-isystem"],
    ];
    for (const from of froms) {
      const there = build("one", ...from);
      expect(there).toMatchObject({ status: 0, stderr: "" });
      expect(there.object().equals(object), String(from)).toBe(true);
    }

    mkdirSync(folder.at("deeper"));
    cpSync(folder.at("one"), folder.at("deeper/two"), { recursive: true });
    symlinkSync("deeper/two", folder.at("two"));
    const copied = build("two", "two", (path) => path);
    expect(copied).toMatchObject({ status: 0, stderr: "" });
    expect(copied.object().equals(object)).toBe(true);
  });

  test("tells of mistakes with paths as the user's folder sees them", () => {
    folder.write("one/src/near.h", `${header("near")}#error near\n`);
    folder.write("one/include/far.h", `${header("far")}#warning far\n`);
    const from = (cwd: string, name: (path: string) => string) =>
      build("one", cwd, name).stderr.match(/^.*(?:from|error:|warning:).*$/gm);
    expect(from("one", (path) => path)).toEqual([
      "In file included from src/prog.bpf.c:3:",
      "src/near.h:4:2: error: near",
      "In file included from src/prog.bpf.c:4:",
      expect.stringMatching(/^include\/far\.h:4:2: warning: far/),
    ]);
    expect(from("elsewhere", (path) => `../one/${path}`)).toEqual([
      "In file included from ../one/src/prog.bpf.c:3:",
      "../one/src/near.h:4:2: error: near",
      "In file included from ../one/src/prog.bpf.c:4:",
      expect.stringMatching(/^\.\.\/one\/include\/far\.h:4:2: warning: far/),
    ]);
    expect(from("/", (path) => folder.at(`one/${path}`))![3]).toContain(`${folder.at("one/include/far.h")}:4:2:`);
  });
});

describe("placeOf", () => {
  let cwd: string;
  let home: string;
  beforeAll(() => {
    cwd = process.cwd();
    home = mkdtempSync(join(tmpdir(), "ebpf-skel-place-"));
    for (const path of ["src", "include"]) mkdirSync(join(home, path));
    writeFileSync(join(home, "package.json"), "{}");
    writeFileSync(join(home, "config.h"), "");
    renameSync(join(home, "src"), join(home, "real"));
    symlinkSync("real", join(home, "src"));
    process.chdir(home);
  });
  afterAll(() => {
    process.chdir(cwd);
    rmSync(home, { recursive: true, force: true });
  });

  test.each<[flags: string[], there: string[]]>([
    [
      ["-Iinclude", "-I."],
      ["-I../include", "-I.."],
    ],
    [
      ["-I", "include", "-DX"],
      ["-I", "../include", "-DX"],
    ],
    [
      ["-iquote", "src", "-isysteminclude", "-idirafter", "none"],
      ["-iquote", "../src", "-isystem../include", "-idirafter", "../none"],
    ],
    [
      ["-include", "config.h", "-include", "vmlinux.h"],
      ["-include", "../config.h", "-include", "vmlinux.h"],
    ],
    [
      ["-Xclang", "-I", "-Xclang", "include"],
      ["-Xclang", "-I", "-Xclang", "../include"],
    ],
    [
      ["--include-directory=include", "--sysroot", "include"],
      ["--include-directory=../include", "--sysroot", "../include"],
    ],
    [
      ["-I/usr/include", "-I=include", "-Wall", "-O1"],
      ["-I/usr/include", "-I=include", "-Wall", "-O1"],
    ],
  ])("%j", (flags, there) => {
    expect(placeOf("src/prog.bpf.c").flags(flags)).toEqual(there);
  });

  test("reads files of arguments, in which paths start at the user's folder", () => {
    writeFileSync(join(home, "args"), `-Iinclude '-DTEXT="a b"' @more\n@none`);
    writeFileSync(join(home, "more"), '-isystem\n  src\\ x -D"A B"=1');
    expect(placeOf("src/prog.bpf.c").flags(["-Wall", "@args"])).toEqual([
      "-Wall",
      "-I../include",
      '-DTEXT="a b"',
      "-isystem",
      "../src x",
      "-DA B=1",
      "@none",
    ]);
    writeFileSync(join(home, "args"), "-DX @args");
    expect(placeOf("src/prog.bpf.c").flags(["@args"]).at(-1)).toBe("@args");
  });

  test("moves the folders of CPATH and its like; an empty one is the user's", () => {
    vi.stubEnv("CPATH", `include::${home}/include:/usr/include`);
    vi.stubEnv("C_INCLUDE_PATH", "src");
    vi.stubEnv("CPLUS_INCLUDE_PATH", "");
    expect(placeOf("src/prog.bpf.c").variables).toEqual({
      CPATH: "../include:..:../include:/usr/include",
      C_INCLUDE_PATH: "../src",
    });
    vi.unstubAllEnvs();
    expect(placeOf("src/prog.bpf.c").variables).toEqual({});
  });

  test("makes paths of the project relative, and those of clang the user's again", () => {
    expect(placeOf("src/prog.bpf.c").flags([`-I${home}/include`])).toEqual(["-I../include"]);
    const { folder, name, seen } = placeOf("src/prog.bpf.c");
    expect([folder, name]).toEqual([join(home, "real"), "prog.bpf.c"]);
    const paths = ["prog.bpf.c", "./near.h", "../include/far.h", "/usr/include/x.h"];
    expect(paths.map(seen)).toEqual(["src/prog.bpf.c", "src/near.h", "include/far.h", "/usr/include/x.h"]);
  });

  test("leaves lines of source in diagnostics alone", () => {
    const text =
      "  4 | x.c:1:2: y\n\u001b[1mprog.bpf.c:1:2: \u001b[0m\u001b[0;1;31merror: \u001b[0mno\n1 error generated.\n";
    expect(seenDiagnostics(text, placeOf("src/prog.bpf.c"))).toBe(text.replace("prog.bpf.c", "src/prog.bpf.c"));
  });
});
