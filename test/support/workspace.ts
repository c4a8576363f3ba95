// A throw-away project outside the repository, with the packages linked as npm would have installed them.

import { execFileSync, type ExecFileSyncOptions } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";

export const repository: string = resolve(import.meta.dirname, "../..");

/** What a finished process left behind. */
export interface Run {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end; never throws for its exit status. */
export function run(file: string, args: readonly string[], options: ExecFileSyncOptions = {}): Run {
  try {
    const stdout = execFileSync(file, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], ...options });
    return { status: 0, stdout: String(stdout), stderr: "" };
  } catch (e) {
    const { status, stdout, stderr, signal } = e as Partial<Record<"status" | "stdout" | "stderr" | "signal", unknown>>;
    if (typeof status !== "number")
      throw new Error(`${file} ended by ${String(signal)}\n${String(stderr)}`, { cause: e });
    return { status, stdout: String(stdout), stderr: String(stderr) };
  }
}

/** A temporary folder with the given files; removed by {@link Workspace.remove}. */
export interface Workspace {
  readonly folder: string;
  write(path: string, text: string): string;
  remove(): void;
}

/** Makes a workspace; `linked` puts this repository's packages into its node_modules. */
export function makeWorkspace(files: Readonly<Record<string, string>> = {}, linked = true): Workspace {
  const folder = mkdtempSync(join(tmpdir(), "ebpf-skel-test-"));
  const write = (path: string, text: string): string => {
    const full = join(folder, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, text);
    return full;
  };
  for (const [path, text] of Object.entries(files)) write(path, text);
  if (linked) {
    mkdirSync(join(folder, "node_modules/@ebpf-skel"), { recursive: true });
    symlinkSync(join(repository, "runtime"), join(folder, "node_modules/@ebpf-skel/runtime"));
    symlinkSync(repository, join(folder, "node_modules/ebpf-skel"));
  }
  return { folder, write, remove: () => rmSync(folder, { recursive: true, force: true }) };
}
