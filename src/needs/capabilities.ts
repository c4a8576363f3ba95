// A type of programs or maps in, the capabilities that making one takes out: kernel/bpf/syscall.c, `bpf_prog_load` and `map_create`.

/** `is_perfmon_prog_type` */
const PERFMON: ReadonlySet<string> = new Set(
  "kprobe tracepoint perf_event raw_tracepoint raw_tracepoint_writable tracing lsm struct_ops ext".split(" "),
);
/** `is_net_admin_prog_type` */
const NET_ADMIN: ReadonlySet<string> = new Set(
  (
    "sched_cls sched_act xdp lwt_in lwt_out lwt_xmit lwt_seg6local sk_skb sk_msg flow_dissector cgroup_device cgroup_sock " +
    "cgroup_sock_addr cgroup_sockopt cgroup_sysctl sock_ops ext netfilter"
  ).split(" "),
);

/** `map_create`, before Linux 6.5 each type in its own `map_alloc`. */
const NET_ADMIN_MAPS: ReadonlySet<string> = new Set("sockmap sockhash devmap devmap_hash xskmap".split(" "));

/**
 * Pointers to the packet or its like, by their offsets in the context (net/core/filter.c, `*_is_valid_access`, and
 * kernel/bpf/cgroup.c); the structs are in linux/bpf.h.
 */
const SKB: ReadonlySet<number> = new Set([76, 80, 140]);
const DATA_AND_END: ReadonlySet<number> = new Set([0, 8]);
const PACKET_POINTERS: Readonly<Record<string, ReadonlySet<number>>> = {
  xdp: new Set([0, 4, 8]),
  sched_cls: SKB,
  sched_act: SKB,
  cgroup_skb: SKB,
  sk_skb: SKB,
  lwt_in: SKB,
  lwt_out: SKB,
  lwt_xmit: SKB,
  lwt_seg6local: SKB,
  flow_dissector: SKB,
  sk_msg: DATA_AND_END,
  sk_reuseport: DATA_AND_END,
  cgroup_sockopt: new Set([8, 16]),
  sock_ops: new Set([192, 200]),
};

/** Where the context of a program has pointers whose difference takes CAP_PERFMON; undefined where it has none, or it takes it anyway. */
export function packetPointersOf(programType: string): ReadonlySet<number> | undefined {
  return Object.hasOwn(PACKET_POINTERS, programType) ? PACKET_POINTERS[programType] : undefined;
}

/** Of Linux 5.8 and later; before, CAP_SYS_ADMIN stands for all. `subtracts`: one pointer from another. */
export function capabilitiesOf(programType: string, subtracts = false): readonly string[] {
  return [
    "CAP_BPF",
    ...(PERFMON.has(programType) || subtracts ? ["CAP_PERFMON"] : []),
    ...(NET_ADMIN.has(programType) ? ["CAP_NET_ADMIN"] : []),
  ];
}

/** Of Linux 5.8 and later, for maps. */
export function mapCapabilitiesOf(mapType: string): readonly string[] {
  return ["CAP_BPF", ...(NET_ADMIN_MAPS.has(mapType) ? ["CAP_NET_ADMIN"] : [])];
}
