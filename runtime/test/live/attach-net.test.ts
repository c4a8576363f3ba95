// Programs of devices and of namespaces, in a network namespace of this file's own.
// needs Linux 6.7: the fixture is loaded whole, with programs of netfilter (6.4), TCX (6.6) and netkit (6.7)

import { execFileSync } from "node:child_process";
import { closeSync, statSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { AttachNet } from "../../../fixtures/attach_net.skel.ts";
import type { TcxOptions } from "../../src/attach/options.ts";
import type { Program } from "../../src/gen1.ts";
import type { Loaded } from "../../src/index.ts";
import { compile, skeletonOf } from "../support/clang.ts";
import { thrownBy } from "../support/errors.ts";
import { openDescriptors } from "../support/held.ts";
import { requireKernel } from "../support/kernel.ts";
import { enterNetns, ifindexOf, ip } from "../support/netns.ts";
import { expectRuns } from "../support/runs.ts";
import { openUdp, sendFrame, sendUdp } from "../support/sockets.ts";

requireKernel();

let live: Loaded<AttachNet>;
let udp: number;

beforeAll(() => {
  enterNetns();
  udp = openUdp();
});
afterAll(() => {
  if (udp !== undefined) closeSync(udp);
});
beforeEach(() => {
  live = AttachNet.load();
});
afterEach(() => {
  live?.close();
});

/** A packet through loopback, out and in. */
function loop(): void {
  sendUdp(udp, "127.0.0.1", 9);
}

/** A packet out of v0, which v1 receives. */
function broadcast(): void {
  sendUdp(udp, "10.99.0.255", 9);
}

/** What tc(8) shows, as text. */
function tc(...args: readonly string[]): string {
  return execFileSync("tc", args, { encoding: "utf8" });
}

describe("clsact", () => {
  const qdiscs = (): string[] => tc("qdisc", "show", "dev", "lo").match(/clsact/g) ?? [];

  test("runs a filter until it is detached, and takes away the qdisc that it brought", async () => {
    const link = live.progs.classify.attach({ dev: "lo", hook: "egress" });
    expect(link.info).toMatchObject({ type: "tc", ifindex: 1, hook: "egress", handle: 1 });
    expect([link.fd, link.id]).toEqual([undefined, undefined]);
    expect(tc("filter", "show", "dev", "lo", "egress")).toContain("classify");
    await expectRuns(link, () => live.bss.classified, loop);
    expect(tc("filter", "show", "dev", "lo", "egress")).toBe("");
    expect(qdiscs()).toEqual([]);
  });

  test("is taken away by the last of several filters, in any order", () => {
    const first = live.progs.classify.attach({ dev: "lo", hook: "ingress" });
    const second = live.progs.classify.attach({ ifindex: 1, hook: "egress", handle: 7, priority: 3 });
    expect(second.info).toMatchObject({ handle: 7, priority: 3 });
    first.detach();
    expect(qdiscs()).toHaveLength(1);
    second.detach();
    expect(qdiscs()).toEqual([]);
  });

  test("stays where it was there before, or has another's filter", () => {
    tc("qdisc", "add", "dev", "lo", "clsact");
    live.progs.classify.attach({ dev: "lo", hook: "ingress" }).detach();
    expect(qdiscs()).toHaveLength(1);
    tc("qdisc", "del", "dev", "lo", "clsact");

    const link = live.progs.classify.attach({ dev: "lo", hook: "ingress" });
    tc("filter", "add", "dev", "lo", "egress", "protocol", "ip", "u32", "match", "u32", "0", "0");
    link.detach();
    expect(qdiscs()).toHaveLength(1);
    tc("qdisc", "del", "dev", "lo", "clsact");
  });

  test.each([
    ["first", []],
    ["second", ["egress"]],
  ] as const)("stays where another has made it anew, after our %s filter", (_, before) => {
    for (const hook of before) live.progs.classify.attach({ dev: "lo", hook });
    const link = live.progs.classify.attach({ dev: "lo", hook: "ingress" });
    tc("qdisc", "del", "dev", "lo", "clsact");
    tc("qdisc", "add", "dev", "lo", "clsact");
    link.detach();
    expect(qdiscs()).toHaveLength(1);
    live.progs.classify.attach({ dev: "lo", hook: "ingress" }).detach();
    expect(qdiscs()).toHaveLength(1);
    live.detach();
    expect(qdiscs()).toHaveLength(1);
    tc("qdisc", "del", "dev", "lo", "clsact");
  });

  test("made anew by another stays, also while a filter of ours is in it that came after", () => {
    const link = live.progs.classify.attach({ dev: "lo", hook: "ingress" });
    tc("qdisc", "del", "dev", "lo", "clsact");
    tc("qdisc", "add", "dev", "lo", "clsact");
    const later = live.progs.classify_too.attach({ dev: "lo", hook: "ingress" });
    expect(later.info).toMatchObject(link.info);
    link.detach();
    expect(tc("filter", "show", "dev", "lo", "ingress")).toContain("classify_too");
    later.detach();
    expect(qdiscs()).toHaveLength(1);
    tc("qdisc", "del", "dev", "lo", "clsact");
  });

  test("ours goes with its last filter, also when another took one of them away", () => {
    const first = live.progs.classify.attach({ dev: "lo", hook: "ingress" });
    const second = live.progs.classify.attach({ dev: "lo", hook: "egress" });
    tc("filter", "del", "dev", "lo", "ingress");
    first.detach();
    expect(qdiscs()).toHaveLength(1);
    second.detach();
    expect(qdiscs()).toEqual([]);
  });

  test("ends with its device, and detaching afterwards is no error", () => {
    ip("link", "add", "short", "type", "veth", "peer", "name", "lived");
    const link = live.progs.classify.attach({ dev: "short", hook: "ingress" });
    ip("link", "delete", "short");
    link.detach();
    expect(live.links.classify).toBeUndefined();
  });

  test("takes another program in a filter's place", async () => {
    const link = live.progs.classify.attach({ dev: "lo", hook: "ingress" });
    link.update(live.progs.classify_too);
    const before = live.bss.classified;
    await expectRuns(link, () => live.bss.second, loop);
    expect(live.bss.classified).toBe(before);
  });

  test("is not there beside an ingress qdisc, whose only hook takes what is for ingress alone", () => {
    const { classify } = live.progs;
    tc("qdisc", "add", "dev", "v0", "ingress");
    try {
      expect(thrownBy(() => classify.attach({ dev: "v0", hook: "egress" })).message).toBe(
        "program classify: attach: EEXIST (v0 has an ingress qdisc, which has no egress, where clsact has: " +
          'remove it, tc qdisc delete dev v0 ingress, or write SEC("tcx/egress"))',
      );
      expect(tc("filter", "show", "dev", "v0", "ingress")).toBe("");
      const link = classify.attach({ dev: "v0", hook: "ingress" });
      expect(tc("filter", "show", "dev", "v0", "ingress")).toContain("classify");
      link.detach();
      // It stays: this process did not make it.
      expect(tc("qdisc", "show", "dev", "v0")).toContain("qdisc ingress ffff:");
    } finally {
      tc("qdisc", "delete", "dev", "v0", "ingress");
    }
    classify.attach({ dev: "v0", hook: "egress" }).detach();
  });

  test("says what is wrong, and leaves nothing", () => {
    const { classify } = live.progs;
    const first = classify.attach({ dev: "lo", hook: "ingress", handle: 1, priority: 1 });
    expect(thrownBy(() => classify.attach({ dev: "lo", hook: "ingress", handle: 1, priority: 1 })).message).toBe(
      "program classify: attach: EEXIST (there is a filter with handle 1 and priority 1 at ingress already: " +
        "choose another, or detach it)",
    );
    first.detach();
    expect(qdiscs()).toEqual([]);
    expect(thrownBy(() => classify.attach({ dev: "none", hook: "ingress" })).message).toBe(
      "program classify: attach: ENODEV (there is no network device called none)",
    );
    expect(thrownBy(() => classify.attach({ ifindex: 99_999, hook: "ingress" })).message).toMatch(
      /there is no network device with ifindex 99999/,
    );
    expect(thrownBy(() => classify.attach({ dev: "lo", hook: "in" as "ingress" })).message).toBe(
      'program classify: attach: hook: expected "ingress" or "egress", got "in"',
    );
    expect(thrownBy(() => classify.attach(undefined as never)).message).toBe(
      'program classify: attach: SEC("tc") names no target (attach({ dev: "eth0", hook: "ingress" }))',
    );
    const link = classify.attach({ dev: "lo", hook: "ingress" });
    expect(thrownBy(() => link.pin("/sys/fs/bpf/no"))).toMatchObject({
      name: "UnsupportedError",
      message: "program classify: the kernel has no link object to pin for tc",
    });
    link.detach();
  });
});

describe("TCX", () => {
  test("runs at ingress and at egress until it is detached", async () => {
    const out = live.progs.egress.attach({ dev: "lo" });
    expect(out.info).toMatchObject({ type: "tcx", ifindex: 1, attachType: "tcx_egress", id: out.id });
    await expectRuns(out, () => live.bss.left, loop);
    await expectRuns(live.progs.ingress_first.attach({ ifindex: 1 }), () => live.bss.first, loop);
  });

  test("puts programs before and after others", () => {
    const { ingress_first, ingress_second, ingress_last } = live.progs;
    const runs = (): [boolean, boolean] => {
      const { first, second } = live.bss;
      loop();
      return [live.bss.first > first, live.bss.second > second];
    };
    using last = ingress_last.attach({ dev: "lo" });
    // At the end by default: what is behind the last one does not run.
    const behind = ingress_first.attach({ dev: "lo" });
    expect(runs()).toEqual([false, false]);
    behind.detach();
    for (const before of ["all", last, ingress_last, { linkId: last.id! }, { progId: ingress_last.id }] as const) {
      const link = ingress_first.attach({ dev: "lo", before });
      expect(runs()).toEqual([true, false]);
      link.detach();
    }
    using first = ingress_first.attach({ dev: "lo", before: last });
    using second = ingress_second.attach({ dev: "lo", after: first });
    expect(runs()).toEqual([true, true]);
    using _unseen = ingress_second.attach({ dev: "v0", after: "all" });
    second.detach();
    expect(runs()).toEqual([true, false]);
  });

  test("is attached only at the expected revision", () => {
    const { ingress_first, ingress_second } = live.progs;
    using _first = ingress_first.attach({ dev: "v1", expectedRevision: 1n });
    expect(thrownBy(() => ingress_second.attach({ dev: "v1", expectedRevision: 1n })).message).toBe(
      "program ingress_second: attach: ESTALE (v1 has another revision than expectedRevision, 1)",
    );
    using _second = ingress_second.attach({ dev: "v1", expectedRevision: 2n });
  });

  test("takes another program in its place", async () => {
    const link = live.progs.ingress_first.attach({ dev: "lo" });
    link.update(live.progs.ingress_second);
    expect(link.info.progId).toBe(live.progs.ingress_second.id);
    await expectRuns(link, () => live.bss.second, loop);
  });

  test("says what of an order is wrong, and when it is full", () => {
    const { ingress_first, ingress_second, ingress_last, egress } = live.progs;
    const failure = (options: TcxOptions): string =>
      thrownBy(() => ingress_second.attach(options)).message.replace(/^program ingress_second: attach: /, "");
    using _first = ingress_first.attach({ dev: "lo" });
    using elsewhere = egress.attach({ dev: "v0" });
    const notThere = "ENOENT (before names no program that is attached to lo there)";
    expect(failure({ dev: "lo", before: ingress_last })).toBe(notThere);
    expect(failure({ dev: "lo", before: { progId: 0x7fff_ffff } })).toBe(notThere);
    expect(failure({ dev: "lo", after: elsewhere })).toBe("ENOENT (after names no link that is attached to lo there)");
    using netns = live.progs.look_up.attach({ netns: "/proc/thread-self/ns/net" });
    expect(failure({ dev: "lo", after: netns })).toBe("EINVAL (after names a link of another kind of hook)");
    expect(thrownBy(() => ingress_first.attach({ dev: "lo" })).message).toBe(
      "program ingress_first: attach: EEXIST (it is attached to lo already)",
    );
    const one = skeletonOf<{ maps: {}; progs: { p: Program<"tcx"> }; sections: {}; structOps: {} }>(
      compile(`SEC("tcx/ingress") int p(struct __sk_buff *skb) { return -1; }`),
      {
        maps: {},
        progs: { p: { section: "tcx/ingress", type: "sched_cls", attachType: "tcx_ingress", since: "1.3" } },
        sections: {},
      },
    );
    const loaded: { close(): void }[] = [];
    try {
      const attach = (): void => {
        const next = one.load();
        loaded.push(next);
        next.progs.p.attach({ dev: "v1" });
      };
      for (let i = 0; i < 63; i++) attach();
      expect(thrownBy(attach).message).toBe(
        "program p: attach: ERANGE (v1 has 63 programs there already: the kernel takes no more)",
      );
    } finally {
      for (const each of loaded) each.close();
    }
  });

  test("says what is wrong", () => {
    const { ingress_first: program } = live.progs;
    expect(thrownBy(() => program.attach({ ifindex: 99_999 })).message).toMatch(
      /^program ingress_first: attach: (ENODEV|EINVAL) \(there is no network device with ifindex 99999\)$/,
    );
    expect(thrownBy(() => program.attach({ dev: "lo", before: "all", after: "all" })).message).toMatch(
      /after: expected either it or before/,
    );
    expect(thrownBy(() => program.attach({ dev: "lo", before: 5 as never })).message).toBe(
      'program ingress_first: attach: before: expected "all", a program, a link that the kernel has, { progId } or ' +
        "{ linkId }, got 5",
    );
    expect(thrownBy(() => program.attach({ dev: "lo", ifindex: 1 } as never)).name).toBe("ValueError");
  });

  test("netkit is refused where there is none, and by other devices", () => {
    expect(thrownBy(() => live.progs.primary.attach({ dev: "lo" }))).toMatchObject({
      name: "BpfError",
      message: expect.stringMatching(
        /\((lo is no netkit device|this kernel was built without CONFIG_NETKIT)\)$/,
      ) as string,
    });
  });
});

describe("XDP", () => {
  test.each([["skb"], ["driver"], [undefined]] as const)("runs in mode %s until it is detached", async (mode) => {
    const link = live.progs.receive.attach({ dev: "v1", mode });
    expect(link.info).toMatchObject({ type: "xdp", ifindex: ifindexOf("v1") });
    const shown = execFileSync("ip", ["link", "show", "v1"], { encoding: "utf8" });
    expect(shown).toContain(mode === "skb" ? " xdpgeneric" : " xdp ");
    await expectRuns(link, () => live.bss.received, broadcast);
  });

  test("says which mode there is where a driver has none", () => {
    const { receive } = live.progs;
    expect(thrownBy(() => receive.attach({ dev: "lo", mode: "driver" })).message).toBe(
      `program receive: attach: EOPNOTSUPP (the device's driver has no XDP of this mode: attach({ mode: "skb" }))`,
    );
    expect(thrownBy(() => receive.attach({ dev: "v1", mode: "offload" })).name).toBe("BpfError");
    using _generic = receive.attach({ dev: "v1", mode: "skb" });
    expect(thrownBy(() => receive.attach({ dev: "v1", mode: "driver" })).message).toBe(
      "program receive: attach: EEXIST (v1 has an XDP program in another mode, and a device has one mode at a time)",
    );
    expect(thrownBy(() => receive.attach({ dev: "v1", mode: "fast" as "skb" })).message).toBe(
      'program receive: attach: mode: expected "skb" or "driver" or "offload", got "fast"',
    );
  });
});

describe("netfilter", () => {
  test.each(["prerouting", "input", "output", "postrouting"] as const)("runs at %s until detached", async (hook) => {
    const link = live.progs.filter.attach({ pf: "ipv4", hook, priority: -5 });
    expect(link.info).toMatchObject({ type: "netfilter", pf: 2, priority: -5, defrag: false });
    await expectRuns(link, () => live.bss.filtered, loop);
  });

  test("puts fragments together where it is told", () => {
    using link = live.progs.filter.attach({ pf: "ipv6", hook: "prerouting", priority: 10, defrag: true });
    expect(link.info).toMatchObject({ pf: 10, hook: 0, priority: 10, defrag: true });
  });

  test("says what is wrong", () => {
    const { filter } = live.progs;
    using _link = filter.attach({ pf: "ipv4", hook: "input", priority: 1 });
    expect(thrownBy(() => filter.attach({ pf: "ipv4", hook: "input", priority: 1 })).message).toBe(
      "program filter: attach: EBUSY (a program has priority 1 at input of ipv4 already: choose another)",
    );
    for (const priority of [-0x8000_0000, 0x7fff_ffff]) {
      expect(thrownBy(() => filter.attach({ pf: "ipv4", hook: "input", priority })).message).toBe(
        `program filter: attach: ERANGE (the priorities -2147483648 and 2147483647 are the kernel's own, got ${priority})`,
      );
    }
    expect(thrownBy(() => filter.attach({ pf: "ipv4", hook: "input", priority: -400, defrag: true })).message).toBe(
      "program filter: attach: ERANGE (with defrag the priority must be above -400, got -400)",
    );
    expect(thrownBy(() => filter.attach({ pf: "ipx" as "ipv4", hook: "input", priority: 1 })).message).toBe(
      'program filter: attach: pf: expected "ipv4" or "ipv6", got "ipx"',
    );
  });
});

describe("a network namespace", () => {
  const netns = "/proc/thread-self/ns/net";

  test("has one flow dissector, and what is none is told as such", () => {
    const { dissect, look_up } = live.progs;
    using _dissector = dissect.attach({ netns });
    expect(thrownBy(() => dissect.attach({ netns })).message).toBe(
      `program dissect: attach: E2BIG (${netns} has a flow dissector already, and takes one)`,
    );
    expect(thrownBy(() => look_up.attach({ netns: "/run/netns/none" })).message).toBe(
      "program look_up: attach: ENOENT (cannot open /run/netns/none, it is not there)",
    );
    for (const other of ["/etc/passwd", "/proc/self/ns/mnt"]) {
      expect(thrownBy(() => look_up.attach({ netns: other })).message).toBe(
        `program look_up: attach: EINVAL (${other} is no network namespace)`,
      );
    }
  });

  test("has its socket lookups seen until the link is detached", async () => {
    const link = live.progs.look_up.attach({ netns });
    expect(link.info).toMatchObject({ type: "netns", netns: statSync(netns).ino, attachType: "sk_lookup" });
    await expectRuns(link, () => live.bss.looked_up, loop);
  });

  test("has its packets dissected until the link is detached", async () => {
    const link = live.progs.dissect.attach({ netns });
    expect(link.info).toMatchObject({ type: "netns", attachType: "flow_dissector" });
    await expectRuns(
      link,
      () => live.bss.dissected,
      () => sendFrame(1),
    );
  });
});

describe("what other tools attach", () => {
  test("is refused with the line to write", () => {
    expect(thrownBy(() => live.progs.encapsulate.attach())).toMatchObject({
      name: "UnsupportedError",
      message: expect.stringContaining("ip route add PREFIX encap bpf") as string,
    });
    expect(thrownBy(() => live.progs.act.attach(undefined as never))).toMatchObject({
      name: "UnsupportedError",
      message: expect.stringContaining("tc filter add ... action bpf") as string,
    });
  });
});

test("attaching and failing leaves no descriptor", () => {
  const before = openDescriptors();
  for (let i = 0; i < 20; i++) {
    live.progs.classify.attach({ dev: "lo", hook: "egress" }).detach();
    live.progs.egress.attach({ dev: "lo" }).detach();
    live.progs.filter.attach({ pf: "ipv4", hook: "input", priority: i }).detach();
    thrownBy(() => live.progs.classify.attach({ ifindex: 99_999, hook: "egress" }));
    thrownBy(() => live.progs.egress.attach({ ifindex: 99_999 }));
  }
  expect(openDescriptors()).toBe(before);
});
