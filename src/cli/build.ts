// `ebpf-skel build`: C sources in, objects and modules out. clang's diagnostics reach the terminal as clang wrote them.

import { diagnosticsOf, openToolchain, removeAtExit } from "../build/compile.ts";
import { eachInParallel } from "../build/limit.ts";
import { filesOf } from "../build/module.ts";
import { archesOf, compileTargets, objectOf, objectsOf, type TargetOptions } from "../build/targets.ts";
import { isSkelError } from "../errors.ts";
import { commandOf, type ModuleArguments, planJobs, reportFiles, runJob } from "./gen.ts";
import { openProgress } from "./progress.ts";
import { report, reportWarning, wantsColour } from "./report.ts";
import { type Pass, repeat } from "./watch.ts";

/** The command's arguments: those of `gen`, with sources in place of objects, and how to compile them. */
export interface BuildArguments extends ModuleArguments, Omit<TargetOptions, "flags"> {
  readonly sources: readonly string[];
  /** What stood behind `--`. */
  readonly flags: readonly string[];
}

/** Runs the command, each failure told on stderr; gives its exit status. */
export async function runBuild(args: BuildArguments): Promise<number> {
  const { sources, check, stdout, verbose } = args;
  const jobs = planJobs({ ...args, objects: sources.map((source) => objectOf(source)) }, archesOf(args));
  removeAtExit();
  const toolchain = await openToolchain(args.clang, wantsColour(process.stderr));
  if (toolchain.warning !== undefined) reportWarning(toolchain.warning);
  // Those of the last time that it compiled: whatever is wrong now is likely to be in one of them.
  const inputs = new Map<string, readonly string[]>(sources.map((source) => [source, [source]]));

  const pass = async (tellUnchanged: boolean): Promise<Pass> => {
    const compiled = eachInParallel(sources, (source) => compileTargets(source, args, toolchain, check || stdout));
    let status = 0;
    const progress = openProgress(sources.length);
    for (const [i, source] of sources.entries()) {
      progress.at(i, source);
      try {
        const { bytes, arch, diagnostics, written, inputs: read } = await compiled[i]!;
        const job = { ...jobs[i]!, options: { ...jobs[i]!.options, arch } };
        inputs.set(source, read);
        if (diagnostics !== "") progress.clear();
        process.stderr.write(diagnostics);
        const changed = (await runJob(job, bytes, args, commandOf("build", source, args), progress.clear)) || written;
        progress.clear();
        if (!stdout && (changed || tellUnchanged)) reportFiles([...objectsOf(source, args), ...filesOf(job)], changed);
      } catch (e) {
        progress.clear();
        if (!isSkelError(e)) throw e;
        process.stderr.write(diagnosticsOf(e) ?? "");
        status = Math.max(status, report(e, verbose, "build"));
      }
    }
    return { status, inputs: [...new Set([...inputs.values()].flat())] };
  };

  if (args.watch) await repeat(sources, pass);
  return (await pass(true)).status;
}
