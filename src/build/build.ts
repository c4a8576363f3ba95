// C sources in, objects and their modules out: `ebpf-skel build` as a function.

import { dirname, join } from "node:path";
import { shown, SkelError } from "../errors.ts";
import { isFolder } from "../files.ts";
import type { GenerateOptions } from "../options.ts";
import { openToolchain } from "./compile.ts";
import { eachInParallel } from "./limit.ts";
import { makeModule, moduleName, planJob } from "./module.ts";
import { archesOf, compileTargets, objectOf, type TargetOptions } from "./targets.ts";

/** What `build` may be told: the sources, how they are compiled, and all that `generate` may be told but the name. */
export interface BuildOptions extends TargetOptions, Omit<GenerateOptions, "name"> {
  /** Paths of C sources: `["src/prog.bpf.c"]`. The object is written beside its source: "src/prog.bpf.o". */
  readonly sources: readonly string[];
  /** The module's file for one source, or an existing folder for all; beside the source by default: "src/prog.skel.ts". */
  readonly output?: string | undefined;
}

/** What became of one source. */
export interface Built {
  readonly source: string;
  /** Path of the object. */
  readonly object: string;
  /** Path of the module. */
  readonly module: string;
  /** The source and all headers that it includes, as absolute paths: what a watcher watches. */
  readonly inputs: readonly string[];
  /** What clang wrote, as it wrote it: its warnings. Empty where nothing had to be compiled. */
  readonly diagnostics: string;
  /** What the generator warns of, and with the first source what there is to know of the cache. */
  readonly warnings: readonly string[];
  /** Whether the object or the module was written; else both are as they were. */
  readonly written: boolean;
}

/**
 * Compiles C sources with clang and generates the module of each. Whatever has not changed since the last time is neither
 * compiled nor generated; vmlinux.h is made of the running kernel's BTF where a source includes it.
 * @example
 * const [built] = await build({ sources: ["src/prog.bpf.c"] });
 * @throws SkelError ERR_COMPILE with clang's diagnostics as its cause, ERR_TOOL where a program is missing, or what `generate`
 * throws: the first failure, after all sources have been tried
 */
export async function build(options: BuildOptions): Promise<Built[]> {
  const { sources, output, clang, mcpu, endian, flags, ...generate } = options;
  if (!Array.isArray(sources) || sources.length === 0)
    throw new SkelError("ERR_OPTION", "sources: expected paths of C sources, got none");
  const folder = output !== undefined && isFolder(output);
  if (output !== undefined && !folder && sources.length > 1)
    throw new SkelError(
      "ERR_OPTION",
      `output: expected a folder for ${sources.length} sources, got ${shown(output)} (make it first)`,
    );
  const objects = sources.map((source) => objectOf(source));
  const toolchain = await openToolchain(clang, false);
  const results = await Promise.allSettled(
    eachInParallel(sources, async (source, i): Promise<Built> => {
      const object = objects[i]!;
      const module =
        output !== undefined && !folder ? output : join(output ?? dirname(object), moduleName(object, generate.js));
      const target = { mcpu, endian, flags };
      const compiled = await compileTargets(source, target, toolchain);
      const given = generate.arch ?? {};
      const job = planJob({ ...generate, name: object, arch: { ...given, ...compiled.arch } }, module, [
        ...Object.keys(given),
        ...archesOf(target),
      ]);
      const made = await makeModule(job, compiled.bytes);
      return {
        source,
        object,
        module,
        inputs: compiled.inputs,
        diagnostics: compiled.diagnostics,
        warnings: [
          ...(i === 0 && toolchain.warning !== undefined ? [toolchain.warning] : []),
          ...made.warnings.map(({ where, what }) => `${where}: ${what}`),
        ],
        written: compiled.written || made.written,
      };
    }),
  );
  return results.map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  });
}
