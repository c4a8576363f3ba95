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
  ESTALE,
} from "../library/errno.ts";
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
  switch (errno) {
    case ENOENT:
      return notFound(kind, target);
    case EACCES:
    case EPERM:
      return refused(kind);
    case EEXIST:
      return `it is attached to ${target} already`;
    case ESRCH:
      return kind === "perf_event" || viaPerf.has(kind) ? "there is no such process" : undefined;
    case EBUSY:
      return kind === "xdp" ? "another XDP program is attached there" : undefined;
    case EBADF:
      return kind === "cgroup" ? `${target} is no cgroup v2 directory` : undefined;
    case ENXIO:
      return kind === "netkit" ? "it is no netkit device" : undefined;
    case ENODEV:
    case EINVAL:
      return viaDevice.has(kind) && deviceName(Number(target)) === undefined
        ? `there is no network device with ifindex ${target}`
        : kernelLacks(kind, errno);
    case ERANGE:
      return kind === "netfilter" ? "the priority is not allowed" : undefined;
    case E2BIG:
      return tooMany(kind, target);
    case ESTALE:
      return "the hook has another revision than expectedRevision";
    case EOPNOTSUPP:
      return kernelLacks(kind, errno);
    default:
      return undefined;
  }
}

/**
 * BPF_TRACE_MAX_PROGS of kernel/trace/bpf_trace.c and BPF_CGROUP_MAX_PROGS of kernel/bpf/cgroup.c are 64 both; a probe of one
 * process, or of one place, is an event of its own.
 */
function tooMany(kind: ProgramKind, target: string): string | undefined {
  switch (kind) {
    case "tracepoint":
      return `${target} has 64 programs already, those of all processes: the kernel takes no more (see bpftool perf)`;
    case "cgroup":
      return `${target} has 64 programs of this kind already, those above it included: the kernel takes no more`;
    default:
      return undefined;
  }
}

const viaDevice: ReadonlySet<ProgramKind> = /*@__PURE__*/ new Set<ProgramKind>(["xdp", "tc", "tcx", "netkit"]);

/** What a kernel says EINVAL or EOPNOTSUPP to because it is too old or was built without it. */
function kernelLacks(kind: ProgramKind, errno: number): string | undefined {
  switch (kind) {
    case "xdp":
      return errno === EOPNOTSUPP ? 'the device\'s driver has no XDP of this mode: attach({ mode: "skb" })' : undefined;
    case "tcx":
      return "an option does not fit, or the kernel has no TCX: Linux 6.6, CONFIG_NET_XGRESS";
    case "netkit":
      return "it is no netkit device, or the kernel has none: Linux 6.7, CONFIG_NETKIT";
    case "netfilter":
      return "the priority is too low for defrag, or the kernel has no such links: Linux 6.4, CONFIG_NETFILTER_BPF_LINK";
    case "kprobe_multi":
      return "the kernel has no kprobe.multi: Linux 5.18, CONFIG_FPROBE";
    case "uprobe_multi":
      return "the kernel has no uprobe.multi: Linux 6.6, CONFIG_UPROBES";
    case "cgroup":
      return "an order needs Linux 6.17, and next to a link, not a program";
    case "sockmap":
      return "the map is no sockmap or sockhash, or the kernel lacks CONFIG_NET_SOCK_MSG";
    case "tracing":
    case "lsm":
      return "the program is attached already, or the kernel takes no cookie: Linux 5.19, for tp_btf 6.10";
    default:
      return undefined;
  }
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
    case "usdt":
      return notInBinary(target);
    default:
      return undefined;
  }
}

function notInBinary(target: string): string {
  const [, path = target, symbol] = /^([^:]*):(.*)$/.exec(target) ?? [];
  const { existsSync } = process.getBuiltinModule("node:fs");
  if (symbol === undefined || (path.includes("/") && !existsSync(path))) return `${path} is not there`;
  return `${path} has no ${symbol} to probe: see nm -D, or readelf --notes for USDT`;
}

function hasKprobes(): boolean {
  return process.getBuiltinModule("node:fs").existsSync("/sys/bus/event_source/devices/kprobe");
}

function refused(kind: ProgramKind): string | undefined {
  if (inUserNamespace()) return "this is a user namespace, whose capabilities do not count for BPF";
  if (viaNetwork.has(kind)) {
    return missingCapabilities(["CAP_NET_ADMIN"]).length > 0 ? "needs CAP_NET_ADMIN, or root" : undefined;
  }
  const mount = viaTracefs.has(kind) ? tracefs() : undefined;
  if (mount !== undefined && !mount.readable) {
    return `${mount.path} is not readable, mode ${mount.mode}: needs root or CAP_DAC_READ_SEARCH`;
  }
  if (!viaPerf.has(kind)) return undefined;
  const missing = missingCapabilities(["CAP_PERFMON"]);
  if (missing.length > 0) return `needs ${missing.join(" and ")}, or root`;
  const paranoid = perfEventParanoid();
  // Debian's own patch: 3 lets only CAP_SYS_ADMIN open perf events.
  return paranoid !== undefined && paranoid > 2
    ? `kernel.perf_event_paranoid is ${paranoid}: needs CAP_SYS_ADMIN, or sysctl kernel.perf_event_paranoid=2`
    : undefined;
}
