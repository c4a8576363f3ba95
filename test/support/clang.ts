// clang as an oracle of C layout: claims in C in, those that do not hold out.

import { start } from "./programs.ts";

/** Debian keeps <asm/types.h> in a folder of the machine's. */
const HEADERS = `-I/usr/include/${process.arch === "arm64" ? "aarch64" : "x86_64"}-linux-gnu`;

/**
 * The claims, constant expressions of C, that are false below `source`, with whatever else clang finds wrong. Each claim is
 * denied too, so that a check that checks nothing is found as well.
 */
export function falseClaims(
  source: string,
  claims: readonly string[],
  { folder = "/tmp", bigEndian = false }: { readonly folder?: string; readonly bigEndian?: boolean } = {},
): string[] {
  const lines = claims.map(
    (claim, i) => `_Static_assert(${claim}, "yes${i}");\n_Static_assert(!(${claim}), "no${i}");\n`,
  );
  const flags = ["-target", bigEndian ? "bpfeb" : "bpf", HEADERS, "-w", "-ferror-limit=0", "-fno-caret-diagnostics"];
  const { stderr } = start("clang-19", [...flags, "-O2", "-fsyntax-only", "-x", "c", "-"], {
    cwd: folder,
    input: `${source}\n${lines.join("")}`,
  });
  const wrong: string[] = [];
  const denied = new Set<number>();
  for (const line of stderr.split("\n")) {
    if (!/: (fatal )?error: /.test(line)) continue;
    const [, kind, index] = /static assertion failed.*: (yes|no)(\d+)$/.exec(line) ?? [];
    if (kind === "no") denied.add(Number(index));
    else wrong.push(kind === "yes" ? claims[Number(index)]! : line);
  }
  const unchecked = claims.filter((claim, i) => !denied.has(i) && !wrong.includes(claim));
  return [...wrong, ...unchecked.map((claim) => `not checked: ${claim}`)];
}
