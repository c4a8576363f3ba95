// The first Linux that has a thing, by its name in include/uapi/linux/bpf.h (lower case, without its prefix). The figures are
// those of https://docs.ebpf.io/linux/, which go by the tags that the header's lines first appear in.

import { ATTACH_TYPES, MAP_TYPES, PROG_TYPES } from "../object/kernel.ts";

/** Versions, each with how far the enumeration went then: its last name. */
type Growth = readonly (readonly [version: string, last: string])[];

// Enumerations only ever grow at their ends.
const PROGRAMS: Growth = [
  ["3.19", "socket_filter"],
  ["4.1", "sched_act"],
  ["4.7", "tracepoint"],
  ["4.8", "xdp"],
  ["4.9", "perf_event"],
  ["4.10", "lwt_xmit"],
  ["4.13", "sock_ops"],
  ["4.14", "sk_skb"],
  ["4.15", "cgroup_device"],
  ["4.17", "cgroup_sock_addr"],
  ["4.18", "lirc_mode2"],
  ["4.19", "sk_reuseport"],
  ["4.20", "flow_dissector"],
  ["5.2", "raw_tracepoint_writable"],
  ["5.3", "cgroup_sockopt"],
  ["5.5", "tracing"],
  ["5.6", "ext"],
  ["5.7", "lsm"],
  ["5.9", "sk_lookup"],
  ["5.14", "syscall"],
  ["6.4", "netfilter"],
];
const MAPS: Growth = [
  ["3.19", "array"],
  ["4.2", "prog_array"],
  ["4.3", "perf_event_array"],
  ["4.6", "stack_trace"],
  ["4.8", "cgroup_array"],
  ["4.10", "lru_percpu_hash"],
  ["4.11", "lpm_trie"],
  ["4.12", "hash_of_maps"],
  ["4.14", "sockmap"],
  ["4.15", "cpumap"],
  ["4.18", "sockhash"],
  ["4.19", "reuseport_sockarray"],
  ["4.20", "stack"],
  ["5.2", "sk_storage"],
  ["5.4", "devmap_hash"],
  ["5.6", "struct_ops"],
  ["5.8", "ringbuf"],
  ["5.10", "inode_storage"],
  ["5.11", "task_storage"],
  ["5.16", "bloom_filter"],
  ["6.1", "user_ringbuf"],
  ["6.2", "cgrp_storage"],
  ["6.9", "arena"],
  ["6.19", "insn_array"],
];
const ATTACHES: Growth = [
  ["4.10", "cgroup_inet_sock_create"],
  ["4.13", "cgroup_sock_ops"],
  ["4.14", "sk_skb_stream_verdict"],
  ["4.15", "cgroup_device"],
  ["4.17", "cgroup_inet6_post_bind"],
  ["4.18", "lirc_mode2"],
  ["4.20", "flow_dissector"],
  ["5.2", "cgroup_udp6_recvmsg"],
  ["5.3", "cgroup_setsockopt"],
  ["5.5", "trace_fexit"],
  ["5.7", "lsm_mac"],
  ["5.8", "xdp_devmap"],
  ["5.9", "xdp"],
  ["5.13", "sk_skb_verdict"],
  ["5.14", "sk_reuseport_select_or_migrate"],
  ["5.15", "perf_event"],
  ["5.18", "trace_kprobe_multi"],
  ["6.0", "lsm_cgroup"],
  ["6.4", "netfilter"],
  ["6.6", "trace_uprobe_multi"],
  ["6.7", "netkit_peer"],
  ["6.10", "trace_kprobe_session"],
  ["6.13", "trace_uprobe_session"],
];

/** Helpers by the Linux that brought them, in the order of `enum bpf_func_id` from 1 on. */
const HELPERS: readonly (readonly [version: string, names: string])[] = [
  ["3.19", "map_lookup_elem map_update_elem map_delete_elem"],
  [
    "4.1",
    "probe_read ktime_get_ns trace_printk get_prandom_u32 get_smp_processor_id skb_store_bytes l3_csum_replace l4_csum_replace",
  ],
  ["4.2", "tail_call clone_redirect get_current_pid_tgid get_current_uid_gid get_current_comm"],
  ["4.3", "get_cgroup_classid skb_vlan_push skb_vlan_pop skb_get_tunnel_key skb_set_tunnel_key perf_event_read"],
  ["4.4", "redirect get_route_realm perf_event_output"],
  ["4.5", "skb_load_bytes"],
  ["4.6", "get_stackid csum_diff skb_get_tunnel_opt skb_set_tunnel_opt"],
  ["4.8", "skb_change_proto skb_change_type skb_under_cgroup get_hash_recalc get_current_task probe_write_user"],
  ["4.9", "current_task_under_cgroup skb_change_tail skb_pull_data csum_update set_hash_invalid"],
  ["4.10", "get_numa_node_id skb_change_head xdp_adjust_head"],
  ["4.11", "probe_read_str"],
  ["4.12", "get_socket_cookie get_socket_uid"],
  ["4.13", "set_hash setsockopt skb_adjust_room"],
  ["4.14", "redirect_map sk_redirect_map sock_map_update"],
  ["4.15", "xdp_adjust_meta perf_event_read_value perf_prog_read_value getsockopt"],
  ["4.16", "override_return sock_ops_cb_flags_set"],
  ["4.17", "msg_redirect_map msg_apply_bytes msg_cork_bytes msg_pull_data bind"],
  [
    "4.18",
    "xdp_adjust_tail skb_get_xfrm_state get_stack skb_load_bytes_relative fib_lookup sock_hash_update msg_redirect_hash sk_redirect_hash lwt_push_encap lwt_seg6_store_bytes lwt_seg6_adjust_srh lwt_seg6_action rc_repeat rc_keydown skb_cgroup_id get_current_cgroup_id",
  ],
  ["4.19", "get_local_storage sk_select_reuseport skb_ancestor_cgroup_id"],
  ["4.20", "sk_lookup_tcp sk_lookup_udp sk_release map_push_elem map_pop_elem map_peek_elem msg_push_data"],
  ["5.0", "msg_pop_data rc_pointer_rel"],
  ["5.1", "spin_lock spin_unlock sk_fullsock tcp_sock skb_ecn_set_ce get_listener_sock"],
  [
    "5.2",
    "skc_lookup_tcp tcp_check_syncookie sysctl_get_name sysctl_get_current_value sysctl_get_new_value sysctl_set_new_value strtol strtoul sk_storage_get sk_storage_delete",
  ],
  ["5.3", "send_signal tcp_gen_syncookie"],
  ["5.5", "skb_output probe_read_user probe_read_kernel probe_read_user_str probe_read_kernel_str"],
  ["5.6", "tcp_send_ack send_signal_thread jiffies64 read_branch_records"],
  ["5.7", "get_ns_current_pid_tgid xdp_output get_netns_cookie get_current_ancestor_cgroup_id sk_assign"],
  [
    "5.8",
    "ktime_get_boot_ns seq_printf seq_write sk_cgroup_id sk_ancestor_cgroup_id ringbuf_output ringbuf_reserve ringbuf_submit ringbuf_discard ringbuf_query csum_level",
  ],
  [
    "5.9",
    "skc_to_tcp6_sock skc_to_tcp_sock skc_to_tcp_timewait_sock skc_to_tcp_request_sock skc_to_udp6_sock get_task_stack",
  ],
  [
    "5.10",
    "load_hdr_opt store_hdr_opt reserve_hdr_opt inode_storage_get inode_storage_delete d_path copy_from_user snprintf_btf seq_printf_btf skb_cgroup_classid redirect_neigh per_cpu_ptr this_cpu_ptr redirect_peer",
  ],
  [
    "5.11",
    "task_storage_get task_storage_delete get_current_task_btf bprm_opts_set ktime_get_coarse_ns ima_inode_hash sock_from_file",
  ],
  ["5.12", "check_mtu"],
  ["5.13", "for_each_map_elem snprintf"],
  ["5.14", "sys_bpf btf_find_by_name_kind sys_close"],
  ["5.15", "timer_init timer_set_callback timer_start timer_cancel get_func_ip get_attach_cookie task_pt_regs"],
  ["5.16", "get_branch_snapshot trace_vprintk skc_to_unix_sock kallsyms_lookup_name"],
  ["5.17", "find_vma loop strncmp get_func_arg get_func_ret get_func_arg_cnt"],
  [
    "5.18",
    "get_retval set_retval xdp_get_buff_len xdp_load_bytes xdp_store_bytes copy_from_user_task skb_set_tstamp ima_file_hash",
  ],
  [
    "5.19",
    "kptr_xchg map_lookup_percpu_elem skc_to_mptcp_sock dynptr_from_mem ringbuf_reserve_dynptr ringbuf_submit_dynptr ringbuf_discard_dynptr dynptr_read dynptr_write dynptr_data",
  ],
  [
    "6.0",
    "tcp_raw_gen_syncookie_ipv4 tcp_raw_gen_syncookie_ipv6 tcp_raw_check_syncookie_ipv4 tcp_raw_check_syncookie_ipv6",
  ],
  ["6.1", "ktime_get_tai_ns user_ringbuf_drain"],
  ["6.2", "cgrp_storage_get cgrp_storage_delete"],
];

/** `BPF_F_*` of `map_flags`, by bit. */
const FLAGS: readonly (readonly [version: string, name: string])[] = [
  ["4.6", "no_prealloc"],
  ["4.10", "no_common_lru"],
  ["4.14", "numa_node"],
  ["4.15", "rdonly"],
  ["4.15", "wronly"],
  ["4.17", "stack_build_id"],
  ["5.0", "zero_seed"],
  ["5.2", "rdonly_prog"],
  ["5.2", "wronly_prog"],
  ["5.4", "clone"],
  ["5.5", "mmapable"],
  ["5.10", "preserve_elems"],
  ["5.10", "inner_map"],
  ["6.4", "link"],
  ["6.5", "path_fd"],
  ["6.9", "vtype_btf_obj_fd"],
  ["6.9", "token_fd"],
  ["6.9", "segv_on_fault"],
  ["6.9", "no_user_conv"],
];

function grown(names: readonly string[], growth: Growth, name: string): string | undefined {
  const index = names.indexOf(name);
  return index < 0 ? undefined : growth.find(([, last]) => index <= names.indexOf(last))?.[0];
}

/** undefined: newer than this table. */
export function programSince(type: string): string | undefined {
  return grown(PROG_TYPES, PROGRAMS, type);
}

export function mapSince(type: string): string | undefined {
  return grown(MAP_TYPES, MAPS, type);
}

export function attachSince(type: string): string | undefined {
  return grown(ATTACH_TYPES, ATTACHES, type);
}

/** A helper or a flag. */
export interface Dated {
  readonly name: string;
  readonly since?: string;
}

const helpers = HELPERS.flatMap(([since, names]) => names.split(" ").map((name): Dated => ({ name, since })));

/** `enum bpf_func_id`; kernels have added none since the last of them. */
export function helperOf(id: number): Dated {
  return helpers[id - 1] ?? { name: `helper ${id}` };
}

/** The flags that are set. */
export function flagsOf(flags: number): Dated[] {
  return Array.from({ length: 32 }, (_, bit) => bit)
    .filter((bit) => ((flags >>> bit) & 1) === 1)
    .map((bit) => {
      const [since, name] = FLAGS[bit] ?? [];
      return name === undefined ? { name: `bit ${bit}` } : { name, since: since! };
    });
}
