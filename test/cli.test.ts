// The command line as a process: what it writes, what it says, and what it leaves alone when something is wrong.

import { execFileSync } from "node:child_process";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  truncateSync,
} from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { stripDebug } from "../src/elf/write.ts";
import { generate } from "../src/generate.ts";
import { inspectObject } from "../src/inspect.ts";
import type { ObjectModel } from "../src/object/model.ts";
import { VERSION } from "../src/version.ts";
import { type Ended } from "./support/programs.ts";
import { ensureBuilt, Folder, inMountNamespace, mayMount, shellLine } from "./support/cli.ts";
import { buildElf } from "./support/elf-builder.ts";
import { fixtures } from "./support/fixtures.ts";
import { type Parts, putTogether, takeApart } from "./support/parts.ts";
import { HARMLESS, objectWith } from "./support/small-object.ts";

const fixture = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(fixtures.find((one) => one.name === name)!.object));

const counter = fixture("execve_counter");

/** The module of the reference program. */
let module: string;
beforeAll(async () => {
  ensureBuilt();
  module = await generate(counter, { name: "x.bpf.o" });
});

/** A new folder for each test, with the reference program in it. */
let folder: Folder;
beforeEach(() => {
  folder = new Folder();
  folder.write("x.bpf.o", counter);
});
afterEach(() => folder.remove());

/** What stands on stderr: one line, and no stack. */
const says = (message: string): string => `ebpf-skel: ${message}\n`;

const written = (file: string) => ({ status: 0, stdout: `${file} written\n`, stderr: "" });
const upToDate = (file: string) => ({ status: 0, stdout: `${file} is up to date\n`, stderr: "" });
const failed = (message: string) => ({ status: 1, stdout: "", stderr: says(message) });
const misused = (message: string) => ({ status: 2, stdout: "", stderr: says(message) });

/** Root without capabilities is held to the rights of files, as everybody is. */
const WITHOUT_CAPABILITIES = process.getuid?.() === 0 ? ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] : [];

describe("an object that cannot be read", () => {
  type Fields = Record<string, unknown>;

  /** A record of the object's BTF. */
  const record = ({ types }: Parts, kind: string, name: string): Fields =>
    types.find((type) => type.kind === kind && (type as unknown as Fields)["name"] === name) as unknown as Fields;

  /** A small sound object, made unsound. */
  const changed = (change: (parts: Parts) => void) => (): Uint8Array => {
    const parts = takeApart(objectWith(HARMLESS));
    change(parts);
    return putTogether(parts);
  };
  const elf = (file: object) => (): Uint8Array => buildElf({ file });
  const text = (content: string) => (): string => content;

  const COMPILE = "clang -g -O2 -target bpf -c";
  const DAMAGED = "(the type information is damaged, or newer than this ebpf-skel: compile again, or update)";
  const NAME_A_FILE = "(name a compiled object, like prog.bpf.o)";

  /** What is in the file, and what the program says of it. */
  const contents: readonly (readonly [title: string, content: () => string | Uint8Array, message: string])[] = [
    ["no bytes", text(""), `file is empty, got 0 bytes (compile with ${COMPILE})`],
    ["four bytes", text("\x7fELF"), "file header is cut short, got 4 of 64 bytes (compile again)"],
    [
      "half of an object",
      () => counter.subarray(0, 4000),
      "section headers must lie in the file, got 28 headers at 0x17f8 in 0xfa0 bytes (is the file complete?)",
    ],
    [
      "source",
      text("int main(void)\n{\n}\n"),
      `not an ELF object, got text that begins "int main(void)\\n{\\n}\\n" (compile it with ${COMPILE})`,
    ],
    ["gzip data", () => gzipSync(counter), "not an ELF object, got gzip data (decompress it with gunzip)"],
    ["an archive", text("!<arch>\n"), "not an ELF object, got an ar archive (take the object out with ar x)"],
    [
      "bitcode",
      () => Uint8Array.of(0x42, 0x43, 0xc0, 0xde, 0x35, 0x14, 0, 0),
      "not an ELF object, got LLVM bitcode (compile without -flto and -emit-llvm)",
    ],
    [
      "an object for x86-64",
      elf({ machine: 62 }),
      "not a BPF object, got machine 62 (x86-64) at offset 18 (compile with -target bpf)",
    ],
    ["a 32-bit object", elf({ class: 1 }), `not a 64-bit object, got ELF32 at offset 4 (compile with ${COMPILE})`],
    [
      "a shared object",
      elf({ type: 3 }),
      "not a relocatable object, got type 3 (a shared object) at offset 16 (compile with clang -c, do not link)",
    ],
    [
      "a damaged header",
      elf({ ehsize: 63 }),
      "e_ehsize must be 64, got 63 at offset 52 (the file is damaged: compile it again)",
    ],
    ["a map and no BTF", () => fixture("nobtf"), "no .BTF section (compile with clang -g -target bpf)"],
    [
      "a type that leads nowhere",
      changed((parts) => (record(parts, "typedef", "pair_t")["type"] = 99)),
      `type 6 (typedef pair_t): refers to type 99, got only 17 types ${DAMAGED}`,
    ],
    [
      "a member outside of its struct",
      changed((parts) => (record(parts, "struct", "event")["size"] = 15)),
      `type 7 (struct event): member 2 (both) ends at bit 128, got a struct of 15 bytes ${DAMAGED}`,
    ],
    [
      "a map without a type",
      changed((parts) => {
        const definition = parts.types.findLast((type) => type.kind === "struct")!;
        if (definition.kind === "struct") definition.members.shift();
      }),
      "map counts: no map type (write __uint(type, BPF_MAP_TYPE_...))",
    ],
    [
      "a key that is no pointer",
      changed((parts) => {
        const definition = parts.types.findLast((type) => type.kind === "struct")!;
        if (definition.kind === "struct") definition.members[2]!.type = 1;
      }),
      'map counts: key type is not a pointer, got "unsigned int" (write __type(key, ...))',
    ],
    [
      "a map without a symbol",
      changed((parts) => (parts.symbols.find(({ name }) => name === "counts")!.name = "other")),
      'map counts: BTF describes it but section ".maps" has no such symbol (define the map as bpf_helpers.h does, with __uint and __type, and compile again)',
    ],
    [
      "a name with an escape sequence",
      () => objectWith({ ...HARMLESS, map: "\u001b[31mred" }),
      'map name is not a C identifier with or without dots of at most 127 characters, got "\\u001b[31mred" (the kernel refuses it too: rename it)',
    ],
  ];

  /** One run over all of them, each file under the number of its row. */
  const numbered = contents.map(([title, content, message], i) => ({ title, content, message, file: `${i}.o` }));
  let all: Ended & { readonly left: string[] };
  beforeAll(() => {
    const own = new Folder();
    for (const { file, content } of numbered) own.write(file, content());
    const before = own.list();
    const ended = own.run(["gen", ...numbered.map(({ file }) => file)]);
    all = { ...ended, left: own.list().filter((file) => !before.includes(file)) };
    own.remove();
  });

  test.each(numbered)("$title", ({ file, message }) => {
    const lines = all.stderr.split("\n").filter((line) => line.startsWith(`ebpf-skel: ${file}: `));
    expect(lines).toEqual([`ebpf-skel: ${file}: ${message}`]);
  });

  test("says nothing else, and writes nothing", () => {
    expect({ ...all, stderr: all.stderr.trimEnd().split("\n").length }).toEqual({
      status: 1,
      stdout: "",
      stderr: contents.length,
      left: [],
    });
  });

  test("one that is alone", async () => {
    folder.write("bad.o", "");
    expect(await folder.command(["gen", "bad.o"])).toEqual(
      failed(`bad.o: file is empty, got 0 bytes (compile with ${COMPILE})`),
    );
    expect(folder.list()).toEqual(["bad.o", "x.bpf.o"]);
  });

  /** What is in the place of the file. */
  const places: readonly (readonly [title: string, file: string, make: (path: string) => void, message: string])[] = [
    [
      "nothing",
      "bad.o",
      () => undefined,
      "bad.o: cannot be read, got ENOENT, no such file (compile it first, or check the path)",
    ],
    [
      "nothing, under a name that would move the cursor",
      "bad\u001b[A\n.o",
      () => undefined,
      '"bad\\u001b[A\\n.o": cannot be read, got ENOENT, no such file (compile it first, or check the path)',
    ],
    ["a folder", "bad.o", (path) => mkdirSync(path), `bad.o: not an object, got a folder ${NAME_A_FILE}`],
    [
      "a pipe that nobody writes to",
      "bad.o",
      (path) => execFileSync("mkfifo", [path]),
      `bad.o: not an object, got no regular file ${NAME_A_FILE}`,
    ],
    [
      "a device without end",
      "bad.o",
      (path) => symlinkSync("/dev/zero", path),
      `bad.o: not an object, got no regular file ${NAME_A_FILE}`,
    ],
    [
      "a file of more than 64 MiB",
      "bad.o",
      (path) => {
        folder.write("bad.o", "");
        truncateSync(path, 64 * 1024 * 1024 + 1);
      },
      "bad.o: not an object, got 67108865 bytes of at most 67108864 (name a compiled object)",
    ],
    [
      "a path through a file",
      "x.bpf.o/bad.o",
      () => undefined,
      "x.bpf.o/bad.o: cannot be read, got ENOTDIR, a part of the path that is no folder (check the path)",
    ],
    [
      "symbolic links in a circle",
      "bad.o",
      (path) => symlinkSync("bad.o", path),
      "bad.o: cannot be read, got ELOOP, symbolic links in a circle (remove one of them)",
    ],
  ];

  test.each(places)("%s", async (_, file, make, message) => {
    make(folder.at(file));
    const before = folder.list();
    expect(await folder.command(["gen", file])).toEqual(failed(message));
    expect(folder.list()).toEqual(before);
  });

  test("inspect says the same", async () => {
    folder.write("bad.o", counter.subarray(0, 40));
    for (const file of ["bad.o", "missing.o", "."])
      expect(await folder.command(["inspect", file])).toEqual(await folder.command(["gen", file]));
  });

  test("a file that others may not read", () => {
    chmodSync(folder.path, 0o755);
    chmodSync(folder.at("x.bpf.o"), 0o000);
    expect(folder.run(["gen", "x.bpf.o"], { under: WITHOUT_CAPABILITIES })).toEqual(
      failed(
        "x.bpf.o: cannot be read, got EACCES, permission denied (check the rights of the file and of its folders)",
      ),
    );
  });

  test("--verbose shows the stack as well", () => {
    const { status, stderr } = folder.run(["gen", "missing.o", "--verbose"]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^ebpf-skel: SkelError: missing\.o: cannot be read, got ENOENT.*\n {4}at /);
  });

  test("does not keep the others from being generated", async () => {
    const { status, stdout, stderr } = await folder.command(["gen", "missing.o", "x.bpf.o"]);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "x.skel.ts written\n" });
    expect(stderr).toMatch(/^ebpf-skel: missing\.o: cannot be read, got ENOENT.*\n$/);
    expect(folder.list()).toEqual(["x.bpf.o", "x.skel.ts"]);
  });
});

describe("wrong usage", () => {
  const HELP = "(see ebpf-skel --help)";
  const helpOf = (command: string): string => `(see ebpf-skel ${command} --help)`;

  test.each<readonly [string[], string]>([
    [[], `name a command ${HELP}`],
    [["frob"], `unknown argument: frob ${HELP}`],
    [["frob", "x.bpf.o"], `unknown arguments: frob, x.bpf.o ${HELP}`],
    [["gen"], `name a compiled object, like prog.bpf.o ${helpOf("gen")}`],
    [["gen", "x.bpf.o", "--frob"], `unknown argument: frob ${helpOf("gen")}`],
    [["gen", "x.bpf.o", "-o"], `-o needs a value ${helpOf("gen")}`],
    [["gen", "x.bpf.o", "--name"], `--name needs a value ${helpOf("gen")}`],
    [["gen", "x.bpf.o", "--name", "a b"], '--name: expected a C identifier, got "a b" (see ebpf-skel gen --help)'],
    [["gen", "x.bpf.o", "--name", "*/"], '--name: expected a C identifier, got "*/" (see ebpf-skel gen --help)'],
    [["gen", "x.bpf.o", "y.bpf.o", "--name", "a"], "--name: names one object, got 2 (generate them apart)"],
    [["gen", "x.bpf.o", "y.bpf.o", "--stdout"], "--stdout: prints one module, got 2 objects (generate them apart)"],
    [["gen", "x.bpf.o", "--stdout", "-o", "y.ts"], "--stdout: prints the module, got --output too (leave one out)"],
    [["gen", "x.bpf.o", "--stdout", "--check"], "--stdout: prints the module, got --check too (leave one out)"],
    [
      ["gen", "x.bpf.o", "y.bpf.o", "-o", "y.ts"],
      "--output: expected a folder for 2 objects, got y.ts (make it first, or end it with a slash)",
    ],
    [
      ["gen", "x.bpf.o", "-o", "x.bpf.o"],
      "--output: expected another file than the object, got x.bpf.o (choose another name)",
    ],
    [
      ["gen", "x.bpf.o", "-o", "./a/../x.bpf.o"],
      "--output: expected another file than the object, got ./a/../x.bpf.o (choose another name)",
    ],
    [["gen", "x.bpf.o", "x.o"], "x.o and x.bpf.o both become x.skel.ts (generate them apart, with --output)"],
    [
      ["gen", "a/x.bpf.o", "b/x.bpf.o", "-o", "out/"],
      "b/x.bpf.o and a/x.bpf.o both become out/x.skel.ts (generate them apart, with --output)",
    ],
    [["gen", "x.bpf.o", "--int64", "foo"], `--int64: expected "bigint" or "number", got "foo" ${helpOf("gen")}`],
    [["build", "x.bpf.c", "--mcpu", "v9"], `--mcpu: expected "v1", "v2", "v3" or "v4", got "v9" ${helpOf("build")}`],
    [["run", "x.bpf.o", "--count", "x"], `--count: expected a whole number from 1 on, got "x" ${helpOf("run")}`],
    [["run", "x.bpf.o", "--rows", "0"], `--rows: expected a whole number from 1 on, got "0" ${helpOf("run")}`],
    [["inspect"], `name a compiled object, like prog.bpf.o ${helpOf("inspect")}`],
    [["inspect", "x.bpf.o", "y.bpf.o"], `unknown argument: y.bpf.o ${helpOf("inspect")}`],
  ])("%j", async (args, message) => {
    expect(await folder.command(args)).toEqual(misused(message));
    expect(folder.list()).toEqual(["x.bpf.o"]);
    expect(Buffer.compare(readFileSync(folder.at("x.bpf.o")), counter)).toBe(0);
  });

  test("--help and --version are none", () => {
    expect(folder.run(["--version"])).toEqual({ status: 0, stdout: `${VERSION}\n`, stderr: "" });
    for (const args of [["--help"], ["gen", "--help"], ["inspect", "--help"]])
      expect(folder.run(args)).toMatchObject({ status: 0, stderr: "", stdout: expect.stringContaining("ebpf-skel") });
  });
});

describe("gen", () => {
  test("writes the module beside the object, as the library makes it", async () => {
    mkdirSync(folder.at("sub"));
    folder.write("sub/y.bpf.o", counter);
    expect(await folder.command(["gen", "sub/y.bpf.o"])).toEqual(written("sub/y.skel.ts"));
    expect(folder.read("sub/y.skel.ts")).toBe(await generate(counter, { name: "y.bpf.o" }));
    expect(folder.list("sub")).toEqual(["y.bpf.o", "y.skel.ts"]);
  });

  test("names modules after their objects", async () => {
    const objects = ["prog.bpf.o", "other.o", "plain", "a.b.bpf.o", "-dash.bpf.o"];
    for (const object of objects) folder.write(object, counter);
    const { stdout } = await folder.command(["gen", ...objects.map((object) => `./${object}`)]);
    const modules = ["prog.skel.ts", "other.skel.ts", "plain.skel.ts", "a.b.skel.ts", "-dash.skel.ts"];
    expect(stdout).toBe(modules.map((file) => `${file} written\n`).join(""));
    expect(folder.list()).toEqual(expect.arrayContaining(modules));
  });

  test("gives the same text from anywhere", async () => {
    const away = new Folder();
    expect(await away.command(["gen", folder.at("x.bpf.o"), "-o", "away.ts"])).toEqual(written("away.ts"));
    expect(away.read("away.ts")).toBe(module);
    away.remove();
  });

  test.each([
    ["a file", "out/y.ts", "out/y.ts"],
    ["a folder", "out", "out/x.skel.ts"],
    ["a folder with a slash", "out/", "out/x.skel.ts"],
  ])("-o takes %s", async (_, output, file) => {
    mkdirSync(folder.at("out"));
    // A module that is current shows where the program looks, and costs no generator.
    folder.write(file, module);
    expect(await folder.command(["gen", "x.bpf.o", "-o", output])).toEqual(upToDate(file));
  });

  test("takes several objects", async () => {
    folder.write("y.bpf.o", fixture("nomaps"));
    mkdirSync(folder.at("out"));
    const { status, stdout } = await folder.command(["gen", "x.bpf.o", "y.bpf.o", "-o", "out"]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: "out/x.skel.ts written\nout/y.skel.ts written\n" });
    expect(folder.list("out")).toEqual(["x.skel.ts", "y.skel.ts"]);
    expect(folder.read("out/y.skel.ts")).toContain("from y.bpf.o");
  });

  test("--name names the skeleton, and is part of what makes a module current", async () => {
    folder.write("x.skel.ts", module);
    expect(await folder.command(["gen", "x.bpf.o", "--name", "my_prog"])).toEqual(written("x.skel.ts"));
    expect(folder.read("x.skel.ts")).toMatch(/export interface MyProg \{[^]*name: "my_prog",/);
    expect(await folder.command(["gen", "x.bpf.o", "--name", "my_prog"])).toEqual(upToDate("x.skel.ts"));
  });

  test("--stdout prints the module and writes nothing", async () => {
    expect(await folder.command(["gen", "x.bpf.o", "--stdout"])).toEqual({ status: 0, stdout: module, stderr: "" });
    expect(folder.list()).toEqual(["x.bpf.o"]);
  });

  test("tells warnings on stderr, with names escaped", async () => {
    folder.write("y.bpf.o", objectWith({ ...HARMLESS, section: "\u001b[31mred" }));
    const { status, stdout, stderr } = await folder.command(["gen", "y.bpf.o"]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: "y.skel.ts written\n" });
    expect(stderr).toMatch(/^ebpf-skel: warning: y\.bpf\.o: program "handle": .*\\u001b\[31mred.*\n$/);
  });
});

describe("an unchanged object", () => {
  /** Packages whose code a run loaded. */
  function loadedBy(args: readonly string[]): string[] {
    const coverage = new Folder();
    folder.run(args, { env: { NODE_V8_COVERAGE: coverage.path } });
    const urls = coverage
      .list()
      .flatMap((file) =>
        (JSON.parse(coverage.read(file)) as { result: { url: string }[] }).result.map(({ url }) => url),
      );
    coverage.remove();
    const packages = urls.map((url) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1]);
    return [...new Set(packages)].filter((name) => name !== undefined).sort();
  }

  test("is not written again", async () => {
    folder.write("x.skel.ts", module);
    const before = statSync(folder.at("x.skel.ts"), { bigint: true });
    expect(await folder.command(["gen", "x.bpf.o"])).toEqual(upToDate("x.skel.ts"));
    const { ino, mtimeNs, ctimeNs } = statSync(folder.at("x.skel.ts"), { bigint: true });
    expect({ ino, mtimeNs, ctimeNs }).toEqual({ ino: before.ino, mtimeNs: before.mtimeNs, ctimeNs: before.ctimeNs });
  });

  test("costs neither ts-morph nor prettier", () => {
    expect(loadedBy(["gen", "x.bpf.o"])).toEqual(expect.arrayContaining(["elfy", "prettier", "ts-morph", "yargs"]));
    for (const args of [
      ["gen", "x.bpf.o"],
      ["gen", "x.bpf.o", "--check"],
    ]) {
      const loaded = loadedBy(args);
      expect(loaded).toContain("yargs");
      expect(loaded.filter((name) => /prettier|ts-morph|typescript/.test(name))).toEqual([]);
    }
  });

  test("is written again after a hand edit, and then as it was", async () => {
    folder.write("x.skel.ts", module.replace("execve_counter: s.HashMap<string, bigint>", "execve_counter: any"));
    expect(await folder.command(["gen", "x.bpf.o"])).toEqual(written("x.skel.ts"));
    expect(folder.read("x.skel.ts")).toBe(module);
  });
});

describe("--check", () => {
  const stale = (file: string, command: string) => failed(`${file}: is out of date (run ${command})`);

  test("fails where there is no module", async () => {
    const command = "ebpf-skel gen x.bpf.o";
    expect(await folder.command(["gen", "x.bpf.o", "--check"])).toEqual(
      failed(`x.skel.ts: does not exist (run ${command})`),
    );
    expect(folder.list()).toEqual(["x.bpf.o"]);
  });

  test("passes where the module is current", async () => {
    folder.write("x.skel.ts", module);
    expect(await folder.command(["gen", "x.bpf.o", "--check"])).toEqual(upToDate("x.skel.ts"));
  });

  describe("fails after a hand edit", () => {
    const edits: readonly (readonly [string, (text: string) => string])[] = [
      ["a character changed", (text) => text.replace("bigint", "bigInt")],
      ["a line added", (text) => `${text}\n`],
      ["a line removed", (text) => text.slice(0, text.lastIndexOf("\n", text.length - 2) + 1)],
      ["the object's name changed", (text) => text.replace(".bpf.o", ".o")],
      ["another version", (text) => text.replace(/v\d+\.\d+\.\d+/, "v0.0.0")],
      ["windows line ends", (text) => text.replaceAll("\n", "\r\n")],
      ["nothing left", () => ""],
    ];
    const numbered = edits.map(([title, edit], i) => ({ title, edit, name: `x${i}` }));
    let all: Ended;
    let kept: boolean;
    beforeAll(async () => {
      const own = new Folder();
      const modules: string[] = [];
      for (const { name, edit } of numbered) {
        own.write(`${name}.bpf.o`, counter);
        modules.push(edit(await generate(counter, { name: `${name}.bpf.o` })));
        own.write(`${name}.skel.ts`, modules.at(-1)!);
      }
      all = own.run(["gen", "--check", ...numbered.map(({ name }) => `${name}.bpf.o`)]);
      kept = numbered.every(({ name }, i) => own.read(`${name}.skel.ts`) === modules[i]);
      own.remove();
    });

    test.each(numbered)("$title", ({ name }) => {
      const lines = all.stderr.split("\n").filter((line) => line.startsWith(`ebpf-skel: ${name}.skel.ts: `));
      expect(lines).toEqual([`ebpf-skel: ${name}.skel.ts: is out of date (run ebpf-skel gen ${name}.bpf.o)`]);
    });

    test("and writes nothing", () => {
      expect([all.status, all.stdout, kept]).toEqual([1, "", true]);
    });
  });

  test("fails when the object changed, and names the whole command", async () => {
    const args = ["gen", "x.bpf.o", "-o", "y.ts", "--name", "y"];
    folder.write("y.ts", await generate(counter, { name: "x.bpf.o", objectName: "y" }));
    expect(await folder.command([...args, "--check"])).toEqual(upToDate("y.ts"));
    folder.write("x.bpf.o", fixture("nomaps"));
    expect(await folder.command([...args, "--check"])).toEqual(stale("y.ts", "ebpf-skel gen x.bpf.o -o y.ts --name y"));
  });

  test("looks at every object", async () => {
    folder.write("x.skel.ts", module);
    folder.write("y.bpf.o", counter);
    const { status, stdout, stderr } = await folder.command(["gen", "y.bpf.o", "x.bpf.o", "--check"]);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "x.skel.ts is up to date\n" });
    expect(stderr).toBe(says("y.skel.ts: does not exist (run ebpf-skel gen y.bpf.o)"));
  });
});

describe("an output that cannot be written", () => {
  /** What is in the place of the module, and what the program says of it. */
  const rows = [
    {
      title: "a folder",
      name: "folder",
      make: (path: string) => mkdirSync(path),
      message: "cannot be written, got EISDIR, a folder (remove it, or name another file)",
    },
    {
      title: "a pipe",
      name: "pipe",
      make: (path: string) => execFileSync("mkfifo", [path]),
      message: "cannot be written, got no regular file (name another, or use --stdout)",
    },
    {
      title: "a device",
      name: "device",
      make: (path: string) => symlinkSync("/dev/full", path),
      message: "cannot be written, got no regular file (name another, or use --stdout)",
    },
    {
      title: "symbolic links in a circle",
      name: "loop",
      make: (path: string) => symlinkSync(path, path),
      message: "cannot be written, got ELOOP, symbolic links in a circle (remove one of them)",
    },
    {
      title: "a name that is too long",
      name: "a".repeat(250),
      make: () => undefined,
      message: "cannot be written, got ENAMETOOLONG, a name that is too long (choose a shorter one)",
    },
  ];
  let all: Ended;
  let before: object[];
  let after: object[];
  beforeAll(() => {
    const own = new Folder();
    const look = (): object[] => own.list().map((file) => ({ file, mode: lstatSync(own.at(file)).mode }));
    for (const { name, make } of rows) {
      own.write(`${name}.o`, counter);
      make(own.at(`${name}.skel.ts`));
    }
    before = look();
    all = own.run(["gen", ...rows.map(({ name }) => `${name}.o`)]);
    after = look();
    own.remove();
  });

  test.each(rows)("$title", ({ name, message }) => {
    const lines = all.stderr.split("\n").filter((line) => line.startsWith(`ebpf-skel: ${name}.skel.ts: `));
    expect(lines).toEqual([`ebpf-skel: ${name}.skel.ts: ${message}`]);
  });

  test("says nothing else, and leaves all as it was", () => {
    expect([all.status, all.stdout, all.stderr.trimEnd().split("\n").length]).toEqual([1, "", rows.length]);
    expect(after).toEqual(before);
  });

  test.each([
    ["missing/x.ts", "ENOENT, no such folder (make it first, or name another)"],
    ["x.bpf.o/x.ts", "ENOTDIR, a part of the path that is no folder (check the path)"],
  ])("%s", async (output, why) => {
    expect(await folder.command(["gen", "x.bpf.o", "-o", output])).toEqual(
      failed(`${output}: cannot be written, got ${why}`),
    );
    expect(folder.list()).toEqual(["x.bpf.o"]);
  });

  test("a name that is just not too long", async () => {
    const name = `${"ü".repeat(126)}.ts`;
    expect(await folder.command(["gen", "x.bpf.o", "-o", name])).toMatchObject({ status: 0, stderr: "" });
    expect(folder.list()).toEqual(["x.bpf.o", name]);
  });

  test("a folder that may not be written to", () => {
    mkdirSync(folder.at("locked"));
    folder.write("locked/x.skel.ts", "old");
    for (const path of ["locked/x.skel.ts", "x.bpf.o"]) chmodSync(folder.at(path), 0o644);
    chmodSync(folder.at("locked"), 0o555);
    chmodSync(folder.path, 0o755);
    expect(folder.run(["gen", "x.bpf.o", "-o", "locked"], { under: WITHOUT_CAPABILITIES })).toEqual(
      failed(
        "locked/x.skel.ts: cannot be written, got EACCES, permission denied (check the rights of the folder, or name another)",
      ),
    );
    expect(folder.list("locked")).toEqual(["x.skel.ts"]);
    expect(folder.read("locked/x.skel.ts")).toBe("old");
    chmodSync(folder.at("locked"), 0o755);
  });

  /** Runs `gen -o out/x.skel.ts` where `out` is a file system of its own, and then says what is there. */
  function genOnto(mount: string): string[] {
    mkdirSync(folder.at("out"));
    const script = `${mount}
      ${shellLine(["gen", "x.bpf.o", "-o", "out"])} 2>&1
      echo "status $?"; ls -A out; cat out/x.skel.ts`;
    return inMountNamespace(script, folder.path).stdout.split("\n");
  }

  test.skipIf(!mayMount)("a full disk: the old module stays whole (needs mounts)", () => {
    const lines = genOnto(`
      mount -t tmpfs -o size=16k tmpfs out
      printf old > out/x.skel.ts
      head -c 8000 /dev/zero > out/filler
      head -c 9000 /dev/zero > out/more 2> /dev/null`);
    expect(lines).toEqual([
      "ebpf-skel: out/x.skel.ts: cannot be written, got ENOSPC, no space left on the disk (free some; nothing was changed)",
      "status 1",
      "filler",
      "more",
      "x.skel.ts",
      "old",
    ]);
  });

  test.skipIf(!mayMount)("a disk that fills up half-way leaves nothing behind (needs mounts)", () => {
    folder.write("x.bpf.o", fixture("globals"));
    const lines = genOnto("mount -t tmpfs -o size=8k tmpfs out");
    expect(lines.slice(0, 2)).toEqual([
      "ebpf-skel: out/x.skel.ts: cannot be written, got ENOSPC, no space left on the disk (free some; nothing was changed)",
      "status 1",
    ]);
    expect(lines.slice(2).join("")).toBe("");
  });

  test.skipIf(!mayMount)("a read-only file system (needs mounts)", () => {
    const lines = genOnto(`
      mount -t tmpfs tmpfs out
      printf old > out/x.skel.ts
      mount -o remount,ro out`);
    expect(lines).toEqual([
      "ebpf-skel: out/x.skel.ts: cannot be written, got EROFS, a read-only file system (name another folder)",
      "status 1",
      "x.skel.ts",
      "old",
    ]);
  });

  test.each([[["gen", "x.bpf.o", "--stdout"]], [["inspect", "x.bpf.o"]], [["inspect", "x.bpf.o", "--json"]]])(
    "stdout that is full: %j",
    (args) => {
      const command = `${shellLine(args)} > /dev/full 2> stderr; echo $? > status`;
      execFileSync("sh", ["-c", command], { cwd: folder.path });
      expect(folder.read("status")).toBe("1\n");
      expect(folder.read("stderr")).toBe(
        says("stdout: cannot be written, got ENOSPC: no space left on device, write (see to where it goes)"),
      );
    },
  );

  test("stdout that is closed early is no failure", () => {
    const command = `{ ${shellLine(["inspect", "x.bpf.o", "--json"])} 2> stderr; echo $? > status; } | head -c 1`;
    execFileSync("sh", ["-c", command], { cwd: folder.path });
    expect([folder.read("status"), folder.read("stderr")]).toEqual(["0\n", ""]);
  });
});

describe("what a write leaves alone", () => {
  test("a symbolic link stays one, and its target is written", async () => {
    mkdirSync(folder.at("real"));
    folder.write("real/y.ts", "old");
    symlinkSync("real/y.ts", folder.at("link.ts"));
    expect(await folder.command(["gen", "x.bpf.o", "-o", "link.ts"])).toEqual(written("link.ts"));
    expect(readlinkSync(folder.at("link.ts"))).toBe("real/y.ts");
    expect(folder.read("real/y.ts")).toContain("@generated");
    expect(folder.list("real")).toEqual(["y.ts"]);
  });

  test("a symbolic link to nothing yet is followed too", async () => {
    mkdirSync(folder.at("real"));
    symlinkSync("real/y.ts", folder.at("link.ts"));
    expect(await folder.command(["gen", "x.bpf.o", "-o", "link.ts"])).toEqual(written("link.ts"));
    expect(readlinkSync(folder.at("link.ts"))).toBe("real/y.ts");
    expect(folder.list("real")).toEqual(["y.ts"]);
  });

  test("the rights of the file", async () => {
    folder.write("x.skel.ts", "old");
    chmodSync(folder.at("x.skel.ts"), 0o640);
    expect(await folder.command(["gen", "x.bpf.o"])).toEqual(written("x.skel.ts"));
    expect(statSync(folder.at("x.skel.ts")).mode & 0o7777).toBe(0o640);
  });
});

describe("several runs, and runs that are cut short", () => {
  test("two at once on one target: a reader sees one whole text or the other", async () => {
    const names = ["one", "two"];
    const texts = names.map((objectName) => generate(counter, { name: "x.bpf.o", objectName }));
    const known = new Set(await Promise.all(texts));
    folder.write("x.skel.ts", [...known][0]!);
    const runs = ["two", "one", "two", "one"].map((name) => folder.spawn(["gen", "x.bpf.o", "--name", name]).ended);
    let running = true;
    const ended = Promise.all(runs).finally(() => (running = false));
    let reads = 0;
    for (; running; reads++) {
      expect(known.has(folder.read("x.skel.ts"))).toBe(true);
      await sleep(1);
    }
    expect(await ended).toEqual([0, 0, 0, 0]);
    expect(reads).toBeGreaterThan(10);
    expect(known.has(folder.read("x.skel.ts"))).toBe(true);
    expect(folder.list()).toEqual(["x.bpf.o", "x.skel.ts"]);
  });

  test("SIGTERM at any time leaves the old text or the new", async () => {
    const ends: (number | string | null)[] = [];
    for (const delay of [0, 200, 400, undefined]) {
      folder.write("x.skel.ts", "old");
      const { child, ended } = folder.spawn(["gen", "x.bpf.o"]);
      const early = delay === undefined ? await ended : await Promise.race([ended, sleep(delay, undefined)]);
      child.kill("SIGTERM");
      ends.push(early ?? (await ended));
      expect(["old", module]).toContain(folder.read("x.skel.ts"));
      expect(folder.list()).toEqual(["x.bpf.o", "x.skel.ts"]);
    }
    // The first is over before Node is up, the last has all the time it wants.
    expect([ends[0], ends.at(-1)]).toEqual(["SIGTERM", 0]);
    expect(ends.filter((end) => end !== "SIGTERM" && end !== 143 && end !== 0)).toEqual([]);
  });

  /** Code that runs before the program and changes one function of node:fs. */
  const before = (name: string, body: string): string[] => [
    "--import",
    `data:text/javascript,${encodeURIComponent(`
      import fs from "node:fs";
      import { syncBuiltinESMExports } from "node:module";
      const original = fs.${name};
      fs.${name} = (...args) => { ${body} };
      syncBuiltinESMExports();`)}`,
  ];

  test.each(["SIGTERM", "SIGINT", "SIGHUP"])("%s in the middle of the write waits for its end", (signal) => {
    folder.write("x.skel.ts", "old");
    const node = before("fsyncSync", `process.kill(process.pid, "${signal}"); return original(...args);`);
    folder.run(["gen", "x.bpf.o"], { node });
    expect(folder.read("x.skel.ts")).toBe(module);
    expect(folder.list()).toEqual(["x.bpf.o", "x.skel.ts"]);
  });

  test.each([
    ["fsyncSync", "EIO: i/o error, fsync"],
    ["renameSync", "EIO: i/o error, rename"],
  ])("%s that fails leaves the old text and no other file", (name, message) => {
    folder.write("x.skel.ts", "old");
    const node = before(name, `throw Object.assign(new Error(${JSON.stringify(message)}), { code: "EIO" });`);
    const { status, stdout, stderr } = folder.run(["gen", "x.bpf.o"], { node });
    expect({ status, stdout, stderr }).toEqual(
      failed(`x.skel.ts: cannot be written, got ${message} (check the path and its rights)`),
    );
    expect(folder.read("x.skel.ts")).toBe("old");
    expect(folder.list()).toEqual(["x.bpf.o", "x.skel.ts"]);
  });
});

describe("init", () => {
  test.each([
    ["/proc/tracer", "/proc/tracer: cannot be written, got ENOENT, no such folder (make it first, or name another)"],
    ["x.bpf.o", "x.bpf.o: cannot be written, got EEXIST, a file (name another folder)"],
    ["x.bpf.o/tracer", "x.bpf.o: cannot be written, got EEXIST, a file (name another folder)"],
  ])("says that it can make no folder %s", async (path, message) => {
    expect(await folder.command(["init", path])).toEqual({ status: 1, stdout: "", stderr: `ebpf-skel: ${message}\n` });
  });
});

describe("inspect", () => {
  test.each(["execve_counter", "types", "big_endian"])("%s: --json is the library's model", async (name) => {
    const bytes = fixture(name);
    folder.write("y.bpf.o", bytes);
    const { status, stdout, stderr } = await folder.command(["inspect", "y.bpf.o", "--json"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(JSON.parse(stdout)).toEqual(inspectObject(bytes));
  });

  test("shows what a person wants to see", async () => {
    const { status, stdout, stderr } = await folder.command(["inspect", "x.bpf.o"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/^x\.bpf\.o  7928 bytes, little-endian, license GPL\n/);
    expect(stdout).toMatch(/execve_counter +hash +128 entries +char\[64\] -> u64 +64 -> 8 bytes/);
    expect(stdout).toMatch(/handle_execve +tracepoint\/syscalls\/sys_enter_execve +tracepoint.* -> execve_counter\n/);
  });

  test("shows what the maps in a map hold", async () => {
    folder.write("y.bpf.o", fixture("fds"));
    const { stdout } = await folder.command(["inspect", "y.bpf.o"]);
    expect(stdout).toMatch(
      /^  by_name +hash_of_maps +4 entries +char\[8\] -> hash \(u32 -> struct tally\) +8 -> 4 bytes$/m,
    );
  });

  test("--type draws the bytes of those types alone, --layout those of all", () => {
    folder.write("y.bpf.o", fixture("kernel_fields"));
    const drawing = `struct guarded  16 bytes
         0       1       2       3       4       5       6       7
        ┌───────────────────────────────┬───────────────────────────────┐
     0  │ struct bpf_spin_lock lock     │ count                         │
        ├───────────────────────────────┴───────────────────────────────┤
     8  │ total                                                         │
        └───────────────────────────────────────────────────────────────┘
  size: 16, cachelines: 1, members: 3
  4  4  count  u32
  8  8  total  u64
`;
    const only = folder.run(["inspect", "y.bpf.o", "--type", "guarded"]);
    expect(only).toEqual({ status: 0, stdout: drawing, stderr: "" });
    expect(folder.run(["inspect", "y.bpf.o", "--type", "struct guarded"])).toEqual(only);
    const { stdout } = folder.run(["inspect", "y.bpf.o", "--layout"]);
    expect(stdout).toContain(`\n${drawing}\nstruct `);
    expect(stdout).toMatch(/^y\.bpf\.o .*\n\nmaps\n/);
  });

  test("--html writes one page, the same each time", () => {
    const arguments_ = ["inspect", "x.bpf.o", "--html", "x.html"];
    expect(folder.run(arguments_)).toEqual(written("x.html"));
    const page = folder.read("x.html");
    expect(page).toMatch(/^<!doctype html>\n<html lang="en">\n/);
    expect(folder.run(arguments_)).toEqual(written("x.html"));
    expect(folder.read("x.html")).toBe(page);
    expect(folder.list()).toEqual(["x.bpf.o", "x.html"]);
  });

  test.each([
    [["--type", "nope"], 'x.bpf.o: --type: the object has no type "nope", got none (see ebpf-skel inspect --help)'],
    [["--json", "--layout"], "--json: prints the whole model (leave --layout and --type out)"],
    [["--html", "x.html", "--json"], "--html: shows everything as one page (leave --json, --layout and --type out)"],
    [["--html", "./x.bpf.o"], "--html: expected another file than the object, got ./x.bpf.o (choose another name)"],
  ])("%j is misused", (args, message) => {
    expect(folder.run(["inspect", "x.bpf.o", ...args])).toEqual(misused(message));
    expect(folder.list()).toEqual(["x.bpf.o"]);
  });

  test("shows names of the object escaped", async () => {
    const evil = "\u001b[2J\u202eevil\n";
    const names = { section: evil, struct: evil, member: evil, enumeration: evil, value: evil, typedef: evil };
    folder.write("y.bpf.o", objectWith({ ...HARMLESS, ...names, integer: evil, license: evil }));
    const { status, stdout, stderr } = await folder.command(["inspect", "y.bpf.o"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const drawn = folder.run(["inspect", "y.bpf.o", "--layout"]);
    for (const text of [stdout, drawn.stdout]) {
      expect(text).toContain("\\u001b[2J\\u202eevil\\n");
      expect(text).not.toMatch(/[^\P{Cc}\n]|\u202e/u);
    }
  });
});

describe("--map", () => {
  beforeEach(() => folder.write("old.bpf.o", fixture("legacy_nobtf")));
  const gen = (...args: readonly string[]) => folder.command(["gen", "old.bpf.o", ...args]);

  test("types a map that has only sizes, and is a part of what the module was made from", async () => {
    const counts = ["--map", "counts=u32:u64"];
    const plain = ["--map", "plain=__be32:char[16]"];
    expect(await gen(...counts, ...plain)).toMatchObject({ status: 0, stdout: "old.skel.ts written\n" });
    expect(folder.read("old.skel.ts")).toContain("plain: s.hash(s.u32, s.chars(16))");
    expect(await gen(...plain, ...counts)).toMatchObject({ status: 0, stdout: "old.skel.ts is up to date\n" });
    expect(await gen(...counts, "--check")).toEqual(
      failed('old.skel.ts: is out of date (run ebpf-skel gen old.bpf.o --map "counts=u32:u64")'),
    );
    expect((await gen(...counts)).stdout).toBe("old.skel.ts written\n");
  });

  test.each([
    [["--map", "counts"], '--map: expected NAME=KEY:VALUE, got "counts" (see ebpf-skel gen --help)'],
    [["--map"], "--map needs a value (see ebpf-skel gen --help)"],
    [["x.bpf.o", "--map", "counts=u32:"], "--map: is about one object, got 2 (generate them apart)"],
  ])("%j is misused", async (args, message) => {
    expect(await gen(...args)).toMatchObject({ status: 2, stderr: expect.stringContaining(message) as string });
  });

  test("tells of a wrong type as of any other fault of the object", async () => {
    expect((await gen("--map", "counts=u32:u32")).stderr).toContain(
      'old.bpf.o: map counts: value: expected a type of 8 bytes (value_size), got "u32" of 4 bytes',
    );
    expect(folder.list()).not.toContain("old.skel.ts");
  });

  test("inspect shows which maps are legacy", async () => {
    const { stdout } = await folder.command(["inspect", "old.bpf.o"]);
    expect(stdout).toMatch(/counts +hash +64 entries +4 bytes -> 8 bytes +4 -> 8 bytes +legacy\n/);
  });
});

describe("--event", () => {
  // Stripped, as debug information tells all of them.
  beforeEach(() => folder.write("send.bpf.o", stripDebug(fixture("event_types"))));
  const gen = (...args: readonly string[]) => folder.command(["gen", "send.bpf.o", ...args]);

  test("says what is sent, where gen cannot tell and says so in one line", async () => {
    const told = await gen();
    const lines = told.stderr.split("\n").filter((line) => line.includes("map ambiguous"));
    expect(lines).toEqual([
      "ebpf-skel: warning: send.bpf.o: map ambiguous: events are bytes: programs send 24 bytes, the size of struct started, struct stopped (say what they are: gen --event ambiguous=started)",
    ]);
    expect((await gen("--event", "ambiguous=started")).stderr).not.toContain("map ambiguous");
    expect(folder.read("send.skel.ts")).toContain("ambiguous: s.RingBuf<Started>;");
    expect(await gen("--event", "ambiguous=started", "--check")).toMatchObject({
      status: 0,
      stdout: "send.skel.ts is up to date\n",
    });
    expect(await gen("--check", "--event", "ambiguous=bytes")).toEqual(
      failed('send.skel.ts: is out of date (run ebpf-skel gen send.bpf.o --event "ambiguous=bytes")'),
    );
  });

  test.each([
    [["--event", "ambiguous"], '--event: expected NAME=TYPE, got "ambiguous" (see ebpf-skel gen --help)'],
    [["x.bpf.o", "--event", "ambiguous=started"], "--event: is about one object, got 2 (generate them apart)"],
    [["--event", "ambiguous=nope"], "send.bpf.o: map ambiguous: the object has no type nope, got "],
  ])("%j is misused", async (args, message) => {
    expect((await gen(...args)).stderr).toContain(message);
    expect(folder.list()).not.toContain("send.skel.ts");
  });

  test("inspect shows what is known of events", async () => {
    const { stdout } = await folder.command(["inspect", "send.bpf.o"]);
    expect(stdout).toMatch(
      /two_sizes +ringbuf +4096 bytes +struct closed \| struct opened +events of 16, 32 bytes +inferred\n/,
    );
    expect(stdout).toMatch(/ambiguous +ringbuf +4096 bytes +events of 24 bytes\n/);
    expect(stdout).toContain("map variable: events are bytes: programs send 8 bytes, which no struct of a global");
  });

  test("inspect tells types of debug information from those of sizes", async () => {
    folder.write("told.bpf.o", fixture("event_types"));
    const { stdout } = await folder.command(["inspect", "told.bpf.o"]);
    expect(stdout).toMatch(/ambiguous +ringbuf +4096 bytes +struct started +events of 24 bytes +dwarf\n/);
    expect(stdout).not.toContain("events are bytes");
    const { maps } = JSON.parse((await folder.command(["inspect", "told.bpf.o", "--json"])).stdout) as ObjectModel;
    expect(maps.find(({ name }) => name === "ambiguous")!.events).toMatchObject({ source: "dwarf", sizes: [24] });
  });
});
