// Other people's programs, run to their end.

import { spawnSync, type SpawnSyncOptions } from "node:child_process";

/** bpftool and ip are for everybody, and on root's PATH only. */
const PATH = `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`;

export interface Ended {
  /** The exit status; 128 and more for a signal, as shells have it. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `file`; throws only where it cannot be started. */
export function start(file: string, args: readonly string[], options: SpawnSyncOptions = {}): Ended {
  const { error, status, signal, stdout, stderr } = spawnSync(file, args, {
    maxBuffer: 1 << 28,
    ...options,
    env: { ...process.env, PATH, ...options.env },
    encoding: "utf8",
  });
  if (error !== undefined && status === null && signal === null) throw new Error(`${file}: ${error.message}`);
  return { status: status ?? (signal === "SIGKILL" ? 137 : 143), stdout, stderr };
}

/** What `file` prints; throws when it fails. */
export function outputOf(file: string, args: readonly string[], options: SpawnSyncOptions = {}): string {
  const { status, stdout, stderr } = start(file, args, options);
  if (status !== 0) throw new Error(`${file} ${args.join(" ")}: exit status ${status}\n${stderr}${stdout}`);
  return stdout;
}
