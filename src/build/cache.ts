// Where the build keeps what it can make again: node_modules/.cache/ebpf-skel of the project, else the user's cache folder.

import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";

/** The node_modules of the project that `folder` is in. */
function findModules(folder: string): string | undefined {
  const parent = dirname(folder);
  if (existsSync(join(folder, "package.json"))) {
    const modules = join(folder, "node_modules");
    // A workspace's own may be further up.
    if (existsSync(modules)) return modules;
  }
  return parent === folder ? undefined : findModules(parent);
}

/** The cache folder for sources in `folder`; nothing is made yet. */
export function cacheFolder(folder: string): string {
  const modules = findModules(resolve(folder));
  if (modules !== undefined) return join(modules, ".cache", "ebpf-skel");
  const base = process.env["XDG_CACHE_HOME"];
  return join(base === undefined || base === "" ? join(homedir(), ".cache") : base, "ebpf-skel");
}
