// A C source in, the bytes of its object out: by clang, or from the last time when nothing has changed since.

import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { displayPath, SkelError } from "../errors.ts";
import { readIfAny, readObjectFile, readTextIfAny, writeWhole } from "../files.ts";
import { sha256 } from "../header.ts";
import { openCache } from "./cache.ts";
import { type Clang, compileArguments, type CompileOptions, findClang } from "./clang.ts";
import { parseDepfile } from "./depfile.ts";
import { type Place, placeOf, seenDiagnostics } from "./place.ts";
import { type Ended, endPrograms, runProgram } from "./process.ts";
import { hashIfAny, isFresh, readStamp, STAMPS, writeStamp } from "./stamp.ts";
import { hasVmlinux, makeVmlinux, vmlinuxName } from "./vmlinux.ts";

/** What several compilations share. */
export interface Toolchain {
  readonly clang: Clang;
  readonly cache: string;
  /** What to tell the user of the cache. */
  readonly warning: string | undefined;
  /** Where this kernel's vmlinux.h is, or would be. */
  readonly vmlinux: string | undefined;
  /** Makes it, once. */
  readonly makeVmlinux: () => Promise<void>;
  /** Whether clang's diagnostics are coloured. */
  readonly colour: boolean;
}

/** An object in memory. */
export interface Compiled {
  readonly bytes: Uint8Array;
  /** The source and all headers, as absolute paths. */
  readonly inputs: readonly string[];
  /** What clang wrote: warnings. */
  readonly diagnostics: string;
  /** Whether the object's file was written. */
  readonly written: boolean;
}

/**
 * Finds what compiling needs.
 * @throws SkelError ERR_TOOL without a clang
 */
export async function openToolchain(clang: string | undefined, colour: boolean): Promise<Toolchain> {
  const name = vmlinuxName();
  const { folder: cache, warning } = openCache(process.cwd(), [STAMPS, ...(name === undefined ? [] : [name])]);
  let made: Promise<void> | undefined;
  return {
    clang: await findClang(clang),
    cache,
    warning,
    vmlinux: name === undefined ? undefined : join(cache, name),
    makeVmlinux: () => (made ??= makeVmlinux(cache, name)),
    colour,
  };
}

/** The packages of headers that programs are seldom without. */
const HEADERS: readonly (readonly [RegExp, string])[] = [
  [/'bpf\/[^']*' file not found/, "install libbpf's headers: libbpf-dev, on Fedora libbpf-devel, on Arch libbpf"],
  [
    /'(linux|asm)\/[^']*' file not found/,
    "install the kernel's headers: linux-libc-dev, on Fedora kernel-headers, on Alpine linux-headers",
  ],
];

function compileError(source: string, diagnostics: string): SkelError {
  const remedy = HEADERS.find(([what]) => what.test(diagnostics))?.[1] ?? "see what clang says";
  return new SkelError("ERR_COMPILE", `does not compile (${remedy})`, [displayPath(source)], {
    cause: new Error(diagnostics),
  });
}

/** What clang wrote of a source that it refused; undefined for any other error. */
export function diagnosticsOf(e: unknown): string | undefined {
  return e instanceof SkelError && e.code === "ERR_COMPILE" && e.cause instanceof Error ? e.cause.message : undefined;
}

async function runClang(
  args: readonly string[],
  files: readonly string[],
  { folder, variables }: Place,
  toolchain: Toolchain,
): Promise<Ended> {
  const { clang, vmlinux, colour } = toolchain;
  // Behind all other folders: a vmlinux.h of the user's comes first.
  const run = (): Promise<Ended> => {
    const more =
      vmlinux !== undefined && hasVmlinux(vmlinux) ? ["-idirafter", vmlinux, `-ffile-prefix-map=${vmlinux}/=`] : [];
    const all = [...(colour ? ["-fcolor-diagnostics"] : []), ...args, ...more, ...files];
    return runProgram(clang.path, all, folder, variables);
  };
  const ended = await run();
  if (ended.status === 0 || !/vmlinux\.h' file not found/.test(ended.stderr)) return ended;
  await toolchain.makeVmlinux();
  return run();
}

/** Folders of compilations that run; a signal that ends the program must leave none. */
const temporary = new Set<string>();

function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}

function makeTemporary(): string {
  try {
    return mkdtempSync(resolve(tmpdir(), "ebpf-skel-"));
  } catch (cause) {
    const what = `cannot be written to, got ${(cause as NodeJS.ErrnoException).code} (set TMPDIR)`;
    throw new SkelError("ERR_IO", what, [displayPath(tmpdir())], { cause });
  }
}

function removeAll(): void {
  endPrograms();
  temporary.forEach(remove);
}

/** Has the end of the program end the compilers that run, and remove what is half made. */
export function removeAtExit(): void {
  process.off("exit", removeAll).on("exit", removeAll);
}

/**
 * The object of `source`, which goes to the file `object` unless `dry`. Where the compiler, its arguments, the source, all
 * headers and the object are as they were, the compiler does not run.
 * @throws SkelError ERR_COMPILE with clang's diagnostics as its cause, ERR_IO, ERR_TOOL
 */
export async function compileSource(
  source: string,
  object: string,
  options: CompileOptions,
  toolchain: Toolchain,
  dry = false,
): Promise<Compiled> {
  const { clang, cache, vmlinux } = toolchain;
  if (readIfAny(source) === undefined)
    throw new SkelError("ERR_IO", "cannot be read, got no such file (check the path)", [displayPath(source)]);
  const place = placeOf(source);
  const args = compileArguments({ ...options, flags: place.flags(options.flags ?? []) });
  const key = JSON.stringify([place.name, clang, args, place.variables]);
  const last = readStamp(cache, object);
  if (last?.key === key && [undefined, vmlinux].includes(last.vmlinux) && isFresh(last, object)) {
    const bytes = readObjectFile(object);
    return { bytes, inputs: Object.keys(last.inputs), diagnostics: "", written: false };
  }
  const started = Date.now();
  const folder = makeTemporary();
  temporary.add(folder);
  try {
    const [output, depfile] = [join(folder, "out.o"), join(folder, "out.d")];
    // A name like -x.c is no option.
    const files = ["-MD", "-MF", depfile, "-o", output, "-c", "--", place.name];
    const { status, stderr } = await runClang(args, files, place, toolchain);
    const diagnostics = seenDiagnostics(stderr, place);
    if (status !== 0) throw compileError(source, diagnostics);
    const bytes = readObjectFile(output);
    const inputs = parseDepfile(readTextIfAny(depfile) ?? "").map((path) => resolve(place.seen(path)));
    const written = !dry && hashIfAny(object) !== sha256(bytes);
    if (written) writeWhole(object, bytes);
    // What changed while clang read it is compiled again the next time.
    const header = vmlinux === undefined ? undefined : join(vmlinux, "vmlinux.h");
    const changed = (path: string): boolean =>
      path !== header && (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity) >= started;
    if (!dry && !inputs.some(changed))
      writeStamp(cache, object, {
        key,
        vmlinux: header !== undefined && inputs.includes(header) ? vmlinux : undefined,
        inputs: Object.fromEntries(inputs.map((path) => [path, hashIfAny(path) ?? ""])),
        object: sha256(bytes),
      });
    return { bytes, inputs, diagnostics, written };
  } finally {
    remove(folder);
    temporary.delete(folder);
  }
}
