// What libbpf has no function for: which filters a hook of a device has, and what kind its qdisc is (rtnetlink(7)).

import type { Memory } from "../memory.ts";
import { addressOf, hostMemory, lastErrno, libc } from "../native.ts";
import { zeroed } from "./syscalls.ts";

// linux/netlink.h, linux/rtnetlink.h
const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const NLM_F_REQUEST = 1;
const NLM_F_DUMP = 0x300;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const RTM_NEWQDISC = 36;
const RTM_GETQDISC = 38;
const RTM_NEWTFILTER = 44;
const RTM_GETTFILTER = 46;

// `struct nlmsghdr` and `struct tcmsg` behind it, and behind both attributes: a u16 each for length and type, then bytes.
const headerSize = 16;
const tcmsg = { ifindex: headerSize + 4, parent: headerSize + 12, end: headerSize + 20 } as const;
const TCA_KIND = 1;
const TC_H_INGRESS = 0xffff_fff1;
const bufferSize = 1 << 15;

/** Whether the hook `parent` of a device has any filter; undefined where the kernel does not say. */
export function hasFilters(ifindex: number, parent: number): boolean | undefined {
  return dump(RTM_GETTFILTER, ifindex, parent, (_, type) => (type === RTM_NEWTFILTER ? true : undefined), false);
}

/** "clsact" or "ingress", the qdisc that a device has for filters; undefined where it has none, or the kernel does not say. */
export function ingressQdisc(ifindex: number): string | undefined {
  // The answer is about all devices.
  const kindOf = (message: Memory, type: number): string | undefined => {
    const isIts =
      type === RTM_NEWQDISC && message.s32(tcmsg.ifindex) === ifindex && message.u32(tcmsg.parent) === TC_H_INGRESS;
    return isIts ? textOf(message, TCA_KIND) : undefined;
  };
  return dump(RTM_GETQDISC, ifindex, 0, kindOf, undefined);
}

/** The text that a message has as this attribute. */
function textOf(message: Memory, attribute: number): string | undefined {
  for (let at: number = tcmsg.end; at + 4 <= message.size; at += aligned(Math.max(message.u16(at), 4))) {
    if (message.u16(at + 2) === attribute) return message.chars(at + 4, message.u16(at) - 4);
  }
  return undefined;
}

function aligned(length: number): number {
  return (length + 3) & ~3;
}

/**
 * What `find` finds in the first message of the answer that it finds anything in, else `nothing`; undefined where the kernel
 * does not answer.
 */
function dump<T>(
  request: number,
  ifindex: number,
  parent: number,
  find: (message: Memory, type: number) => T | undefined,
  nothing: T,
): T | undefined {
  const { socket, send, recv, close } = libc();
  const fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd < 0) return undefined;
  try {
    const asked = zeroed(tcmsg.end);
    asked.setU32(0, tcmsg.end);
    asked.setU16(4, request);
    asked.setU16(6, NLM_F_REQUEST | NLM_F_DUMP);
    asked.setS32(tcmsg.ifindex, ifindex);
    asked.setU32(tcmsg.parent, parent);
    if (send(fd, addressOf(asked.u8s), tcmsg.end, 0) < 0) return undefined;
    const bytes = new Uint8Array(bufferSize);
    for (;;) {
      const length = recv(fd, addressOf(bytes), bufferSize, 0);
      if (length < 0 && lastErrno() === EINTR) continue;
      if (length <= 0) return undefined;
      const answer = hostMemory(bytes);
      for (let at = 0; at + headerSize <= length;) {
        const size = Math.max(answer.u32(at), headerSize);
        const type = answer.u16(at + 4);
        if (type === NLMSG_DONE) return nothing;
        if (type === NLMSG_ERROR) return undefined;
        const found = find(hostMemory(bytes.slice(at, at + size)), type);
        if (found !== undefined) return found;
        at += aligned(size);
      }
    }
  } finally {
    close(fd);
  }
}

const EINTR = 4;
