// Structs of the kernel's and of network headers that programs pass around, and that nobody sends as an event of his own.
// Those of vmlinux.h show by their CO-RE records; these are also defined by UAPI headers, without any.

const NAMES: ReadonlySet<string> = new Set(
  `
  pt_regs user_pt_regs user_regs_struct task_struct cred file inode dentry path sock socket sk_buff net net_device
  kobject cgroup linux_binprm request bio vm_area_struct mm_struct module device page seq_file
  __sk_buff xdp_md xdp_buff sk_msg_md sk_reuseport_md trace_entry perf_event_attr
  bpf_sock_ops bpf_sock bpf_sock_addr bpf_sock_tuple bpf_tcp_sock bpf_sk_lookup bpf_sockopt bpf_sysctl bpf_flow_keys
  bpf_cgroup_dev_ctx bpf_perf_event_data bpf_perf_event_value bpf_raw_tracepoint_args bpf_nf_ctx bpf_iter_meta
  bpf_fib_lookup bpf_redir_neigh bpf_tunnel_key bpf_xfrm_state bpf_pidns_info bpf_devmap_val bpf_cpumap_val
  bpf_stack_build_id bpf_dynptr bpf_spin_lock bpf_timer bpf_wq bpf_refcount bpf_list_head bpf_list_node bpf_rb_root
  bpf_rb_node bpf_iter_num bpf_map bpf_prog bpf_lpm_trie_key bpf_lpm_trie_key_u8 bpf_cgroup_storage_key
  ethhdr vlan_hdr vlan_ethhdr iphdr ipv6hdr ipv6_opt_hdr tcphdr udphdr icmphdr icmp6hdr arphdr
  in_addr in6_addr sockaddr sockaddr_in sockaddr_in6 sockaddr_un timespec timespec64 __kernel_timespec
  `
    .trim()
    .split(/\s+/),
);

/** Contexts of tracepoints and iterators, and the flavours of CO-RE: `task_struct___old`. */
const PATTERN = /^(trace_event_raw_|trace_event_data_offsets_|syscall_trace_|bpf_iter__)|___/;

export function isKernelStruct(name: string): boolean {
  return NAMES.has(name) || PATTERN.test(name);
}
