// A BPF file system of a test's own: what is pinned in it is gone with it, whatever became of the test.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Mounts one in a new folder; `remove` takes both away. */
export function mountBpffs(): { readonly folder: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), "ebpf-skel-bpffs-"));
  execFileSync("mount", ["-t", "bpf", "bpf", folder]);
  return {
    folder,
    remove() {
      execFileSync("umount", [folder]);
      rmdirSync(folder);
    },
  };
}
