// libbpf's SEC() table as data: the name of an ELF section in, the program type it stands for out.
// libbpf.c `section_defs` of 1.5, with the rows of 1.6 to 1.8; https://docs.kernel.org/bpf/libbpf/program_types.html.

import type { ProgramKind, SecDef } from "./model.ts";

function row(
  prefix: string,
  type: string,
  attachType: string,
  kind: ProgramKind,
  auto: SecDef["auto"],
  since = "1.0",
  sleepable = false,
): SecDef {
  return { prefix, type, attachType, kind, auto, sleepable, since };
}

/**
 * One row per section or family of sections, in libbpf's order; no section matches two. `auto` is what the best-formed
 * section of a family can do, see {@link autoAttach}.
 */
export const SEC_DEFS: readonly SecDef[] = [
  // setsockopt(2) attaches these, libbpf does not.
  row("socket", "socket_filter", "", "socket", "no"),
  row("sk_reuseport/migrate", "sk_reuseport", "sk_reuseport_select_or_migrate", "sk_reuseport", "no"),
  row("sk_reuseport", "sk_reuseport", "sk_reuseport_select", "sk_reuseport", "no"),
  row("kprobe+", "kprobe", "", "kprobe", "yes"),
  row("uprobe+", "kprobe", "", "uprobe", "yes"),
  row("uprobe.s+", "kprobe", "", "uprobe", "yes", "1.0", true),
  row("kretprobe+", "kprobe", "", "kprobe", "yes"),
  row("uretprobe+", "kprobe", "", "uprobe", "yes"),
  row("uretprobe.s+", "kprobe", "", "uprobe", "yes", "1.0", true),
  row("kprobe.multi+", "kprobe", "trace_kprobe_multi", "kprobe_multi", "yes"),
  row("kretprobe.multi+", "kprobe", "trace_kprobe_multi", "kprobe_multi", "yes"),
  row("kprobe.session+", "kprobe", "trace_kprobe_session", "kprobe_multi", "yes", "1.5"),
  row("uprobe.multi+", "kprobe", "trace_uprobe_multi", "uprobe_multi", "yes", "1.3"),
  row("uretprobe.multi+", "kprobe", "trace_uprobe_multi", "uprobe_multi", "yes", "1.3"),
  row("uprobe.session+", "kprobe", "trace_uprobe_session", "uprobe_multi", "yes", "1.6"),
  row("uprobe.multi.s+", "kprobe", "trace_uprobe_multi", "uprobe_multi", "yes", "1.3", true),
  row("uretprobe.multi.s+", "kprobe", "trace_uprobe_multi", "uprobe_multi", "yes", "1.3", true),
  row("uprobe.session.s+", "kprobe", "trace_uprobe_session", "uprobe_multi", "yes", "1.6", true),
  row("ksyscall+", "kprobe", "", "ksyscall", "yes"),
  row("kretsyscall+", "kprobe", "", "ksyscall", "yes"),
  row("usdt+", "kprobe", "", "usdt", "yes"),
  // attach_usdt looks for "usdt/" even here, so libbpf never places a sleepable one by its section.
  row("usdt.s+", "kprobe", "", "usdt", "target", "1.3", true),
  row("tc/ingress", "sched_cls", "tcx_ingress", "tcx", "target", "1.3"),
  row("tc/egress", "sched_cls", "tcx_egress", "tcx", "target", "1.3"),
  row("tcx/ingress", "sched_cls", "tcx_ingress", "tcx", "target", "1.3"),
  row("tcx/egress", "sched_cls", "tcx_egress", "tcx", "target", "1.3"),
  row("tc", "sched_cls", "", "tc", "target"),
  row("classifier", "sched_cls", "", "tc", "target"),
  // libbpf attaches classifiers only.
  row("action", "sched_act", "", "tc", "no"),
  row("netkit/primary", "sched_cls", "netkit_primary", "netkit", "target", "1.3"),
  row("netkit/peer", "sched_cls", "netkit_peer", "netkit", "target", "1.3"),
  row("tracepoint+", "tracepoint", "", "tracepoint", "yes"),
  row("tp+", "tracepoint", "", "tracepoint", "yes"),
  row("tracepoint.s+", "tracepoint", "", "tracepoint", "yes", "1.8", true),
  row("tp.s+", "tracepoint", "", "tracepoint", "yes", "1.8", true),
  row("raw_tracepoint+", "raw_tracepoint", "", "raw_tracepoint", "yes"),
  row("raw_tp+", "raw_tracepoint", "", "raw_tracepoint", "yes"),
  row("raw_tracepoint.s+", "raw_tracepoint", "", "raw_tracepoint", "yes", "1.8", true),
  row("raw_tp.s+", "raw_tracepoint", "", "raw_tracepoint", "yes", "1.8", true),
  row("raw_tracepoint.w+", "raw_tracepoint_writable", "", "raw_tracepoint", "yes"),
  row("raw_tp.w+", "raw_tracepoint_writable", "", "raw_tracepoint", "yes"),
  row("tp_btf+", "tracing", "trace_raw_tp", "tracing", "yes"),
  row("tp_btf.s+", "tracing", "trace_raw_tp", "tracing", "yes", "1.8", true),
  row("fentry+", "tracing", "trace_fentry", "tracing", "yes"),
  row("fmod_ret+", "tracing", "modify_return", "tracing", "yes"),
  row("fexit+", "tracing", "trace_fexit", "tracing", "yes"),
  row("fentry.s+", "tracing", "trace_fentry", "tracing", "yes", "1.0", true),
  row("fmod_ret.s+", "tracing", "modify_return", "tracing", "yes", "1.0", true),
  row("fexit.s+", "tracing", "trace_fexit", "tracing", "yes", "1.0", true),
  row("fsession+", "tracing", "trace_fsession", "tracing", "yes", "1.7"),
  row("fsession.s+", "tracing", "trace_fsession", "tracing", "yes", "1.7", true),
  row("fentry.multi+", "tracing", "trace_fentry_multi", "tracing", "yes", "1.8"),
  row("fexit.multi+", "tracing", "trace_fexit_multi", "tracing", "yes", "1.8"),
  row("fsession.multi+", "tracing", "trace_fsession_multi", "tracing", "yes", "1.8"),
  row("fentry.multi.s+", "tracing", "trace_fentry_multi", "tracing", "yes", "1.8", true),
  row("fexit.multi.s+", "tracing", "trace_fexit_multi", "tracing", "yes", "1.8", true),
  row("fsession.multi.s+", "tracing", "trace_fsession_multi", "tracing", "yes", "1.8", true),
  // Loads only with the program that it replaces a part of: `setAttachTarget`.
  row("freplace+", "ext", "", "freplace", "target"),
  row("lsm+", "lsm", "lsm_mac", "lsm", "yes"),
  row("lsm.s+", "lsm", "lsm_mac", "lsm", "yes", "1.0", true),
  row("lsm_cgroup+", "lsm", "lsm_cgroup", "cgroup", "target"),
  row("iter+", "tracing", "trace_iter", "iter", "yes"),
  row("iter.s+", "tracing", "trace_iter", "iter", "yes", "1.0", true),
  // Run, not attached.
  row("syscall", "syscall", "", "syscall", "no", "1.0", true),
  // A devmap or cpumap entry carries these.
  row("xdp.frags/devmap", "xdp", "xdp_devmap", "xdp", "no"),
  row("xdp/devmap", "xdp", "xdp_devmap", "xdp", "no"),
  row("xdp.frags/cpumap", "xdp", "xdp_cpumap", "xdp", "no"),
  row("xdp/cpumap", "xdp", "xdp_cpumap", "xdp", "no"),
  row("xdp.frags", "xdp", "xdp", "xdp", "target"),
  row("xdp", "xdp", "xdp", "xdp", "target"),
  row("perf_event", "perf_event", "", "perf_event", "target"),
  // ip-route(8) attaches these.
  row("lwt_in", "lwt_in", "", "lwt", "no"),
  row("lwt_out", "lwt_out", "", "lwt", "no"),
  row("lwt_xmit", "lwt_xmit", "", "lwt", "no"),
  row("lwt_seg6local", "lwt_seg6local", "", "lwt", "no"),
  row("sockops", "sock_ops", "cgroup_sock_ops", "cgroup", "target"),
  row("sk_skb/stream_parser", "sk_skb", "sk_skb_stream_parser", "sockmap", "target"),
  row("sk_skb/stream_verdict", "sk_skb", "sk_skb_stream_verdict", "sockmap", "target"),
  row("sk_skb/verdict", "sk_skb", "sk_skb_verdict", "sockmap", "target", "1.4"),
  row("sk_skb", "sk_skb", "", "sockmap", "target"),
  row("sk_msg", "sk_msg", "sk_msg_verdict", "sockmap", "target"),
  row("lirc_mode2", "lirc_mode2", "lirc_mode2", "lirc", "target"),
  row("flow_dissector", "flow_dissector", "flow_dissector", "flow_dissector", "target"),
  row("cgroup_skb/ingress", "cgroup_skb", "cgroup_inet_ingress", "cgroup", "target"),
  row("cgroup_skb/egress", "cgroup_skb", "cgroup_inet_egress", "cgroup", "target"),
  row("cgroup/skb", "cgroup_skb", "", "cgroup", "target"),
  row("cgroup/sock_create", "cgroup_sock", "cgroup_inet_sock_create", "cgroup", "target"),
  row("cgroup/sock_release", "cgroup_sock", "cgroup_inet_sock_release", "cgroup", "target"),
  row("cgroup/sock", "cgroup_sock", "cgroup_inet_sock_create", "cgroup", "target"),
  row("cgroup/post_bind4", "cgroup_sock", "cgroup_inet4_post_bind", "cgroup", "target"),
  row("cgroup/post_bind6", "cgroup_sock", "cgroup_inet6_post_bind", "cgroup", "target"),
  row("cgroup/bind4", "cgroup_sock_addr", "cgroup_inet4_bind", "cgroup", "target"),
  row("cgroup/bind6", "cgroup_sock_addr", "cgroup_inet6_bind", "cgroup", "target"),
  row("cgroup/connect4", "cgroup_sock_addr", "cgroup_inet4_connect", "cgroup", "target"),
  row("cgroup/connect6", "cgroup_sock_addr", "cgroup_inet6_connect", "cgroup", "target"),
  row("cgroup/connect_unix", "cgroup_sock_addr", "cgroup_unix_connect", "cgroup", "target", "1.3"),
  row("cgroup/sendmsg4", "cgroup_sock_addr", "cgroup_udp4_sendmsg", "cgroup", "target"),
  row("cgroup/sendmsg6", "cgroup_sock_addr", "cgroup_udp6_sendmsg", "cgroup", "target"),
  row("cgroup/sendmsg_unix", "cgroup_sock_addr", "cgroup_unix_sendmsg", "cgroup", "target", "1.3"),
  row("cgroup/recvmsg4", "cgroup_sock_addr", "cgroup_udp4_recvmsg", "cgroup", "target"),
  row("cgroup/recvmsg6", "cgroup_sock_addr", "cgroup_udp6_recvmsg", "cgroup", "target"),
  row("cgroup/recvmsg_unix", "cgroup_sock_addr", "cgroup_unix_recvmsg", "cgroup", "target", "1.3"),
  row("cgroup/getpeername4", "cgroup_sock_addr", "cgroup_inet4_getpeername", "cgroup", "target"),
  row("cgroup/getpeername6", "cgroup_sock_addr", "cgroup_inet6_getpeername", "cgroup", "target"),
  row("cgroup/getpeername_unix", "cgroup_sock_addr", "cgroup_unix_getpeername", "cgroup", "target", "1.3"),
  row("cgroup/getsockname4", "cgroup_sock_addr", "cgroup_inet4_getsockname", "cgroup", "target"),
  row("cgroup/getsockname6", "cgroup_sock_addr", "cgroup_inet6_getsockname", "cgroup", "target"),
  row("cgroup/getsockname_unix", "cgroup_sock_addr", "cgroup_unix_getsockname", "cgroup", "target", "1.3"),
  row("cgroup/sysctl", "cgroup_sysctl", "cgroup_sysctl", "cgroup", "target"),
  row("cgroup/getsockopt", "cgroup_sockopt", "cgroup_getsockopt", "cgroup", "target"),
  row("cgroup/setsockopt", "cgroup_sockopt", "cgroup_setsockopt", "cgroup", "target"),
  row("cgroup/dev", "cgroup_device", "cgroup_device", "cgroup", "target"),
  // Attached through their map.
  row("struct_ops+", "struct_ops", "", "struct_ops", "no"),
  row("struct_ops.s+", "struct_ops", "", "struct_ops", "no", "1.2", true),
  row("sk_lookup", "sk_lookup", "sk_lookup", "sk_lookup", "target"),
  row("netfilter", "netfilter", "netfilter", "netfilter", "target", "1.3"),
];

/** The row of a section (libbpf `sec_def_matches`): "x+" is "x" or "x/...", any other prefix is the whole section. */
export function findSec(section: string): SecDef | undefined {
  return SEC_DEFS.find(({ prefix }) => {
    if (!prefix.endsWith("+")) return section === prefix;
    const family = prefix.slice(0, -1);
    return section === family || section.startsWith(`${family}/`);
  });
}

/** Iterators over something that the section cannot name: the kernel wants its fd or order (`bpf_iter_link_info`). */
const ITERATES = new Set(["bpf_map_elem", "bpf_sk_storage_map", "cgroup"]);

/**
 * Whether libbpf attaches a program of `section` with nothing else said ("yes"), once it is told a target ("target"), or
 * never ("no"): the part of its `attach_*` functions that reads the section. A section that they refuse is a "target" too.
 */
export function autoAttach(def: SecDef, section: string): SecDef["auto"] {
  if (def.auto !== "yes") return def.auto;
  const slash = section.indexOf("/");
  const spec = slash < 0 ? "" : section.slice(slash + 1);
  return placed(def.kind, spec) ? "yes" : "target";
}

function placed(kind: ProgramKind, spec: string): boolean {
  switch (kind) {
    case "tracepoint":
      // category/name
      return /^[^/]+\/./.test(spec);
    case "uprobe":
    case "uprobe_multi":
      // path:function, the function as far as the line goes
      return /^[^:]+:[^\n]/.test(spec);
    case "usdt":
      // path:provider:name
      return /^[^:]+:[^:]+:[^:]/.test(spec);
    case "iter":
      return spec !== "" && !ITERATES.has(spec);
    default:
      return spec !== "";
  }
}
