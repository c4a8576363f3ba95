// Attaching and detaching, many times: neither this process nor the kernel holds anything more. EBPF_SKEL_FULL=1 runs the
// long version: 200 cycles of the kinds that detach at once, and 20 of those of perf events in up to 8 processes at a time.
// needs Linux 6.10: the fixtures are loaded whole, with programs of netkit (6.7) and cookies of tp_btf (6.10)

import { execFileSync } from "node:child_process";
import { closeSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { AttachCgroup } from "../../../fixtures/attach_cgroup.skel.ts";
import { AttachNet } from "../../../fixtures/attach_net.skel.ts";
import { AttachTrace } from "../../../fixtures/attach_trace.skel.ts";
import type { Link, Loaded } from "../../src/index.ts";
import { makeCgroup } from "../support/cgroup.ts";
import { runChildren } from "../support/child.ts";
import { requireKernel } from "../support/kernel.ts";
import { enterNetns } from "../support/netns.ts";
import { openReuseport } from "../support/sockets.ts";
import { offsetOf } from "../support/symbols.ts";

requireKernel();

const full = process.env["EBPF_SKEL_FULL"] === "1";

let net: Loaded<AttachNet>;
let trace: Loaded<AttachTrace>;
let groups: Loaded<AttachCgroup>;
let cgroup: ReturnType<typeof makeCgroup>;
let socket: number;

beforeAll(() => {
  enterNetns();
  net = AttachNet.load();
  trace = AttachTrace.load();
  groups = AttachCgroup.load();
  cgroup = makeCgroup("leaks");
  socket = openReuseport();
});
afterAll(() => {
  for (const live of [net, trace, groups]) live?.close();
  cgroup?.remove();
  if (socket !== undefined) closeSync(socket);
});

const libc = /\/\S+\/libc[.-]\S+/.exec(readFileSync("/proc/self/maps", "utf8"))![0];

/** What each descriptor of this process is, sorted; readdir's own is closed by then. */
function held(): string[] {
  return readdirSync("/proc/self/fd")
    .flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/self/fd/${fd}`)];
      } catch {
        return [];
      }
    })
    .sort();
}

/** The kernel's links of the programs that this file has loaded. */
function links(): number {
  const { each_entry: _notLoaded, ...traced } = trace.progs;
  const loaded = [net.progs, traced, groups.progs].flatMap((progs) => Object.values(progs));
  const programs = new Set(loaded.map(({ id }) => id));
  const all = JSON.parse(execFileSync("bpftool", ["-j", "link", "list"], { encoding: "utf8" })) as {
    prog_id?: number;
  }[];
  return all.filter(({ prog_id: id }) => id !== undefined && programs.has(id)).length;
}

type Attach = () => Link;

const kinds: Record<string, Attach> = {
  "clsact, with its qdisc": () => net.progs.classify.attach({ dev: "lo", hook: "ingress" }),
  TCX: () => net.progs.ingress_first.attach({ dev: "lo" }),
  netfilter: () => net.progs.filter.attach({ pf: "ipv4", hook: "input", priority: 1 }),
  sk_lookup: () => net.progs.look_up.attach({ netns: "/proc/thread-self/ns/net" }),
  "flow dissector": () => net.progs.dissect.attach({ netns: "/proc/thread-self/ns/net" }),
  "socket filter": () => net.progs.read_all.attach({ socket }),
  sk_reuseport: () => net.progs.select_any.attach({ socket }),
  sk_skb: () => net.progs.judge.attach({ map: net.maps.sockets }),
  sk_msg: () => net.progs.send.attach({ map: net.maps.sockets }),
  cgroup: () => groups.progs.on_connect.attach({ cgroup: cgroup.path }),
  "cgroup with an order": () => groups.progs.on_connect.attach({ cgroup: cgroup.path, before: "all" }),
  iterator: () => {
    const link = trace.progs.each_task.attach({ pid: process.pid });
    link.read();
    return link;
  },
  "raw tracepoint": () => trace.progs.on_raw_entry.attach(),
  tp_btf: () => trace.progs.on_btf_entry.attach({ cookie: 1n }),
};

/** These wait for a grace period of the kernel's. */
const slowKinds: Record<string, Attach> = {
  XDP: () => net.progs.receive.attach({ dev: "v1", mode: "driver" }),
  "XDP in skb mode": () => net.progs.receive.attach({ dev: "v1", mode: "skb" }),
  "uprobe.multi": () => trace.progs.on_calls.attach({ path: libc, offsets: [offsetOf(libc, "getppid")] }),
};

async function expectNoLeak(attach: Attach, cycles: number): Promise<void> {
  attach().detach(); // what the process keeps for good is there after the first
  const before = held();
  for (let i = 0; i < cycles; i++) attach().detach();
  await attach().detachAsync();
  expect(held()).toEqual(before);
  await expect.poll(links, { timeout: 10_000, interval: 100 }).toBe(0);
}

describe(`${full ? 200 : 10} cycles leave nothing`, () => {
  test.each(Object.entries(kinds))("%s", (_, attach) => expectNoLeak(attach, full ? 200 : 10));
});

describe(`${full ? 20 : 3} cycles leave nothing`, () => {
  test.each(Object.entries(slowKinds))("%s", (_, attach) => expectNoLeak(attach, full ? 20 : 3));
});

const perfKinds = [
  ["tracepoint", "trace.progs.on_entry.attach({ cookie: 1n })"],
  ["perf_event", 'trace.progs.on_sample.attach({ type: "software", config: 0, frequency: 10, pid: process.pid })'],
  ["uprobe", 'programs.progs.on_function.attach({ path: libc, func: "getppid", pid: process.pid })'],
  ["uretprobe", 'programs.progs.on_function_return.attach({ path: libc, func: "getppid", pid: process.pid })'],
] as const;

test(`${full ? 20 : 2} cycles of the kinds of perf events in ${full ? 8 : 2} processes leave nothing`, async () => {
  const cycles = full ? 20 : 2;
  const program = (attach: string): string => `
    import { readdirSync, readFileSync, readlinkSync } from "node:fs";
    import { AttachTrace } from "./fixtures/attach_trace.skel.ts";
    import { Programs } from "./fixtures/programs.skel.ts";
    const libc = /\\/\\S+\\/libc[.-]\\S+/.exec(readFileSync("/proc/self/maps", "utf8"))![0];
    const held = () => readdirSync("/proc/self/fd").flatMap((fd) => {
      try { return [readlinkSync("/proc/self/fd/" + fd)]; } catch { return []; }
    }).filter((what) => /bpf|perf|btf/.test(what)).length;
    using trace = AttachTrace.load();
    using programs = Programs.load();
    trace.bss.target_tgid = process.pid;
    (${attach}).detach();
    const before = held();
    for (let i = 0; i < ${cycles}; i++) (${attach}).detach();
    await (${attach}).detachAsync();
    say(() => ({ leaked: held() - before, links: Object.values({ ...trace.links, ...programs.links }).filter(Boolean).length }));
  `;
  const chosen = full ? [...perfKinds, ...perfKinds] : perfKinds.slice(0, 2);
  const said = await runChildren(chosen.map(([, attach]) => program(attach)));
  expect(said).toEqual(chosen.map(() => [{ ok: { leaked: 0, links: 0 } }]));
});
