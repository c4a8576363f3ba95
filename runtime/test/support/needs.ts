// What not every kernel has. A test that asks for it is skipped where it is missing, and says why.

import { existsSync, readFileSync } from "node:fs";
import { release } from "node:os";
import type { TestContext } from "vitest";
import { AttachTrace } from "../../../fixtures/attach_trace.skel.ts";
import { AttachVm } from "../../../fixtures/attach_vm.skel.ts";
import { isBpfError } from "../../src/index.ts";
import { isAtLeast } from "../../src/library/kernel.ts";

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Whether the kernel was built with a type or function of this name, as its BTF tells. */
function kernelHas(name: string): boolean {
  return readFileSync("/sys/kernel/btf/vmlinux").includes(`\0${name}\0`);
}

function missing(holds: boolean, reason: string): string | undefined {
  return holds ? undefined : reason;
}

/** Why the kernel refuses a program: a filter, a security module or a patch may forbid whole kinds to everybody. */
function whyRefused(load: () => { close(): void }): string | undefined {
  try {
    load().close();
    return undefined;
  } catch (e) {
    if (isBpfError(e)) return e.message;
    throw e;
  }
}

function whyNoTrampolines(): string | undefined {
  using open = AttachVm.open();
  open.progs.on_entry.autoload = true;
  return whyRefused(() => open.load());
}

/** Why the kernel does not let programs go through the entries of a map; undefined where it does. */
export function whyNoEntryIterators(): string | undefined {
  using open = AttachTrace.open();
  for (const program of Object.values(open.progs)) program.autoload = program.name === "each_entry";
  return whyRefused(() => open.load());
}

const hasKprobes = (): boolean => existsSync("/sys/bus/event_source/devices/kprobe");

/** Whether tp_btf programs can ask for their cookie; `bpf_get_attach_cookie` is no helper of theirs before. */
export const hasBtfCookies: boolean = isAtLeast(release(), "6.10");

const features = {
  kprobe: () => missing(hasKprobes(), "the kernel has no kprobes, CONFIG_KPROBES"),
  kprobe_multi: () =>
    missing(hasKprobes() && kernelHas("bpf_kprobe_multi_link"), "the kernel has no kprobe.multi, CONFIG_FPROBE"),
  kprobe_session: () => missing(hasKprobes() && kernelHas("bpf_session_is_return"), "the kernel has no kprobe.session"),
  fentry: whyNoTrampolines,
  lsm: () =>
    missing(
      readText("/sys/kernel/security/lsm").split(",").includes("bpf"),
      "the BPF LSM is not active, lsm=...,bpf on the kernel's command line",
    ),
  uprobe_multi: () => missing(kernelHas("bpf_uprobe_multi_link"), "the kernel has no uprobe.multi: Linux 6.6"),
  btf_cookie: () => missing(hasBtfCookies, "programs of tp_btf have no cookie before Linux 6.10"),
  inner_locks: () => missing(isAtLeast(release(), "6.2"), "inner maps have no locks before Linux 6.2"),
  netkit: () => missing(kernelHas("netkit_link"), "the kernel has no netkit devices, CONFIG_NETKIT"),
};

/** Skips the test of `context` unless the kernel has `feature`. */
export function needs(context: TestContext, feature: keyof typeof features): void {
  const why = features[feature]();
  if (why !== undefined) context.skip(why);
}
