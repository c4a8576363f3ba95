// Where a program runs among others of its hook: the kernel's multi-program API (kernel/bpf/mprog.c) and its flags.

import { EINVAL, ENOENT, ESTALE } from "../library/errno.ts";
import { isAtLeast, kernelRelease } from "../library/kernel.ts";
import type { Memory } from "../memory.ts";
import { show } from "../memory/refuse.ts";
import { ValueError } from "../errors.ts";
import { type ProgramCore, coreOf, useProgram } from "../program/core.ts";
import { fail, numberOf, u64Of } from "./check.ts";
import type { Anchor, OrderOptions } from "./options.ts";

// linux/bpf.h
const BPF_F_BEFORE = 1 << 3;
const BPF_F_AFTER = 1 << 4;
const BPF_F_ID = 1 << 5;
const BPF_F_LINK = 1 << 13;

/** What `link_create.tcx`, `.netkit` and `.cgroup` say alike. */
export interface Order {
  /** The option that names another program or link. */
  readonly option: "before" | "after" | undefined;
  readonly flags: number;
  readonly relative: number;
  readonly revision: bigint;
}

/** The order that the options ask for; without any it is the end. */
export function orderOf(core: ProgramCore, { before, after, expectedRevision }: OrderOptions): Order {
  if (before !== undefined && after !== undefined) fail(core, "after", "either it or before", after);
  const revision = expectedRevision === undefined ? 0n : u64Of(core, "expectedRevision", expectedRevision);
  const [option, anchor, side] =
    before !== undefined ? (["before", before, BPF_F_BEFORE] as const) : (["after", after, BPF_F_AFTER] as const);
  if (anchor === undefined) return { option: undefined, flags: 0, relative: 0, revision };
  const { flags, relative } = anchorOf(core, option, anchor);
  return { option: anchor === "all" ? undefined : option, flags: flags | side, relative, revision };
}

/** Writes the order where the kinds have it. */
export function writeOrder(attr: Memory, { relative, revision }: Order): void {
  attr.setU32(16, relative);
  attr.setU64(24, revision);
}

/** Why the kernel does not attach to `hook` in this order (kernel/bpf/mprog.c); undefined where it is not the order. */
export function orderHint({ option, flags, revision }: Order, hook: string, errno: number): string | undefined {
  const what = (flags & BPF_F_LINK) !== 0 ? "link" : "program";
  switch (errno) {
    case ENOENT:
      return option === undefined ? undefined : `${option} names no ${what} that is attached to ${hook} there`;
    case EINVAL:
      return option === undefined ? undefined : `${option} names a ${what} of another kind of hook`;
    case ESTALE:
      return `${hook} has another revision than expectedRevision, ${revision}`;
    default:
      return undefined;
  }
}

/** Why a cgroup takes no program in this order, which it does since Linux 6.17 (kernel/bpf/cgroup.c, `get_prog_list`). */
export function cgroupOrderHint(order: Order, hook: string, errno: number): string | undefined {
  if (order.flags === 0 && order.revision === 0n) return undefined;
  const release = kernelRelease();
  if (errno === EINVAL && !isAtLeast(release, "6.17")) return `an order needs Linux >= 6.17, this is ${release}`;
  const isProgram = order.option !== undefined && (order.flags & BPF_F_LINK) === 0;
  if (errno === EINVAL && isProgram)
    return `${order.option} names a program, which a cgroup has no order with: name its link`;
  return orderHint(order, hook, errno);
}

function anchorOf(core: ProgramCore, option: string, anchor: Anchor): { flags: number; relative: number } {
  if (anchor === "all") return { flags: 0, relative: 0 };
  if (typeof anchor === "object" && anchor !== null) {
    if ("progId" in anchor) return { flags: BPF_F_ID, relative: numberOf(core, `${option}.progId`, anchor.progId, 1) };
    if ("linkId" in anchor)
      return { flags: BPF_F_ID | BPF_F_LINK, relative: numberOf(core, `${option}.linkId`, anchor.linkId, 1) };
    const program = coreOf(anchor);
    if (program !== undefined) return { flags: 0, relative: useProgram(program) };
    if ("detach" in anchor && anchor.fd !== undefined) return { flags: BPF_F_LINK, relative: anchor.fd };
  }
  const path = `program ${core.name}: attach: ${option}`;
  const wanted = `"all", a program, a link that the kernel has, { progId } or { linkId }`;
  throw new ValueError(`${path}: expected ${wanted}, got ${show(anchor)}`, path);
}
