// `ebpf-skel gen`: objects in, one module beside each out. Unchanged objects are recognised by the header, before ts-morph
// and prettier are loaded.

import { dirname, join } from "node:path";
import {
  checkModule,
  filesOf,
  type Job,
  type Made,
  makeModule,
  makeText,
  moduleName,
  planJob,
} from "../build/module.ts";
import { displayPath, isSkelError, shown, SkelError } from "../errors.ts";
import { isFolder, readObjectFile, targetOf } from "../files.ts";
import { parseTypes, parseViews } from "./types.ts";
import { openProgress } from "./progress.ts";
import { report, reportWarning } from "./report.ts";
import { type Pass, repeat } from "./watch.ts";

/** How modules are made, as yargs hands it over. */
export interface ModuleArguments {
  readonly output?: string | undefined;
  readonly name?: string | undefined;
  readonly embed: boolean;
  readonly int64: "bigint" | "number";
  /** `TYPE.FIELD=KIND` each. */
  readonly as?: readonly string[] | undefined;
  /** `NAME=KEY:VALUE` each. */
  readonly map?: readonly string[] | undefined;
  /** `ARCH=OBJECT` each. */
  readonly arch?: readonly string[] | undefined;
  readonly js: boolean;
  readonly strict: boolean;
  /** `NAME=TYPE` each. */
  readonly event?: readonly string[] | undefined;
  readonly check: boolean;
  readonly stdout: boolean;
  readonly watch: boolean;
  readonly verbose: boolean;
}

/** The command's arguments. */
export interface GenArguments extends ModuleArguments {
  readonly objects: readonly string[];
}

/** The jobs of the arguments, held against each other: no two write one file, none overwrites an object. `built`: machines whose objects come later. */
export function planJobs(args: GenArguments, built: readonly string[] = []): Job[] {
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
  if (args.stdout && args.js) throw option("--stdout: prints the module alone, got --js too (leave one out)");
  if (args.stdout && args.check) throw option("--stdout: prints the module, got --check too (leave one out)");
  if (args.watch && (args.check || args.stdout))
    throw option(`--watch: writes modules, got --${args.check ? "check" : "stdout"} too (leave one out)`);
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
  const given = Object.keys(parseArch(args.arch));
  if (several && given.length > 0)
    throw option(`--arch: is about one object, got ${objects.length} (generate them apart)`);
  const { name: objectName, embed, int64, js, strict } = args;
  const shared = { objectName, embed, int64, js, strict, as: parseViews(args.as), maps, events };
  const jobs = objects.map((input) => {
    const file = intoFolder ? undefined : output;
    return planJob({ ...shared, name: input }, file ?? join(output ?? dirname(input), moduleName(input, js)), [
      ...given,
      ...built,
    ]);
  });
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

/** `arm64=prog.arm64.o` as paths by machine. */
function parseArch(given: readonly string[] = []): Readonly<Record<string, string>> {
  return Object.fromEntries(
    given.map((text) => {
      const [, arch, path] = /^(\w+)=(.+)$/s.exec(text) ?? [];
      if (arch !== undefined && path !== undefined) return [arch, path];
      throw new SkelError("ERR_OPTION", `--arch: expected ARCH=OBJECT, got ${shown(text)} (like arm64=prog.arm64.o)`);
    }),
  );
}

/** The job with the bytes of its objects for other machines. */
function withArches(job: Job, args: ModuleArguments): Job {
  const paths = Object.entries(parseArch(args.arch));
  if (paths.length === 0) return job;
  const arch = Object.fromEntries(paths.map(([name, path]) => [name, readObjectFile(path)]));
  return { ...job, options: { ...job.options, arch: { ...job.options.arch, ...arch } } };
}

/** The command that brings the module of `input` up to date. */
export function commandOf(
  command: "gen" | "build",
  input: string,
  { output, name, int64, as = [], map = [], event = [], embed, arch = [], js }: ModuleArguments,
): string {
  const options = [
    ...(output === undefined ? [] : ["-o", displayPath(output)]),
    ...(name ? ["--name", name] : []),
    ...(int64 === "number" ? ["--int64", int64] : []),
    ...as.flatMap((text) => ["--as", shown(text)]),
    ...map.flatMap((one) => ["--map", shown(one)]),
    ...event.flatMap((one) => ["--event", shown(one)]),
    ...(embed ? [] : ["--no-embed"]),
    ...arch.flatMap((one) => ["--arch", shown(one)]),
    ...(js ? ["--js"] : []),
  ];
  return ["ebpf-skel", command, displayPath(input), ...options].join(" ");
}

async function resultOf(job: Job, bytes: Uint8Array, args: ModuleArguments, command: string): Promise<Made> {
  if (args.check) return { text: "", warnings: await checkModule(job, bytes, command), written: false };
  if (args.stdout) return { ...(await makeText(job, bytes)), written: true };
  return makeModule(job, bytes);
}

/** Runs one job on the object's bytes; whether anything was written. Before it tells of a warning it calls `telling`. */
export async function runJob(
  job: Job,
  bytes: Uint8Array,
  args: ModuleArguments,
  command: string,
  telling: () => void,
): Promise<boolean> {
  job = withArches(job, args);
  const { text, warnings, written } = await resultOf(job, bytes, args, command);
  if (warnings.length > 0) telling();
  for (const { where, what } of warnings) reportWarning(`${displayPath(job.input)}: ${where}: ${what}`);
  if (args.stdout) process.stdout.write(text);
  return written;
}

/** The line that tells of files that are as they should be now. */
export function reportFiles(files: readonly string[], written: boolean): void {
  const be = files.length === 1 ? "is" : "are";
  console.log(`${files.map(displayPath).join(", ")} ${written ? "written" : `${be} up to date`}`);
}

/** All files that the command reads. */
function inputsOf({ objects, arch }: GenArguments): string[] {
  return [...objects, ...Object.values(parseArch(arch))];
}

/** Makes the module of each object; each failure is told on stderr. */
async function runJobs(jobs: readonly Job[], args: GenArguments, tellUnchanged: boolean): Promise<Pass> {
  let status = 0;
  const progress = openProgress(jobs.length);
  for (const [i, job] of jobs.entries()) {
    progress.at(i, job.input);
    try {
      const written = await runJob(
        job,
        readObjectFile(job.input),
        args,
        commandOf("gen", job.input, args),
        progress.clear,
      );
      progress.clear();
      if (!args.stdout && (written || tellUnchanged)) reportFiles(filesOf(job), written);
    } catch (e) {
      progress.clear();
      if (!isSkelError(e)) throw e;
      status = Math.max(status, report(e, args.verbose, "gen"));
    }
  }
  return { status, inputs: inputsOf(args) };
}

/** Runs the command; gives its exit status. */
export async function runGen(args: GenArguments): Promise<number> {
  const jobs = planJobs(args);
  if (args.watch) await repeat(inputsOf(args), (first) => runJobs(jobs, args, first));
  return (await runJobs(jobs, args, true)).status;
}
