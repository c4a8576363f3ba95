// What errors say to do, where it follows from the call alone or from what this machine lets everybody see.

import { expect, test } from "vitest";
import { attachHint } from "../src/attach/hints.ts";
import { E2BIG, EEXIST, EPERM } from "../src/library/errno.ts";
import { pinHint } from "../src/maps/pins.ts";

test("64 programs on one tracepoint or cgroup are told as the limit, and no limit is made up", () => {
  expect(attachHint("tracepoint", "sched/sched_switch", E2BIG)).toBe(
    "sched/sched_switch has 64 programs already, those of all processes: the kernel takes no more (see bpftool perf)",
  );
  expect(attachHint("cgroup", "/sys/fs/cgroup", E2BIG)).toMatch(/^\/sys\/fs\/cgroup has 64 programs/);
  expect(attachHint("xdp", "1", E2BIG)).toBeUndefined();
});

test("a pin outside of BPF file systems is told as such, and not with other reasons", () => {
  expect(pinHint(EPERM, "/proc/self/pin")).toBe("/proc/self is in no BPF file system: use /sys/fs/bpf");
  expect(pinHint(EPERM, "/pin")).toBe("/ is in no BPF file system: use /sys/fs/bpf");
  expect(pinHint(EEXIST, "/sys/fs/bpf/pin")).toBe("/sys/fs/bpf/pin is there already");
});
