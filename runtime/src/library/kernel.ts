// The running kernel: its release, its settings, and since which release it has the kinds of programs and maps. Read when
// a call has failed, and by `ebpf-skel check`.

/** The text of a file of /proc or /sys, trimmed; undefined where there is none. */
export function readText(path: string): string | undefined {
  try {
    return process.getBuiltinModule("node:fs").readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}

/** "6.1.0-31-amd64" */
export function kernelRelease(): string {
  return process.getBuiltinModule("node:os").release();
}

/** Whether `release` is Linux `version` ("5.11") or later. */
export function isAtLeast(release: string, version: string): boolean {
  const [major = 0, minor = 0] = release.split(/[.-]/).map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = version.split(".").map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

/** A number of /proc/sys: `sysctl("kernel.perf_event_paranoid")`; undefined where there is none. */
export function sysctl(name: string): number | undefined {
  const text = readText(`/proc/sys/${name.replaceAll(".", "/")}`);
  return text === undefined ? undefined : Number(text);
}

/** Whether the kernel was built with an option, CONFIG_X; undefined where its configuration is not to be seen. */
export function kernelOption(name: string): boolean | undefined {
  const text = zippedText("/proc/config.gz") ?? readText(`/boot/config-${kernelRelease()}`);
  return text === undefined ? undefined : new RegExp(`^${name}=`, "m").test(text);
}

function zippedText(path: string): string | undefined {
  try {
    const bytes = process.getBuiltinModule("node:fs").readFileSync(path);
    return process.getBuiltinModule("node:zlib").gunzipSync(bytes).toString();
  } catch {
    return undefined;
  }
}

/**
 * By how many milliseconds this process sees a clock ahead of the kernel's own: those of a time namespace differ, and BPF
 * programs know nothing of namespaces.
 */
export function clockOffset(clock: "monotonic" | "boottime"): number {
  const [, seconds = 0, nanoseconds = 0] =
    new RegExp(`^${clock} +(-?\\d+) +(\\d+)$`, "m").exec(readText("/proc/self/timens_offsets") ?? "") ?? [];
  return Number(seconds) * 1000 + Number(nanoseconds) / 1e6;
}

/** Whether a seccomp filter decides about this thread's system calls, as in most containers. */
export function hasSeccompFilter(): boolean {
  return /^Seccomp:\s*2$/m.test(readText("/proc/thread-self/status") ?? "");
}

// `enum bpf_prog_type` and `enum bpf_map_type` from 1 on, by the Linux that brought them (https://docs.ebpf.io/linux/); what is
// not listed is newer than this table. The generator has the same figures.
const programTypes = {
  "3.19": "socket_filter",
  "4.1": "kprobe sched_cls sched_act",
  "4.7": "tracepoint",
  "4.8": "xdp",
  "4.9": "perf_event",
  "4.10": "cgroup_skb cgroup_sock lwt_in lwt_out lwt_xmit",
  "4.13": "sock_ops",
  "4.14": "sk_skb",
  "4.15": "cgroup_device",
  "4.17": "sk_msg raw_tracepoint cgroup_sock_addr",
  "4.18": "lwt_seg6local lirc_mode2",
  "4.19": "sk_reuseport",
  "4.20": "flow_dissector",
  "5.2": "cgroup_sysctl raw_tracepoint_writable",
  "5.3": "cgroup_sockopt",
  "5.5": "tracing",
  "5.6": "struct_ops ext",
  "5.7": "lsm",
  "5.9": "sk_lookup",
  "5.14": "syscall",
  "6.4": "netfilter",
};
const mapTypes = {
  "3.19": "hash array",
  "4.2": "prog_array",
  "4.3": "perf_event_array",
  "4.6": "percpu_hash percpu_array stack_trace",
  "4.8": "cgroup_array",
  "4.10": "lru_hash lru_percpu_hash",
  "4.11": "lpm_trie",
  "4.12": "array_of_maps hash_of_maps",
  "4.14": "devmap sockmap",
  "4.15": "cpumap",
  "4.18": "xskmap sockhash",
  "4.19": "cgroup_storage reuseport_sockarray",
  "4.20": "percpu_cgroup_storage queue stack",
  "5.2": "sk_storage",
  "5.4": "devmap_hash",
  "5.6": "struct_ops",
  "5.8": "ringbuf",
  "5.10": "inode_storage",
  "5.11": "task_storage",
  "5.16": "bloom_filter",
  "6.1": "user_ringbuf",
  "6.2": "cgrp_storage",
  "6.9": "arena",
  "6.19": "insn_array",
};

/** A type of programs or maps. */
export interface KernelType {
  /** As the kernel calls it, in lower case: "ringbuf". */
  readonly name: string;
  /** The first Linux that has it. */
  readonly since: string;
}

/** `enum bpf_prog_type`; undefined for what is newer than this package. */
export function programType(number: number): KernelType | undefined {
  return find(programTypes, number);
}

/** `enum bpf_map_type`; undefined for what is newer than this package. */
export function mapType(number: number): KernelType | undefined {
  return find(mapTypes, number);
}

function find(versions: Readonly<Record<string, string>>, number: number): KernelType | undefined {
  const all = Object.entries(versions).flatMap(([since, names]) => names.split(" ").map((name) => ({ name, since })));
  return all[number - 1];
}
