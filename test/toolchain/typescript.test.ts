// tsc as a user runs it: the generated modules under every flag a strict project sets, on the oldest compiler we promise
// and the newest there is, with the declarations of the packages checked too.

import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { goldens } from "../support/fixtures.ts";
import { makeWorkspace, repository, run, type Workspace } from "../support/workspace.ts";

const STRICT = {
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  verbatimModuleSyntax: true,
  noPropertyAccessFromIndexSignature: true,
  noImplicitOverride: true,
  noUnusedLocals: true,
  noUnusedParameters: true,
  declaration: true,
  skipLibCheck: false,
  // Nothing but the language: no DOM, no Node.
  lib: ["es2022"],
  types: [],
  target: "es2022",
};

const COMPILERS = [
  { name: "5.2", package: "typescript-5.2", flags: {} },
  { name: "5.9", package: "typescript-5.9", flags: { isolatedDeclarations: true, erasableSyntaxOnly: true } },
  { name: "7", package: "typescript", flags: { isolatedDeclarations: true, erasableSyntaxOnly: true } },
];
const MODULES = [
  { name: "nodenext", flags: { module: "nodenext", moduleResolution: "nodenext" } },
  { name: "bundler", flags: { module: "esnext", moduleResolution: "bundler" } },
];

const USE = `
import { ExecveCounter } from "./execve_counter.skel.js";
import { Observation } from "./globals.skel.js";
import { isBpfError, u32, struct } from "@ebpf-skel/runtime";
import type { Loaded } from "@ebpf-skel/runtime";

export function count(live: Loaded<ExecveCounter>): bigint | undefined {
  return live.maps.execve_counter.get("execve_counter");
}
export const size: number = Observation.size + struct(4, { pid: [0, u32] }).size;
export function isMissing(e: unknown): boolean {
  return isBpfError(e, "ENOENT") && e.errno === 2;
}
export function main(): void {
  using open = ExecveCounter.open();
  using live = open.load();
  live.attach();
}
`;

let project: Workspace;
beforeAll(() => {
  project = makeWorkspace({ "package.json": '{ "type": "module" }', "use.ts": USE });
  for (const { module, name } of goldens) copyFileSync(module, join(project.folder, `${name}.skel.ts`));
});
afterAll(() => project.remove());

describe.each(COMPILERS)("TypeScript $name", (compiler) => {
  test.each(MODULES)("compiles every golden and its use, $name", (modules) => {
    const compilerOptions = { ...STRICT, ...compiler.flags, ...modules.flags, outDir: "out" };
    const config = project.write(
      `tsconfig.${compiler.name}.${modules.name}.json`,
      JSON.stringify({ compilerOptions, include: ["*.ts"] }),
    );
    const tsc = join(repository, "node_modules", compiler.package, "bin/tsc");
    const { status, stdout, stderr } = run(process.execPath, [tsc, "-p", config], { cwd: project.folder });
    expect(stdout + stderr).toBe("");
    expect(status).toBe(0);
  });
});

test("the type tests and all other tests compile", () => {
  const tsc = join(repository, "node_modules/typescript/bin/tsc");
  const { stdout } = run(process.execPath, [tsc, "-p", join(repository, "test/tsconfig.json")]);
  expect(stdout).toBe("");
});

test("published declarations mention neither Node, nor the DOM, nor koffi, nor ts-morph", () => {
  const declarations = run("sh", ["-c", "cat runtime/dist/*.d.ts runtime/dist/*/*.d.ts dist/*.d.ts"], {
    cwd: repository,
  });
  expect(declarations.stdout.length).toBeGreaterThan(10_000);
  expect(declarations.stdout).not.toMatch(/reference types|from ["'](node:|koffi|ts-morph)|\bNodeJS\b|\bBuffer\b/);
});
