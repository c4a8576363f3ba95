// Functions of a binary by the names that a user gives: offsets out, or an error that names the binary, the function and
// what there is in its place.

import { ENOENT } from "../library/errno.ts";
import { type FunctionSymbol, functionSymbols } from "../library/elf.ts";
import type { ProgramCore } from "../program/core.ts";
import { attachFailure } from "./attempt.ts";
import { fail } from "./check.ts";

/**
 * The functions of the binary at `path`; undefined where only libbpf may know them.
 * @throws BpfError when the file cannot be read
 */
export function functionsOf(core: ProgramCore, path: string): readonly FunctionSymbol[] | undefined {
  try {
    return functionSymbols(path);
  } catch (cause) {
    const { code, errno = -ENOENT } = cause as NodeJS.ErrnoException;
    const why =
      code === "ENOENT" ? `${path} is not there` : code === "EISDIR" ? `${path} is a directory` : `cannot read ${path}`;
    throw attachFailure(core, "open", path, -errno, undefined, why);
  }
}

/**
 * The offset of the function that `wanted`, the value of `option`, names: `name` or `name@VERSION`.
 * @throws BpfError when there is none
 * @throws ValueError when there are several
 */
export function offsetOf(
  core: ProgramCore,
  option: string,
  path: string,
  known: readonly FunctionSymbol[] | undefined,
  wanted: string,
): number {
  const found = symbolsOf(known ?? [], wanted);
  if (found.length === 0) {
    throw attachFailure(core, "open", `${path}:${wanted}`, ENOENT, undefined, whyNot(path, known, wanted));
  }
  if (found.some(({ indirect }) => indirect)) {
    const why = `${path} chooses what ${wanted} is when it is linked, an IFUNC: name the function that it chooses`;
    throw attachFailure(core, "open", `${path}:${wanted}`, ENOENT, undefined, why);
  }
  const offsets = [...new Set(found.map(({ offset }) => offset))];
  if (offsets.length > 1)
    fail(
      core,
      option,
      `a name that ${path} has once (${choices(found, option === "func" ? "offset" : "offsets")})`,
      wanted,
    );
  return offsets[0]!;
}

/** The symbols that `wanted` may mean: of the first table that has it, the newest, and strong ones before weak ones. */
function symbolsOf(known: readonly FunctionSymbol[], wanted: string): readonly FunctionSymbol[] {
  const [, name = wanted, version] = /^([^@]+)@@?([^@]+)$/.exec(wanted) ?? [];
  const named = known.filter((symbol) => symbol.name === name && (version === undefined || symbol.version === version));
  const narrowed = [(s: FunctionSymbol) => s.dynamic, (s: FunctionSymbol) => !s.old, (s: FunctionSymbol) => !s.weak];
  return narrowed.reduce<readonly FunctionSymbol[]>((symbols, test) => {
    const better = symbols.filter(test);
    return better.length > 0 ? better : symbols;
  }, named);
}

function choices(found: readonly FunctionSymbol[], option: string): string {
  const versions = new Set(found.map(written));
  if (versions.size > 1) return `it has ${[...versions].join(", ")}`;
  const offsets = [...new Set(found.map(({ offset }) => `0x${offset.toString(16)}`))];
  return `use ${option}: ${offsets.join(", ")}`;
}

function written({ name, version, old }: FunctionSymbol): string {
  return version === undefined ? name : `${name}${old ? "@" : "@@"}${version}`;
}

/** Why `path` has no function `wanted`, with up to three that it may have been taken for. */
function whyNot(path: string, known: readonly FunctionSymbol[] | undefined, wanted: string): string {
  if (known === undefined) return `${path} has no ${wanted} to probe: it is no ELF file of this machine's kind`;
  if (known.length === 0) return `${path} has no symbols of functions: it is stripped, use offset`;
  const near = nearest(known, wanted);
  return `${path} has no ${wanted} to probe: ${near.length > 0 ? `it has ${near.join(", ")}` : "see nm, and nm -D"}`;
}

function nearest(known: readonly FunctionSymbol[], wanted: string): readonly string[] {
  const [bare = wanted] = wanted.split("@");
  const versions = [...new Set(known.filter(({ name }) => name === bare).map(written))];
  if (versions.length > 0) return versions.slice(0, 3);
  const lower = bare.toLowerCase();
  const most = Math.floor(bare.length / 3);
  const scored = [...new Set(known.map(({ name }) => name))].flatMap((name) => {
    const score = name.toLowerCase().includes(lower) ? 0 : distance(bare, name, most);
    return score <= most ? [{ name, score }] : [];
  });
  scored.sort((a, b) => a.score - b.score || a.name.length - b.name.length);
  return scored.slice(0, 3).map(({ name }) => name);
}

/** How many characters have to be put in, left out or exchanged to make `b` of `a`; more than `most` where it is more. */
function distance(a: string, b: string, most: number): number {
  if (Math.abs(a.length - b.length) > most) return most + 1;
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const exchanged = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(exchanged, row[j]! + 1, next[j - 1]! + 1));
    }
    if (Math.min(...next) > most) return most + 1;
    row = next;
  }
  return row[b.length]!;
}
