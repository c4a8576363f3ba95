// What libbpf has no function for: which filters a hook of a device has (rtnetlink(7), RTM_GETTFILTER).

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
const RTM_NEWTFILTER = 44;
const RTM_GETTFILTER = 46;

// `struct nlmsghdr` and `struct tcmsg` behind it.
const headerSize = 16;
const requestSize = headerSize + 20;
const bufferSize = 1 << 15;

/** Whether the hook `parent` of a device has any filter; undefined where the kernel does not say. */
export function hasFilters(ifindex: number, parent: number): boolean | undefined {
  const { socket, send, recv, close } = libc();
  const fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd < 0) return undefined;
  try {
    const request = zeroed(requestSize);
    request.setU32(0, requestSize);
    request.setU16(4, RTM_GETTFILTER);
    request.setU16(6, NLM_F_REQUEST | NLM_F_DUMP);
    request.setS32(headerSize + 4, ifindex);
    request.setU32(headerSize + 12, parent);
    if (send(fd, addressOf(request.u8s), requestSize, 0) < 0) return undefined;
    const answer = new Uint8Array(bufferSize);
    for (;;) {
      const length = recv(fd, addressOf(answer), bufferSize, 0);
      if (length < 0 && lastErrno() === EINTR) continue;
      const end = length <= 0 ? "unknown" : endOf(hostMemory(answer), length);
      if (end !== undefined) return end === "unknown" ? undefined : end === "filter";
    }
  } finally {
    close(fd);
  }
}

const EINTR = 4;

/** What a part of the answer says; undefined: there is more to come. */
function endOf(answer: Memory, length: number): "filter" | "none" | "unknown" | undefined {
  for (let at = 0; at + headerSize <= length;) {
    const type = answer.u16(at + 4);
    if (type === RTM_NEWTFILTER) return "filter";
    if (type === NLMSG_DONE) return "none";
    if (type === NLMSG_ERROR) return "unknown";
    at += (Math.max(answer.u32(at), headerSize) + 3) & ~3;
  }
  return undefined;
}
