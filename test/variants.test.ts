// What a module can be besides TypeScript for one machine: JavaScript with declarations, several objects, nothing at all when
// there is something to warn of.

import { mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { carriedObject, generate, generateWithWarnings } from "../src/index.ts";
import { ensureBuilt, Folder } from "./support/cli.ts";
import { fixtures } from "./support/fixtures.ts";
import { repository, run } from "./support/workspace.ts";

const fixture = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(fixtures.find((one) => one.name === name)!.object));
const evaluate = (folder: Folder, script: string): unknown => {
  folder.write("main.mjs", script);
  const { stdout, stderr } = run(process.execPath, [folder.at("main.mjs")], { cwd: folder.path });
  expect(stderr).toBe("");
  return JSON.parse(stdout);
};

beforeAll(() => ensureBuilt());

let folder: Folder;
beforeEach(() => {
  folder = new Folder();
  folder.write("x.bpf.o", fixture("execve_counter"));
  folder.write("globals.bpf.o", fixture("globals"));
  mkdirSync(folder.at("node_modules/@ebpf-skel"), { recursive: true });
  symlinkSync(join(repository, "runtime"), folder.at("node_modules/@ebpf-skel/runtime"));
});
afterEach(() => folder.remove());

describe("--js", () => {
  test("writes a module that Node runs and declarations that TypeScript checks users against", () => {
    expect(folder.run(["gen", "globals.bpf.o", "--js"])).toMatchObject({
      status: 0,
      stdout: "globals.skel.js, globals.skel.d.ts written\n",
    });
    expect(folder.run(["gen", "globals.bpf.o", "--js", "--check"])).toMatchObject({ status: 0 });
    folder.write("package.json", '{ "type": "module" }');
    const limits = "{ bytes: 5n, packets: 6, strict: true }";
    expect(
      evaluate(
        folder,
        `import { Globals, Limits, Mode } from "./globals.skel.js";
         const back = Limits.decode(Limits.encode(${limits}));
         console.log(JSON.stringify([String(back.bytes), back.packets, Mode.MODE_TRACE, Globals.object().length]));`,
      ),
    ).toEqual(["5", 6, 7, carriedObject(fixture("globals")).length]);
    folder.write(
      "user.ts",
      `import { Globals, Limits, Mode } from "./globals.skel.js";
       const bytes: Uint8Array = Limits.encode(${limits});
       const mode: Mode = Mode.MODE_COUNT;
       const open = Globals.open();
       open.rodata.target_tgid = 1;
       // @ts-expect-error a number, not a string
       open.rodata.target_tgid = "1";
       export { bytes, mode };\n`,
    );
    const flags = ["--strict", "--module", "nodenext", "--target", "es2022", "--types", "", "--noEmit"];
    const tsc = [join(repository, "node_modules/typescript/bin/tsc"), ...flags, folder.at("user.ts")];
    expect(run(process.execPath, tsc, { cwd: folder.path })).toMatchObject({ status: 0, stdout: "" });
  });

  test("keeps the marks of what a bundler may drop, and the object as it is", async () => {
    const bytes = fixture("globals");
    const ts = await generate(bytes, { name: "globals.bpf.o" });
    const { text, declarations } = await generateWithWarnings(bytes, { name: "globals.bpf.o", js: true });
    const marks = (all: string): number => all.split("/*@__PURE__*/").length;
    expect(marks(text)).toBe(marks(ts));
    expect(/s\.base64\("([^"]+)"\)/.exec(text)![1]).toBe(/s\.base64\("([^"]+)"\)/.exec(ts)![1]);
    expect(declarations).not.toContain("s.base64");
    expect(text).not.toMatch(/^(export )?(interface|type) /m);
  });

  test("notices declarations that are stale, and goes with --no-embed", () => {
    folder.run(["gen", "x.bpf.o", "--js", "--no-embed"]);
    expect(folder.list()).toEqual(expect.arrayContaining(["x.skel.d.ts", "x.skel.js", "x.skel.o"]));
    folder.write("x.skel.d.ts", "export {};\n");
    expect(folder.run(["gen", "x.bpf.o", "--js", "--no-embed", "--check"]).stderr).toContain(
      "x.skel.d.ts: is out of date",
    );
  });

  test.each([
    [["--js", "-o", "x.ts"], "output: expected a name that ends in .js or .mjs, got x.ts (see ebpf-skel gen --help)"],
    [["--js", "--stdout"], "--stdout: prints the module alone, got --js too (leave one out)"],
  ])("%j is wrong usage", (args, message) => {
    expect(folder.run(["gen", "x.bpf.o", ...args])).toEqual({
      status: 2,
      stdout: "",
      stderr: `ebpf-skel: ${message}\n`,
    });
  });
});

describe("--arch", () => {
  /** The same program, by one byte of its license another. */
  const other = (): Uint8Array => {
    const bytes = Buffer.from(fixture("execve_counter"));
    const at = bytes.indexOf("Dual BSD/GPL") < 0 ? bytes.lastIndexOf("GPL\0") : bytes.indexOf("Dual BSD/GPL");
    bytes.write("gPL", at + (bytes.indexOf("Dual BSD/GPL") < 0 ? 0 : 9));
    return new Uint8Array(bytes);
  };

  test.each([[[]], [["--no-embed"]]])("a module of two objects opens that of the machine it runs on %j", (more) => {
    folder.write("y.bpf.o", other());
    const args = ["gen", "x.bpf.o", "--arch", "arm64=y.bpf.o", "--js", ...more];
    expect(folder.run(args)).toMatchObject({ status: 0 });
    expect(folder.run([...args, "--check"])).toMatchObject({ status: 0 });
    folder.write("package.json", '{ "type": "module" }');
    const hashes = evaluate(
      folder,
      `import { createHash } from "node:crypto";
       import { X } from "./x.skel.js";
       const on = (arch) => {
         Object.defineProperty(process, "arch", { value: arch });
         return createHash("sha256").update(X.object()).digest("hex");
       };
       console.log(JSON.stringify([on(process.argv[2] ?? "x64")]));`,
    ) as string[];
    const hash = /sha256: "(\w+)"/.exec(folder.read("x.skel.js"))![1];
    expect(hashes).toEqual([hash]);
    const foreign = evaluate(
      folder,
      `import { createHash } from "node:crypto";
       import { X } from "./x.skel.js";
       Object.defineProperty(process, "arch", { value: "arm64" });
       console.log(JSON.stringify(createHash("sha256").update(X.object()).digest("hex")));`,
    );
    expect(foreign).not.toBe(hash);
    expect(folder.read("x.skel.js")).toContain(String(foreign));
    folder.write("y.bpf.o", fixture("execve_counter"));
    expect(folder.run([...args, "--check"])).toMatchObject({ status: 1 });
  });

  test("the first difference between the objects is named, and nothing is written", () => {
    expect(folder.run(["gen", "x.bpf.o", "--arch", "arm64=globals.bpf.o"])).toMatchObject({
      status: 1,
      stderr:
        "ebpf-skel: x.bpf.o: arm64: the objects need one interface, got map execve_counter is one there and nothing here (generate them apart)\n",
    });
    expect(folder.list()).not.toContain("x.skel.ts");
  });

  test.each([
    [["arm64"], '--arch: expected ARCH=OBJECT, got "arm64" (like arm64=prog.arm64.o)', 2],
    [
      ["z80=globals.bpf.o"],
      'arch: expected one of arm, arm64, loong64, mips64el, ppc64, riscv64, s390x, x64, got "z80" (see ebpf-skel gen --help)',
      2,
    ],
    [["arm64=none.o"], "none.o: cannot be read, got ENOENT, no such file (compile it first, or check the path)", 1],
  ])("--arch %j is refused", (arch, message, status) => {
    const ended = folder.run(["gen", "x.bpf.o", ...arch.flatMap((one) => ["--arch", one])]);
    expect(ended.status).toBe(status);
    expect(ended.stderr).toBe(`ebpf-skel: ${message}\n`);
  });
});

test("--strict makes a warning an error, and writes nothing", () => {
  folder.write("types.bpf.o", fixture("types"));
  const { status, stdout, stderr } = folder.run(["gen", "types.bpf.o", "--strict"]);
  expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
  expect(stderr).toMatch(
    /^ebpf-skel: types\.bpf\.o: map plain_sizes: key shown as bytes, .*\(change the source, or leave out strict\)\n$/,
  );
  expect(folder.list()).not.toContain("types.skel.ts");
  expect(folder.run(["gen", "x.bpf.o", "--strict"])).toMatchObject({ status: 0, stderr: "" });
});

test("an unchanged module and --check tell what the first run told", () => {
  folder.write("types.bpf.o", fixture("types"));
  const first = folder.run(["gen", "types.bpf.o"]);
  expect(first).toMatchObject({ status: 0, stdout: "types.skel.ts written\n" });
  expect(first.stderr).toMatch(/^ebpf-skel: warning: types\.bpf\.o: map plain_sizes: key shown as bytes, /);
  const again = { status: 0, stdout: "types.skel.ts is up to date\n", stderr: first.stderr };
  expect(folder.run(["gen", "types.bpf.o"])).toEqual(again);
  expect(folder.run(["gen", "types.bpf.o", "--check"])).toEqual(again);
  const strict = folder.run(["gen", "types.bpf.o", "--strict"]);
  expect(strict).toMatchObject({ status: 1, stdout: "" });
  expect(folder.run(["gen", "types.bpf.o", "--check", "--strict"])).toEqual(strict);
});

test("build --endian both carries the object of either byte order in one module", () => {
  folder.write("prog.bpf.c", "#ifdef __TARGET_ARCH_s390\nint value = 390;\n#else\nint value = 1;\n#endif\n");
  const args = ["build", "prog.bpf.c", "--endian", "both", "--no-embed"];
  const env = { XDG_CACHE_HOME: folder.at("cache") };
  const files = "prog.bpf.o, prog.s390x.bpf.o, prog.skel.ts, prog.skel.o, prog.s390x.skel.o";
  expect(folder.run(args, { env })).toEqual({ status: 0, stdout: `${files} written\n`, stderr: "" });
  const endian = (name: string): number => readFileSync(folder.at(name))[5]!;
  expect(["prog.skel.o", "prog.s390x.skel.o"].map(endian)).toEqual([1, 2]);
  expect(folder.run(args, { env })).toEqual({ status: 0, stdout: `${files} are up to date\n`, stderr: "" });
  expect(folder.run([...args, "--check"], { env })).toMatchObject({ status: 0 });
});

test("objects of both byte orders with structs, bitfields and unions are one module, which reads in the machine's order", () => {
  const source = (port: string): string => `
    #include <linux/bpf.h>
    #include <bpf/bpf_helpers.h>
    enum state { OFF, ON };
    struct event { int pid; unsigned short ${port}; unsigned low:3, high:5; union { unsigned v4; unsigned char raw[16]; }; };
    struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 16); __type(key, unsigned); __type(value, struct event); } events SEC(".maps");
    const volatile struct event first = { .pid = 3 };
    enum state state = ON;
    SEC("xdp") int prog(void *ctx) { return state == ON ? XDP_PASS : XDP_DROP; }`;
  folder.write("prog.bpf.c", source("port"));
  const args = ["build", "prog.bpf.c", "--endian", "both", "--js"];
  const env = { XDG_CACHE_HOME: folder.at("cache") };
  expect(folder.run(args, { env })).toMatchObject({ status: 0, stderr: "" });
  expect(folder.run(["gen", "prog.s390x.bpf.o", "-o", "big.skel.ts"])).toMatchObject({ status: 0 });
  folder.write("package.json", '{ "type": "module" }');
  const decoded = evaluate(
    folder,
    `import { Event } from "./prog.skel.js";
     const bytes = Event.encode({ ...Event.zero(), pid: 258, port: 772, low: 1 });
     console.log(JSON.stringify([...bytes.subarray(0, 7)]));`,
  );
  expect(decoded).toEqual([2, 1, 0, 0, 4, 3, 1]);
  expect(folder.read("prog.skel.js")).toContain("bigEndian: s.hostIsBigEndian");
  expect(folder.read("big.skel.ts")).toContain("bigEndian: true");

  folder.write("other.bpf.c", source("gate"));
  expect(folder.run(["build", "other.bpf.c", "--endian", "big"], { env })).toMatchObject({ status: 0 });
  const apart = folder.run(["gen", "prog.bpf.o", "--arch", "s390x=other.bpf.o", "-o", "apart.skel.ts"]);
  expect(apart.status).toBe(1);
  expect(apart.stderr).toBe(
    "ebpf-skel: prog.bpf.o: s390x: the objects need one interface, got type Event field port is one there and nothing here (generate them apart)\n",
  );
  expect(folder.list()).not.toContain("apart.skel.ts");
});
