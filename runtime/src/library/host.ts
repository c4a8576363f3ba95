// What this machine says of the rights and settings that BPF depends on, read from /proc and /sys when a call has failed.

import { addressOf, libc } from "../native.ts";
import { isAtLeast, kernelRelease, readText, sysctl } from "./kernel.ts";

// linux/capability.h
const capabilities = { CAP_NET_ADMIN: 12, CAP_SYS_ADMIN: 21, CAP_PERFMON: 38, CAP_BPF: 39 } as const;

/** A capability that loading or attaching may need. */
export type Capability = keyof typeof capabilities;

/** Which of `wanted` this thread's effective set lacks; CAP_SYS_ADMIN stands for all of them, and before Linux 5.8 is needed for all. */
export function missingCapabilities(wanted: readonly Capability[]): readonly Capability[] {
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(readText("/proc/thread-self/status") ?? "")?.[1];
  if (effective === undefined) return [];
  const bits = BigInt(`0x${effective}`);
  const has = (name: Capability): boolean => ((bits >> BigInt(capabilities[name])) & 1n) === 1n;
  if (has("CAP_SYS_ADMIN")) return [];
  return isAtLeast(kernelRelease(), "5.8") ? wanted.filter((name) => !has(name)) : ["CAP_SYS_ADMIN"];
}

// kernel/bpf/syscall.c, `map_create`; before Linux 6.5 each in its own `map_alloc`.
const networkMaps: ReadonlySet<string> = /*@__PURE__*/ new Set("sockmap sockhash devmap devmap_hash xskmap".split(" "));

/** The capabilities that creating a map of `type` takes. */
export function mapCapabilities(type: string): readonly Capability[] {
  return networkMaps.has(type) ? ["CAP_BPF", "CAP_NET_ADMIN"] : ["CAP_BPF"];
}

/** What to give to a process that lacks these capabilities: "needs CAP_BPF and CAP_PERFMON, or root". */
export function needsCapabilities(missing: readonly Capability[]): string {
  const names = missing.length < 2 ? missing.join("") : `${missing.slice(0, -1).join(", ")} and ${missing.at(-1)}`;
  return `needs ${names}, or root`;
}

/**
 * What any call of bpf(2) needs and this process lacks; undefined where that is nothing, as since Linux 5.19. Before, all of them
 * need CAP_BPF where kernel.unprivileged_bpf_disabled is set (kernel/bpf/syscall.c, `__sys_bpf`).
 */
export function missingForAnyCall(): string | undefined {
  const missing = isAtLeast(kernelRelease(), "5.19") ? [] : missingCapabilities(["CAP_BPF"]);
  return missing.length > 0 ? needsCapabilities(missing) : undefined;
}

/** Whether this process lives in a user namespace of its own, where no capability counts for BPF. */
export function inUserNamespace(): boolean {
  const map = readText("/proc/self/uid_map")?.split(/\s+/);
  return map !== undefined && map.join(" ") !== "0 0 4294967295";
}

/** "confidentiality" when the kernel is locked down that far, "integrity", or undefined. */
export function lockdown(): string | undefined {
  const mode = /\[(\w+)\]/.exec(readText("/sys/kernel/security/lockdown") ?? "")?.[1];
  return mode === "none" ? undefined : mode;
}

/** The active security modules that can forbid bpf(2) by a policy: "selinux"; none where securityfs is not mounted. */
export function policies(): readonly string[] {
  const active = readText("/sys/kernel/security/lsm")?.split(",") ?? [];
  return active.filter((name) => ["selinux", "smack", "apparmor", "tomoyo", "bpf"].includes(name));
}

/** Whether the kernel tells its security modules and lockdown: securityfs is mounted. */
export function canSeePolicies(): boolean {
  return process.getBuiltinModule("node:fs").existsSync("/sys/kernel/security/lsm");
}

/** Whether the kernel carries its own BTF. */
export function hasKernelBtf(): boolean {
  return process.getBuiltinModule("node:fs").existsSync("/sys/kernel/btf/vmlinux");
}

// linux/magic.h
const TRACEFS_MAGIC = 0x7472_6163;

/** The directory where libbpf looks for tracepoints, and whether this process may read it; undefined: not mounted. */
export function tracefs(): { path: string; mode: string; readable: boolean } | undefined {
  const { opendirSync, statfsSync, statSync } = process.getBuiltinModule("node:fs");
  // As libbpf's `tracefs_path`: debugfs first.
  for (const path of ["/sys/kernel/debug/tracing", "/sys/kernel/tracing"]) {
    try {
      const mode = `0${(statSync(path).mode & 0o777).toString(8)}`;
      if (path.endsWith("debug/tracing") || statfsSync(path).type === TRACEFS_MAGIC) {
        try {
          // access(2) would leave CAP_DAC_READ_SEARCH aside.
          opendirSync(`${path}/events`).closeSync();
          return { path, mode, readable: true };
        } catch (e) {
          const { code } = e as NodeJS.ErrnoException;
          return { path, mode, readable: code !== "EACCES" && code !== "EPERM" };
        }
      }
    } catch {
      // Not there: the next one.
    }
  }
  return undefined;
}

/** The sysctl kernel.perf_event_paranoid. */
export function perfEventParanoid(): number | undefined {
  return sysctl("kernel.perf_event_paranoid");
}

const NSFS_MAGIC = 0x6e73_6673;

/**
 * Whether an open file is a network namespace. A namespace that was opened by a bind mount has the mount's path for a name, which
 * tells no kind: this is true for any kind then.
 */
export function isNetns(fd: number): boolean {
  const { readlinkSync, statfsSync } = process.getBuiltinModule("node:fs");
  const path = `/proc/self/fd/${fd}`;
  try {
    // "net:[4026531840]", or the path of a bind mount
    return statfsSync(path).type === NSFS_MAGIC && !/^(?!net:)[a-z_]+:\[/.test(readlinkSync(path));
  } catch {
    return false;
  }
}

/** The name of the network device with this number, in this thread's namespace; undefined: there is none. */
export function deviceName(ifindex: number): string | undefined {
  const name = new Uint8Array(16); // IF_NAMESIZE
  if (libc().if_indextoname(ifindex, addressOf(name)) === 0) return undefined;
  return new TextDecoder().decode(name.subarray(0, name.indexOf(0)));
}
