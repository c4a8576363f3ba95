// Which clang compiles, and with which arguments: what README tells users to type, made for this machine.

import { existsSync, realpathSync } from "node:fs";
import { resolve } from "node:path";
import { SkelError } from "../errors.ts";
import { findPrograms, missingTool, runProgram } from "./process.ts";

/** A compiler. */
export interface Clang {
  readonly path: string;
  /** The first line of `clang --version`. */
  readonly version: string;
}

/** How a source is compiled. */
export interface CompileOptions {
  /** The compiler; by default the newest of clang and clang-NN. */
  readonly clang?: string | undefined;
  /** The instruction set: "v1" to "v4"; "v3" by default, which Linux has since 5.1. */
  readonly mcpu?: string | undefined;
  /** The byte order of the machine that runs the program; the order of this one by default. */
  readonly endian?: "little" | "big" | undefined;
  /** More arguments for clang, after the build's own: `["-DDEBUG", "-Iinclude"]`. */
  readonly flags?: readonly string[] | undefined;
}

/** The `__TARGET_ARCH_*` of bpf_tracing.h and the folder of Debian's machine-dependent headers, by Node's name of the machine. */
const MACHINES: Readonly<Record<string, { readonly target: string; readonly headers: string }>> = {
  x64: { target: "x86", headers: "x86_64-linux-gnu" },
  arm64: { target: "arm64", headers: "aarch64-linux-gnu" },
  arm: { target: "arm", headers: "arm-linux-gnueabihf" },
  s390x: { target: "s390", headers: "s390x-linux-gnu" },
  ppc64: { target: "powerpc", headers: "powerpc64le-linux-gnu" },
  riscv64: { target: "riscv", headers: "riscv64-linux-gnu" },
  loong64: { target: "loongarch", headers: "loongarch64-linux-gnu" },
  mips64el: { target: "mips", headers: "mips64el-linux-gnuabi64" },
};

const TARGETS = { little: "bpfel", big: "bpfeb" } as const;

async function describeClang(path: string): Promise<Clang & { readonly major: number }> {
  const { status, stdout, stderr } = await runProgram(path, ["--version"]);
  const version = stdout.split("\n")[0]!.trim();
  const major = Number(/version (\d+)/.exec(version)?.[1] ?? 0);
  if (status !== 0 || major === 0)
    throw new SkelError(
      "ERR_TOOL",
      `clang: expected a version from --version, got ${JSON.stringify((stdout + stderr).trim().slice(0, 200))} (name another with --clang)`,
      [path],
    );
  // It will run in another folder.
  return { path: path.includes("/") ? resolve(path) : path, version, major };
}

/**
 * The compiler at `path`, or the newest on the PATH.
 * @throws SkelError ERR_TOOL with the package that brings one
 */
export async function findClang(path?: string): Promise<Clang> {
  if (path !== undefined) return describeClang(path);
  const paths = new Set(findPrograms(/^clang(-\d+)?$/).map((one) => realpathSync(one)));
  if (paths.size === 0) throw missingTool("clang", "of the name clang or clang-NN on the PATH");
  const found = await Promise.allSettled([...paths].map(describeClang));
  const working = found.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  // One that does not run hides none that does.
  if (working.length === 0) await describeClang([...paths][0]!);
  return working.reduce((best, one) => (one.major > best.major ? one : best));
}

/** The arguments for a source in its folder, but for those that say where files go; paths in `flags` are as that folder sees them. */
export function compileArguments({ mcpu = "v3", endian, flags = [] }: CompileOptions): string[] {
  const machine = MACHINES[process.arch];
  const headers = machine === undefined ? undefined : `/usr/include/${machine.headers}`;
  const namesMachine = flags.some((flag) => flag.startsWith("-D__TARGET_ARCH_"));
  return [
    ...["-g", "-O2", "-target", endian === undefined ? "bpf" : TARGETS[endian], `-mcpu=${mcpu}`],
    ...(machine === undefined || namesMachine ? [] : [`-D__TARGET_ARCH_${machine.target}`]),
    // Debian keeps <asm/types.h>, which <linux/types.h> includes, in a folder of the machine's.
    ...(headers !== undefined && existsSync(headers) ? ["-idirafter", headers] : []),
    // The same object wherever the project is. clang reads the lines for .BTF.ext by the names that are left, so those of the
    // project's files stay as they are; those of the system are not found without their slash.
    ...["-fdebug-compilation-dir=.", "-ffile-prefix-map=/="],
    ...flags,
  ];
}
