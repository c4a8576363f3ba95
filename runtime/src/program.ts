// The handle of a loaded program.

import type { ProgramKind } from "./abi.ts";
import { attachProgram } from "./attach.ts";
import type { AttachArguments, LinkOf } from "./attach/options.ts";
import { idOf } from "./library/info.ts";
import type { Link } from "./link.ts";
import { type ProgramCore, setCore, useProgram } from "./program/core.ts";

/** A program in the kernel; `K` selects the options of `attach`. */
export interface Program<K extends ProgramKind = ProgramKind> {
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
  /**
   * Attaches it once more: by its section, or where `options` say. The link is also `links.NAME` of the skeleton, and
   * ends with it.
   * @throws ValueError when options are wrong, or missing and the section does not say them
   * @throws UnsupportedError for a kind that is not attached like this, or that this libbpf cannot attach
   * @throws BpfError when the kernel refuses
   */
  attach(...options: AttachArguments<K>): LinkOf<K>;
}

class ProgramHandle<K extends ProgramKind> implements Program<K> {
  readonly #core: ProgramCore;

  constructor(core: ProgramCore) {
    this.#core = core;
    setCore(this, core);
  }

  get name(): string {
    return this.#core.name;
  }
  get section(): string {
    return this.#core.section;
  }
  get type(): string {
    return typeOfProgram(this.#core);
  }
  get fd(): number {
    return useProgram(this.#core);
  }
  get id(): number {
    return idOf(this.#core.owner.library, this.fd) ?? 0;
  }

  attach(...[options]: AttachArguments<K>): LinkOf<K> {
    return attachProgram(this.#core, options) as Link as LinkOf<K>;
  }
}

/** The kernel's word for a program's type: "sched_cls". */
export function typeOfProgram({ owner, pointer }: ProgramCore): string {
  owner.useLoaded();
  const type = owner.library.fn("bpf_program__type")(pointer);
  return owner.library.fn("libbpf_bpf_prog_type_str")(type) ?? `type_${type}`;
}

/** The public handle of a loaded program. */
export function makeProgram(core: ProgramCore): Program {
  return new ProgramHandle(core);
}
