// C or C++ in, a BPF object out, through clang.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The bytes of `source` compiled for BPF, with BTF and DWARF; `flags` follow those that all have. */
export function compileBpf(
  source: string,
  target: "bpf" | "bpfeb" = "bpf",
  language: "c" | "c++" = "c",
  { clang = "clang-19", flags = [] }: { readonly clang?: string; readonly flags?: readonly string[] } = {},
): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), "ebpf-skel-compile-"));
  try {
    const [input, output] = [join(folder, "case.bpf.c"), join(folder, "case.bpf.o")];
    writeFileSync(input, source);
    const include = `/usr/include/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu`;
    execFileSync(
      clang,
      ["-x", language, "-g", "-O2", "-target", target, `-I${include}`, ...flags, "-c", input, "-o", output],
      {
        stdio: ["ignore", "ignore", "pipe"],
      },
    );
    return readFileSync(output);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
