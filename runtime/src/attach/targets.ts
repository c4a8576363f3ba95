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
  kprobe_multi: '{ pattern: "tcp_*" }',
  ksyscall: '{ name: "unlinkat" }',
  uprobe: '{ path: "/usr/bin/bash", func: "readline" }',
  uprobe_multi: '{ path: "libc.so.6", syms: ["malloc", "free"] }',
  usdt: '{ path: "/usr/bin/node", provider: "node", name: "gc__start" }',
  perf_event: '{ type: "software", config: 0, frequency: 99, cpu: 0 }',
  xdp: "{ ifindex: 2 }",
  tc: '{ dev: "eth0", hook: "ingress" }',
  tcx: '{ dev: "eth0" }',
  netkit: '{ dev: "nk0" }',
  netfilter: '{ pf: "ipv4", hook: "input", priority: 0 }',
  cgroup: '{ cgroup: "/sys/fs/cgroup" }',
  sk_lookup: '{ netns: "/proc/self/ns/net" }',
  flow_dissector: '{ netns: "/proc/self/ns/net" }',
  sockmap: "{ map }",
  socket: "{ socket }",
  sk_reuseport: "{ socket }",
  lirc: '{ lirc: "/dev/lirc0" }',
};

/** Options that a program of `kind` would take; undefined when it takes none. */
export function exampleOptions(kind: ProgramKind, section = ""): string | undefined {
  if (kind === "iter") return specOf(section) === "cgroup" ? '{ cgroup: "/sys/fs/cgroup" }' : "{ map }";
  return kind === "sockmap" && section === "sk_skb" ? '{ map, hook: "verdict" }' : examples[kind];
}

const elsewhere: Readonly<Partial<Record<ProgramKind, string>>> = {
  syscall: "it is run, not attached",
  lwt: "attach it with ip route add PREFIX encap bpf, by its pin",
  struct_ops: "it is attached with its struct_ops map",
  unknown: "libbpf does not know its section",
};

/** Where programs go that ebpf-skel does not attach; undefined for those that it does. */
export function attachedElsewhere(kind: ProgramKind, section: string): string | undefined {
  if (kind === "xdp" && /\/(dev|cpu)map$/.test(section)) return "a devmap or cpumap entry carries it";
  if (kind === "iter" && specOf(section) === "") return 'its section names what it iterates over: SEC("iter/task")';
  if (section === "action") return "attach it with tc filter add ... action bpf object-pinned, by its pin";
  return elsewhere[kind];
}
