// What to do about a failed attach, where the errno alone would leave the user guessing.

import type { ProgramKind } from "../abi.ts";
import {
  E2BIG,
  EACCES,
  EBADF,
  EBUSY,
  EEXIST,
  EINVAL,
  ENODEV,
  ENOENT,
  ENXIO,
  EOPNOTSUPP,
  EPERM,
  ERANGE,
  ESRCH,
} from "../library/errno.ts";
import { findBinary, isElf } from "../library/elf.ts";
import { possible } from "../library/failure.ts";
import { isAtLeast, kernelOption, kernelRelease } from "../library/kernel.ts";
import {
  deviceName,
  inUserNamespace,
  lockdown,
  missingCapabilities,
  perfEventParanoid,
  tracefs,
} from "../library/host.ts";

const viaTracefs: ReadonlySet<ProgramKind> = /*@__PURE__*/ new Set<ProgramKind>(["tracepoint", "kprobe", "ksyscall"]);
const viaPerf: ReadonlySet<ProgramKind> = /*@__PURE__*/ new Set<ProgramKind>([
  "tracepoint",
  "kprobe",
  "ksyscall",
  "kprobe_multi",
  "uprobe",
  "uprobe_multi",
  "usdt",
]);
const viaBinary: ReadonlySet<ProgramKind> = /*@__PURE__*/ new Set<ProgramKind>(["uprobe", "uprobe_multi", "usdt"]);
const viaNetwork: ReadonlySet<ProgramKind> = /*@__PURE__*/ new Set<ProgramKind>([
  "xdp",
  "tc",
  "tcx",
  "netkit",
  "netfilter",
  "cgroup",
  "sockmap",
  "sk_lookup",
  "flow_dissector",
]);

/** A hint for attaching a program of `kind` to `target`, as the user knows it; undefined: libbpf's own words must do. */
export function attachHint(kind: ProgramKind, target: string, errno: number): string | undefined {
  const broken = viaBinary.has(kind) && !isRefusal(errno) ? whyNoBinary(target) : undefined;
  if (broken !== undefined) return broken;
  switch (errno) {
    case ENOENT:
      return notFound(kind, target);
    case EACCES:
    case EPERM:
      return refused(kind, target);
    case EEXIST:
      return taken(kind, target);
    case ESRCH:
      return kind === "kprobe_multi" ? notAllProbed(target) : undefined;
    case EBUSY:
      return kind === "xdp" ? "another XDP program is attached there" : undefined;
    case EBADF:
      return kind === "cgroup" ? `${target} is no cgroup v2 directory` : undefined;
    case ENXIO:
      return kind === "netkit" ? `${deviceName(Number(target)) ?? target} is no netkit device` : undefined;
    case ENODEV:
    case EINVAL:
    case EOPNOTSUPP:
      if (errno !== EOPNOTSUPP && viaDevice.has(kind) && deviceName(Number(target)) === undefined)
        return `there is no network device with ifindex ${target}`;
      if (kind === "xdp" && errno === EOPNOTSUPP)
        return 'the device\'s driver has no XDP of this mode: attach({ mode: "skb" })';
      return missingHook(kind, errno);
    case ERANGE:
    case E2BIG:
      return tooMany(kind, target);
    default:
      return undefined;
  }
}

function isRefusal(errno: number): boolean {
  return errno === EPERM || errno === EACCES;
}

function taken(kind: ProgramKind, target: string): string | undefined {
  switch (kind) {
    case "xdp":
      // net/core/dev.c, `dev_xdp_attach`
      return `${deviceName(Number(target)) ?? target} has an XDP program in another mode, and a device has one mode at a time`;
    case "flow_dissector":
      return possible(
        "a program is attached there without a link",
        "the initial network namespace has a flow dissector, or, to attach one there, another namespace has",
      );
    case "perf_event":
      return `${target} has a program already`;
    case "tcx":
    case "netkit":
      return `it is attached to ${deviceName(Number(target)) ?? target} already`;
    default:
      return viaPerf.has(kind) ? `it is attached to ${target} already` : undefined;
  }
}

/**
 * BPF_TRACE_MAX_PROGS of kernel/trace/bpf_trace.c and BPF_CGROUP_MAX_PROGS of kernel/bpf/cgroup.c are 64 both; a probe of one
 * process, or of one place, is an event of its own. `netns_bpf_max_progs` has 1 and 64, `bpf_mprog_max` 63.
 */
function tooMany(kind: ProgramKind, target: string): string | undefined {
  switch (kind) {
    case "tracepoint":
      return `${target} has 64 programs already, those of all processes: the kernel takes no more (see bpftool perf)`;
    case "cgroup":
      return `${target} has 64 programs of this kind already, those above it included: the kernel takes no more`;
    case "flow_dissector":
      return `${target} has a flow dissector already, and takes one`;
    case "sk_lookup":
      return `${target} has 64 programs of this kind already: the kernel takes no more`;
    case "tcx":
    case "netkit":
      return `${deviceName(Number(target)) ?? target} has 63 programs there already: the kernel takes no more`;
    default:
      return undefined;
  }
}

const viaDevice: ReadonlySet<ProgramKind> = /*@__PURE__*/ new Set<ProgramKind>(["xdp", "tc", "tcx", "netkit"]);

interface Since {
  readonly what: string;
  readonly since: string;
  readonly option: string;
  /** What the kernel says without it. */
  readonly errno: number;
}

const since: Readonly<Partial<Record<ProgramKind, Since>>> = {
  tcx: { what: "TCX needs", since: "6.6", option: "CONFIG_NET_XGRESS", errno: EINVAL },
  netkit: { what: "netkit needs", since: "6.7", option: "CONFIG_NETKIT", errno: EINVAL },
  netfilter: { what: "netfilter programs need", since: "6.4", option: "CONFIG_NETFILTER_BPF_LINK", errno: EOPNOTSUPP },
  kprobe_multi: { what: "kprobe.multi needs", since: "5.18", option: "CONFIG_FPROBE", errno: EOPNOTSUPP },
  uprobe_multi: { what: "uprobe.multi needs", since: "6.6", option: "CONFIG_UPROBES", errno: EOPNOTSUPP },
};

/** Whether `errno` comes from a kernel that is too old for programs of `kind`, or was built without what they hook into. */
export function missingHook(kind: ProgramKind, errno: number): string | undefined {
  const needed = since[kind];
  if (needed === undefined || (errno !== EINVAL && errno !== EOPNOTSUPP)) return undefined;
  const release = kernelRelease();
  if (!isAtLeast(release, needed.since)) return `${needed.what} Linux >= ${needed.since}, this is ${release}`;
  const isBuilt = kernelOption(needed.option);
  if (isBuilt === false) return `this kernel was built without ${needed.option}`;
  if (isBuilt === undefined && errno === needed.errno) return possible(`the kernel was built without ${needed.option}`);
  return undefined;
}

function notFound(kind: ProgramKind, target: string): string | undefined {
  switch (kind) {
    case "tracepoint":
      // kernel/trace/trace.c, `tracing_init_dentry`
      if (lockdown() === "confidentiality")
        return "the kernel is locked down, lockdown=confidentiality: tracefs is empty";
      if (tracefs() === undefined) return "tracefs is not mounted: mount -t tracefs tracefs /sys/kernel/tracing";
      return `there is no tracepoint ${target}: see /sys/kernel/tracing/available_events`;
    case "raw_tracepoint":
      return `there is no tracepoint ${target}: see /sys/kernel/tracing/available_events`;
    case "kprobe":
    case "kprobe_multi":
    case "ksyscall":
      if (!hasKprobes()) return "this kernel has no kprobes, CONFIG_KPROBES";
      return `there is no function ${target} to probe: see /sys/kernel/tracing/available_filter_functions`;
    case "uprobe":
    case "uprobe_multi":
    case "usdt": {
      const [path, symbol] = splitTarget(target);
      return `${path} has no ${symbol} to probe: see nm -D, or readelf --notes for USDT`;
    }
    default:
      return undefined;
  }
}

function splitTarget(target: string): [path: string, symbol: string | undefined] {
  const [, path = target, symbol] = /^([^:]*):(.*)$/.exec(target) ?? [];
  return [path, symbol];
}

/** Why the file of `target`, "PATH" or "PATH:SYMBOL", has nothing to probe; undefined where it is an ELF file. */
function whyNoBinary(target: string): string | undefined {
  const { existsSync } = process.getBuiltinModule("node:fs");
  const [path] = splitTarget(target);
  const file = findBinary(path);
  if (!existsSync(file)) return `${path} is not there`;
  return isElf(file) === false ? `${file} is no ELF file` : undefined;
}

/** What of `offsets` uprobes cannot be put at (kernel/trace/trace_uprobe.c and events/uprobes.c). */
export function notInFile(path: string, offsets: readonly number[], errno: number): string | undefined {
  if (errno !== EINVAL) return undefined;
  const { existsSync, statSync } = process.getBuiltinModule("node:fs");
  const stat = existsSync(path) ? statSync(path) : undefined;
  if (stat?.isFile() === false) return `${path} is no regular file`;
  const outside = stat === undefined ? undefined : offsets.find((offset) => offset > stat.size);
  return outside === undefined
    ? undefined
    : `offset 0x${outside.toString(16)} is behind the end of ${path}, which has 0x${stat!.size.toString(16)} bytes`;
}

/** That a process is not there, where `pid` is one and that is so. */
export function noProcess(pid: number, errno: number): string | undefined {
  const { existsSync } = process.getBuiltinModule("node:fs");
  const isGone = pid > 0 && (errno === ESRCH || errno === ENOENT) && !existsSync(`/proc/${pid}`);
  return isGone ? `there is no process ${pid}` : undefined;
}

/** What ESRCH says of several functions (kernel/trace/ftrace.c, `ftrace_lookup_symbols`). */
function notAllProbed(target: string): string {
  return `not all of these are functions to probe, ${target}: see /sys/kernel/tracing/available_filter_functions`;
}

function hasKprobes(): boolean {
  return process.getBuiltinModule("node:fs").existsSync("/sys/bus/event_source/devices/kprobe");
}

function refused(kind: ProgramKind, target: string): string | undefined {
  if (inUserNamespace()) return "this is a user namespace, whose capabilities do not count for BPF";
  if (viaNetwork.has(kind)) {
    if (missingCapabilities(["CAP_NET_ADMIN"]).length > 0) return "needs CAP_NET_ADMIN, or root";
    // kernel/bpf/cgroup.c, `hierarchy_allows_attach`
    return kind === "cgroup" ? possible(`a cgroup above ${target} has a program that allows none below it`) : undefined;
  }
  const mount = viaTracefs.has(kind) ? tracefs() : undefined;
  if (mount !== undefined && !mount.readable) {
    return `${mount.path} is not readable, mode ${mount.mode}: needs root or CAP_DAC_READ_SEARCH`;
  }
  if (!viaPerf.has(kind) && kind !== "perf_event") return undefined;
  const missing = missingCapabilities(["CAP_PERFMON"]);
  if (missing.length > 0) return `needs ${missing.join(" and ")}, or root`;
  const paranoid = perfEventParanoid();
  // Debian's own patch: 3 lets only CAP_SYS_ADMIN open perf events.
  return paranoid !== undefined && paranoid > 2
    ? `kernel.perf_event_paranoid is ${paranoid}: needs CAP_SYS_ADMIN, or sysctl kernel.perf_event_paranoid=2`
    : undefined;
}
