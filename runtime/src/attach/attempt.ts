// The two ways to a link: an attach function of libbpf's, or BPF_LINK_CREATE for what libbpf 1.0 has no function for.

import { UnsupportedError } from "../errors.ts";
import { isOutOfDescriptors } from "../library/errno.ts";
import { bpfError } from "../library/failure.ts";
import { type Log, withLog } from "../library/print.ts";
import { linkCreate, zeroed } from "../library/syscalls.ts";
import { type Link, makeLink } from "../link.ts";
import { kernelLink, libbpfLink, usdtLink } from "../link/held.ts";
import type { Memory } from "../memory.ts";
import { lastErrno } from "../native.ts";
import { type LiveLink, type ProgramCore, useProgram } from "../program/core.ts";
import { attachHint } from "./hints.ts";

/** A link as its program keeps it. */
export type Attached = Link & LiveLink;

// Those whose link is libbpf's `struct bpf_link_perf`.
const perfKinds: ReadonlySet<string> = /*@__PURE__*/ new Set([
  "kprobe",
  "ksyscall",
  "uprobe",
  "tracepoint",
  "perf_event",
]);

/** What an attachment is for, as messages call it; `why` gives the reason for an errno where it can be found out. */
export type Target = string | { readonly name: string; readonly why: (errno: number) => string | undefined };

/**
 * The error for an attachment that failed; `why` is the reason where it was found out.
 */
export function attachFailure(
  core: ProgramCore,
  syscall: string,
  target: Target,
  errno: number,
  log?: Log,
  why?: string,
): Error {
  const { library, name: object } = core.owner;
  const found = why ?? (typeof target === "string" ? undefined : target.why(errno));
  const name = typeof target === "string" ? target : target.name;
  const hint = isOutOfDescriptors(errno) ? undefined : (found ?? attachHint(core.kind, name, errno));
  return bpfError(library, { errno, syscall, verb: "attach", object, program: core.name, hint, log });
}

/** Runs a libbpf attach function, which gives NULL and errno when it fails. `keep` is what it uses by address. */
export function attempt(
  core: ProgramCore,
  syscall: string,
  target: Target,
  call: () => number,
  ...keep: readonly object[]
): Attached {
  const { library } = core.owner;
  const run = (): { pointer: number; errno: number } => {
    const pointer = call();
    return { pointer, errno: pointer === 0 ? lastErrno() : 0 };
  };
  const { result, log } = withLog(library, run, ...keep);
  const { pointer, errno } = result;
  if (pointer === 0) throw attachFailure(core, syscall, target, errno, log);
  const held =
    core.kind === "usdt" ? usdtLink(library, pointer) : libbpfLink(library, pointer, perfKinds.has(core.kind));
  return makeLink(core, held);
}

// `link_create` of union bpf_attr; the fields of each kind begin at 16.
const createSize = 64;

/** What BPF_LINK_CREATE is told. */
export interface Creation {
  /** A descriptor or the number of a device; 0: the kind has none. */
  readonly target: number;
  /** As messages call it. */
  readonly name: Target;
  /** `enum bpf_attach_type` */
  readonly attachType: number;
  readonly flags?: number;
  /** Writes the fields of the kind. */
  readonly fill?: (attr: Memory) => void;
}

/** The attach type that the program was loaded for. */
export function attachTypeOf({ owner, pointer }: ProgramCore): number {
  return owner.library.fn("bpf_program__expected_attach_type")(pointer);
}

/** Makes a link by BPF_LINK_CREATE; gives the descriptor, or a negative errno. */
export function createLink(core: ProgramCore, { target, attachType, flags = 0, fill }: Creation): number {
  const attr = zeroed(createSize);
  attr.setU32(0, useProgram(core));
  attr.setU32(4, target);
  attr.setU32(8, attachType);
  attr.setU32(12, flags);
  fill?.(attr);
  return linkCreate(attr);
}

/** The same; gives the link. */
export function create(core: ProgramCore, creation: Creation): Attached {
  const fd = createLink(core, creation);
  if (fd < 0) throw attachFailure(core, "BPF_LINK_CREATE", creation.name, -fd);
  return makeLink(core, kernelLink(core.owner.library, fd));
}

/**
 * Refuses what only a newer libbpf does.
 * @throws UnsupportedError
 */
export function needLibbpf(core: ProgramCore, what: string, since: string, remedy?: string): void {
  const { library } = core.owner;
  const [major = 1, minor = 0] = since.split(".").map(Number);
  if (library.atLeast(major, minor)) return;
  const found = `found ${library.version}${remedy === undefined ? "" : ` (${remedy})`}`;
  throw new UnsupportedError(`program ${core.name}: ${what} needs libbpf >= ${since}, ${found}`);
}
