// `ebpf-skel gen`: objects in, one module beside each out. Unchanged objects are recognised by the header alone, before
// ts-morph and prettier are loaded.

import { basename, dirname, join } from "node:path";
import { displayPath, isSkelError, SkelError } from "../errors.ts";
import { isCurrent } from "../header.ts";
import { type GenerateOptions, originOf, resolveOptions } from "../options.ts";
import { isFolder, readObjectFile, readTextIfAny, writeText } from "./files.ts";
import { report, reportWarning } from "./report.ts";

/** The command's arguments, as yargs hands them over. */
export interface GenArguments {
  readonly objects: readonly string[];
  readonly output?: string | undefined;
  readonly name?: string | undefined;
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
  if (several && args.name !== undefined) throw option(`--name: names one object, got ${objects.length} objects`);
  if (several && args.stdout) throw option(`--stdout: prints one module, got ${objects.length} objects`);
  if (args.stdout && output !== undefined) throw option("--stdout: prints the module, so --output has no use");
  if (args.stdout && args.check) throw option("--stdout: --check prints no module");
  const intoFolder = output !== undefined && (output.endsWith("/") || isFolder(output));
  if (several && output !== undefined && !intoFolder)
    throw option(`--output: expected a folder for ${objects.length} objects, got ${displayPath(output)}`);
  const jobs = objects.map((input) => ({
    input,
    output: output !== undefined && !intoFolder ? output : join(output ?? dirname(input), outputName(input)),
    options: { name: input, objectName: args.name },
  }));
  const byOutput = new Map<string, string>();
  for (const { input, output: to } of jobs) {
    const other = byOutput.get(to);
    if (other !== undefined)
      throw option(
        `${displayPath(input)} and ${displayPath(other)} both become ${displayPath(to)} (generate them apart, with --output)`,
      );
    byOutput.set(to, input);
  }
  return jobs;
}

/** What became of one module. */
type Outcome = "written" | "unchanged";

async function runJob({ input, output, options }: Job, args: GenArguments): Promise<Outcome> {
  const bytes = readObjectFile(input);
  const old = args.stdout ? undefined : readTextIfAny(output);
  if (old !== undefined && isCurrent(old, originOf(bytes, resolveOptions(options)))) return "unchanged";
  if (args.check) {
    const state = old === undefined ? "does not exist" : "is out of date";
    throw new SkelError("ERR_CHECK", `${state} (run ebpf-skel gen ${displayPath(input)})`, [displayPath(output)]);
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
