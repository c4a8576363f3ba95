// What bpftool says of a map: the other view of the kernel's truth.

import { execFileSync } from "node:child_process";

function run(...args: readonly string[]): unknown {
  return JSON.parse(execFileSync("bpftool", ["-j", "map", ...args], { encoding: "utf8" }));
}

/** `bpftool map show`. */
export function shownMap(id: number): Record<string, unknown> {
  return run("show", "id", String(id)) as Record<string, unknown>;
}

/** The entries of `bpftool map dump` as numbers of their first four bytes; what it cannot read is left out. */
export function dumpedWords(id: number): [key: number, value: number][] {
  const entries = run("dump", "id", String(id)) as { key: string[]; value: string[] | { error: string } }[];
  const word = (bytes: string[]): number => bytes.slice(0, 4).reduceRight((sum, byte) => sum * 256 + Number(byte), 0);
  return entries.flatMap(({ key, value }) => (Array.isArray(value) ? [[word(key), word(value)]] : []));
}
