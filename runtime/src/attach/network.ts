// Programs of devices, network namespaces and cgroups.

import { EBUSY, EINVAL, ERANGE } from "../library/errno.ts";
import { deviceName, isNetns } from "../library/host.ts";
import { type ProgramCore, useProgram } from "../program/core.ts";
import { type Attached, attachTypeOf, attempt, create } from "./attempt.ts";
import { deviceOf, numberOf, withFd, wordOf } from "./check.ts";
import type { CgroupOptions, NetfilterOptions, NetnsOptions, TcxOptions, XdpOptions } from "./options.ts";
import { missingHook } from "./hints.ts";
import { cgroupOrderHint, orderHint, orderOf, writeOrder } from "./order.ts";

// linux/if_link.h, XDP_FLAGS_*
const modes = { skb: 1 << 1, driver: 1 << 2, offload: 1 << 3 };

export function attachXdp(core: ProgramCore, given: XdpOptions): Attached {
  const ifindex = deviceOf(core, given);
  useProgram(core);
  if (given.mode === undefined) {
    const attach = core.owner.library.fn("bpf_program__attach_xdp");
    return attempt(core, "bpf_program__attach_xdp", `${ifindex}`, () => attach(core.pointer, ifindex));
  }
  const flags = wordOf(core, "mode", given.mode, modes);
  return create(core, { target: ifindex, name: `${ifindex}`, attachType: attachTypeOf(core), flags });
}

export function attachTcx(core: ProgramCore, given: TcxOptions): Attached {
  const ifindex = deviceOf(core, given);
  const order = orderOf(core, given);
  return create(core, {
    target: ifindex,
    name: {
      name: `${ifindex}`,
      why: (errno) => missingHook(core.kind, errno) ?? orderHint(order, deviceName(ifindex) ?? `${ifindex}`, errno),
    },
    attachType: attachTypeOf(core),
    flags: order.flags,
    fill: (attr) => writeOrder(attr, order),
  });
}

// NFPROTO_*, NF_INET_*
const families = { ipv4: 2, ipv6: 10 };
const netfilterHooks = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 };
const BPF_NETFILTER_F_IP_DEFRAG = 1;
// NF_IP_PRI_CONNTRACK_DEFRAG
const beforeDefrag = -400;

export function attachNetfilter(core: ProgramCore, given: NetfilterOptions): Attached {
  const pf = wordOf(core, "pf", given.pf, families);
  const hook = wordOf(core, "hook", given.hook, netfilterHooks);
  const priority = numberOf(core, "priority", given.priority, -0x8000_0000);
  const name = `${given.hook} of ${given.pf}`;
  // net/netfilter/nf_bpf_link.c, `bpf_nf_check_pf_and_hooks`, and core.c, `nf_hook_entries_grow`
  const why = (errno: number): string | undefined => {
    if (errno === EBUSY) return `a program has priority ${priority} at ${name} already: choose another`;
    if (errno !== ERANGE) return undefined;
    return given.defrag === true && priority <= beforeDefrag
      ? `with defrag the priority must be above ${beforeDefrag}, got ${priority}`
      : `the priorities ${-0x8000_0000} and ${0x7fff_ffff} are the kernel's own, got ${priority}`;
  };
  return create(core, {
    target: 0,
    name: { name, why },
    attachType: attachTypeOf(core),
    fill(attr) {
      attr.setU32(16, pf);
      attr.setU32(20, hook);
      attr.setS32(24, priority);
      attr.setU32(28, given.defrag === true ? BPF_NETFILTER_F_IP_DEFRAG : 0);
    },
  });
}

export function attachCgroup(core: ProgramCore, given: CgroupOptions): Attached {
  const order = orderOf(core, given);
  useProgram(core);
  const syscall = "bpf_program__attach_cgroup";
  const attach = core.owner.library.fn(syscall);
  return withFd(core, "cgroup", given.cgroup, (fd, name) => {
    if (order.flags === 0 && order.revision === 0n) return attempt(core, syscall, name, () => attach(core.pointer, fd));
    const { flags } = order;
    const attachType = attachTypeOf(core);
    const why = (errno: number): string | undefined => cgroupOrderHint(order, name, errno);
    return create(core, {
      target: fd,
      name: { name, why },
      attachType,
      flags,
      fill: (attr) => writeOrder(attr, order),
    });
  });
}

export function attachNetns(core: ProgramCore, given: NetnsOptions): Attached {
  useProgram(core);
  const attach = core.owner.library.fn("bpf_program__attach_netns");
  return withFd(core, "netns", given.netns, (fd, name) => {
    const why = (errno: number): string | undefined =>
      errno === EINVAL && !isNetns(fd) ? `${name} is no network namespace` : undefined;
    return attempt(core, "bpf_program__attach_netns", { name, why }, () => attach(core.pointer, fd));
  });
}
