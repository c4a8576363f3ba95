// Functions of binaries by names that are more than a C name: versions of a symbol, and Go's. Whether the right one is
// probed is seen by calling each.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Program, section, type Skeleton, u64 } from "../../src/gen1.ts";
import type { Link, Loaded } from "../../src/index.ts";
import { compile, skeletonOf } from "../support/clang.ts";
import { thrownBy } from "../support/errors.ts";
import { requireKernel } from "../support/kernel.ts";

requireKernel();

interface Probes {
  maps: {};
  progs: Record<
    "on_call" | "on_return" | "by_version" | "by_name" | "on_go" | "on_pointer" | "within",
    Program<"uprobe">
  >;
  sections: { bss: { calls: bigint } };
  structOps: {};
}

const method = "example.com/mod/v2.(*Server).Serve";
const generic = "example.com/mod/v2.Map[go.shape.int,go.shape.string]";

let folder: string;
let library: string;
let caller: string;
let probes: Skeleton<Probes>;
let live: Loaded<Probes>;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "ebpf-skel-uprobe-"));
  library = join(folder, "libversions.so");
  caller = join(folder, "caller");
  makeLibrary();
  makeCaller();
  probes = makeProbes();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => {
  live = probes.load();
});
afterEach(() => live?.close());

/** A library of `answer` in two versions, a function with none, and two local ones of one name. */
function makeLibrary(): void {
  const script = join(folder, "versions.map");
  writeFileSync(script, "V1 { global: answer; question; }; V2 { global: answer; } V1;");
  const twin = "static __attribute__((noinline, used)) int twin(int a) { return a + TWIN; }";
  const sources = [
    `__attribute__((symver("answer@V1"))) int answer_old(void) { return 1; }
     __attribute__((symver("answer@@V2"))) int answer_new(void) { return 2; }
     int question(void) { return 3; }
     ${twin.replace("TWIN", "4")}`,
    twin.replace("TWIN", "5"),
  ].map((source, i) => {
    const path = join(folder, `part${i}.c`);
    writeFileSync(path, source);
    return path;
  });
  execFileSync("gcc", ["-shared", "-fPIC", "-O1", `-Wl,--version-script=${script}`, "-o", library, ...sources]);
}

/** A program that calls what its arguments say: a version of `answer` or of libc's `realpath`, or a function of Go's name. */
function makeCaller(): void {
  const assembly = join(folder, "go.s");
  const source = join(folder, "caller.c");
  const named = (c: string, go: string): string =>
    `.globl ${c}\n.type ${c},@function\n${c}:\n.type "${go}",@function\n"${go}":\nnop\nret\n`;
  writeFileSync(assembly, `.text\n${named("method", method)}${named("generic", generic)}.section .note.GNU-stack\n`);
  writeFileSync(
    source,
    `#define _GNU_SOURCE
     #include <dlfcn.h>
     #include <string.h>
     void method(void);
     void generic(void);
     int main(int argc, char **argv) {
       if (argc == 2) { (strcmp(argv[1], "method") == 0 ? method : generic)(); return 0; }
       void *library = dlopen(argv[1], RTLD_NOW);
       char *(*function)(const char *, char *) = dlvsym(library, argv[2], argv[3]);
       if (!function) return 1;
       char room[4096];
       function("/", room);
       return 0;
     }`,
  );
  execFileSync("gcc", ["-O1", "-o", caller, source, assembly, "-ldl"]);
}

function makeProbes(): Skeleton<Probes> {
  const sections: Record<keyof Probes["progs"], string> = {
    on_call: "uprobe",
    on_return: "uretprobe",
    by_version: `uprobe/${library}:answer@V1`,
    by_name: "uretprobe/libc.so.6:realpath",
    on_go: `uprobe/${caller}:${method}`,
    on_pointer: `uprobe/${caller}:${generic}+0x1`,
    within: `uretprobe/${library}:question+1`,
  };
  const progs = Object.entries(sections).map(
    ([name, sec]) => `SEC("${sec}") int ${name}(void *ctx) { __sync_fetch_and_add(&calls, 1); return 0; }`,
  );
  return skeletonOf<Probes>(compile(`unsigned long long calls;\n${progs.join("\n")}`), {
    maps: {},
    progs: sections,
    sections: { bss: section(".bss", 8, { calls: [0, u64] }) },
  });
}

/** How often `link` runs while each of `calls` is made once. */
function runsOf(link: Link, ...calls: readonly (readonly string[])[]): readonly bigint[] {
  const runs = calls.map((args) => {
    const before = live.bss.calls;
    execFileSync(caller, args);
    return live.bss.calls - before;
  });
  link.detach();
  return runs;
}

const v1 = (): string[] => [library, "answer", "V1"];
const v2 = (): string[] => [library, "answer", "V2"];

describe("a function with versions", () => {
  test("is the default by its bare name, and each by its own", () => {
    const { on_call, on_return } = live.progs;
    const at = (func: string): Link => on_call.attach({ path: library, func });
    expect(runsOf(at("answer"), v1(), v2())).toEqual([0n, 1n]);
    expect(runsOf(at("answer@V1"), v1(), v2())).toEqual([1n, 0n]);
    expect(runsOf(at("answer@V2"), v1(), v2())).toEqual([0n, 1n]);
    expect(runsOf(at("answer@@V2"), v1(), v2())).toEqual([0n, 1n]);
    expect(runsOf(on_return.attach({ path: library, func: "answer@V1" }), v1(), v2())).toEqual([1n, 0n]);
  });

  test("is found in .dynsym alone", () => {
    const stripped = join(folder, "libstripped.so");
    execFileSync("strip", ["-o", stripped, library]);
    const old = [stripped, "answer", "V1"];
    const young = [stripped, "answer", "V2"];
    const { on_call } = live.progs;
    expect(runsOf(on_call.attach({ path: stripped, func: "answer@V1" }), old, young)).toEqual([1n, 0n]);
    expect(runsOf(on_call.attach({ path: stripped, func: "answer" }), old, young)).toEqual([0n, 1n]);
  });

  test("is what the section names", () => {
    expect(runsOf(live.progs.by_version.attach(), v1(), v2())).toEqual([1n, 0n]);
    const old = ["libc.so.6", "realpath", "GLIBC_2.2.5"];
    const young = ["libc.so.6", "realpath", "GLIBC_2.3"];
    // The old one calls the young one.
    expect(runsOf(live.progs.by_name.attach(), young)).toEqual([1n]);
    const { on_call } = live.progs;
    const oldLink = on_call.attach({ path: "libc.so.6", func: "realpath@GLIBC_2.2.5" });
    expect(runsOf(oldLink, old, young)).toEqual([1n, 0n]);
    // Two versions of one function.
    for (const func of ["pthread_create", "pthread_create@GLIBC_2.34", "pthread_create@@GLIBC_2.34"]) {
      on_call.attach({ path: "libc.so.6", func }).detach();
    }
  });

  test("that is not there is told with those that are", () => {
    const { on_call } = live.progs;
    const message = (func: string): string => thrownBy(() => on_call.attach({ path: library, func })).message;
    const start = `program on_call: attach: ENOENT (${library} has no`;
    expect(message("answer@V3")).toBe(`${start} answer@V3 to probe: it has answer@V1, answer@@V2)`);
    expect(message("anwser")).toBe(`${start} anwser to probe: it has answer)`);
    expect(message("quest")).toBe(`${start} quest to probe: it has question)`);
    expect(message("no_such_function")).toBe(`${start} no_such_function to probe: see nm, and nm -D)`);
    expect(message("twin")).toMatch(
      /^program on_call: attach: func: expected a name that \S+ has once \(use offset: 0x[\da-f]+, 0x[\da-f]+\), got "twin"$/,
    );
  });

  test("that is chosen when a program starts is refused, as what would be probed is the choice", () => {
    expect(thrownBy(() => live.progs.on_call.attach({ path: "libc.so.6", func: "memcpy" })).message).toMatch(
      /^program on_call: attach: ENOENT \(\S+libc.so.6 chooses what memcpy is when it is linked, an IFUNC: name the function/,
    );
  });
});

describe("a function with a name of Go's", () => {
  test("is what the section names, with an offset too", () => {
    const { attached, failed } = live.attach({ only: ["on_go", "on_pointer"] });
    expect({ attached, failed }).toEqual({ attached: ["on_go", "on_pointer"], failed: {} });
    expect(runsOf(live.links.on_go!, ["method"], ["generic"])).toEqual([1n, 1n]);
    expect(runsOf(live.links.on_pointer!, ["method"], ["generic"])).toEqual([0n, 1n]);
  });

  test("is what the options name", () => {
    const { on_call } = live.progs;
    expect(runsOf(on_call.attach({ path: caller, func: method }), ["method"], ["generic"])).toEqual([1n, 0n]);
  });

  test("that is not there is told with one like it", () => {
    const wrong = method.replace("*Server", "Server");
    expect(thrownBy(() => live.progs.on_call.attach({ path: caller, func: wrong })).message).toBe(
      `program on_call: attach: ENOENT (${caller} has no ${wrong} to probe: it has ${method})`,
    );
  });
});

test("a section's options can be said without its place", () => {
  const ofNobody = live.progs.by_version.attach({ pid: process.pid });
  expect(runsOf(ofNobody, v1())).toEqual([0n]);
  expect(runsOf(live.progs.by_version.attach({ func: "answer@V2" }), v1(), v2())).toEqual([0n, 1n]);
});

test("a return has no offset", () => {
  expect(thrownBy(() => live.progs.within.attach()).message).toBe(
    "program within: attach: offset: expected 0 for a return from a function, got 1",
  );
});
