// One source for one machine, or with `endian: "both"` for those of either byte order, whose objects one module carries.

import { shown, SkelError } from "../errors.ts";
import type { CompileOptions } from "./clang.ts";
import { compileSource, type Toolchain } from "./compile.ts";

/** How a source is compiled, and for which machines. */
export interface TargetOptions extends Omit<CompileOptions, "endian"> {
  /**
   * The byte order of the machine that runs the program; the order of this one by default. "both" compiles twice, little-endian
   * and for s390x, the one big-endian machine that Node runs on.
   */
  readonly endian?: "little" | "big" | "both" | undefined;
}

/** The objects of one source. */
export interface Objects {
  readonly bytes: Uint8Array;
  /** Those for other machines, as the option `arch` takes them. */
  readonly arch: Readonly<Record<string, Uint8Array>>;
  readonly inputs: readonly string[];
  readonly diagnostics: string;
  /** Whether a file was written. */
  readonly written: boolean;
}

/** The other machines that `options` compile for. */
export function archesOf({ endian }: TargetOptions): string[] {
  return endian === "both" ? ["s390x"] : [];
}

/**
 * The object's path for a source: "src/prog.bpf.o" for "src/prog.bpf.c", for another machine "src/prog.s390x.bpf.o".
 * @throws SkelError ERR_OPTION for anything but C
 */
export function objectOf(source: string, arch?: string): string {
  if (/[^/]\.c$/.test(source)) return source.replace(/(\.bpf)?\.c$/, `${arch === undefined ? "" : `.${arch}`}$1.o`);
  throw new SkelError("ERR_OPTION", `source: expected a file of C, got ${shown(source)} (like prog.bpf.c)`);
}

/** All paths of objects that a source is compiled to. */
export function objectsOf(source: string, options: TargetOptions): string[] {
  return [objectOf(source), ...archesOf(options).map((arch) => objectOf(source, arch))];
}

/**
 * Compiles a source for each machine; the files are written unless `dry`.
 * @throws SkelError as `compileSource`
 */
export async function compileTargets(
  source: string,
  options: TargetOptions,
  toolchain: Toolchain,
  dry = false,
): Promise<Objects> {
  const { endian, flags = [], ...rest } = options;
  if (endian !== "both") {
    const compiled = await compileSource(source, objectOf(source), { ...rest, endian, flags }, toolchain, dry);
    return { ...compiled, arch: {} };
  }
  const little = await compileSource(source, objectOf(source), { ...rest, endian: "little", flags }, toolchain, dry);
  const s390 = { ...rest, endian: "big", flags: ["-D__TARGET_ARCH_s390", ...flags] } as const;
  const big = await compileSource(source, objectOf(source, "s390x"), s390, toolchain, dry);
  return {
    bytes: little.bytes,
    arch: { s390x: big.bytes },
    inputs: [...new Set([...little.inputs, ...big.inputs])],
    // What clang says of a source it says for each machine.
    diagnostics: big.diagnostics === little.diagnostics ? little.diagnostics : little.diagnostics + big.diagnostics,
    written: little.written || big.written,
  };
}
