// `ebpf-skel gen`: objects in, one module beside each out. Unchanged objects are recognised by the header alone, before
// ts-morph and prettier are loaded.

import { basename, dirname, join } from "node:path";
import { displayPath, isSkelError, shown, SkelError } from "../errors.ts";
import { carriedHash, isCurrent, sha256 } from "../header.ts";
import { type GenerateOptions, originOf, resolveOptions, stemOf } from "../options.ts";
import { parseTypes } from "./maps.ts";
import { isFolder, readIfAny, readObjectFile, targetOf, writeWhole } from "./files.ts";
import { report, reportWarning } from "./report.ts";

/** The command's arguments, as yargs hands them over. */
export interface GenArguments {
  readonly objects: readonly string[];
  readonly output?: string | undefined;
  readonly name?: string | undefined;
  readonly embed: boolean;
  readonly int64: "bigint" | "number";
  /** `TYPE.FIELD=KIND` each. */
  readonly as?: readonly string[] | undefined;
  /** `NAME=KEY:VALUE` each. */
  readonly map?: readonly string[] | undefined;
  /** `NAME=TYPE` each. */
  readonly event?: readonly string[] | undefined;
  readonly check: boolean;
  readonly stdout: boolean;
  readonly verbose: boolean;
}

interface Job {
  readonly input: string;
  readonly output: string;
  /** Where the object goes with --no-embed. */
  readonly object: string | undefined;
  readonly options: GenerateOptions;
}

function outputName(object: string): string {
  return `${stemOf(basename(object))}.skel.ts`;
}

/** The file of the object that belongs to the module `output`: "prog.skel.o" for "prog.skel.ts". */
function objectFileOf(output: string): string {
  return `${basename(output)
    .replace(/\.[cm]?ts$/, "")
    .replace(/\.skel$/, "")}.skel.o`;
}

function planJob(options: GenerateOptions, file: string | undefined, args: GenArguments): Job {
  const input = options.name;
  const output = file ?? join(args.output ?? dirname(input), outputName(input));
  if (args.embed) return { input, output, object: undefined, options };
  const objectFile = objectFileOf(output);
  // Recorded only where it is another than the one that the options alone give.
  const own = objectFile === resolveOptions({ ...options, embed: false }).objectFile;
  return {
    input,
    output,
    object: join(dirname(output), objectFile),
    options: { ...options, embed: false, objectFile: own ? undefined : objectFile },
  };
}

/** What a job writes. */
function filesOf({ output, object }: Job): string[] {
  return object === undefined ? [output] : [output, object];
}

function planJobs(args: GenArguments): Job[] {
  const { objects, output } = args;
  const several = objects.length > 1;
  const option = (what: string): SkelError => new SkelError("ERR_OPTION", what);
  if (several && args.name !== undefined)
    throw option(`--name: names one object, got ${objects.length} (generate them apart)`);
  if (several && args.stdout)
    throw option(`--stdout: prints one module, got ${objects.length} objects (generate them apart)`);
  if (args.stdout && output !== undefined)
    throw option("--stdout: prints the module, got --output too (leave one out)");
  if (args.stdout && !args.embed) throw option("--stdout: prints the module alone, got --no-embed too (leave one out)");
  if (args.stdout && args.check) throw option("--stdout: prints the module, got --check too (leave one out)");
  if (args.name !== undefined && !/^[A-Za-z_][A-Za-z0-9_]*$/.test(args.name))
    throw option(`--name: expected a C identifier, got ${shown(args.name)}`);
  const maps = parseTypes("--map", "KEY:VALUE", args.map);
  const events = parseTypes("--event", "TYPE", args.event);
  for (const [name, types] of [
    ["--map", maps],
    ["--event", events],
  ] as const)
    if (several && types !== undefined)
      throw option(`${name}: is about one object, got ${objects.length} (generate them apart)`);
  const intoFolder = output !== undefined && (output.endsWith("/") || isFolder(output));
  if (several && output !== undefined && !intoFolder)
    throw option(
      `--output: expected a folder for ${objects.length} objects, got ${displayPath(output)} (make it first, or end it with a slash)`,
    );
  const shared = { objectName: args.name, int64: args.int64, as: parseAs(args.as ?? []), maps, events };
  const jobs = objects.map((input) => planJob({ ...shared, name: input }, intoFolder ? undefined : output, args));
  const inputs = new Set(objects.map(targetOf));
  const byOutput = new Map<string, string>();
  for (const [input, to] of jobs.flatMap((job) => filesOf(job).map((file) => [job.input, file] as const))) {
    const target = targetOf(to);
    if (inputs.has(target))
      throw option(`--output: expected another file than the object, got ${displayPath(to)} (choose another name)`);
    const other = byOutput.get(target);
    if (other !== undefined)
      throw option(
        `${displayPath(input)} and ${displayPath(other)} both become ${displayPath(to)} (generate them apart, with --output)`,
      );
    byOutput.set(target, input);
  }
  return jobs;
}

/** `event.saddr=ipv4` as the library takes it. */
function parseAs(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((text) => {
      const equals = text.lastIndexOf("=");
      if (equals > 0) return [text.slice(0, equals), text.slice(equals + 1)];
      throw new SkelError("ERR_OPTION", `--as: expected TYPE.FIELD=KIND, got ${shown(text)} (like event.saddr=ipv4)`);
    }),
  );
}

/** The command that brings the module of `input` up to date. */
function commandOf(input: string, { output, name, int64, as = [], map = [], event = [], embed }: GenArguments): string {
  const options = [
    ...(output === undefined ? [] : ["-o", displayPath(output)]),
    ...(name ? ["--name", name] : []),
    ...(int64 === "number" ? ["--int64", int64] : []),
    ...as.flatMap((text) => ["--as", shown(text)]),
    ...map.flatMap((one) => ["--map", shown(one)]),
    ...event.flatMap((one) => ["--event", shown(one)]),
    ...(embed ? [] : ["--no-embed"]),
  ];
  return ["ebpf-skel", "gen", displayPath(input), ...options].join(" ");
}

/** Whether it had to be written. */
function writeIfOther(path: string, data: string | Uint8Array): boolean {
  const bytes = typeof data === "string" ? Buffer.from(data) : data;
  if (readIfAny(path)?.equals(bytes) === true) return false;
  writeWhole(path, bytes);
  return true;
}

/** What became of one module. */
type Outcome = "written" | "unchanged";

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

async function runJob(job: Job, args: GenArguments): Promise<Outcome> {
  const { input, output, options } = job;
  const bytes = readObjectFile(input);
  const old = args.stdout ? undefined : readIfAny(output)?.toString("utf8");
  const stale = findStale(job, bytes, old);
  if (stale === undefined) return "unchanged";
  if (args.check) {
    throw new SkelError("ERR_CHECK", `${stale.state} (run ${commandOf(input, args)})`, [displayPath(stale.file)]);
  }
  const { generateWithWarnings } = await import("../generate.ts");
  const { text, object, warnings } = await generateWithWarnings(bytes, options);
  for (const { where, what } of warnings) reportWarning(`${displayPath(input)}: ${where}: ${what}`);
  if (args.stdout) {
    process.stdout.write(text);
    return "written";
  }
  // The object first: a module never names what is not there.
  const wroteObject = job.object !== undefined && writeIfOther(job.object, object);
  return writeIfOther(output, text) || wroteObject ? "written" : "unchanged";
}

/** Runs the command; false when any object failed, each failure told on stderr. */
export async function runGen(args: GenArguments): Promise<boolean> {
  let ok = true;
  for (const job of planJobs(args)) {
    try {
      const outcome = await runJob(job, args);
      if (!args.stdout)
        console.log(
          `${filesOf(job).map(displayPath).join(", ")} ${outcome === "written" ? "written" : "is up to date"}`,
        );
    } catch (e) {
      if (!isSkelError(e)) throw e;
      report(e, args.verbose);
      ok = false;
    }
  }
  return ok;
}
