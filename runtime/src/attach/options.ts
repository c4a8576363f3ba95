// What `attach` takes for each kind of program, so that a wrong option is a compile error.

import type { ProgramKind } from "../abi.ts";

/** A value that the program reads with `bpf_get_attach_cookie` (or `bpf_usdt_cookie`). */
export interface CookieOptions {
  readonly cookie?: bigint | undefined;
}

/** Options of a tracepoint; left out: those of the section, `tracepoint/CATEGORY/NAME`. */
export interface TracepointOptions extends CookieOptions {
  readonly category?: string | undefined;
  readonly name?: string | undefined;
}

/** Options of a raw tracepoint; left out: that of the section. A cookie needs libbpf 1.4 and Linux 6.10. */
export interface RawTracepointOptions extends CookieOptions {
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

/** Options of a uprobe. */
export interface UprobeOptions extends CookieOptions {
  /** The binary or shared library, as a path or as a name that libbpf looks up: "libc.so.6". */
  readonly path: string;
  /** The function in its symbol table. */
  readonly func?: string | undefined;
  /** In bytes: from the start of `func`, else from the start of the file. */
  readonly offset?: number | undefined;
  /** Only this process; all of them when left out. */
  readonly pid?: number | undefined;
  readonly retprobe?: boolean | undefined;
}

/** Options of a USDT probe. */
export interface UsdtOptions extends CookieOptions {
  readonly path: string;
  readonly provider: string;
  readonly name: string;
  /** Only this process; all of them when left out. */
  readonly pid?: number | undefined;
}

/** Options of an XDP program. */
export interface XdpOptions {
  /** The number of the network device (`ip link`, os.networkInterfaces() does not have it). */
  readonly ifindex: number;
}

/** Options of a cgroup program. */
export interface CgroupOptions {
  /** The cgroup's directory, or a descriptor of it. */
  readonly cgroup: string | number;
}

/** Options of a perf event program. */
export interface PerfEventOptions extends CookieOptions {
  /** A descriptor that perf_event_open(2) gave. It stays the caller's. */
  readonly fd: number;
}

/** Options of a program in a network namespace. */
export interface NetnsOptions {
  /** The namespace's file, "/proc/self/ns/net", or a descriptor of it. */
  readonly netns: string | number;
}

/** No options: the section says it all. */
export type NoOptions = Readonly<Record<string, never>>;

interface OptionsByKind {
  readonly tracepoint: TracepointOptions;
  readonly raw_tracepoint: RawTracepointOptions;
  readonly kprobe: KprobeOptions;
  readonly ksyscall: KsyscallOptions;
  readonly uprobe: UprobeOptions;
  readonly usdt: UsdtOptions;
  readonly tracing: CookieOptions;
  readonly freplace: CookieOptions;
  readonly lsm: CookieOptions;
  readonly iter: NoOptions;
  readonly kprobe_multi: NoOptions;
  readonly uprobe_multi: NoOptions;
  readonly xdp: XdpOptions;
  readonly cgroup: CgroupOptions;
  readonly perf_event: PerfEventOptions;
  readonly sk_lookup: NetnsOptions;
  readonly flow_dissector: NetnsOptions;
}

/** The options of `attach` for a program of kind `K`; never for the kinds that ebpf-skel cannot attach yet. */
export type AttachOptions<K extends ProgramKind> = K extends keyof OptionsByKind ? OptionsByKind[K] : never;

/** The kinds that no section can place. */
type Targeted = "xdp" | "cgroup" | "perf_event" | "sk_lookup" | "flow_dissector";

/** The arguments of `attach`: options that only some kinds can leave out. */
export type AttachArguments<K extends ProgramKind> = K extends Targeted
  ? [options: AttachOptions<K>]
  : [options?: AttachOptions<K> | undefined];
