// The handle of a loaded program.

import type { ProgramKind } from "./abi.ts";
import { attachProgram } from "./attach.ts";
import type { AttachArguments, LinkOf } from "./attach/options.ts";
import type { BpfError } from "./errors.ts";
import { bpfError } from "./library/failure.ts";
import type { Link } from "./link.ts";
import { type KernelProgram, kernelProgram, type ProgramCore, setCore } from "./program/core.ts";
import {
  type ProgramInfo,
  type ProgramStats,
  programTypeName,
  readProgramInfo,
  readProgramStats,
} from "./program/info.ts";
import { pinProgram, unpinProgram } from "./program/pins.ts";
import { type RunOptions, type RunResult, runProgram } from "./program/run.ts";

/**
 * A program in the kernel, whoever loaded it. `C` is its context as `run` gives it back, `CInit` as `run` takes it: the
 * struct of its author's that it takes, else bytes.
 */
export interface BpfProgram<K extends ProgramKind = ProgramKind, C = unknown, CInit = C> {
  /** The C function's name. */
  readonly name: string;
  /** As in SEC(), without a leading `?`. */
  readonly section: string;
  /** The kernel's word without BPF_PROG_TYPE_, in lower case: "tracepoint". */
  readonly type: string;
  /** @throws StateError when it was not loaded (autoload off), or after close */
  readonly fd: number;
  /** The kernel's id, as `bpftool prog show id` takes it. */
  readonly id: number;
  /** What the kernel says of the program now. */
  readonly info: ProgramInfo;
  /** How often it ran and how long, counted while statistics are enabled: see `enableStats`. */
  readonly stats: ProgramStats;
  /**
   * Runs it here and now on `options.data` or `options.ctx`, without attaching it; waits for all repetitions.
   * @throws ValueError when an option is no number, not bytes, or does not fit the context's type
   * @throws UnsupportedError for a kind that the kernel cannot run, like tracepoints and kprobes
   * @throws BpfError ENOSPC when the packet outgrew `dataSizeOut`, EINVAL for options that are not for this kind
   */
  run(options: RunOptions<CInit> & { readonly ctx: CInit }): RunResult<K extends KeepsContext ? undefined : C>;
  run(options?: RunOptions<CInit>): RunResult<C | undefined>;
  /**
   * Makes a file in a BPF file system that keeps the program alive after this process; its links end all the same.
   * @throws BpfError EPERM where the file system is none, EEXIST where the file is there, ENOENT without the directory
   */
  pin(path: string): void;
  /**
   * Removes the pin at `path`.
   * @throws ValueError when another program, or none, is pinned there
   */
  unpin(path: string): void;
}

/** Kinds whose context the kernel copies and does not give back. */
type KeepsContext = "raw_tracepoint" | "tracing";

/** What `C` is when nothing is said: bytes for a program of one kind, anything for a program of any kind. */
export type ContextOf<K extends ProgramKind> = ProgramKind extends K ? unknown : Uint8Array;

/** A program of a loaded skeleton; `K` selects the options of `attach`. */
export interface Program<K extends ProgramKind = ProgramKind, C = ContextOf<K>, CInit = C> extends BpfProgram<
  K,
  C,
  CInit
> {
  /**
   * Attaches it once more: by its section, or where `options` say. The link is also `links.NAME` of the skeleton, and
   * ends with it.
   * @throws ValueError when options are wrong, or missing and the section does not say them
   * @throws UnsupportedError for a kind that is not attached like this, or that this libbpf cannot attach
   * @throws BpfError when the kernel refuses
   */
  attach(...options: AttachArguments<K>): LinkOf<K>;
}

/** All that needs no libbpf object. */
export class ProgramHandle implements BpfProgram {
  readonly #program: KernelProgram;

  constructor(program: KernelProgram) {
    this.#program = program;
  }

  get name(): string {
    return this.#program.name;
  }
  get section(): string {
    return this.#program.section;
  }
  get type(): string {
    return this.info.type;
  }
  get fd(): number {
    return this.#program.use();
  }
  get id(): number {
    return this.info.id;
  }
  get info(): ProgramInfo {
    const info = readProgramInfo(this.#program.library, this.fd);
    if (typeof info === "number") throw this.#failure(info);
    return info;
  }
  get stats(): ProgramStats {
    const stats = readProgramStats(this.#program.library, this.fd);
    if (typeof stats === "number") throw this.#failure(stats);
    return stats;
  }

  run(options: RunOptions<unknown> = {}): RunResult<never> {
    return runProgram(this.#program, options) as RunResult<never>;
  }

  pin(path: string): void {
    pinProgram(this.#program, path);
  }

  unpin(path: string): void {
    unpinProgram(this.#program, path);
  }

  #failure(errno: number): BpfError {
    const { library, object, name: program } = this.#program;
    return bpfError(library, { errno, syscall: "bpf_obj_get_info_by_fd", verb: "info", object, program });
  }
}

class LoadedProgram<K extends ProgramKind> extends ProgramHandle implements Program<K> {
  readonly #core: ProgramCore;

  constructor(core: ProgramCore) {
    super(kernelProgram(core));
    this.#core = core;
    setCore(this, core);
  }

  override get type(): string {
    return typeOfProgram(this.#core);
  }

  attach(...[options]: AttachArguments<K>): LinkOf<K> {
    return attachProgram(this.#core, options) as Link as LinkOf<K>;
  }
}

/** The kernel's word for a program's type, loaded or not: "sched_cls". */
export function typeOfProgram({ owner, pointer }: ProgramCore): string {
  owner.useLoaded();
  return programTypeName(owner.library, owner.library.fn("bpf_program__type")(pointer));
}

/** The public handle of a loaded program. */
export function makeProgram(core: ProgramCore): Program {
  return new LoadedProgram(core) as Program;
}
