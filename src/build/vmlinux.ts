// vmlinux.h of the running kernel, which bpftool makes of its BTF: once for each kernel.

import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SkelError } from "../errors.ts";
import { readCached, writeCached } from "./cache.ts";
import { findPrograms, missingTool, runProgram } from "./process.ts";

const KERNEL_BTF = "/sys/kernel/btf/vmlinux";

/** The name of the cache's folder for this kernel's vmlinux.h; undefined where the kernel tells no BTF. */
export function vmlinuxName(): string | undefined {
  // Not readIfAny: files of sysfs may tell the size of a page.
  if (!existsSync(KERNEL_BTF)) return undefined;
  const hash = createHash("sha256").update(readFileSync(KERNEL_BTF)).digest("hex");
  return `vmlinux-${hash.slice(0, 16)}`;
}

/** Whether `folder` of the cache has a vmlinux.h that can be used. */
export function hasVmlinux(folder: string): boolean {
  return readCached(join(folder, "vmlinux.h")) !== undefined;
}

/**
 * Makes vmlinux.h in the folder `name` of `cache`.
 * @throws SkelError ERR_TOOL without a kernel that has BTF, or without bpftool
 */
export async function makeVmlinux(cache: string, name: string | undefined): Promise<void> {
  if (name === undefined)
    throw new SkelError(
      "ERR_TOOL",
      `vmlinux.h: this kernel has no ${KERNEL_BTF} to make it of (put one beside the source)`,
    );
  if (hasVmlinux(join(cache, name))) return;
  const [bpftool] = findPrograms(/^bpftool$/);
  if (bpftool === undefined) throw missingTool("bpftool", "on the PATH to make vmlinux.h with");
  const { status, stdout, stderr } = await runProgram(bpftool, ["btf", "dump", "file", KERNEL_BTF, "format", "c"]);
  if (status !== 0 || !stdout.includes("struct task_struct {"))
    throw new SkelError(
      "ERR_TOOL",
      `vmlinux.h: bpftool could not make it, got ${JSON.stringify(stderr.trim().slice(0, 300))} (put one beside the source)`,
    );
  writeCached(cache, name, "vmlinux.h", Buffer.from(stdout));
}
