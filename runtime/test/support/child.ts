// TypeScript run in a process of its own: for what might end a process, needs other rights, or counts what a process holds.

import { buildSync } from "esbuild";
import { execFile, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { withOpenRepository } from "./reach.ts";

const repository = resolve(import.meta.dirname, "../../..");

// `@ebpf-skel/runtime` is the sources; koffi and bare modules are the repository's.
const alias = {
  "@ebpf-skel/runtime/gen1": join(repository, "runtime/src/gen1.ts"),
  "@ebpf-skel/runtime": join(repository, "runtime/src/index.ts"),
};

/** What a process left behind. */
export interface Ended {
  readonly status: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ChildOptions {
  /** What starts node, "setpriv ..."; node's own path and arguments follow. */
  readonly prefix?: readonly string[];
  readonly nodeArgs?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Every program starts with these: `say` prints what `fn` gives or throws, as one line of JSON. */
const prelude = `
  const shown = (_: string, v: unknown) => (typeof v === "bigint" ? v + "n" : v);
  function say(fn: () => unknown): void {
    let line: unknown;
    try {
      line = { ok: fn() ?? null };
    } catch (e) {
      const { name, code, message } = e as { name: string; code?: string; message: string };
      line = { name, code, message };
    }
    console.log(JSON.stringify(line, shown));
  }
  function gc(): void {
    (globalThis as unknown as { gc: () => void }).gc();
  }
`;

/** Bundles `program`, whose imports start at the repository's root ("./fixtures/types.skel.ts"), into `folder`. */
function bundle(program: string, folder: string): string {
  chmodSync(folder, 0o755);
  symlinkSync(join(repository, "node_modules"), join(folder, "node_modules"));
  const file = join(folder, "child.mjs");
  buildSync({
    stdin: { contents: `${prelude}\n${program}`, loader: "ts", resolveDir: repository, sourcefile: "child.ts" },
    outfile: file,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node20",
    alias,
  });
  return file;
}

/** Runs `program`, whose imports start at the repository's root ("./fixtures/types.skel.ts"). */
export function runChild(program: string, options: ChildOptions = {}): Ended {
  const folder = mkdtempSync(join(tmpdir(), "ebpf-skel-child-"));
  try {
    const file = bundle(program, folder);
    const { prefix = [], nodeArgs = [] } = options;
    const line = [...prefix, process.execPath, ...nodeArgs, file];
    const [command, ...args] = prefix.includes("setpriv") ? withOpenRepository(line) : line;
    const { status, signal, stdout, stderr, error } = spawnSync(command!, args, {
      encoding: "utf8",
      cwd: folder,
      timeout: 60_000,
      env: { ...process.env, ...options.env },
    });
    if (error !== undefined && status === null && signal === null) throw error;
    return { status, signal, stdout, stderr };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs programs at the same time; gives what each said, and rejects when one does not end with status 0. */
export function runChildren(programs: readonly string[]): Promise<Said[][]> {
  return Promise.all(
    programs.map(async (program) => {
      const folder = mkdtempSync(join(tmpdir(), "ebpf-skel-child-"));
      try {
        const run = promisify(execFile);
        const { stdout } = await run(process.execPath, [bundle(program, folder)], { cwd: folder, timeout: 60_000 });
        return saidLines(stdout);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    }),
  );
}

function saidLines(stdout: string): Said[] {
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Said);
}

/** The lines that a child's `say` printed; throws when it did not end by itself with status 0. */
export function saidBy(program: string, options: ChildOptions = {}): Said[] {
  const { status, signal, stdout, stderr } = runChild(program, options);
  if (status !== 0) throw new Error(`child ended with ${signal ?? status}\n${stderr}\n${stdout}`);
  return saidLines(stdout);
}

/** One `say`: what was given, or the error. */
export type Said =
  | { readonly ok: unknown; readonly name?: undefined }
  | { readonly name: string; readonly code?: string; readonly message: string };
