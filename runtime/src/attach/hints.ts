// What to do about a failed attach, where the errno alone would leave the user guessing.

import type { ProgramKind } from "../abi.ts";
import { EACCES, EBADF, EBUSY, EEXIST, EINVAL, ENOENT, EPERM, ESRCH } from "../library/errno.ts";
import {
  hasDevice,
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
  "uprobe",
  "usdt",
]);
const viaNetwork: ReadonlySet<ProgramKind> = /*@__PURE__*/ new Set<ProgramKind>([
  "xdp",
  "cgroup",
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
      return viaPerf.has(kind) ? "there is no such process" : undefined;
    case EBUSY:
      return kind === "xdp" ? "another XDP program is attached there" : undefined;
    case EBADF:
      return kind === "cgroup" ? `${target} is no cgroup v2 directory` : undefined;
    case EINVAL:
      return kind === "xdp" && !hasDevice(target) ? `there is no network device with ifindex ${target}` : undefined;
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
    case "ksyscall":
      if (!hasKprobes()) return "this kernel has no kprobes, CONFIG_KPROBES";
      return `there is no function ${target} to probe: see /sys/kernel/tracing/available_filter_functions`;
    case "uprobe":
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
