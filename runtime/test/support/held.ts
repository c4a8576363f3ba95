// What this process holds in the kernel: its descriptors by what they are, and BPF objects by kind.

import { execFileSync } from "node:child_process";
import { readdirSync, readlinkSync } from "node:fs";

/** How many descriptors there are of each kind that BPF has: "anon_inode:bpf-map". */
export function descriptors(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const fd of readdirSync("/proc/self/fd")) {
    let target: string;
    try {
      target = readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      continue; // readdir's own
    }
    if (/bpf|btf|perf_event/.test(target)) counts[target] = (counts[target] ?? 0) + 1;
  }
  return counts;
}

/** How many maps, programs and links named in `names` the kernel has: others use this machine too. */
export function kernelObjects(names: readonly string[]): Record<"map" | "prog" | "link", number> {
  const list = (kind: string): { id: number; name?: string; prog_id?: number }[] =>
    JSON.parse(execFileSync("bpftool", ["-j", kind, "list"], { encoding: "utf8" })) as { id: number; name?: string }[];
  const ours = ({ name }: { name?: string }): boolean => name !== undefined && names.includes(name);
  const programs = list("prog").filter(ours);
  const ids = new Set(programs.map(({ id }) => id));
  const links = list("link").filter(({ prog_id: id }) => id !== undefined && ids.has(id));
  return { map: list("map").filter(ours).length, prog: programs.length, link: links.length };
}

/** How many links of the program with this id the kernel has. */
export function linksOf(program: number): number {
  const links = JSON.parse(execFileSync("bpftool", ["-j", "link", "list"], { encoding: "utf8" })) as {
    prog_id?: number;
  }[];
  return links.filter(({ prog_id: id }) => id === program).length;
}

/** How many descriptors of any kind this process has open. */
export function openDescriptors(): number {
  // readdir's own is among them, each time.
  return readdirSync("/proc/self/fd").length;
}
