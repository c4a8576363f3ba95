// What `attach` takes for each kind of program, so that a wrong option is a compile error.

import type { ProgramKind } from "../abi.ts";
import type { Link } from "../link.ts";
import type { SocketDescriptor } from "../maps/descriptor.ts";
import type { Program } from "../program.ts";
import type { IterLink } from "./iter.ts";

/** A value that the program reads with `bpf_get_attach_cookie` (or `bpf_usdt_cookie`). */
export interface CookieOptions {
  readonly cookie?: bigint | undefined;
}

/** Options of a tracepoint; left out: those of the section, `tracepoint/CATEGORY/NAME`. */
export interface TracepointOptions extends CookieOptions {
  /** A folder of tracefs/events: "syscalls". */
  readonly category?: string | undefined;
  /** A folder of the category: "sys_enter_execve". */
  readonly name?: string | undefined;
}

/** Options of a raw tracepoint; left out: that of the section. A cookie needs libbpf 1.4 and Linux 6.10. */
export interface RawTracepointOptions extends CookieOptions {
  /** As the kernel has it: "sched_switch". */
  readonly name?: string | undefined;
}

/** Options of a kprobe; left out: those of the section, `kprobe/FUNC+OFFSET`. */
export interface KprobeOptions extends CookieOptions {
  readonly func?: string | undefined;
  /** In bytes, from the start of the function. */
  readonly offset?: number | undefined;
  /** Whether to run when the function returns. */
  readonly retprobe?: boolean | undefined;
}

/** Options of a probe of a system call; left out: those of the section. */
export interface KsyscallOptions extends CookieOptions {
  /** The system call, without `sys_`: "unlinkat". */
  readonly name?: string | undefined;
  readonly retprobe?: boolean | undefined;
}

/** Options of a uprobe. With neither `path` nor `func` nor `offset`: those of the section, `uprobe/PATH:FUNC+OFFSET`. */
export interface UprobeOptions extends CookieOptions {
  /** The binary or shared library, as a path or by its name alone: "libc.so.6". */
  readonly path?: string | undefined;
  /** The function in its symbol tables, of its default version: "realpath"; or of that one: "realpath@GLIBC_2.2.5". */
  readonly func?: string | undefined;
  /** In bytes: from the start of `func`, else from the start of the file. */
  readonly offset?: number | undefined;
  /** Only this process; all of them when left out. */
  readonly pid?: number | undefined;
  readonly retprobe?: boolean | undefined;
}

/** Options of a USDT probe. */
export interface UsdtOptions extends CookieOptions {
  /** The binary or shared library that has the probe. */
  readonly path: string;
  readonly provider: string;
  readonly name: string;
  /** Only this process; all of them when left out. */
  readonly pid?: number | undefined;
}

/**
 * Options of a program on many kernel functions; left out: those of the section, `kprobe.multi/PATTERN`. One of `pattern`,
 * `syms` and `addrs`.
 */
export interface KprobeMultiOptions {
  /** Functions of /sys/kernel/tracing/available_filter_functions: `*` is any text, `?` one character. */
  readonly pattern?: string | undefined;
  /** Functions by name, in place of `pattern`. */
  readonly syms?: readonly string[] | undefined;
  /** Functions by address, in place of `pattern`. */
  readonly addrs?: readonly bigint[] | undefined;
  /** One for each of `syms` or `addrs`. */
  readonly cookies?: readonly bigint[] | undefined;
  /** Whether to run when the functions return. */
  readonly retprobe?: boolean | undefined;
}

/**
 * Options of a program on many functions of a binary; left out: those of the section, `uprobe.multi/PATH:PATTERN`. One of
 * `pattern`, `syms` and `offsets`.
 */
export interface UprobeMultiOptions {
  /** The binary or shared library, as a path or by its name alone: "libc.so.6". */
  readonly path?: string | undefined;
  /** Functions in its symbol tables: `*` is any text, `?` one character. */
  readonly pattern?: string | undefined;
  /** As {@link UprobeOptions.func}. */
  readonly syms?: readonly string[] | undefined;
  /** In bytes, from the start of the file. */
  readonly offsets?: readonly number[] | undefined;
  /** One for each of `syms` or `offsets`. */
  readonly cookies?: readonly bigint[] | undefined;
  /** Only this process; all of them when left out. */
  readonly pid?: number | undefined;
  readonly retprobe?: boolean | undefined;
}

/** What an iterator goes through; all of its section's kind when left out. */
export interface IterOptions {
  /** The entries of this map: for `iter/bpf_map_elem`, `iter/bpf_sk_storage_map`. */
  readonly map?: { readonly fd: number } | undefined;
  /** The cgroups around this one, its directory or a descriptor of it: for `iter/cgroup`. */
  readonly cgroup?: string | number | undefined;
  /** Which of them, "self" when left out; descendants before or after their parents. */
  readonly order?: "self" | "descendants_pre" | "descendants_post" | "ancestors_up" | undefined;
  /** The threads of this process: for `iter/task`, `iter/task_file`, `iter/task_vma`. */
  readonly pid?: number | undefined;
  /** This thread. */
  readonly tid?: number | undefined;
}

/** A network device, by its name in this process's network namespace or by its number (`ip link`). */
export type DeviceOptions =
  { readonly dev: string; readonly ifindex?: undefined } | { readonly ifindex: number; readonly dev?: undefined };

/** Options of an XDP program. */
export type XdpOptions = DeviceOptions & {
  /** In the kernel's generic path, in the driver, or in the hardware; the best there is when left out. */
  readonly mode?: "skb" | "driver" | "offload" | undefined;
};

/** Options of a classifier of clsact, as `tc filter add ... bpf direct-action` takes them. */
export type TcOptions = DeviceOptions & {
  readonly hook: "ingress" | "egress";
  /** Left out: one that is free. */
  readonly handle?: number | undefined;
  /** 1..65535, lower ones run first; left out: one that is free. */
  readonly priority?: number | undefined;
};

/** A program or link that another is attached next to; `"all"`: every other one. */
export type Anchor = "all" | Program | Link | { readonly progId: number } | { readonly linkId: number };

/** Where a program runs among those of the same hook; last when left out. */
export interface OrderOptions {
  /** Just before that one; `"all"`: before every other. */
  readonly before?: Anchor | undefined;
  /** Just after that one; `"all"`: after every other. */
  readonly after?: Anchor | undefined;
  /** Attach only if the hook is at this revision (`bpftool net`); otherwise ESTALE. */
  readonly expectedRevision?: bigint | undefined;
}

/** Options of a TCX or netkit program. Needs Linux 6.6, netkit 6.7. */
export type TcxOptions = DeviceOptions & OrderOptions;

/** Options of a netfilter program, in this process's network namespace. Needs Linux 6.4, `defrag` 6.6. */
export interface NetfilterOptions {
  readonly pf: "ipv4" | "ipv6";
  readonly hook: "prerouting" | "input" | "forward" | "output" | "postrouting";
  /** Lower ones run first; the kernel takes neither the least, the greatest nor, with `defrag`, those below -399. */
  readonly priority: number;
  /** Fragments are put together before it runs. */
  readonly defrag?: boolean | undefined;
}

/** Options of a cgroup program. An order needs Linux 6.17, and is next to links, not programs. */
export interface CgroupOptions extends OrderOptions {
  /** The cgroup's directory, or a descriptor of it. */
  readonly cgroup: string | number;
}

/**
 * Options of a program on the sockets of a SOCKMAP or SOCKHASH: on those that are put in from now on, until they leave the
 * map. Detaching takes it from those that come later.
 */
export interface SockmapOptions {
  /** A SockMap or SockHash. */
  readonly map: { readonly fd: number };
  /** What SEC("sk_skb") alone does not say. */
  readonly hook?: "stream_parser" | "stream_verdict" | "verdict" | undefined;
}

/** Options of a socket filter, or of a program that selects in an SO_REUSEPORT group. */
export interface SocketOptions {
  /** It lasts as long as the socket, or until `detach`. */
  readonly socket: SocketDescriptor;
}

/** Options of an infrared decoder. */
export interface LircOptions {
  /** The device, "/dev/lirc0", or a descriptor of it. */
  readonly lirc: string | number;
}

/** A perf event to open, as perf_event_open(2) takes it. */
export interface PerfEventSource {
  /** PERF_TYPE_*, as its word or number. */
  readonly type: "hardware" | "software" | "tracepoint" | "hw_cache" | "raw" | "breakpoint" | number;
  /** Which event of the type: 0 is cycles of hardware, and the CPU's clock of software. */
  readonly config: number | bigint;
  /** This process (0: this thread), on any CPU unless `cpu` says one; without it all processes, on `cpu`. */
  readonly pid?: number | undefined;
  readonly cpu?: number | undefined;
  /** The program runs every so many events (of the CPU's clock: nanoseconds); or `frequency` times a second. */
  readonly samplePeriod?: number | bigint | undefined;
  readonly frequency?: number | undefined;
}

/** Options of a perf event program. */
export type PerfEventOptions = CookieOptions &
  /** A descriptor that perf_event_open(2) gave, which stays the caller's, or what to open. */
  ({ readonly fd: number } | PerfEventSource);

/** Options of a program that replaces a function of another: those that `setAttachTarget` named when left out. */
export interface FreplaceOptions extends CookieOptions {
  /** A loaded program, which has the function. */
  readonly target?: Program | undefined;
  /** A function of `target` that is not static. */
  readonly func?: string | undefined;
}

/** Options of a program in a network namespace. */
export interface NetnsOptions {
  /** The namespace's file, "/proc/self/ns/net", or a descriptor of it. */
  readonly netns: string | number;
}

interface OptionsByKind {
  readonly tracepoint: TracepointOptions;
  readonly raw_tracepoint: RawTracepointOptions;
  readonly kprobe: KprobeOptions;
  readonly kprobe_multi: KprobeMultiOptions;
  readonly ksyscall: KsyscallOptions;
  readonly uprobe: UprobeOptions;
  readonly uprobe_multi: UprobeMultiOptions;
  readonly usdt: UsdtOptions;
  readonly tracing: CookieOptions;
  readonly freplace: FreplaceOptions;
  readonly lsm: CookieOptions;
  readonly iter: IterOptions;
  readonly perf_event: PerfEventOptions;
  readonly xdp: XdpOptions;
  readonly tc: TcOptions;
  readonly tcx: TcxOptions;
  readonly netkit: TcxOptions;
  readonly netfilter: NetfilterOptions;
  readonly sk_lookup: NetnsOptions;
  readonly flow_dissector: NetnsOptions;
  readonly cgroup: CgroupOptions;
  readonly sockmap: SockmapOptions;
  readonly socket: SocketOptions;
  readonly sk_reuseport: SocketOptions;
  readonly lirc: LircOptions;
}

/** The options of `attach` for a program of kind `K`; never for those that are not attached, or not by their own. */
export type AttachOptions<K extends ProgramKind> = K extends keyof OptionsByKind ? OptionsByKind[K] : never;

/** What `attach` gives for a program of kind `K`. */
export type LinkOf<K extends ProgramKind> = [K] extends ["iter"] ? IterLink : Link;

/** The kinds that no section can place. */
type Targeted =
  | "perf_event"
  | "xdp"
  | "tc"
  | "tcx"
  | "netkit"
  | "netfilter"
  | "sk_lookup"
  | "flow_dissector"
  | "cgroup"
  | "sockmap"
  | "socket"
  | "sk_reuseport"
  | "lirc";

/** The arguments of `attach`: options that only some kinds can leave out. */
export type AttachArguments<K extends ProgramKind> = K extends Targeted
  ? [options: AttachOptions<K>]
  : [options?: AttachOptions<K> | undefined];
