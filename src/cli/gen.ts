// `ebpf-skel gen`: objects in, one module beside each out. Unchanged objects are recognised by the header alone, before
// ts-morph and prettier are loaded.

import { basename, dirname, join } from "node:path";
import { displayPath, isSkelError, shown, SkelError } from "../errors.ts";
import { isCurrent } from "../header.ts";
import { type GenerateOptions, originOf, resolveOptions } from "../options.ts";
import { parseMaps } from "./maps.ts";
import { isFolder, readObjectFile, readTextIfAny, targetOf, writeText } from "./files.ts";
import { report, reportWarning } from "./report.ts";

/** The command's arguments, as yargs hands them over. */
export interface GenArguments {
  readonly objects: readonly string[];
  readonly output?: string | undefined;
  readonly name?: string | undefined;
  readonly int64: "bigint" | "number";
  /** `TYPE.FIELD=KIND` each. */
  readonly as?: readonly string[] | undefined;
  /** `NAME=KEY:VALUE` each. */
  readonly map?: readonly string[] | undefined;
  readonly check: boolean;
  readonly stdout: boolean;
  readonly verbose: boolean;
}

interface Job {
  readonly input: string;
  readonly output: string;
  readonly options: GenerateOptions;
}

function outputName(object: string): string {
  return `${basename(object)
    .replace(/\.o$/, "")
    .replace(/\.bpf$/, "")}.skel.ts`;
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
  if (args.stdout && args.check) throw option("--stdout: prints the module, got --check too (leave one out)");
  if (args.name !== undefined && !/^[A-Za-z_][A-Za-z0-9_]*$/.test(args.name))
    throw option(`--name: expected a C identifier, got ${shown(args.name)}`);
  const maps = parseMaps(args.map);
  if (several && maps !== undefined)
    throw option(`--map: is about one object, got ${objects.length} (generate them apart)`);
  const intoFolder = output !== undefined && (output.endsWith("/") || isFolder(output));
  if (several && output !== undefined && !intoFolder)
    throw option(
      `--output: expected a folder for ${objects.length} objects, got ${displayPath(output)} (make it first, or end it with a slash)`,
    );
  const as = parseAs(args.as ?? []);
  const jobs = objects.map((input) => ({
    input,
    output: output !== undefined && !intoFolder ? output : join(output ?? dirname(input), outputName(input)),
    options: { name: input, objectName: args.name, int64: args.int64, as, maps },
  }));
  const inputs = new Set(objects.map(targetOf));
  const byOutput = new Map<string, string>();
  for (const { input, output: to } of jobs) {
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
function commandOf(input: string, { output, name, int64, as = [], map = [] }: GenArguments): string {
  const options = [
    ...(output === undefined ? [] : ["-o", displayPath(output)]),
    ...(name ? ["--name", name] : []),
    ...(int64 === "number" ? ["--int64", int64] : []),
    ...as.flatMap((text) => ["--as", shown(text)]),
    ...map.flatMap((one) => ["--map", shown(one)]),
  ];
  return ["ebpf-skel", "gen", displayPath(input), ...options].join(" ");
}

/** What became of one module. */
type Outcome = "written" | "unchanged";

async function runJob({ input, output, options }: Job, args: GenArguments): Promise<Outcome> {
  const bytes = readObjectFile(input);
  const old = args.stdout ? undefined : readTextIfAny(output);
  if (old !== undefined && isCurrent(old, originOf(bytes, resolveOptions(options)))) return "unchanged";
  if (args.check) {
    const state = old === undefined ? "does not exist" : "is out of date";
    throw new SkelError("ERR_CHECK", `${state} (run ${commandOf(input, args)})`, [displayPath(output)]);
  }
  const { generateWithWarnings } = await import("../generate.ts");
  const { text, warnings } = await generateWithWarnings(bytes, options);
  for (const { where, what } of warnings) reportWarning(`${displayPath(input)}: ${where}: ${what}`);
  if (args.stdout) process.stdout.write(text);
  else if (text === old) return "unchanged";
  else writeText(output, text);
  return "written";
}

/** Runs the command; false when any object failed, each failure told on stderr. */
export async function runGen(args: GenArguments): Promise<boolean> {
  let ok = true;
  for (const job of planJobs(args)) {
    try {
      const outcome = await runJob(job, args);
      if (!args.stdout)
        console.log(`${displayPath(job.output)} ${outcome === "written" ? "written" : "is up to date"}`);
    } catch (e) {
      if (!isSkelError(e)) throw e;
      report(e, args.verbose);
      ok = false;
    }
  }
  return ok;
}
