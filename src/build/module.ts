// The bytes of an object in, its module's files out: written where they differ, and not even generated where the module's
// header says that nothing would.

import { basename, dirname, join } from "node:path";
import { displayPath, SkelError } from "../errors.ts";
import { readIfAny, writeWhole } from "../files.ts";
import { carriedHash, isCurrent, sha256 } from "../header.ts";
import type { Warning } from "../object/model.ts";
import { type GenerateOptions, originOf, resolveOptions, stemOf } from "../options.ts";

/** One module to make. */
export interface Job {
  /** The object's path, as the user gave it. */
  readonly input: string;
  /** The module's path. */
  readonly output: string;
  /** Where the object goes with `embed: false`. */
  readonly object: string | undefined;
  readonly options: GenerateOptions;
}

/** What became of a job. */
export interface Made {
  readonly text: string;
  readonly written: boolean;
  readonly warnings: readonly Warning[];
}

/** The module's file name for an object: "prog.skel.ts" for "prog.bpf.o". */
export function moduleName(object: string): string {
  return `${stemOf(basename(object))}.skel.ts`;
}

/** The file of the object that belongs to the module `output`: "prog.skel.o" for "prog.skel.ts". */
function objectFileOf(output: string): string {
  return `${basename(output)
    .replace(/\.[cm]?ts$/, "")
    .replace(/\.skel$/, "")}.skel.o`;
}

/** The job that makes `output` of the object `options.name`. */
export function planJob(options: GenerateOptions, output: string): Job {
  const input = options.name;
  if (options.embed !== false) return { input, output, object: undefined, options };
  const objectFile = objectFileOf(output);
  // Recorded only where it is another than the one that the options alone give.
  const own = objectFile === resolveOptions(options).objectFile;
  return {
    input,
    output,
    object: join(dirname(output), objectFile),
    options: { ...options, objectFile: own ? undefined : objectFile },
  };
}

/** What a job writes. */
export function filesOf({ output, object }: Job): string[] {
  return object === undefined ? [output] : [output, object];
}

/** Whether it had to be written. */
function writeIfOther(path: string, data: string | Uint8Array): boolean {
  const bytes = typeof data === "string" ? Buffer.from(data) : data;
  if (readIfAny(path)?.equals(bytes) === true) return false;
  writeWhole(path, bytes);
  return true;
}

/** Which file of a job is not what it would write now, and what it is; undefined: none. */
function findStale(job: Job, bytes: Uint8Array, old: string | undefined): { file: string; state: string } | undefined {
  const { output, object, options } = job;
  if (old === undefined) return { file: output, state: "does not exist" };
  if (!isCurrent(old, originOf(bytes, resolveOptions(options)))) return { file: output, state: "is out of date" };
  if (object === undefined) return undefined;
  const carried = readIfAny(object);
  if (carried === undefined) return { file: object, state: "does not exist" };
  return sha256(carried) === carriedHash(old) ? undefined : { file: object, state: "is out of date" };
}

/**
 * Holds the files of a job against `bytes`.
 * @throws SkelError ERR_CHECK naming the first that is out of date, and `remedy`, the command that helps
 */
export function checkModule(job: Job, bytes: Uint8Array, remedy: string): void {
  const stale = findStale(job, bytes, readIfAny(job.output)?.toString("utf8"));
  if (stale !== undefined)
    throw new SkelError("ERR_CHECK", `${stale.state} (run ${remedy})`, [displayPath(stale.file)]);
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
  const old = readIfAny(job.output)?.toString("utf8");
  if (old !== undefined && findStale(job, bytes, old) === undefined) return { text: old, written: false, warnings: [] };
  const { generateWithWarnings } = await import("../generate.ts");
  const { text, object, warnings } = await generateWithWarnings(bytes, job.options);
  // The object first: a module never names what is not there.
  const wroteObject = job.object !== undefined && writeIfOther(job.object, object);
  const wroteModule = writeIfOther(job.output, text);
  return { text, written: wroteModule || wroteObject, warnings };
}
