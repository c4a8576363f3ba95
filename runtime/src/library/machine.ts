// What this machine can do for BPF, asked of the kernel by probes: for programs that decide at run time, and for
// `ebpf-skel check`.

import { openLibrary } from "../library.ts";
import { type Capability, inUserNamespace, lockdown, missingCapabilities, tracefs } from "./host.ts";
import { hasSeccompFilter, kernelRelease, sysctl } from "./kernel.ts";
import { hasHelper } from "./probe.ts";

/** This machine, as it is to this process. */
export interface Machine {
  /** The kernel's: "6.1.0-31-amd64". */
  readonly release: string;
  /** libbpf's version: "1.1". */
  readonly libbpf: string;
  /** Of CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN those that this thread lacks; before Linux 5.8 CAP_SYS_ADMIN alone. */
  readonly missingCapabilities: readonly Capability[];
  /** Whether this is a user namespace, where no capability counts for BPF. */
  readonly inUserNamespace: boolean;
  /** Whether a seccomp filter decides about system calls. */
  readonly hasSeccompFilter: boolean;
  /** "integrity" or "confidentiality"; undefined when the kernel is not locked down. */
  readonly lockdown: string | undefined;
  /** Where tracepoints are, and whether this process may read them; undefined: not mounted. */
  readonly tracefs: { readonly path: string; readonly mode: string; readonly readable: boolean } | undefined;
  /** The sysctl kernel.unprivileged_bpf_disabled. */
  readonly unprivilegedBpfDisabled: number | undefined;
  /** Whether programs are compiled (net.core.bpf_jit_enable); undefined where this process may not know. */
  readonly jit: boolean | undefined;
  /** Whether the kernel loads programs of a type (`enum bpf_prog_type`); undefined where libbpf cannot tell. Without rights false says nothing. */
  hasProgramType(type: number): boolean | undefined;
  /** The same for maps (`enum bpf_map_type`). */
  hasMapType(type: number): boolean | undefined;
  /** Whether programs of a type may call a helper (`enum bpf_func_id`); undefined where nothing can be tried. */
  hasHelper(programType: number, helper: number): boolean | undefined;
}

/**
 * This machine. Capabilities and settings are those of now; probes ask the kernel each time.
 * @throws UnsupportedError without libbpf >= 1.0
 */
export function machine(): Machine {
  const library = openLibrary();
  const jit = sysctl("net.core.bpf_jit_enable");
  // 1: there, 0: not there, negative: libbpf has no way to find out.
  const answer = (result: number): boolean | undefined => (result < 0 ? undefined : result === 1);
  return {
    release: kernelRelease(),
    libbpf: library.version,
    missingCapabilities: missingCapabilities(["CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN"]),
    inUserNamespace: inUserNamespace(),
    hasSeccompFilter: hasSeccompFilter(),
    lockdown: lockdown(),
    tracefs: tracefs(),
    unprivilegedBpfDisabled: sysctl("kernel.unprivileged_bpf_disabled"),
    jit: jit === undefined ? undefined : jit > 0,
    hasProgramType: (type) => answer(library.fn("libbpf_probe_bpf_prog_type")(type, 0)),
    hasMapType: (type) => answer(library.fn("libbpf_probe_bpf_map_type")(type, 0)),
    hasHelper: (type, helper) => hasHelper(library, type, helper),
  };
}
