// What the kernel tells of a link (BPF_OBJ_GET_INFO_BY_FD), after `struct bpf_link_info` in linux/bpf.h. What an older
// kernel does not tell reads as zero.

import { attachTypes } from "../abi/kernel.ts";
import type { Library } from "../library.ts";
import { zeroed } from "../library/syscalls.ts";
import type { Memory } from "../memory.ts";
import { addressOf } from "../native.ts";

/** What each kind of link says of itself; `type` is the kernel's word without BPF_LINK_TYPE_, in lower case. */
export type LinkDetails =
  | { readonly type: "raw_tracepoint"; readonly name: string; readonly cookie: bigint }
  | {
      readonly type: "tracing";
      readonly attachType: string;
      /** The program that it is attached to; before that, the id of the BTF with the function. */
      readonly targetObjectId: number;
      readonly targetBtfId: number;
      readonly cookie: bigint;
    }
  /** `cgroupId` is the inode of the cgroup's directory. */
  | { readonly type: "cgroup"; readonly cgroupId: bigint; readonly attachType: string }
  /** `target` is what it iterates over: "task", "bpf_map_elem"; what it is limited to stands where it is. */
  | {
      readonly type: "iter";
      readonly target: string;
      readonly mapId?: number;
      readonly cgroupId?: bigint;
      readonly pid?: number;
      readonly tid?: number;
    }
  /** `netns` is the inode of the namespace's file. */
  | { readonly type: "netns"; readonly netns: number; readonly attachType: string }
  /** `ifindex` is 0 when the device is gone. */
  | { readonly type: "xdp"; readonly ifindex: number }
  | { readonly type: "tcx" | "netkit"; readonly ifindex: number; readonly attachType: string }
  | {
      readonly type: "perf_event";
      /** What the event is; "event" is one of perf_event_open(2), "unspec" all that kernels before 6.6 tell. */
      readonly event: "unspec" | "uprobe" | "uretprobe" | "kprobe" | "kretprobe" | "tracepoint" | "event";
      /** The tracepoint, the function or the binary. */
      readonly name?: string;
      readonly offset?: number;
      /** How often a kprobe did not run. */
      readonly missed?: bigint;
      readonly cookie: bigint;
    }
  /** `count` is how many functions. */
  | { readonly type: "kprobe_multi"; readonly count: number; readonly retprobe: boolean; readonly missed: bigint }
  | {
      readonly type: "uprobe_multi";
      readonly path: string;
      readonly count: number;
      readonly retprobe: boolean;
      /** 0: all processes. */
      readonly pid: number;
    }
  | { readonly type: "struct_ops"; readonly mapId: number }
  | {
      readonly type: "netfilter";
      /** NFPROTO_*: 2 for IPv4, 10 for IPv6. */
      readonly pf: number;
      /** NF_INET_*: 0 for prerouting up to 4 for postrouting. */
      readonly hook: number;
      readonly priority: number;
      readonly defrag: boolean;
    }
  | { readonly type: "sockmap"; readonly mapId: number; readonly attachType: string }
  /** A filter of clsact: no link of the kernel's. */
  | {
      readonly type: "tc";
      readonly ifindex: number;
      readonly hook: "ingress" | "egress";
      readonly handle: number;
      readonly priority: number;
    }
  /** No link of the kernel's, and nothing more to say. */
  | { readonly type: "socket" | "usdt" | "lirc" }
  /** Younger than this runtime. */
  | { readonly type: "unknown"; readonly typeId: number };

/** A link as the kernel has it; without ids where the kernel has no link object. */
export type LinkInfo = LinkDetails & { readonly id?: number; readonly progId?: number };

const infoSize = 64;
const textSize = 4096;

function call(library: Library, fd: number, info: Memory): number {
  const size = new Uint32Array([infoSize]);
  return library.fn("bpf_obj_get_info_by_fd")(fd, addressOf(info.u8s), addressOf(size.buffer as ArrayBuffer));
}

// Those with `update_prog` in their `struct bpf_link_ops`, and what has no link in the kernel.
const updatable: ReadonlySet<string> = /*@__PURE__*/ new Set("cgroup iter netkit netns sockmap tcx xdp".split(" "));
const unlinked: ReadonlySet<string> = /*@__PURE__*/ new Set("tc socket usdt lirc unknown".split(" "));

/** What EINVAL says where the program of a link of `type` is to be another (kernel/bpf/syscall.c, `link_update`). */
export function updateHint(type: string): string | undefined {
  if (updatable.has(type)) return "the program is of another type, or for another hook";
  return unlinked.has(type) ? undefined : `the kernel cannot update links of type ${type}`;
}

/** What the kernel says of the link behind `fd`, or a negative errno. */
export function readLinkInfo(library: Library, fd: number): LinkInfo | number {
  const info = zeroed(infoSize);
  const result = call(library, fd, info);
  if (result < 0) return result;
  const text = ask(library, fd, info);
  const details = detailsOf(info, text);
  return { ...details, id: info.u32(4), progId: info.u32(8) };
}

// Where each kind takes the address and the size of a buffer for its name.
const names: Readonly<Record<number, readonly [address: number, size: number]>> = {
  1: [16, 24],
  4: [16, 24],
  7: [24, 32],
  12: [16, 48],
};

/** Asks again with room for the name, where the kind has one; "" where it has none. */
function ask(library: Library, fd: number, info: Memory): string {
  const place = names[info.u32(0)];
  // Only a perf event of perf_event_open(2) has numbers where the others have the buffer.
  if (place === undefined || (info.u32(0) === 7 && [0, 6].includes(info.u32(16)))) return "";
  const [address, size] = place;
  const text = new Uint8Array(textSize);
  info.zero(0, infoSize);
  info.setU64(address, BigInt(addressOf(text)));
  info.setU32(size, text.length);
  if (call(library, fd, info) < 0) return "";
  const end = text.indexOf(0);
  return new TextDecoder().decode(text.subarray(0, end < 0 ? text.length : end));
}

function attachTypeAt(info: Memory, at: number): string {
  const number = info.u32(at);
  return attachTypes[number] ?? `type_${number}`;
}

const perfEvents = ["unspec", "uprobe", "uretprobe", "kprobe", "kretprobe", "tracepoint", "event"] as const;

/** By the numbers of `enum bpf_link_type`. */
function detailsOf(info: Memory, text: string): LinkDetails {
  const typeId = info.u32(0);
  switch (typeId) {
    case 1:
      return { type: "raw_tracepoint", name: text, cookie: info.u64(32) };
    case 2:
      return {
        type: "tracing",
        attachType: attachTypeAt(info, 16),
        targetObjectId: info.u32(20),
        targetBtfId: info.u32(24),
        cookie: info.u64(32),
      };
    case 3:
      return { type: "cgroup", cgroupId: info.u64(16), attachType: attachTypeAt(info, 24) };
    case 4:
      return { type: "iter", target: text, ...iterates(info, text) };
    case 5:
      return { type: "netns", netns: info.u32(16), attachType: attachTypeAt(info, 20) };
    case 6:
      return { type: "xdp", ifindex: info.u32(16) };
    case 7:
      return perfDetails(info, text);
    case 8:
      return { type: "kprobe_multi", count: info.u32(24), retprobe: (info.u32(28) & 1) !== 0, missed: info.u64(32) };
    case 9:
      return { type: "struct_ops", mapId: info.u32(16) };
    case 10:
      return {
        type: "netfilter",
        pf: info.u32(16),
        hook: info.u32(20),
        priority: info.s32(24),
        defrag: (info.u32(28) & 1) !== 0,
      };
    case 11:
    case 13:
      return { type: typeId === 11 ? "tcx" : "netkit", ifindex: info.u32(16), attachType: attachTypeAt(info, 20) };
    case 12:
      return {
        type: "uprobe_multi",
        path: text,
        count: info.u32(52),
        retprobe: (info.u32(56) & 1) !== 0,
        pid: info.u32(60),
      };
    case 14:
      return { type: "sockmap", mapId: info.u32(16), attachType: attachTypeAt(info, 20) };
    default:
      return { type: "unknown", typeId };
  }
}

function iterates(info: Memory, target: string): { mapId?: number; cgroupId?: bigint; pid?: number; tid?: number } {
  if (target === "cgroup") return { cgroupId: info.u64(32) };
  if (target.startsWith("task")) {
    const [tid, pid] = [info.u32(32), info.u32(36)];
    return { ...(pid === 0 ? {} : { pid }), ...(tid === 0 ? {} : { tid }) };
  }
  const mapId = info.u32(28);
  return mapId === 0 ? {} : { mapId };
}

function perfDetails(info: Memory, text: string): LinkDetails {
  const event = perfEvents[info.u32(16)] ?? "unspec";
  const named = text === "" ? {} : { name: text };
  switch (event) {
    case "uprobe":
    case "uretprobe":
      return { type: "perf_event", event, ...named, offset: info.u32(36), cookie: info.u64(40) };
    case "kprobe":
    case "kretprobe":
      return {
        type: "perf_event",
        event,
        ...named,
        offset: info.u32(36),
        missed: info.u64(48),
        cookie: info.u64(56),
      };
    case "unspec":
      return { type: "perf_event", event, cookie: 0n };
    default:
      // A tracepoint's cookie stands where an event's does.
      return { type: "perf_event", event, ...named, cookie: info.u64(40) };
  }
}
