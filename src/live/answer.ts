// A need, the machine and its kernel in, yes, no or unknown with the reason out. The machine's answer is by trying: probes,
// the kernel's BTF and files. Versions explain it, and stand in where nothing may be tried.

import type { Machine } from "@ebpf-skel/runtime";
import { capabilitiesOf } from "../needs/capabilities.ts";
import { isAtLeast, type Need } from "../needs/needs.ts";
import { mapTypeId, PROG_TYPES } from "../object/kernel.ts";
import type { Kernel } from "./kernel.ts";

/** A need, and whether this machine has it. */
export interface Answer extends Need {
  readonly answer: "yes" | "no" | "unknown";
  /** Why; "" for a plain yes. */
  readonly reason: string;
}

type Verdict = Pick<Answer, "answer" | "reason">;

const yes = (reason = ""): Verdict => ({ answer: "yes", reason });
const no = (reason: string): Verdict => ({ answer: "no", reason });
const unknown = (reason: string): Verdict => ({ answer: "unknown", reason });

/** Whether this machine has what is needed. */
export function answer(need: Need, machine: Machine, kernel: Kernel): Answer {
  return { ...need, ...judge(need, machine, kernel) };
}

function judge(need: Need, machine: Machine, kernel: Kernel): Verdict {
  const { kind, name } = need;
  switch (kind) {
    case "rule":
      return need.since !== undefined && isAtLeast(machine.libbpf, need.since)
        ? yes(`since libbpf ${need.since}`)
        : no(need.what ?? name);
    case "libbpf":
      return isAtLeast(machine.libbpf, need.since ?? "1.0") ? yes() : no(`found ${machine.libbpf}`);
    case "btf":
      return kernel.btf === undefined ? no("/sys/kernel/btf/vmlinux is missing: CONFIG_DEBUG_INFO_BTF=y") : yes();
    case "capability":
      return hasCapability(name, machine);
    case "mount":
      return isMounted(name, machine, kernel);
    case "program_type":
      return probed(need, () => machine.hasProgramType(PROG_TYPES.indexOf(name)), capabilitiesOf(name), machine);
    case "map_type":
      return probed(need, () => machine.hasMapType(mapTypeId(name)), ["CAP_BPF"], machine);
    case "helper":
      return hasHelper(need, machine, kernel);
    case "attach_type":
      if (kernel.btf === undefined) return byVersion(need, machine);
      // An enumeration of the kernel's has what it knows.
      return kernel.btf.values.has(`BPF_${name.toUpperCase()}`) ? yes() : no(tooOld(need, machine));
    case "map_flag":
      return byVersion(need, machine);
    case "target":
      return hasTarget(need, machine, kernel);
    case "kfunc":
      return named(kernel, "functions", name, "a function");
    case "ksym":
      if (kernel.symbols.size === 0) return unknown("/proc/kallsyms cannot be read");
      return kernel.symbols.has(name) ? yes() : no("not in /proc/kallsyms");
    case "kconfig":
      if (kernel.config === undefined) return unknown("the kernel's configuration cannot be read");
      return kernel.config.has(name) ? yes(`=${kernel.config.get(name)}`) : no("not set");
    case "type":
      return named(kernel, "types", name, "a type");
    case "struct_ops":
      return named(kernel, "types", `bpf_struct_ops_${name}`, "a struct");
  }
}

function hasCapability(name: string, machine: Machine): Verdict {
  if (machine.inUserNamespace) return no("this is a user namespace, whose capabilities do not count for BPF");
  const { missingCapabilities: missing } = machine;
  const lacks = missing.find((capability) => capability === name || capability === "CAP_SYS_ADMIN");
  if (lacks === undefined) return yes();
  const disabled = machine.unprivilegedBpfDisabled ?? 0;
  const closed = name === "CAP_BPF" && disabled > 0 ? `, and kernel.unprivileged_bpf_disabled is ${disabled}` : "";
  return no(`this process has no ${lacks}${closed}`);
}

function isMounted(name: string, { tracefs }: Machine, kernel: Kernel): Verdict {
  if (name !== "tracefs") return kernel.mounts.has(name) ? yes() : no(`no file system of type ${name} is mounted`);
  if (tracefs === undefined) return no("mount -t tracefs tracefs /sys/kernel/tracing");
  return tracefs.readable ? yes(tracefs.path) : no(`${tracefs.path} is not readable, mode ${tracefs.mode}`);
}

/** Probes tell only who has the rights to load. */
function probed(
  need: Need,
  ask: () => boolean | undefined,
  rights: readonly string[],
  machine: Machine,
  fallback: () => Verdict = () => byVersion(need, machine),
): Verdict {
  if (machine.inUserNamespace) return guess(need, machine, "a user namespace may not find out");
  const lacks = machine.missingCapabilities.filter((name) => rights.includes(name) || name === "CAP_SYS_ADMIN");
  if (lacks.length > 0) return guess(need, machine, `needs ${lacks.join(" and ")} to find out`);
  const found = ask();
  if (found === true) return yes();
  // All that libbpf tries is fentry, which needs more of the kernel than tp_btf and iter (`probe_prog_load`).
  if (need.name === "tracing") return unknown("fentry and the like do not load here; tp_btf and iter may");
  return found === false ? no(tooOld(need, machine)) : fallback();
}

function hasHelper(need: Need, machine: Machine, kernel: Kernel): Verdict {
  const { name, of = "", id = 0 } = need;
  if (machine.lockdown === "confidentiality" && /^probe_read(_str|_kernel|_kernel_str)?$/.test(name))
    return no("the kernel is locked down, lockdown=confidentiality");
  const type = PROG_TYPES.indexOf(of);
  const ask = (): boolean | undefined => machine.hasHelper(type, id);
  // Some types of programs load for a target only, and cannot be tried.
  return probed(need, ask, capabilitiesOf(of), machine, () => {
    if (kernel.btf === undefined) return byVersion(need, machine);
    return kernel.btf.values.has(`BPF_FUNC_${name}`) ? yes() : no(tooOld(need, machine));
  });
}

/** What a program of a kind is attached to. */
function hasTarget({ name, of }: Need, machine: Machine, kernel: Kernel): Verdict {
  switch (of) {
    case "kprobe":
    case "kprobe_multi":
    case "ksyscall":
      if (!kernel.exists("/sys/bus/event_source/devices/kprobe"))
        return no("this kernel has no kprobes: CONFIG_KPROBES");
      if (of !== "kprobe" || !/^\w+$/.test(name) || kernel.symbols.size === 0) return yes();
      return kernel.symbols.has(name) ? yes() : no("there is no such function in /proc/kallsyms");
    case "uprobe":
    case "uprobe_multi":
    case "usdt":
      return kernel.exists("/sys/bus/event_source/devices/uprobe")
        ? yes()
        : no("this kernel has no uprobes: CONFIG_UPROBES");
    case "tracepoint":
      if (machine.lockdown === "confidentiality") return no("the kernel is locked down, lockdown=confidentiality");
      if (machine.tracefs === undefined) return unknown("tracefs, which says which there are, is not mounted");
      if (!machine.tracefs.readable) return unknown(`${machine.tracefs.path} is not readable`);
      return kernel.exists(`${machine.tracefs.path}/events/${name}`) ? yes() : no("there is no such tracepoint");
    case "raw_tracepoint":
      return name === ""
        ? unknown("the section names none")
        : named(kernel, "types", `btf_trace_${name}`, "a tracepoint");
    case "lsm":
      if (kernel.securityModules?.includes("bpf") === false) return no("lsm= must name bpf at boot: CONFIG_BPF_LSM");
      return named(kernel, "functions", `bpf_lsm_${name}`, "a hook");
    case "iter":
      return named(kernel, "functions", `bpf_iter_${name}`, "an iterator");
    default:
      return named(kernel, "functions", name, "a function");
  }
}

function named({ btf, hasModuleBtf }: Kernel, names: "functions" | "types", name: string, what: string): Verdict {
  if (btf === undefined) return unknown("the kernel has no BTF");
  if (btf[names].has(name)) return yes();
  return hasModuleBtf ? unknown(`not in the kernel's BTF, maybe ${what} of a module`) : no("not in the kernel's BTF");
}

function tooOld({ since }: Need, { release }: Machine): string {
  if (since === undefined || isAtLeast(release, since)) return "this kernel was built without it";
  return `needs Linux >= ${since}`;
}

function byVersion(need: Need, machine: Machine): Verdict {
  const { since } = need;
  if (since === undefined) return unknown("newer than this ebpf-skel");
  return isAtLeast(machine.release, since) ? yes(`since Linux ${since}`) : no(`needs Linux >= ${since}`);
}

function guess({ since }: Need, { release }: Machine, why: string): Verdict {
  if (since === undefined) return unknown(why);
  const likely = isAtLeast(release, since) ? `likely, since Linux ${since}` : `unlikely, needs Linux >= ${since}`;
  return unknown(`${why}; ${likely}`);
}
