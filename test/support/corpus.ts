// Objects to hold against other people's programs: the fixtures, and every object of Debian's packages xdp-tools and libxdp1.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fixtures, isLegacy } from "./fixtures.ts";
import { repository } from "./workspace.ts";

export interface Specimen {
  /** File name: "globals.bpf.o". */
  readonly file: string;
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** Where scripts/setup.mjs keeps what it downloads and builds. */
const cache = process.env["EBPF_SKEL_CACHE"] || join(repository, ".cache");

/** A file or folder of the cache; `want` is what scripts/setup.mjs calls it. */
export function cached(path: string, want: string): string {
  const full = join(cache, path);
  if (existsSync(full)) return full;
  throw new Error(`${full} is missing, and these tests need it: run node scripts/setup.mjs ${want}`);
}

function specimen(path: string): Specimen {
  return { file: basename(path), path, bytes: new Uint8Array(readFileSync(path)) };
}

function packaged(): string[] {
  const folder = process.env["EBPF_SKEL_ORACLES"] ?? cached("oracles", "oracles");
  const files = readdirSync(folder).filter((file) => file.endsWith(".o"));
  if (files.length < 10)
    throw new Error(`${folder} has ${files.length} objects: remove it and run node scripts/setup.mjs oracles`);
  return files.sort().map((file) => join(folder, file));
}

if (fixtures.length < 10)
  throw new Error(`fixtures/ has ${fixtures.length} objects: run node scripts/build-fixtures.mjs`);

const modern = fixtures.filter(({ name }) => !isLegacy(name));

/** The objects, fixtures first; without the legacy ones. */
export const corpus: readonly Specimen[] = [...modern.map(({ object }) => object), ...packaged()].map(specimen);

/** The objects that libbpf opens only once they are carried. */
export const legacyCorpus: readonly Specimen[] = fixtures
  .filter(({ name }) => isLegacy(name))
  .map(({ object }) => specimen(object));

/** The specimen of that file name. */
export function specimenOf(file: string): Specimen {
  const found = corpus.find((one) => one.file === file);
  if (found === undefined) throw new Error(`no object ${file} among ${corpus.map((one) => one.file).join(", ")}`);
  return found;
}

/**
 * Whether libbpf's internal map `name` of that object has no variable that a skeleton could show: the compiler's own constants,
 * and sections of static variables. libbpf makes maps of them, and we leave them alone.
 */
export function isUnnamed(file: string, name: string): boolean {
  const statics = ["xdp-dispatcher.o", "attach_trace.bpf.o", "events.bpf.o", "event_idioms.bpf.o"];
  return /^\.?rodata[._](cst|str)\d/.test(name) || (statics.includes(file) && /^(view\.)?rodata$/.test(name));
}
