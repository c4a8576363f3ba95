// C in, a BPF object out, through gcc (Debian's gcc-bpf).

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The bytes of `source` compiled for BPF, with BTF; `flags` follow those that all have. */
export function compileWithGcc(source: string, flags: readonly string[] = []): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), "ebpf-skel-gcc-"));
  try {
    const [input, output] = [join(folder, "case.bpf.c"), join(folder, "case.bpf.o")];
    writeFileSync(input, source);
    execFileSync("bpf-gcc", ["-gbtf", "-O2", "-mcpu=v3", ...flags, "-c", input, "-o", output], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    return readFileSync(output);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
