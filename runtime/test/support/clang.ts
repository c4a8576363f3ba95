// C in, a skeleton out: for programs that no fixture has. The table is written by hand, as generated code would have it.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { skeleton, type Skeleton, type SkeletonShape, type SkeletonTable } from "../../src/gen1.ts";

const fixtures = resolve(import.meta.dirname, "../../../fixtures");

/** The object that clang makes of `source`, which starts with fixtures/common.h. */
export function compile(source: string): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), "ebpf-skel-clang-"));
  try {
    writeFileSync(join(folder, "x.bpf.c"), `#include "common.h"\n${source}\nchar LICENSE[] SEC("license") = "GPL";\n`);
    const includes = ["-I", fixtures, "-idirafter", "/usr/include/x86_64-linux-gnu"];
    const args = ["-target", "bpf", "-g", "-O2", ...includes, "-c", "x.bpf.c", "-o", "x.bpf.o"];
    execFileSync("clang-19", args, { cwd: folder });
    return new Uint8Array(readFileSync(join(folder, "x.bpf.o")));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The skeleton of an object that was just compiled. */
export function skeletonOf<X extends SkeletonShape>(
  bytes: Uint8Array,
  table: Pick<SkeletonTable<X>, "maps" | "progs" | "sections">,
): Skeleton<X> {
  return skeleton<X>(() => ({
    abi: 1,
    name: "test",
    structOps: {} as SkeletonTable<X>["structOps"],
    ...table,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    object: () => bytes,
  }));
}
