// A cgroup of a test's own, and processes in it.

import { spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, rmdirSync, statSync } from "node:fs";

// In a container that was started anew the same process ids come again, and a run that was killed leaves its cgroups.
const own = `ebpf-skel-test-${randomUUID()}`;

/** Makes a directory in cgroup v2; whoever made it removes it. */
export function makeCgroup(name = "own"): { readonly path: string; remove(): void } {
  const mount = /^\S+ (\S+) cgroup2 /m.exec(readFileSync("/proc/self/mounts", "utf8"))?.[1];
  if (mount === undefined) throw new Error("cgroup v2 is not mounted");
  const path = `${mount}/${own}-${name}`;
  mkdirSync(path);
  return { path, remove: () => remove(path) };
}

/** A process that was killed is in its cgroup a moment longer. */
function remove(path: string): void {
  for (let tries = 0; ; tries++) {
    try {
      return rmdirSync(path);
    } catch (e) {
      if ((e as NodeJS.ErrnoException).code !== "EBUSY" || tries === 100) throw e;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    }
  }
}

/** One for the time of `use`. */
export function withCgroup<T>(use: (path: string) => T): T {
  const { path, remove } = makeCgroup();
  try {
    return use(path);
  } finally {
    remove();
  }
}

/** The kernel's id of a cgroup. */
export function cgroupId(path: string): bigint {
  return statSync(path, { bigint: true }).ino;
}

/** Runs JavaScript in a process that is in the cgroup from its start; throws when it fails. */
export function runIn(cgroup: string, script: string): void {
  const shell = `echo $$ > "$0/cgroup.procs" && exec "$@"`;
  const { status, stderr } = spawnSync("sh", ["-c", shell, cgroup, process.execPath, "-e", script], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`the process in the cgroup ended with ${status}\n${stderr}`);
}
