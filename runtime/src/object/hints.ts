// What to do when an object does not load, where the errno alone would leave the user guessing.

import type { ProgramKind } from "../abi.ts";
import { E2BIG, EINVAL, ENOENT, ENOMEM, EPERM, ESRCH } from "../library/errno.ts";
import { type Capability, hasKernelBtf, inUserNamespace, lockdown, missingCapabilities } from "../library/host.ts";

// kernel/bpf/syscall.c, `is_perfmon_prog_type` and `is_net_admin_prog_type`.
const tracing: ReadonlySet<ProgramKind> = /*@__PURE__*/ new Set<ProgramKind>([
  "kprobe",
  "kprobe_multi",
  "uprobe",
  "uprobe_multi",
  "ksyscall",
  "usdt",
  "tracepoint",
  "raw_tracepoint",
  "perf_event",
  "tracing",
  "freplace",
  "lsm",
  "iter",
  "struct_ops",
]);
const network: ReadonlySet<ProgramKind> = /*@__PURE__*/ new Set<ProgramKind>([
  "tc",
  "tcx",
  "netkit",
  "xdp",
  "lwt",
  "sockmap",
  "flow_dissector",
  "cgroup",
  "freplace",
  "netfilter",
]);

/** A hint for loading programs of these kinds; undefined: libbpf's own words must do. */
export function loadHint(errno: number, kinds: readonly ProgramKind[]): string | undefined {
  const traces = kinds.some((kind) => tracing.has(kind));
  switch (errno) {
    case EPERM: {
      const wanted: Capability[] = ["CAP_BPF"];
      if (traces) wanted.push("CAP_PERFMON");
      if (kinds.some((kind) => network.has(kind))) wanted.push("CAP_NET_ADMIN");
      const missing = missingCapabilities(wanted);
      if (inUserNamespace()) return "this is a user namespace, whose capabilities do not count for BPF";
      if (missing.length > 0) return `needs ${list(missing)}, or root`;
      return "the capabilities are there: a seccomp filter or security module forbids it, or before Linux 5.11 RLIMIT_MEMLOCK";
    }
    case EINVAL:
      return traces && lockdown() === "confidentiality"
        ? "the kernel is locked down, lockdown=confidentiality: programs cannot read its memory"
        : undefined;
    case ENOENT:
    case ESRCH:
      return hasKernelBtf()
        ? undefined
        : "the kernel has no BTF, /sys/kernel/btf/vmlinux is missing: it needs CONFIG_DEBUG_INFO_BTF=y";
    case ENOMEM:
      return "the kernel's memory limit for this cgroup is reached, or a map is too large";
    case E2BIG:
      return "a map or program is larger than the kernel allows";
    default:
      return undefined;
  }
}

function list(names: readonly string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
