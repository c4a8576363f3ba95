// What errors say to do, where it follows from the call alone or from what this machine lets everybody see.

import { expect, test } from "vitest";
import { attachHint } from "../src/attach/hints.ts";
import {
  E2BIG,
  EACCES,
  EBADF,
  EEXIST,
  EINVAL,
  ENOENT,
  ENOTDIR,
  EOPNOTSUPP,
  EPERM,
  ESRCH,
} from "../src/library/errno.ts";
import { tokenHint } from "../src/object/token.ts";
import { pinHint, pinnedHint } from "../src/library/pinfile.ts";

test("64 programs on one tracepoint or cgroup are told as the limit, and no limit is made up", () => {
  expect(attachHint("tracepoint", "sched/sched_switch", E2BIG)).toBe(
    "sched/sched_switch has 64 programs already, those of all processes: the kernel takes no more (see bpftool perf)",
  );
  expect(attachHint("cgroup", "/sys/fs/cgroup", E2BIG)).toMatch(/^\/sys\/fs\/cgroup has 64 programs/);
  expect(attachHint("xdp", "1", E2BIG)).toBeUndefined();
});

test("a hint for one kind of program is none for another", () => {
  expect(attachHint("kprobe_multi", "a, b", ESRCH)).toMatch(/^not all of these are functions to probe, a, b: /);
  // Of libbpf's ESRCH for USDT the process is but one cause.
  expect(attachHint("usdt", `${process.execPath}:node:gc__start`, ESRCH)).toBeUndefined();
  expect(attachHint("lsm", "file_open", EINVAL)).toBeUndefined();
  expect(attachHint("raw_tracepoint", "sys_enter", EEXIST)).toBeUndefined();
  expect(attachHint("flow_dissector", "/proc/self/ns/net", EEXIST)).toMatch(/^possible causes: .+; .+/);
});

test("what is no ELF file is told before libbpf's guess", () => {
  for (const kind of ["uprobe", "uprobe_multi", "usdt"] as const) {
    expect(attachHint(kind, "/proc/self/status:main", EBADF)).toBe("/proc/self/status is no ELF file");
    expect(attachHint(kind, "/proc:main", EINVAL)).toBe("/proc is no ELF file");
    expect(attachHint(kind, "/no/such:main", ENOENT)).toBe("/no/such is not there");
    expect(attachHint(kind, process.execPath, EINVAL)).toBeUndefined();
  }
});

test("a BPF token that was not made is told with its reason", () => {
  const made = (errno: number, path: string): string | undefined =>
    tokenHint(`libbpf: object 'x': failed (-${errno}) to create BPF token from '${path}'`);
  const opened = (errno: number, path: string): string | undefined =>
    tokenHint(`libbpf: object 'x': failed (-${errno}) to open BPF FS mount at '${path}'`);
  expect(opened(ENOENT, "/no/such")).toBe("no BPF token: /no/such is not there (LIBBPF_BPF_TOKEN_PATH)");
  expect(opened(ENOTDIR, "/proc/version")).toMatch(/: \/proc\/version is no directory/);
  expect(made(EINVAL, "/proc")).toMatch(/: \/proc is no BPF file system: mount one there/);
  expect(made(EOPNOTSUPP, "/b")).toMatch(/: \/b is of the initial user namespace, where there are no tokens/);
  expect(made(ENOENT, "/b")).toMatch(/: \/b is mounted without delegation: mount it with delegate_cmds/);
  expect(made(EPERM, "/b")).toMatch(/: possible causes: /);
  expect(made(4711, "/b")).toBeUndefined();
  expect(
    tokenHint("libbpf: object 'x': BPF FS at '/b' doesn't have BPF token delegation set up, skipping"),
  ).toBeUndefined();
});

test("a pin outside of BPF file systems is told as such, and not with other reasons", () => {
  expect(pinHint(EPERM, "/proc/self/pin")).toBe("/proc/self is in no BPF file system: use /sys/fs/bpf");
  expect(pinHint(EPERM, "/pin")).toBe("/ is in no BPF file system: use /sys/fs/bpf");
  expect(pinHint(EEXIST, "/sys/fs/bpf/pin")).toBe("/sys/fs/bpf/pin is there already");
});

test("what is no pin is told as what it is", () => {
  expect(pinnedHint(EACCES, "/proc/self/status")).toBe("/proc/self/status is no pin: it is in no BPF file system");
  expect(pinnedHint(EACCES, "/proc/self")).toBe("/proc/self is a directory, not a pin");
  expect(pinnedHint(ENOENT, "/proc/none")).toBe("nothing is pinned at /proc/none");
  for (const hint of [pinHint, pinnedHint]) {
    expect(hint(ENOTDIR, "/proc/self/status/a/b")).toBe("/proc/self/status is no directory");
  }
  // Names with dots are for all other file systems.
  expect(pinnedHint(EPERM, "/proc/no.such") ?? "").not.toMatch(/dot/);
});
