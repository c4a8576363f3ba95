// `ebpf-skel build`: C sources in, objects and modules out. clang's diagnostics reach the terminal as clang wrote them.

import { objectOf } from "../build/build.ts";
import type { CompileOptions } from "../build/clang.ts";
import { compileSource, diagnosticsOf, openToolchain } from "../build/compile.ts";
import { eachInParallel } from "../build/limit.ts";
import { filesOf } from "../build/module.ts";
import { isSkelError } from "../errors.ts";
import { commandOf, type ModuleArguments, planJobs, reportFiles, runJob } from "./gen.ts";
import { report, wantsColour } from "./report.ts";

/** The command's arguments: those of `gen`, with sources in place of objects, and how to compile them. */
export interface BuildArguments extends ModuleArguments, Omit<CompileOptions, "flags"> {
  readonly sources: readonly string[];
  /** What stood behind `--`. */
  readonly flags: readonly string[];
}

/** Runs the command; false when any source failed, each failure told on stderr. */
export async function runBuild(args: BuildArguments): Promise<boolean> {
  const { sources, check, stdout, verbose } = args;
  const jobs = planJobs({ ...args, objects: sources.map(objectOf) });
  const toolchain = await openToolchain(args.clang, wantsColour(process.stderr));
  const compiled = eachInParallel(sources, (source) =>
    compileSource(source, objectOf(source), args, toolchain, check || stdout),
  );
  let ok = true;
  for (const [i, source] of sources.entries()) {
    try {
      const { bytes, diagnostics, written } = await compiled[i]!;
      process.stderr.write(diagnostics);
      const made = await runJob(jobs[i]!, bytes, args, commandOf("build", source, args));
      if (!stdout) reportFiles([objectOf(source), ...filesOf(jobs[i]!)], written || made);
    } catch (e) {
      if (!isSkelError(e)) throw e;
      process.stderr.write(diagnosticsOf(e) ?? "");
      report(e, verbose);
      ok = false;
    }
  }
  return ok;
}
