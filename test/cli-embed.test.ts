// `gen --no-embed`: the object in a file beside the module, both whole, both checked.

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync, symlinkSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { carriedObject, generate } from "../src/index.ts";
import { ensureBuilt, Folder } from "./support/cli.ts";
import { fixtures } from "./support/fixtures.ts";
import { repository } from "./support/workspace.ts";

const fixture = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(fixtures.find((one) => one.name === name)!.object));

const counter = fixture("execve_counter");
const carried = Buffer.from(carriedObject(counter));

/** The module that goes with it. */
let module: string;
beforeAll(async () => {
  ensureBuilt();
  module = await generate(counter, { name: "x.bpf.o", embed: false });
});

let folder: Folder;
beforeEach(() => {
  folder = new Folder();
  folder.write("x.bpf.o", counter);
});
afterEach(() => folder.remove());

const says = (message: string) => ({ status: 1, stdout: "", stderr: `ebpf-skel: ${message}\n` });
const written = { status: 0, stdout: "x.skel.ts, x.skel.o written\n", stderr: "" };
const upToDate = { status: 0, stdout: "x.skel.ts, x.skel.o are up to date\n", stderr: "" };
/** What `gen x.bpf.o --no-embed` leaves. */
function writeBoth(): void {
  folder.write("x.skel.ts", module);
  folder.write("x.skel.o", carried);
}

const bytesOf = (name: string): Buffer => readFileSync(folder.at(name));

describe("gen --no-embed", () => {
  test("writes the carried object beside a module that reads it", () => {
    expect(folder.run(["gen", "x.bpf.o", "--no-embed"])).toEqual(written);
    expect(folder.list()).toEqual(["x.bpf.o", "x.skel.o", "x.skel.ts"]);
    expect(bytesOf("x.skel.o").equals(carried)).toBe(true);
    expect(folder.read("x.skel.ts")).toBe(module);
    expect(module).toContain('  object: () => s.file(new URL("./x.skel.o", import.meta.url)),\n');
    expect(module).toContain(', options {"embed":false}, text-sha256 ');
    expect(module.length).toBeLessThan(2500);
  });

  test("changes nothing the second time", () => {
    writeBoth();
    const times = (): number[] => ["x.skel.ts", "x.skel.o"].map((name) => statSync(folder.at(name)).mtimeMs);
    const before = times();
    expect(folder.run(["gen", "x.bpf.o", "--no-embed"])).toEqual(upToDate);
    expect(folder.run(["gen", "x.bpf.o", "--no-embed", "--check"])).toEqual(upToDate);
    expect(times()).toEqual(before);
  });

  test.each([
    ["is gone", () => unlinkSync(folder.at("x.skel.o")), "x.skel.o: does not exist"],
    ["was cut", () => folder.write("x.skel.o", carried.subarray(0, 1000)), "x.skel.o: is out of date"],
    ["is another's", () => folder.write("x.skel.o", fixture("nomaps")), "x.skel.o: is out of date"],
    [
      "has a stale module",
      () => folder.write("x.skel.ts", `${folder.read("x.skel.ts")}\n`),
      "x.skel.ts: is out of date",
    ],
    ["has no module", () => unlinkSync(folder.at("x.skel.ts")), "x.skel.ts: does not exist"],
  ])("an object file that %s is told by --check", (_what, damage, state) => {
    writeBoth();
    damage();
    expect(folder.run(["gen", "x.bpf.o", "--no-embed", "--check"])).toEqual(
      says(`${state} (run ebpf-skel gen x.bpf.o --no-embed)`),
    );
  });

  test("mends the object alone", () => {
    writeBoth();
    folder.write("x.skel.o", fixture("nomaps"));
    expect(folder.run(["gen", "x.bpf.o", "--no-embed"])).toEqual(written);
    expect(bytesOf("x.skel.o").equals(carried)).toBe(true);
    expect(folder.read("x.skel.ts")).toBe(module);
  });

  test("an embedded module is out of date for it, and the other way round", () => {
    folder.run(["gen", "x.bpf.o"]);
    expect(folder.run(["gen", "x.bpf.o", "--no-embed", "--check"]).status).toBe(1);
    writeBoth();
    expect(folder.run(["gen", "x.bpf.o", "--check"])).toEqual(
      says("x.skel.ts: is out of date (run ebpf-skel gen x.bpf.o)"),
    );
  });

  test("names the object after the module, and records it", () => {
    mkdirSync(folder.at("out"));
    expect(folder.run(["gen", "x.bpf.o", "--no-embed", "-o", "out/other name.ts"]).status).toBe(0);
    expect(folder.list("out")).toEqual(["other name.skel.o", "other name.ts"]);
    const module = folder.read("out/other name.ts");
    expect(module).toContain('s.file(new URL("./other%20name.skel.o", import.meta.url))');
    expect(module).toContain('options {"embed":false,"objectFile":"other name.skel.o"}');
    expect(folder.run(["gen", "x.bpf.o", "--no-embed", "-o", "out/other name.ts", "--check"]).status).toBe(0);
  });

  test("writes no object over another's, nor over an input", () => {
    folder.write("y.bpf.o", counter);
    folder.write("x.skel.o", counter);
    mkdirSync(folder.at("a"));
    folder.write("a/y.bpf.o", counter);
    const { status, stderr } = folder.run(["gen", "y.bpf.o", "a/y.bpf.o", "--no-embed", "-o", "a"]);
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: "ebpf-skel: a/y.bpf.o and y.bpf.o both become a/y.skel.ts (generate them apart, with --output)\n",
    });
    expect(folder.run(["gen", "x.bpf.o", "x.skel.o", "--no-embed"]).stderr).toBe(
      "ebpf-skel: --output: expected another file than the object, got x.skel.o (choose another name)\n",
    );
    expect(bytesOf("x.skel.o").equals(Buffer.from(counter))).toBe(true);
  });

  test("has nothing to print the object with", () => {
    expect(folder.run(["gen", "x.bpf.o", "--no-embed", "--stdout"])).toEqual({
      status: 2,
      stdout: "",
      stderr: "ebpf-skel: --stdout: prints the module alone, got --no-embed too (leave one out)\n",
    });
    expect(folder.list()).toEqual(["x.bpf.o"]);
  });

  test("leaves no half of an object where it cannot be written", () => {
    mkdirSync(folder.at("x.skel.o"));
    const { status, stderr } = folder.run(["gen", "x.bpf.o", "--no-embed"]);
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: "ebpf-skel: x.skel.o: cannot be written, got EISDIR, a folder (remove it, or name another file)\n",
    });
    expect(folder.list()).toEqual(["x.bpf.o", "x.skel.o"]);
  });
});

test("the module finds its object from any folder, and notices another one", () => {
  writeBoth();
  symlinkSync(join(repository, "node_modules"), folder.at("node_modules"));
  buildSync({
    entryPoints: [folder.at("x.skel.ts")],
    outfile: folder.at("x.skel.mjs"),
    format: "esm",
    target: "node20",
  });
  const program = `
    const { X } = await import(${JSON.stringify(folder.at("x.skel.mjs"))});
    try { console.log(X.name, X.object().length); } catch (e) { console.log(e.name, e.message); }`;
  const run = (): string =>
    execFileSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8", cwd: repository });
  expect(run()).toBe(`x ${carried.length}\n`);
  folder.write("x.skel.o", fixture("nomaps"));
  expect(run()).toMatch(/^StaleError x: expected sha256 \w+…, the carried object has \w+… \(regenerate/);
});

test.each([
  [{ embed: "no" }, 'embed: expected true or false, got "no"'],
  [{ objectFile: "x.skel.o" }, "objectFile: the module holds the object (set embed to false, or leave it out)"],
  [{ embed: false, objectFile: "a/b" }, 'objectFile: expected a file name, got "a/b"'],
  [{ embed: false, objectFile: "" }, 'objectFile: expected a file name, got ""'],
])("generate refuses %o", async (options, message) => {
  await expect(generate(counter, { name: "x.bpf.o", ...(options as object) })).rejects.toMatchObject({
    code: "ERR_OPTION",
    message,
  });
});

test("a file's name cannot leave the header's comment, nor the URL", async () => {
  const objectFile = 'a\u2028b"#?%.o';
  const text = await generate(counter, { name: "x.bpf.o", embed: false, objectFile });
  expect(text.split("\n")[1]).toContain('options {"embed":false,"objectFile":"a\\u2028b\\"#?%.o"}, text-sha256 ');
  expect(text).toContain(`s.file(new URL("./${encodeURIComponent(objectFile)}", import.meta.url))`);
});
