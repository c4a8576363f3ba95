// Which programs their section alone places, and what to say of the others.

import type { ProgramKind } from "../abi.ts";

/** What follows the first "/" of a section: "syscalls/sys_enter_execve"; "" for nothing. */
export function specOf(section: string): string {
  const slash = section.indexOf("/");
  return slash < 0 ? "" : section.slice(slash + 1);
}

// Iterators over something that a section cannot name (`bpf_iter_link_info`).
const iteratesOver: ReadonlySet<string> = /*@__PURE__*/ new Set(["bpf_map_elem", "bpf_sk_storage_map", "cgroup"]);

/** Whether libbpf's `attach_*` functions find the target in the section (libbpf.c). */
export function placedBySection(kind: ProgramKind, section: string): boolean {
  const spec = specOf(section);
  switch (kind) {
    case "tracepoint":
      return /^[^/]+\/./.test(spec);
    case "uprobe":
    case "uprobe_multi":
      return /^[^:]+:[^\n]/.test(spec);
    case "usdt":
      return section.startsWith("usdt/") && /^[^:]+:[^:]+:[^:]/.test(spec);
    case "iter":
      return spec !== "" && !iteratesOver.has(spec);
    case "kprobe":
    case "kprobe_multi":
    case "ksyscall":
    case "raw_tracepoint":
      return spec !== "";
    // Their target is a matter of load, and they are loaded.
    case "tracing":
    case "freplace":
    case "lsm":
      return true;
    default:
      return false;
  }
}

const examples: Readonly<Partial<Record<ProgramKind, string>>> = {
  tracepoint: '{ category: "sched", name: "sched_switch" }',
  raw_tracepoint: '{ name: "sys_enter" }',
  kprobe: '{ func: "do_unlinkat" }',
  ksyscall: '{ name: "unlinkat" }',
  uprobe: '{ path: "/usr/bin/bash", func: "readline" }',
  usdt: '{ path: "/usr/bin/node", provider: "node", name: "gc__start" }',
  xdp: "{ ifindex: 2 }",
  cgroup: '{ cgroup: "/sys/fs/cgroup" }',
  perf_event: "{ fd }",
  sk_lookup: '{ netns: "/proc/self/ns/net" }',
  flow_dissector: '{ netns: "/proc/self/ns/net" }',
};

/** Options that a program of `kind` would take; undefined when it takes none. */
export function exampleOptions(kind: ProgramKind): string | undefined {
  return examples[kind];
}

const elsewhere: Readonly<Partial<Record<ProgramKind, string>>> = {
  socket: "attach it with setsockopt(2), SO_ATTACH_BPF, and its fd",
  sk_reuseport: "attach it with setsockopt(2), SO_ATTACH_REUSEPORT_EBPF, and its fd",
  tc: "attach it with tc filter add, by its pin or id",
  tcx: "attach it with bpftool net attach tcx_ingress, by its id",
  netkit: "attach it with bpftool net attach, by its id",
  syscall: "it is run, not attached",
  lwt: "attach it with ip route, by its pin",
  sockmap: "attach it with bpftool prog attach, by its id",
  lirc: "attach it with bpftool prog attach, by its id",
  struct_ops: "it is attached with its struct_ops map",
  netfilter: "attach it with bpf_link_create, by its fd",
  kprobe_multi: 'its section needs a pattern: SEC("kprobe.multi/tcp_*")',
  uprobe_multi: 'its section needs a target: SEC("uprobe.multi/libc.so.6:malloc*")',
  iter: 'its section names what it iterates over: SEC("iter/task")',
  unknown: "libbpf does not know its section",
};

/** Where programs go that ebpf-skel does not attach; undefined for those that it does. */
export function attachedElsewhere(kind: ProgramKind, section: string): string | undefined {
  if (kind === "xdp" && /\/(dev|cpu)map$/.test(section)) return "a devmap or cpumap entry carries it";
  if (kind === "iter" && iteratesOver.has(specOf(section))) return "what it iterates over needs a descriptor";
  if (exampleOptions(kind) !== undefined || placedBySection(kind, section)) return undefined;
  return elsewhere[kind];
}
