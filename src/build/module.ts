// The bytes of an object in, its module's files out: written where they differ, and where the module's header says that
// nothing would, the object is read for its warnings alone.

import { basename, dirname, join } from "node:path";
import { displayPath, SkelError } from "../errors.ts";
import { readIfAny, readTextIfAny, textOf, writeWhole } from "../files.ts";
import { carriedHashes, isCurrent, sha256 } from "../header.ts";
import type { Warning } from "../object/model.ts";
import { type GenerateOptions, originOf, otherFile, resolveOptions, stemOf } from "../options.ts";

/** One module to make. */
export interface Job {
  /** The object's path, as the user gave it. */
  readonly input: string;
  /** The module's path. */
  readonly output: string;
  /** Where the declarations go with `js`. */
  readonly declarations: string | undefined;
  /** Where the object goes with `embed: false`, and those for other machines. */
  readonly object: string | undefined;
  readonly others: Readonly<Record<string, string>>;
  readonly options: GenerateOptions;
}

/** What became of a job. */
export interface Made {
  readonly text: string;
  readonly written: boolean;
  readonly warnings: readonly Warning[];
}

/** The module's file name for an object: "prog.skel.ts" for "prog.bpf.o". */
export function moduleName(object: string, js = false): string {
  return `${stemOf(basename(object))}.skel.${js ? "js" : "ts"}`;
}

/** The file of the object that belongs to the module `output`: "prog.skel.o" for "prog.skel.ts". */
function objectFileOf(output: string): string {
  return `${basename(output)
    .replace(/\.[cm]?[jt]s$/, "")
    .replace(/\.skel$/, "")}.skel.o`;
}

function declarationsOf(output: string): string {
  const declarations = output.replace(/\.(m?)js$/, ".d.$1ts");
  if (declarations !== output) return declarations;
  throw new SkelError("ERR_OPTION", `output: expected a name that ends in .js or .mjs, got ${displayPath(output)}`);
}

/**
 * The job that makes `output` of the object `options.name`, and of objects for the machines `arches`, whose bytes come later.
 * @throws SkelError ERR_OPTION
 */
export function planJob(options: GenerateOptions, output: string, arches: readonly string[] = []): Job {
  const job = {
    input: options.name,
    output,
    declarations: options.js === true ? declarationsOf(output) : undefined,
    object: undefined,
    others: {},
    options,
  };
  if (options.embed !== false) return job;
  const objectFile = objectFileOf(output);
  // Recorded only where it is another than the one that the options alone give.
  const own = objectFile === resolveOptions(options).objectFile;
  const beside = (file: string): string => join(dirname(output), file);
  return {
    ...job,
    object: beside(objectFile),
    others: Object.fromEntries(arches.map((arch) => [arch, beside(otherFile(objectFile, arch))])),
    options: { ...options, objectFile: own ? undefined : objectFile },
  };
}

/** What a job writes. */
export function filesOf({ output, declarations, object, others }: Job): string[] {
  return [output, declarations, object, ...Object.values(others)].filter((file) => file !== undefined);
}

function isSame(found: Uint8Array | undefined, bytes: Uint8Array): boolean {
  return found !== undefined && Buffer.compare(found, bytes) === 0;
}

/** Whether it had to be written. */
function writeIfOther(path: string, data: string | Uint8Array): boolean {
  const bytes = typeof data === "string" ? Buffer.from(data) : data;
  if (isSame(readIfAny(path), bytes)) return false;
  writeWhole(path, bytes);
  return true;
}

/** Which file of a job is not what it would write now, and what it is; undefined: none. */
function findStale(job: Job, bytes: Uint8Array): { file: string; state: string } | undefined {
  const origin = originOf(bytes, resolveOptions(job.options));
  const module = readTextIfAny(job.output);
  const hashes = carriedHashes(module ?? "");
  const stale = (
    file: string | undefined,
    isSo: (content: Uint8Array) => boolean,
  ): { file: string; state: string }[] => {
    if (file === undefined) return [];
    const content = readIfAny(file);
    if (content === undefined) return [{ file, state: "does not exist" }];
    return isSo(content) ? [] : [{ file, state: "is out of date" }];
  };
  const isModule = (content: Uint8Array): boolean => isCurrent(textOf(content), origin);
  const isObject = (content: Uint8Array): boolean => hashes.has(sha256(content));
  return [
    ...stale(job.output, isModule),
    ...stale(job.declarations, isModule),
    ...[job.object, ...Object.values(job.others)].flatMap((file) => stale(file, isObject)),
  ][0];
}

/**
 * Holds the files of a job against `bytes`; gives the warnings, as the run that wrote them did.
 * @throws SkelError ERR_CHECK naming the first that is out of date, and `remedy`, the command that helps
 */
export async function checkModule(job: Job, bytes: Uint8Array, remedy: string): Promise<readonly Warning[]> {
  const stale = findStale(job, bytes);
  if (stale !== undefined)
    throw new SkelError("ERR_CHECK", `${stale.state} (run ${remedy})`, [displayPath(stale.file)]);
  const { warningsOf } = await import("../generate.ts");
  return warningsOf(bytes, job.options);
}

/** The text of a job's module, without writing anything. */
export async function makeText({ options }: Job, bytes: Uint8Array): Promise<Omit<Made, "written">> {
  const { generateWithWarnings } = await import("../generate.ts");
  return generateWithWarnings(bytes, options);
}

/**
 * Brings the files of a job up to date.
 * @throws SkelError of the generator, or ERR_IO
 */
export async function makeModule(job: Job, bytes: Uint8Array): Promise<Made> {
  const { options, output, declarations, object, others } = job;
  const { generateWithWarnings, warningsOf } = await import("../generate.ts");
  if (findStale(job, bytes) === undefined)
    return { text: readTextIfAny(output) ?? "", written: false, warnings: warningsOf(bytes, options) };
  const made = await generateWithWarnings(bytes, options);
  // The objects first: a module never names what is not there.
  const files = [
    [object, made.object],
    ...Object.entries(others).map(([arch, file]) => [file, made.others[arch]] as const),
    [declarations, made.declarations],
    [output, made.text],
  ] as const;
  const written = files.map(([file, data]) => file !== undefined && data !== undefined && writeIfOther(file, data));
  return { text: made.text, written: written.includes(true), warnings: made.warnings };
}
