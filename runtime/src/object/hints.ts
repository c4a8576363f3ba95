// What to do when an object does not load, where the errno alone would leave the user guessing.

import type { ProgramKind } from "../abi.ts";
import { E2BIG, EAGAIN, EINVAL, ENOENT, ENOMEM, ENOTSUPP, EPERM, ESRCH } from "../library/errno.ts";
import { possible } from "../library/failure.ts";
import {
  type Capability,
  canSeePolicies,
  hasKernelBtf,
  inUserNamespace,
  lockdown,
  mapCapabilities,
  missingCapabilities,
  needsCapabilities,
  policies,
} from "../library/host.ts";
import { hasSeccompFilter, isAtLeast, type KernelType, kernelRelease, sysctl } from "../library/kernel.ts";

/** What was to be loaded, as far as the lines of libbpf and the tables tell. */
export interface LoadAttempt {
  readonly errno: number;
  /** Of the programs that are loaded. */
  readonly kinds: readonly ProgramKind[];
  /** The map that was not created. */
  readonly map?: FailedMap | undefined;
  /** Of the program that was refused without a word of the verifier. */
  readonly programType?: KernelType | undefined;
  /** What libbpf printed, or the verifier. */
  readonly log: string;
}

/** Sizes are bytes. */
export interface FailedMap {
  readonly type: KernelType | undefined;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
}

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

/** The capabilities that loading programs of these kinds takes. */
function loadCapabilities(kinds: readonly ProgramKind[]): Capability[] {
  const wanted: Capability[] = ["CAP_BPF"];
  if (kinds.some((kind) => tracing.has(kind))) wanted.push("CAP_PERFMON");
  if (kinds.some((kind) => network.has(kind))) wanted.push("CAP_NET_ADMIN");
  return wanted;
}

/** A hint for a failed load; undefined: libbpf's own words must do. */
export function loadHint(attempt: LoadAttempt): string | undefined {
  const { errno, map, log } = attempt;
  switch (errno) {
    case EPERM:
      return notPermitted(attempt.kinds, map?.type?.name);
    case EINVAL:
      return notKnown(attempt) ?? withoutConfig(log);
    case ENOTSUPP:
      return map === undefined ? undefined : "this kernel has no maps of this type with such flags or fields of values";
    case ENOENT:
    case ESRCH:
      return /BTF/.test(log) && !hasKernelBtf()
        ? "the kernel has no BTF, /sys/kernel/btf/vmlinux is missing: it needs CONFIG_DEBUG_INFO_BTF=y"
        : undefined;
    case ENOMEM:
      return possible("the memory limit of this process's cgroup", "a map is too large");
    case EAGAIN:
      return "signals kept interrupting the verifier: load again";
    case E2BIG:
      return map === undefined
        ? "a map or program is larger than the kernel allows"
        : isTooBigForCpus(map)
          ? `a value of ${map.valueSize} bytes is more than the ${largestPerCpu} that the kernel has for each CPU`
          : `${map.maxEntries} entries of ${map.keySize} + ${map.valueSize} bytes are more than the kernel allows: lower maxEntries`;
    default:
      return undefined;
  }
}

// include/linux/percpu.h, PCPU_MIN_UNIT_SIZE
const largestPerCpu = 32768;

function isTooBigForCpus({ type, valueSize }: FailedMap): boolean {
  return type?.name.includes("percpu") === true && valueSize > largestPerCpu;
}

/** In the order of likelihood: rights, then what else stands in the way of who has them. */
function notPermitted(kinds: readonly ProgramKind[], map: string | undefined): string {
  if (inUserNamespace()) return "this is a user namespace, whose capabilities do not count for BPF";
  const wanted = [...loadCapabilities(kinds), ...(map === undefined ? [] : mapCapabilities(map))];
  const missing = missingCapabilities([...new Set(wanted)]);
  if (missing.length > 0) {
    const disabled = sysctl("kernel.unprivileged_bpf_disabled") ?? 0;
    // Only these ever were for everybody (kernel/bpf/syscall.c, `bpf_prog_load`).
    const open =
      missing.includes("CAP_BPF") && kinds.length > 0 && kinds.every((kind) => kind === "socket") && disabled > 0;
    return `${needsCapabilities(missing)}${open ? `: kernel.unprivileged_bpf_disabled is ${disabled}` : ""}`;
  }
  const mode = lockdown();
  const modules = policies();
  const found = [
    ...(mode === undefined ? [] : [`the kernel is locked down, lockdown=${mode}`]),
    ...(hasSeccompFilter() ? ["the seccomp filter of this container must allow bpf(2)"] : []),
    ...(modules.length > 0 ? [`the policy of an active security module may forbid it: ${modules.join(", ")}`] : []),
    ...(isAtLeast(kernelRelease(), "5.11") ? [] : ["before Linux 5.11 RLIMIT_MEMLOCK counts: ulimit -l unlimited"]),
  ];
  if (found.length > 0) return `the capabilities are there: ${found.join(", or ")}`;
  const unseen = canSeePolicies() ? "" : ": securityfs is not mounted, so lockdown and security modules are not known";
  return `the capabilities are there, the kernel does not say why${unseen}`;
}

/** A type that the table says this kernel is too old for. */
function notKnown({ map, programType }: LoadAttempt): string | undefined {
  const what = map === undefined ? "programs" : "maps";
  const type = map?.type ?? programType;
  if (type === undefined) return undefined;
  const release = kernelRelease();
  return isAtLeast(release, type.since)
    ? undefined
    : `${what} of type ${type.name} need Linux >= ${type.since}, this is ${release}`;
}

/** libbpf.c, `bpf_object__read_kconfig_file` */
function withoutConfig(log: string): string | undefined {
  return log.includes("failed to open system Kconfig")
    ? `the kernel's configuration is neither in /proc/config.gz nor in /boot/config-${kernelRelease()}: give open({ kconfig })`
    : undefined;
}

/** Lockdown takes helpers away that read kernel memory (kernel/trace/bpf_trace.c); the verifier then knows no such helper. */
export function lockedDown(log: string): string | undefined {
  const refused = /(?:unknown func|cannot use helper) bpf_probe_(?:read|write)/.test(log);
  const mode = refused ? lockdown() : undefined;
  return mode === undefined
    ? undefined
    : `the kernel is locked down, lockdown=${mode}: programs cannot ${/probe_write/.test(log) ? "write to processes" : "read its memory"}`;
}

/** What the verifier lets only those do who may see the kernel's addresses (kernel/bpf/verifier.c, `allow_ptr_leaks`). */
export function withoutPerfmon(log: string): string | undefined {
  const refused = /pointer -= pointer prohibited|partial copy of pointer|pointer comparison prohibited|leaks addr/.test(
    log,
  );
  const missing = refused ? missingCapabilities(["CAP_PERFMON"]) : [];
  return missing.length === 0 ? undefined : `this ${needsCapabilities(missing)}`;
}
