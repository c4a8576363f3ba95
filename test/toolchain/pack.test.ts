// The packed tarballs in an empty project, as npm installs them for a user.

import { copyFileSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { afterAll, beforeAll, expect, test } from "vitest";
import { fixturesFolder } from "../support/fixtures.ts";
import { makeWorkspace, repository, run, type Workspace } from "../support/workspace.ts";

let project: Workspace;

beforeAll(() => {
  project = makeWorkspace({ "package.json": '{ "name": "user", "version": "1.0.0", "type": "module" }' }, false);
  for (const cwd of [repository, join(repository, "runtime")]) {
    const packed = run("npm", ["pack", "--ignore-scripts", "--pack-destination", project.folder], { cwd });
    expect(packed).toMatchObject({ status: 0 });
  }
  const tarballs = readdirSync(project.folder).filter((file) => file.endsWith(".tgz"));
  expect(tarballs).toHaveLength(2);
  const installed = run("npm", ["install", "--prefer-offline", ...tarballs.map((file) => `./${file}`)], {
    cwd: project.folder,
  });
  expect(installed, installed.stderr).toMatchObject({ status: 0 });
  copyFileSync(join(fixturesFolder, "execve_counter.bpf.o"), join(project.folder, "execve_counter.bpf.o"));
});
afterAll(() => project.remove());

test("npx ebpf-skel gen writes the same module as in the repository", () => {
  const gen = run("npx", ["--no-install", "ebpf-skel", "gen", "execve_counter.bpf.o"], { cwd: project.folder });
  expect(gen).toEqual({ status: 0, stdout: "execve_counter.skel.ts written\n", stderr: "" });
  expect(readFileSync(join(project.folder, "execve_counter.skel.ts"), "utf8")).toBe(
    readFileSync(join(fixturesFolder, "execve_counter.skel.ts"), "utf8"),
  );
});

test("the library generates and inspects", () => {
  const script = project.write(
    "library.mjs",
    `import { generate, inspectObject, SkelError } from "ebpf-skel";
     import { readFileSync } from "node:fs";
     const bytes = readFileSync("execve_counter.bpf.o");
     const text = await generate(bytes, { name: "execve_counter.bpf.o" });
     const error = await generate(new Uint8Array(3), { name: "x.o" }).catch((e) => e);
     console.log(JSON.stringify([text === readFileSync("execve_counter.skel.ts", "utf8"), inspectObject(bytes).maps[0].name, error instanceof SkelError, error.code]));`,
  );
  const { stdout, stderr } = run(process.execPath, [script], { cwd: project.folder });
  expect(stderr).toBe("");
  expect(JSON.parse(stdout)).toEqual([true, "execve_counter", true, "ERR_ELF_FORMAT"]);
});

const node24 = process.env["EBPF_SKEL_NODE24"] ?? join(repository, ".cache/node-24/bin/node");

test.each([
  ["this Node", process.execPath],
  ["Node 24", node24],
])("both packages can be required by %s, and load no koffi by that", (_, node) => {
  const script = project.write(
    "require.cjs",
    `const names = ["ebpf-skel", "@ebpf-skel/runtime", "@ebpf-skel/runtime/gen1"];
     const few = names.filter((name) => Object.keys(require(name)).length <= 3);
     console.log(JSON.stringify([few, Object.keys(require.cache).filter((file) => file.includes("koffi"))]));`,
  );
  expect(run(node, ["--no-warnings", script], { cwd: project.folder })).toEqual({
    status: 0,
    stdout: "[[],[]]\n",
    stderr: "",
  });
});

test.each(["ebpf-skel", "@ebpf-skel/runtime"])("publint finds nothing in %s", async (name) => {
  const { messages, pkg } = await publint({ pkgDir: join(project.folder, "node_modules", name), pack: false });
  expect(pkg["name"]).toBe(name);
  expect(messages.map((message) => formatMessage(message, pkg))).toEqual([]);
});

test("the tarballs carry what they need and nothing else", () => {
  const list = (name: string): string[] =>
    readdirSync(join(project.folder, "node_modules", name), { recursive: true, encoding: "utf8" }).filter(
      (file) => !file.includes("node_modules") && (file === "LICENSE" || /\.\w+$/.test(file)),
    );
  for (const name of ["ebpf-skel", "@ebpf-skel/runtime"]) {
    const files = list(name);
    expect(files).toContain("package.json");
    expect(files).toContain("README.md");
    expect(files).toContain("LICENSE");
    const own = files.filter((file) => !file.startsWith("templates/project/"));
    expect(own.filter((file) => /(^|\/)(test|fixtures|bench)\/|\.tsbuildinfo$|\.bpf\.[co]$/.test(file))).toEqual([]);
  }
  expect(list("ebpf-skel")).toEqual(
    expect.arrayContaining([
      "templates/skeleton.ts",
      "templates/project/package.json",
      "templates/project/src/prog.bpf.c",
    ]),
  );
});

test("the plugins' types need no bundler's, and importing the library starts nothing", () => {
  const bundlers = ["vite", "rollup", "rolldown", "esbuild", "webpack", "rspack"];
  const lines = bundlers.map((name) => `import { ebpfSkel as ${name} } from "ebpf-skel/${name}";`);
  const uses = [
    "const named: readonly { readonly name: string }[] = [vite(), rollup(), rolldown({ embed: false }), esbuild()];",
    'const applied: readonly { apply: (compiler: unknown) => void }[] = [webpack(), rspack({ flags: ["-Wall"] })];',
    'import { build, type BuildOptions } from "ebpf-skel";',
    'const options: BuildOptions = { sources: ["a.bpf.c"], endian: "both", js: true };',
    "export { applied, build, named, options };",
  ];
  const file = project.write("plugins.ts", [...lines, ...uses].join("\n"));
  const tsc = join(repository, "node_modules/typescript/bin/tsc");
  const flags = ["--strict", "--module", "nodenext", "--target", "es2022", "--lib", "es2023,esnext.disposable"];
  const checked = run(process.execPath, [tsc, ...flags, "--types", "", "--noEmit", file], { cwd: project.folder });
  expect(checked).toMatchObject({ status: 0, stdout: "" });
  const loaded = run(
    process.execPath,
    [
      "--input-type=module",
      "-e",
      'await import("ebpf-skel"); console.log(process.moduleLoadList.filter((m) => /child_process$/.test(m)).length)',
    ],
    { cwd: project.folder },
  );
  expect(loaded).toEqual({ status: 0, stdout: "0\n", stderr: "" });
});
