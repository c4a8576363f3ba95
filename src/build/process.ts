// Other programs, found and run: clang and bpftool. Nothing here goes through a shell.

import type { ChildProcess } from "node:child_process";
import { accessSync, constants, readdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { shown, SkelError } from "../errors.ts";

/** What a program left behind. */
export interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Names of the package that brings a tool, per family of distributions. */
const PACKAGES: Readonly<Record<"clang" | "bpftool", string>> = {
  clang: "apt install clang, dnf install clang, apk add clang, or pacman -S clang",
  bpftool:
    "apt install bpftool, or linux-tools-generic on Ubuntu before 24.10; dnf install bpftool, apk add bpftool, or pacman -S bpf",
};

/** A tool is not there: the error that says how to get it. */
export function missingTool(tool: "clang" | "bpftool", looked: string): SkelError {
  return new SkelError("ERR_TOOL", `${tool}: expected the program, got nothing ${looked} (${PACKAGES[tool]})`);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Executables on the PATH, and in the folders of the system's own, whose name fits. */
export function findPrograms(name: RegExp): string[] {
  const folders = new Set([...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"]);
  return [...folders]
    .filter((folder) => folder !== "")
    .flatMap((folder) => {
      try {
        const names = readdirSync(folder).filter((one) => name.test(one));
        return names.map((one) => join(folder, one)).filter(isExecutable);
      } catch {
        return []; // A PATH often names folders that are not there.
      }
    });
}

const running = new Set<ChildProcess>();

/** Ends the programs that run. */
export function endPrograms(): void {
  running.forEach((child) => child.kill());
}

/**
 * Runs `file` to its end, in the folder `cwd` and with `variables` in its environment where they are given.
 * @throws SkelError ERR_TOOL where it cannot be started, or a signal ended it
 */
export async function runProgram(
  file: string,
  args: readonly string[],
  cwd?: string,
  variables: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const { spawn } = await import("node:child_process");
  return new Promise((done, failed) => {
    const child = spawn(file, args, { cwd, env: { ...process.env, ...variables }, stdio: ["ignore", "pipe", "pipe"] });
    running.add(child);
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
    child.on("error", (cause) =>
      failed(
        new SkelError("ERR_TOOL", `${shown(file)}: cannot be run, got ${cause.message} (check the path)`, [], {
          cause,
        }),
      ),
    );
    child.on("close", (status, signal) => {
      running.delete(child);
      if (status === null)
        return failed(new SkelError("ERR_TOOL", `${shown(file)}: was ended by ${String(signal)} (run it again)`));
      done({ status, stdout: Buffer.concat(out).toString("utf8"), stderr: Buffer.concat(err).toString("utf8") });
    });
  });
}
