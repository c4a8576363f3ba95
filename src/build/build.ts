// C sources in, objects and their modules out: `ebpf-skel build` as a function.

import { dirname, join } from "node:path";
import { shown, SkelError } from "../errors.ts";
import { isFolder } from "../files.ts";
import type { GenerateOptions } from "../options.ts";
import type { CompileOptions } from "./clang.ts";
import { compileSource, openToolchain } from "./compile.ts";
import { eachInParallel } from "./limit.ts";
import { makeModule, moduleName, planJob } from "./module.ts";

/** What `build` may be told: the sources, how they are compiled, and all that `generate` may be told but the name. */
export interface BuildOptions extends CompileOptions, Omit<GenerateOptions, "name"> {
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
  /** What the generator warns of. */
  readonly warnings: readonly string[];
  /** Whether the object or the module was written; else both are as they were. */
  readonly written: boolean;
}

/**
 * The object's path for a source: "src/prog.bpf.o" for "src/prog.bpf.c".
 * @throws SkelError ERR_OPTION for anything but C
 */
export function objectOf(source: string): string {
  if (/[^/]\.c$/.test(source)) return source.replace(/c$/, "o");
  throw new SkelError("ERR_OPTION", `source: expected a file of C, got ${shown(source)} (like prog.bpf.c)`);
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
  const objects = sources.map(objectOf);
  const toolchain = await openToolchain(clang, false);
  const results = await Promise.allSettled(
    eachInParallel(sources, async (source, i): Promise<Built> => {
      const object = objects[i]!;
      const module = output !== undefined && !folder ? output : join(output ?? dirname(object), moduleName(object));
      const compiled = await compileSource(source, object, { mcpu, endian, flags }, toolchain);
      const made = await makeModule(planJob({ ...generate, name: object }, module), compiled.bytes);
      return {
        source,
        object,
        module,
        inputs: compiled.inputs,
        diagnostics: compiled.diagnostics,
        warnings: made.warnings.map(({ where, what }) => `${where}: ${what}`),
        written: compiled.written || made.written,
      };
    }),
  );
  return results.map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  });
}
