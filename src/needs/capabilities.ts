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

/** Of Linux 5.8 and later; before, CAP_SYS_ADMIN stands for all. */
export function capabilitiesOf(programType: string): readonly string[] {
  return [
    "CAP_BPF",
    ...(PERFMON.has(programType) ? ["CAP_PERFMON"] : []),
    ...(NET_ADMIN.has(programType) ? ["CAP_NET_ADMIN"] : []),
  ];
}

/** Of Linux 5.8 and later, for maps. */
export function mapCapabilitiesOf(mapType: string): readonly string[] {
  return ["CAP_BPF", ...(NET_ADMIN_MAPS.has(mapType) ? ["CAP_NET_ADMIN"] : [])];
}
