// The signatures of the libbpf functions that the runtime calls, after bpf/libbpf.h and bpf/bpf.h (1.0 to 1.5). A version
// stands only where a function is younger than libbpf 1.0.

import type { Signature } from "./native.ts";

export const functions = {
  libbpf_major_version: ["u32", []],
  libbpf_minor_version: ["u32", []],
  libbpf_strerror: ["int", ["int", "ptr", "size"]],
  libbpf_set_print: ["ptr", ["ptr"]],
  libbpf_bpf_prog_type_str: ["str", ["int"]],
  libbpf_bpf_map_type_str: ["str", ["int"]],

  bpf_object__open_mem: ["ptr", ["ptr", "size", "ptr"]],
  bpf_object__load: ["int", ["ptr"]],
  bpf_object__close: ["void", ["ptr"]],
  bpf_object__find_map_by_name: ["ptr", ["ptr", "str"]],
  bpf_object__find_program_by_name: ["ptr", ["ptr", "str"]],

  bpf_map__fd: ["int", ["ptr"]],
  bpf_map__type: ["int", ["ptr"]],
  bpf_map__key_size: ["u32", ["ptr"]],
  bpf_map__value_size: ["u32", ["ptr"]],
  bpf_map__max_entries: ["u32", ["ptr"]],
  bpf_map__set_max_entries: ["int", ["ptr", "u32"]],
  bpf_map__map_flags: ["u32", ["ptr"]],
  bpf_map__set_map_flags: ["int", ["ptr", "u32"]],
  bpf_map__numa_node: ["u32", ["ptr"]],
  bpf_map__set_numa_node: ["int", ["ptr", "u32"]],
  bpf_map__autocreate: ["bool", ["ptr"]],
  bpf_map__set_autocreate: ["int", ["ptr", "bool"]],
  bpf_map__pin_path: ["str", ["ptr"]],
  bpf_map__set_pin_path: ["int", ["ptr", "str"]],
  bpf_map__initial_value: ["ptr", ["ptr", "ptr"]],
  bpf_map__set_initial_value: ["int", ["ptr", "ptr", "size"]],

  bpf_program__fd: ["int", ["ptr"]],
  bpf_program__section_name: ["str", ["ptr"]],
  bpf_program__type: ["int", ["ptr"]],
  bpf_program__set_type: ["int", ["ptr", "int"]],
  bpf_program__set_expected_attach_type: ["int", ["ptr", "int"]],
  bpf_program__autoload: ["bool", ["ptr"]],
  bpf_program__set_autoload: ["int", ["ptr", "bool"]],
  bpf_program__autoattach: ["bool", ["ptr"]],
  bpf_program__set_autoattach: ["void", ["ptr", "bool"]],
  bpf_program__log_level: ["u32", ["ptr"]],
  bpf_program__set_log_level: ["int", ["ptr", "u32"]],
  bpf_program__set_log_buf: ["int", ["ptr", "ptr", "size"]],
  bpf_program__set_attach_target: ["int", ["ptr", "int", "str"]],

  bpf_program__attach: ["ptr", ["ptr"]],
  bpf_program__attach_tracepoint_opts: ["ptr", ["ptr", "str", "str", "ptr"]],
  bpf_program__attach_raw_tracepoint: ["ptr", ["ptr", "str"]],
  bpf_program__attach_raw_tracepoint_opts: ["ptr", ["ptr", "str", "ptr"], [1, 4]],
  bpf_program__attach_kprobe_opts: ["ptr", ["ptr", "str", "ptr"]],
  bpf_program__attach_ksyscall: ["ptr", ["ptr", "str", "ptr"]],
  bpf_program__attach_uprobe_opts: ["ptr", ["ptr", "int", "str", "size", "ptr"]],
  bpf_program__attach_usdt: ["ptr", ["ptr", "int", "str", "str", "str", "ptr"]],
  bpf_program__attach_trace_opts: ["ptr", ["ptr", "ptr"]],
  bpf_program__attach_perf_event_opts: ["ptr", ["ptr", "int", "ptr"]],
  bpf_program__attach_xdp: ["ptr", ["ptr", "int"]],
  bpf_program__attach_cgroup: ["ptr", ["ptr", "int"]],
  bpf_program__attach_netns: ["ptr", ["ptr", "int"]],

  bpf_link__fd: ["int", ["ptr"]],
  bpf_link__pin: ["int", ["ptr", "str"]],
  bpf_link__unpin: ["int", ["ptr"]],
  bpf_link__update_program: ["int", ["ptr", "ptr"]],
  bpf_link__disconnect: ["void", ["ptr"]],
  bpf_link__destroy: ["int", ["ptr"]],

  bpf_map_lookup_elem: ["int", ["int", "ptr", "ptr"]],
  bpf_map_update_elem: ["int", ["int", "ptr", "ptr", "u64"]],
  bpf_map_delete_elem: ["int", ["int", "ptr"]],
  bpf_map_get_next_key: ["int", ["int", "ptr", "ptr"]],
  bpf_map_lookup_batch: ["int", ["int", "ptr", "ptr", "ptr", "ptr", "ptr", "ptr"]],
  bpf_obj_get_info_by_fd: ["int", ["int", "ptr", "ptr"]],
} as const satisfies Record<string, Signature>;

/** A libbpf function that the runtime knows. */
export type FunctionName = keyof typeof functions;
