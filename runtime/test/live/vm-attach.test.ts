// Kinds of programs that need a kernel built for them: kprobes, trampolines, the BPF LSM, netkit. They trace this process.

import { closeSync, openSync, unlinkSync } from "node:fs";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { AttachNet } from "../../../fixtures/attach_net.skel.ts";
import { AttachVm } from "../../../fixtures/attach_vm.skel.ts";
import type { Link, Loaded } from "../../src/index.ts";
import { openLibrary } from "../../src/library.ts";
import { makeCgroup } from "../support/cgroup.ts";
import { thrownBy } from "../support/errors.ts";
import { descriptors, linksOf } from "../support/held.ts";
import { requireKernel } from "../support/kernel.ts";
import { needs } from "../support/needs.ts";
import { enterNetns, ip } from "../support/netns.ts";
import { expectRuns } from "../support/runs.ts";
import { openUdp, sendUdp } from "../support/sockets.ts";

requireKernel();

/** The fixture with these programs, counting what this process does. */
function load(...names: (keyof AttachVm["progs"])[]): Loaded<AttachVm> {
  const open = AttachVm.open();
  for (const name of names) open.progs[name].autoload = true;
  const live = open.load();
  live.bss.target_tgid = process.pid;
  return live;
}

function unlinkNothing(): void {
  thrownBy(() => unlinkSync("/no/such/file"));
}

function openNothing(): void {
  closeSync(openSync("/dev/null", "r"));
}

describe("kprobes", () => {
  test("run at a function with a cookie, and at its return", async (context) => {
    needs(context, "kprobe");
    using live = load("on_function", "on_function_return");
    const probe = live.progs.on_function.attach({ func: "do_unlinkat", cookie: 7n });
    expect(probe.info).toMatchObject({ type: "perf_event" });
    await expectRuns(probe, () => live.bss.probed, unlinkNothing);
    expect(live.bss.cookie).toBe(7n);
    await expectRuns(live.progs.on_function_return.attach(), () => live.bss.returned, unlinkNothing);
  });

  test("run at a system call", async (context) => {
    needs(context, "kprobe");
    using live = load("on_syscall");
    await expectRuns(
      live.progs.on_syscall.attach(),
      () => live.bss.probed,
      () => void process.ppid,
    );
  });

  test("run at many functions, by pattern and by names with cookies", async (context) => {
    needs(context, "kprobe_multi");
    using live = load("on_functions", "on_function_returns");
    const { on_functions, on_function_returns } = live.progs;
    const named = on_functions.attach({ syms: ["do_unlinkat", "vfs_unlink"], cookies: [5n, 6n] });
    expect(named.info).toMatchObject({ type: "kprobe_multi", count: 2, retprobe: false });
    await expectRuns(named, () => live.bss.probed, unlinkNothing);
    expect(live.bss.cookie).toBe(5n);
    await expectRuns(on_functions.attach({ pattern: "do_unlinka?" }), () => live.bss.probed, unlinkNothing);
    const returns = on_function_returns.attach();
    expect(returns.info).toMatchObject({ type: "kprobe_multi", retprobe: true });
    await expectRuns(returns, () => live.bss.returned, unlinkNothing);
    expect(thrownBy(() => on_functions.attach({ pattern: "no_such_function_*" }))).toMatchObject({ code: "ENOENT" });
  });

  test("run twice in a session", async (context) => {
    needs(context, "kprobe_session");
    using live = load("on_session");
    if (!openLibrary().atLeast(1, 5)) {
      expect(thrownBy(() => live.progs.on_session.attach())).toMatchObject({
        name: "UnsupportedError",
        message: "program on_session: kprobe.session needs libbpf >= 1.5, found 1.1",
      });
      return;
    }
    using _link = live.progs.on_session.attach();
    unlinkNothing();
    expect(live.bss.sessions).toBe(2n);
  });
});

describe("trampolines", () => {
  test("run at a function's entry with a cookie, and at its exit", async (context) => {
    needs(context, "fentry");
    using live = load("on_entry", "on_exit");
    const entry = live.progs.on_entry.attach({ cookie: 9n });
    expect(entry.info).toMatchObject({ type: "tracing", attachType: "trace_fentry" });
    await expectRuns(entry, () => live.bss.entered, unlinkNothing);
    expect(live.bss.cookie).toBe(9n);
    await expectRuns(live.progs.on_exit.attach(), () => live.bss.left, unlinkNothing);
  });

  test("replace a function of another program", async (context) => {
    needs(context, "fentry");
    using target = load("ask");
    using open = AttachVm.open();
    open.progs.replace.autoload = true;
    open.progs.replace.setAttachTarget({ func: "answer", prog: target.progs.ask });
    using live = open.load();
    enterNetns();
    const udp = openUdp();
    using _filter = target.progs.ask.attach({ dev: "lo", hook: "egress" });
    await expectRuns(
      live.progs.replace.attach({ target: target.progs.ask, func: "answer" }),
      () => live.bss.replaced,
      () => sendUdp(udp, "127.0.0.1", 9),
    );
    closeSync(udp);
  });
});

describe("the BPF LSM", () => {
  test("asks a program about each file that is opened", async (context) => {
    needs(context, "lsm");
    using live = load("on_open");
    const link = live.progs.on_open.attach();
    expect(link.info).toMatchObject({ type: "tracing", attachType: "lsm_mac" });
    await expectRuns(link, () => live.bss.guarded, openNothing);
  });

  test("asks a program of a cgroup", async (context) => {
    needs(context, "lsm");
    using live = load("on_bind");
    const cgroup = makeCgroup("lsm");
    try {
      using link = live.progs.on_bind.attach({ cgroup: cgroup.path });
      expect(link.info).toMatchObject({ type: "cgroup", attachType: "lsm_cgroup" });
      const socket = createSocket("udp4").bind(0, "127.0.0.1");
      await once(socket, "listening");
      socket.close();
    } finally {
      cgroup.remove();
    }
  });
});

test("netkit devices run their program until it is detached", async (context) => {
  needs(context, "netkit");
  enterNetns();
  // An older ip knows no options of netkit: the kernel names the peer.
  ip("link", "add", "left0", "type", "netkit");
  const peer = /(\w+)@left0/.exec(ip("-o", "link"))![1]!;
  ip("address", "add", "10.98.0.1/24", "dev", "left0");
  ip("link", "set", "left0", "up");
  ip("link", "set", peer, "up");
  using live = AttachNet.load();
  const udp = openUdp();
  const link = live.progs.primary.attach({ dev: "left0" });
  expect(link.info).toMatchObject({ type: "netkit", attachType: "netkit_primary" });
  await expectRuns(
    link,
    () => live.bss.left,
    () => sendUdp(udp, "10.98.0.255", 9),
  );
  closeSync(udp);
});

/** Attaches one of the fixture's programs. */
type Attach = (live: Loaded<AttachVm>, cgroup: string) => Link;

const cycled: readonly [feature: Parameters<typeof needs>[1], program: keyof AttachVm["progs"], attach: Attach][] = [
  ["kprobe", "on_function", ({ progs }) => progs.on_function.attach({ func: "do_unlinkat" })],
  ["kprobe", "on_function_return", ({ progs }) => progs.on_function_return.attach()],
  ["kprobe", "on_syscall", ({ progs }) => progs.on_syscall.attach()],
  ["kprobe_multi", "on_functions", ({ progs }) => progs.on_functions.attach({ pattern: "do_unlinka?" })],
  ["fentry", "on_entry", ({ progs }) => progs.on_entry.attach()],
  ["fentry", "on_exit", ({ progs }) => progs.on_exit.attach()],
  ["lsm", "on_open", ({ progs }) => progs.on_open.attach()],
  ["lsm", "on_bind", ({ progs }, path) => progs.on_bind.attach({ cgroup: path })],
];

describe("5 cycles leave nothing", () => {
  for (const [feature, program, attach] of cycled) {
    test(program, async (context) => {
      needs(context, feature);
      const cgroup = makeCgroup(program);
      try {
        using live = load(program);
        attach(live, cgroup.path).detach(); // what the process keeps for good is there after the first
        const before = descriptors();
        for (let i = 0; i < 5; i++) attach(live, cgroup.path).detach();
        expect(descriptors()).toEqual(before);
        await expect.poll(() => linksOf(live.progs[program].id), { timeout: 20_000, interval: 200 }).toBe(0);
      } finally {
        cgroup.remove();
      }
    });
  }
});
