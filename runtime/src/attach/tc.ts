// Classifiers of clsact: a qdisc that has two hooks, and filters on them (libbpf's netlink.c, bpf_tc_*). The kernel has no
// link for a filter: it stays when this process ends without detaching it.

import { EEXIST, ENODEV, ENOENT, EINVAL } from "../library/errno.ts";
import { deviceName } from "../library/host.ts";
import { hasFilters, ingressQdisc } from "../library/netlink.ts";
import { withLog } from "../library/print.ts";
import type { Library } from "../library.ts";
import { makeLink } from "../link.ts";
import { type Ended, withoutLink } from "../link/held.ts";
import type { Memory } from "../memory.ts";
import { type ProgramCore, useProgram } from "../program/core.ts";
import { type Attached, attachFailure } from "./attempt.ts";
import { at, deviceOf, numberOf, optionsOf, wordOf } from "./check.ts";
import type { TcOptions } from "./options.ts";

// `enum bpf_tc_attach_point`, and what rtnetlink calls the two.
const points = { ingress: 1, egress: 2 };
const bothPoints = 3;
const parents = [0xffff_fff2, 0xffff_fff3];

const BPF_TC_F_REPLACE = 1;

/** `struct bpf_tc_hook` */
function hookOf(ifindex: number, point: number): Memory {
  const hook = optionsOf(24);
  hook.setS32(8, ifindex);
  hook.setU32(12, point);
  return hook;
}

// `struct bpf_tc_opts`
const tcOpts = { fd: 8, flags: 12, id: 16, handle: 20, priority: 24, size: 32 } as const;

function filterOf(handle: number, priority: number): Memory {
  const opts = optionsOf(tcOpts.size);
  opts.setU32(tcOpts.handle, handle);
  opts.setU32(tcOpts.priority, priority);
  return opts;
}

type TcCall = "bpf_tc_attach" | "bpf_tc_detach" | "bpf_tc_query";

function callTc(library: Library, syscall: TcCall, hook: Memory, opts: Memory): Ended {
  const { result, log } = withLog(library, () => library.fn(syscall)(at(hook), at(opts)), hook, opts);
  return { result, syscall, log };
}

export function attachTc(core: ProgramCore, given: TcOptions): Attached {
  const { library } = core.owner;
  const ifindex = deviceOf(core, given);
  const hook = hookOf(ifindex, wordOf(core, "hook", given.hook, points));
  const wanted = {
    handle: given.handle === undefined ? 0 : numberOf(core, "handle", given.handle, 1, 0xffff_ffff),
    priority: given.priority === undefined ? 0 : numberOf(core, "priority", given.priority, 1, 0xffff),
  };
  const opts = filterOf(wanted.handle, wanted.priority);
  opts.setS32(tcOpts.fd, useProgram(core));
  const qdisc = takeQdisc(core, ifindex, given.hook);
  const { result, syscall, log } = callTc(library, "bpf_tc_attach", hook, opts);
  if (result < 0) {
    qdisc.release(true);
    throw attachFailure(
      core,
      syscall,
      `${ifindex}`,
      -result,
      log,
      -result === EEXIST ? taken(given, wanted) : undefined,
    );
  }
  const handle = opts.u32(tcOpts.handle);
  const priority = opts.u32(tcOpts.priority);
  let id = opts.u32(tcOpts.id);
  /** The program that is at its place now; undefined where there is none. */
  const found = (): number | undefined => {
    const filter = filterOf(handle, priority);
    return callTc(library, "bpf_tc_query", hook, filter).result < 0 ? undefined : filter.u32(tcOpts.id);
  };
  const isThere = (): boolean => found() === id;
  qdisc.filters.add(isThere);
  const detach = (): Ended => {
    const other = found();
    // Another's, who made the qdisc anew.
    const replaced = other !== undefined && other !== id;
    const ended = replaced
      ? { result: -ENOENT, syscall: "bpf_tc_query" }
      : callTc(library, "bpf_tc_detach", hook, filterOf(handle, priority));
    qdisc.filters.delete(isThere);
    qdisc.release(ended.result >= 0);
    // Gone with its device, or by another's hand: what was wanted.
    return [-ENOENT, -ENODEV, -EINVAL].includes(ended.result) ? { ...ended, result: 0 } : ended;
  };
  const replace = (program: ProgramCore): Ended => {
    const other = filterOf(handle, priority);
    other.setS32(tcOpts.fd, useProgram(program));
    other.setU32(tcOpts.flags, BPF_TC_F_REPLACE);
    const ended = callTc(library, "bpf_tc_attach", hook, other);
    if (ended.result >= 0) id = other.u32(tcOpts.id);
    return ended;
  };
  const info = { type: "tc", ifindex, hook: given.hook, handle, priority } as const;
  return makeLink(core, withoutLink(info, detach, replace));
}

function taken({ hook }: TcOptions, { handle, priority }: { handle: number; priority: number }): string {
  return `there is a filter with handle ${handle} and priority ${priority} at ${hook} already: choose another, or detach it`;
}

/** Of each filter of ours in a qdisc, what tells whether it is there. */
type Filters = Set<() => boolean>;

/**
 * The qdiscs that this process has made, by namespace and device. The kernel does not number them: only a filter of ours that is
 * still there tells that a qdisc is the one that we made, and not one that somebody has made in its place.
 */
const made: Map<string, Filters> = /*@__PURE__*/ new Map();

interface Qdisc {
  readonly filters: Filters;
  /** Removes a qdisc that this process made, once no filter is left in it. `isOurs` says that nobody else made it meanwhile. */
  release(isOurs: boolean): void;
}

function anyIn(filters: Filters | undefined): boolean {
  return [...(filters ?? [])].some((isThere) => isThere());
}

/** Makes the qdisc where there is none. */
function takeQdisc(core: ProgramCore, ifindex: number, point: TcOptions["hook"]): Qdisc {
  const { library } = core.owner;
  const key = `${process.getBuiltinModule("node:fs").readlinkSync("/proc/thread-self/ns/net")} ${ifindex}`;
  const hook = hookOf(ifindex, bothPoints);
  const syscall = "bpf_tc_hook_create";
  const { result, log } = withLog(library, () => library.fn(syscall)(at(hook)), hook);
  if (result < 0 && result !== -EEXIST) throw attachFailure(core, syscall, `${ifindex}`, -result, log);
  // The kernel would put a filter for egress at ingress: this qdisc has no other hook.
  if (result === -EEXIST && point === "egress" && ingressQdisc(ifindex) === "ingress") {
    const dev = deviceName(ifindex) ?? "DEVICE";
    const why =
      `${dev} has an ingress qdisc, which has no egress, where clsact has: ` +
      `remove it, tc qdisc delete dev ${dev} ingress, or write SEC("tcx/egress")`;
    throw attachFailure(core, syscall, `${ifindex}`, EEXIST, log, why);
  }
  if (result >= 0) made.set(key, new Set());
  else if (!anyIn(made.get(key))) made.delete(key);
  const filters = made.get(key) ?? new Set();
  return {
    filters,
    release(isOurs) {
      if (made.get(key) !== filters) return;
      if (!isOurs && !anyIn(filters)) made.delete(key);
      if (!made.has(key) || parents.some((parent) => hasFilters(ifindex, parent) !== false)) return;
      made.delete(key);
      withLog(library, () => library.fn("bpf_tc_hook_destroy")(at(hook)), hook);
    },
  };
}
