// Whole life cycles, many times: afterwards neither this process nor the kernel holds anything more.

import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { beforeAll, expect, test } from "vitest";
import { hash, type HashMap, type Program, section, type Skeleton, u32, u64 } from "../../src/gen1.ts";
import { mountBpffs } from "../support/bpffs.ts";
import { runChild } from "../support/child.ts";
import { compile, skeletonOf } from "../support/clang.ts";
import { rejectionOf, thrownBy } from "../support/errors.ts";
import { descriptors, kernelObjects } from "../support/held.ts";
import { requireKernel } from "../support/kernel.ts";
import { enterNetns } from "../support/netns.ts";

requireKernel();

beforeAll(enterNetns);

// Names of this process alone: other tests on this machine may run the fixtures at the same time.
const own = `k${process.pid}`;
const [map, raw, tp, bad, xdp] = ["map", "raw", "tp", "bad", "xdp"].map((name) => `${own}_${name}`) as [
  string,
  string,
  string,
  string,
  string,
];
const source = `
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 8); __type(key, u32); __type(value, u64); } ${map} SEC(".maps");
u64 calls;
u64 step = 1;
const volatile u32 target;
SEC("raw_tracepoint/sys_enter") int ${raw}(void *ctx)
{
	u32 key = target;
	u64 *found = bpf_map_lookup_elem(&${map}, &key);
	calls += step + (found ? *found : 0);
	return 0;
}
SEC("tracepoint/syscalls/sys_enter_getppid") int ${tp}(void *ctx) { calls += step; return 0; }
SEC("?raw_tracepoint/sys_enter") int ${bad}(void *ctx) { u32 k = 0; return *(int *)bpf_map_lookup_elem(&${map}, &k); }
SEC("xdp") int ${xdp}(struct xdp_md *ctx) { return XDP_PASS; }
`;

interface Leaky {
  maps: Record<string, HashMap<number, bigint>>;
  progs: Record<string, Program>;
  sections: { bss: { calls: bigint }; data: { step: bigint }; rodata: { target: number } };
  structOps: {};
}

const skeleton: Skeleton<Leaky> = skeletonOf<Leaky>(compile(source), {
  maps: { [map]: hash(u32, u64) },
  progs: {
    [raw]: "raw_tracepoint/sys_enter",
    [tp]: "tracepoint/syscalls/sys_enter_getppid",
    [bad]: "raw_tracepoint/sys_enter",
    [xdp]: "xdp",
  },
  sections: {
    bss: section(".bss", 8, { calls: [0, u64] }),
    data: section(".data", 8, { step: [0, u64] }),
    rodata: section(".rodata", 4, { target: [0, u32] }),
  },
});
const names = [map, raw, tp, bad, xdp, ...[".bss", ".data", ".rodata"].map((name) => `${own}${name}`)];

/** Runs `cycle` often: nothing is left, save what the kernel is still about to free. */
async function expectNoLeak(cycles: number, cycle: () => unknown): Promise<void> {
  await cycle(); // what the process keeps for good is there after the first
  const fds = descriptors();
  for (let i = 0; i < cycles; i++) await cycle();
  expect(descriptors()).toEqual(fds);
  const none = { map: 0, prog: 0, link: 0 };
  await expect.poll(() => kernelObjects(names), { timeout: 10_000, interval: 100 }).toEqual(none);
}

test("the kernel's objects can be seen", () => {
  using live = skeleton.load({ objectName: own });
  live.attach();
  expect(kernelObjects(names)).toEqual({ map: 4, prog: 3, link: 2 });
});

test("200 cycles with a raw tracepoint and global data", async () => {
  await expectNoLeak(200, () => {
    const open = skeleton.open({ objectName: own });
    open.rodata.target = 5;
    open.progs[tp]!.autoload = false;
    using live = open.load();
    live.attach();
    live.data.step = 3n;
    live.maps[map]!.set(5, 1n);
    for (const [key] of live.maps[map]!) live.maps[map]!.delete(key);
    expect(live.bss.calls).toBeGreaterThan(0n);
  });
});

test("20 cycles with a tracepoint", async () => {
  await expectNoLeak(20, () => {
    using live = skeleton.load({ objectName: own });
    expect(live.attach({ only: [tp] }).attached).toEqual([tp]);
  });
});

test("10 cycles on other threads", async () => {
  await expectNoLeak(10, async () => {
    const live = await skeleton.open({ objectName: own }).loadAsync();
    live.attach({ targets: { [xdp]: { ifindex: 1 } } });
    await live.links[tp]!.detachAsync();
    await live.closeAsync();
  });
});

test("50 failures of each kind", async () => {
  await expectNoLeak(50, async () => {
    const open = (): ReturnType<typeof skeleton.open> => {
      const opened = skeleton.open({ objectName: own });
      opened.progs[bad]!.autoload = true;
      return opened;
    };
    expect(thrownBy(() => open().load()).name).toBe("VerifierError");
    expect((await rejectionOf(open().loadAsync())).name).toBe("VerifierError");
    open().close();
    using live = skeleton.load({ objectName: own });
    expect(thrownBy(() => live.attach({ only: [xdp] })).name).toBe("AttachError");
    expect(thrownBy(() => live.attach({ targets: { [xdp]: { ifindex: 99_999 } } })).name).toBe("AttachError");
  });
});

test("a process that is killed leaves what is pinned, and nothing else", async () => {
  const pins = mountBpffs();
  try {
    const { signal, stdout } = runChild(`
      import { writeSync } from "node:fs";
      import { ExecveCounter } from "./fixtures/execve_counter.skel.ts";
      import { Globals } from "./fixtures/globals.skel.ts";
      const globals = Globals.load();
      const counter = ExecveCounter.load();
      const kept = globals.progs.on_enter.attach();
      const lost = counter.progs.handle_execve.attach();
      kept.pin("${pins.folder}/link");
      counter.maps.execve_counter.pin("${pins.folder}/map");
      const pinned = { link: kept.id, prog: globals.progs.on_enter.id, map: counter.maps.execve_counter.id };
      const others = { link: lost.id, prog: counter.progs.handle_execve.id };
      writeSync(1, JSON.stringify([pinned, others]));
      process.kill(process.pid, "SIGKILL");
      setInterval(() => {}, 1000);`);
    expect(signal).toBe("SIGKILL");
    const [pinned, others] = JSON.parse(stdout) as [Record<string, number>, Record<string, number>];
    const there = (ids: Record<string, number>): string[] =>
      Object.keys(ids).filter((kind) => spawnSync("bpftool", [kind, "show", "id", String(ids[kind])]).status === 0);
    await expect.poll(() => there(others), { timeout: 10_000, interval: 100 }).toEqual([]);
    expect(there(pinned)).toEqual(["link", "prog", "map"]);
    for (const pin of ["link", "map"]) rmSync(`${pins.folder}/${pin}`);
    await expect.poll(() => there(pinned), { timeout: 10_000, interval: 100 }).toEqual([]);
  } finally {
    pins.remove();
  }
});
