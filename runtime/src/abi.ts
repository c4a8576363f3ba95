// What generated code and the runtime agree on: the number of that agreement, and the words for programs. `kind` selects
// the options of `attach`; its names are those of the generator's SEC() table.

/** The version of the table that a generated module passes to `skeleton`; a change that breaks old modules raises it. */
export const abi = 1;

/** What attaches a program: selects the options that `attach` takes. */
export type ProgramKind =
  | "socket"
  | "sk_reuseport"
  | "kprobe"
  | "kprobe_multi"
  | "uprobe"
  | "uprobe_multi"
  | "ksyscall"
  | "usdt"
  | "tc"
  | "tcx"
  | "netkit"
  | "tracepoint"
  | "raw_tracepoint"
  | "tracing"
  | "freplace"
  | "lsm"
  | "iter"
  | "syscall"
  | "xdp"
  | "perf_event"
  | "lwt"
  | "sockmap"
  | "lirc"
  | "flow_dissector"
  | "cgroup"
  | "sk_lookup"
  | "struct_ops"
  | "netfilter"
  | "unknown";

/** A program whose section is younger than libbpf 1.0: what libbpf needs to be told where it does not know the section. */
export interface ProgramSpec {
  /** As written in C, without a leading `?`. */
  readonly section: string;
  /** `enum bpf_prog_type`, lower case without BPF_PROG_TYPE_: "sched_cls". */
  readonly type: string;
  /** `enum bpf_attach_type`, lower case without BPF_: "tcx_ingress"; "" for none. */
  readonly attachType: string;
  /** The libbpf version that brought the section: "1.3". */
  readonly since: string;
}

// By the whole section where it has a kind of its own, else by its first part without ".s" (sleepable) and ".multi" where
// they change nothing.
const kinds: Readonly<Record<string, ProgramKind>> = {
  socket: "socket",
  sk_reuseport: "sk_reuseport",
  kprobe: "kprobe",
  kretprobe: "kprobe",
  "kprobe.multi": "kprobe_multi",
  "kretprobe.multi": "kprobe_multi",
  "kprobe.session": "kprobe_multi",
  uprobe: "uprobe",
  uretprobe: "uprobe",
  "uprobe.multi": "uprobe_multi",
  "uretprobe.multi": "uprobe_multi",
  "uprobe.session": "uprobe_multi",
  ksyscall: "ksyscall",
  kretsyscall: "ksyscall",
  usdt: "usdt",
  "tc/ingress": "tcx",
  "tc/egress": "tcx",
  tc: "tc",
  classifier: "tc",
  action: "tc",
  tcx: "tcx",
  netkit: "netkit",
  tracepoint: "tracepoint",
  tp: "tracepoint",
  raw_tracepoint: "raw_tracepoint",
  "raw_tracepoint.w": "raw_tracepoint",
  raw_tp: "raw_tracepoint",
  "raw_tp.w": "raw_tracepoint",
  tp_btf: "tracing",
  fentry: "tracing",
  fexit: "tracing",
  fmod_ret: "tracing",
  fsession: "tracing",
  "fentry.multi": "tracing",
  "fexit.multi": "tracing",
  "fsession.multi": "tracing",
  freplace: "freplace",
  lsm: "lsm",
  lsm_cgroup: "cgroup",
  iter: "iter",
  syscall: "syscall",
  xdp: "xdp",
  "xdp.frags": "xdp",
  perf_event: "perf_event",
  lwt_in: "lwt",
  lwt_out: "lwt",
  lwt_xmit: "lwt",
  lwt_seg6local: "lwt",
  sockops: "cgroup",
  sk_skb: "sockmap",
  sk_msg: "sockmap",
  lirc_mode2: "lirc",
  flow_dissector: "flow_dissector",
  cgroup_skb: "cgroup",
  cgroup: "cgroup",
  sk_lookup: "sk_lookup",
  struct_ops: "struct_ops",
  netfilter: "netfilter",
};

/** The kind of a program in `section`. */
export function kindOf(section: string): ProgramKind {
  const head = section.split("/", 1)[0]!.replace(/\.s$/, "");
  const known = [section, head].find((name) => Object.hasOwn(kinds, name));
  return known === undefined ? "unknown" : kinds[known]!;
}
