// Tracepoints, probes of the kernel and of binaries, and perf events: one libbpf call each. What the options leave out is
// taken from the section.

import { addressOf, cString, duplicate, libc } from "../native.ts";
import { findBinary } from "../library/elf.ts";
import { EBADF, EINVAL, ENODEV, ENOENT } from "../library/errno.ts";
import { readText, sysctl } from "../library/kernel.ts";
import { kindOfDescriptor } from "../library/mapinfo.ts";
import { perfEventOpen, zeroed } from "../library/syscalls.ts";
import { type ProgramCore, useProgram } from "../program/core.ts";
import { type Attached, attachFailure, attempt } from "./attempt.ts";
import { at, cookieOf, fail, numberOf, optionsOf, textOf, u64Of, wordOf } from "./check.ts";
import type {
  KprobeOptions,
  KsyscallOptions,
  PerfEventOptions,
  PerfEventSource,
  RawTracepointOptions,
  TracepointOptions,
  UprobeOptions,
  UsdtOptions,
} from "./options.ts";
import { noProcess, notInFile } from "./hints.ts";
import { functionsOf, offsetOf } from "./symbols.ts";
import { specOf } from "./targets.ts";

export function attachTracepoint(core: ProgramCore, given: TracepointOptions): Attached {
  const [ownCategory, ...rest] = specOf(core.section).split("/");
  const category = textOf(core, "category", given.category ?? ownCategory);
  const name = textOf(core, "name", given.name ?? rest.join("/"));
  const opts = optionsOf(16);
  opts.setU64(8, cookieOf(core, given));
  useProgram(core);
  const syscall = "bpf_program__attach_tracepoint_opts";
  const attach = core.owner.library.fn(syscall);
  return attempt(core, syscall, `${category}/${name}`, () => attach(core.pointer, category, name, at(opts)), opts);
}

export function attachRawTracepoint(core: ProgramCore, given: RawTracepointOptions): Attached {
  const name = textOf(core, "name", given.name ?? specOf(core.section));
  const cookie = cookieOf(core, given);
  useProgram(core);
  const { library } = core.owner;
  if (cookie === 0n) {
    const attach = library.fn("bpf_program__attach_raw_tracepoint");
    return attempt(core, "bpf_program__attach_raw_tracepoint", name, () => attach(core.pointer, name));
  }
  const opts = optionsOf(16);
  opts.setU64(8, cookie);
  const syscall = "bpf_program__attach_raw_tracepoint_opts";
  const attach = library.fn(syscall);
  return attempt(core, syscall, name, () => attach(core.pointer, name, at(opts)), opts);
}

export function attachKprobe(core: ProgramCore, given: KprobeOptions): Attached {
  const [, ownFunc, ownOffset = "0"] = /^([^+]*)(?:\+(.*))?$/.exec(specOf(core.section)) ?? [];
  const func = textOf(core, "func", given.func ?? ownFunc);
  const offset = numberOf(core, "offset", given.offset ?? (given.func === undefined ? Number(ownOffset) : 0), 0);
  const opts = optionsOf(32);
  opts.setU64(8, cookieOf(core, given));
  opts.setU64(16, BigInt(offset));
  opts.setBool(24, given.retprobe ?? core.section.startsWith("kretprobe"));
  useProgram(core);
  const attach = core.owner.library.fn("bpf_program__attach_kprobe_opts");
  return attempt(core, "bpf_program__attach_kprobe_opts", func, () => attach(core.pointer, func, at(opts)), opts);
}

export function attachKsyscall(core: ProgramCore, given: KsyscallOptions): Attached {
  const name = textOf(core, "name", given.name ?? specOf(core.section));
  const opts = optionsOf(24);
  opts.setU64(8, cookieOf(core, given));
  opts.setBool(16, given.retprobe ?? core.section.startsWith("kretsyscall"));
  useProgram(core);
  const attach = core.owner.library.fn("bpf_program__attach_ksyscall");
  return attempt(core, "bpf_program__attach_ksyscall", name, () => attach(core.pointer, name, at(opts)), opts);
}

/**
 * `uprobe/PATH:FUNCTION+OFFSET`. libbpf's own reading of it stops at the first character that no C name has, and so cuts Go's
 * names and versions off.
 */
function ownFunction(section: string): Pick<UprobeOptions, "path" | "func" | "offset"> {
  const [, path, func, offset] = /^([^:]+):(.+?)(?:\+(0x[\da-f]+|\d+))?$/i.exec(specOf(section)) ?? [];
  return { path, func, offset: offset === undefined ? undefined : Number(offset) };
}

export function attachUprobe(core: ProgramCore, given: UprobeOptions): Attached {
  const elsewhere = given.path !== undefined || given.func !== undefined || given.offset !== undefined;
  const own = ownFunction(core.section);
  const place = elsewhere ? given : own;
  const path = findBinary(textOf(core, "path", given.path ?? own.path));
  const func = place.func === undefined ? undefined : textOf(core, "func", place.func);
  const offset = numberOf(core, "offset", place.offset ?? 0, 0, Number.MAX_SAFE_INTEGER);
  const retprobe = given.retprobe ?? core.section.startsWith("uretprobe");
  // What it returns to is on the stack only where the function begins.
  if (retprobe && func !== undefined && offset !== 0) fail(core, "offset", "0 for a return from a function", offset);
  const pid = given.pid === undefined ? -1 : numberOf(core, "pid", given.pid, 1);
  const opts = optionsOf(40);
  opts.setU64(16, cookieOf(core, given));
  opts.setBool(24, retprobe);
  const known = func === undefined ? undefined : functionsOf(core, path);
  // What we cannot read, libbpf may: binaries of 32 bits.
  const name = func === undefined || known !== undefined ? undefined : cString(func);
  if (name !== undefined) opts.setU64(32, BigInt(addressOf(name)));
  const start = func === undefined || known === undefined ? 0 : offsetOf(core, "func", path, known, func);
  useProgram(core);
  const syscall = "bpf_program__attach_uprobe_opts";
  const attach = core.owner.library.fn(syscall);
  const target = {
    name: func === undefined ? path : `${path}:${func}`,
    why: (errno: number) => noProcess(pid, errno) ?? notInFile(path, [start + offset], errno),
  };
  const call = (): number => attach(core.pointer, pid, path, start + offset, at(opts));
  return attempt(core, syscall, target, call, opts, name ?? opts);
}

export function attachUsdt(core: ProgramCore, given: UsdtOptions): Attached {
  const path = findBinary(textOf(core, "path", given.path));
  const provider = textOf(core, "provider", given.provider);
  const name = textOf(core, "name", given.name);
  const pid = given.pid === undefined ? -1 : numberOf(core, "pid", given.pid, 1);
  const opts = optionsOf(16);
  opts.setU64(8, cookieOf(core, given));
  useProgram(core);
  const attach = core.owner.library.fn("bpf_program__attach_usdt");
  const call = (): number => attach(core.pointer, pid, path, provider, name, at(opts));
  const target = {
    name: `${path}:${provider}:${name}`,
    why: (errno: number) => noProcess(pid, errno),
  };
  return attempt(core, "bpf_program__attach_usdt", target, call, opts);
}

export function attachPerfEvent(core: ProgramCore, given: PerfEventOptions): Attached {
  const opts = optionsOf(16);
  opts.setU64(8, cookieOf(core, given));
  useProgram(core);
  const syscall = "bpf_program__attach_perf_event_opts";
  const attach = core.owner.library.fn(syscall);
  const own = "fd" in given;
  const fd = own ? ownDescriptor(core, given.fd) : openPerfEvent(core, given);
  try {
    // libbpf's link closes the descriptor that it is given.
    return attempt(core, syscall, own ? `descriptor ${given.fd}` : "", () => attach(core.pointer, fd, at(opts)), opts);
  } catch (e) {
    libc().close(fd);
    throw e;
  }
}

/** A descriptor of the same thing: the user's stays the user's. */
function ownDescriptor(core: ProgramCore, given: unknown): number {
  const fd = duplicate(numberOf(core, "fd", given, 0));
  if (fd === -EBADF) return fail(core, "fd", "an open descriptor", given);
  if (fd < 0) throw attachFailure(core, "fcntl", `descriptor ${given}`, -fd);
  const kind = kindOfDescriptor(fd);
  if (kind === undefined || kind === "perf_event") return fd;
  libc().close(fd);
  return fail(core, "fd", "a perf event's descriptor", kind);
}

// `enum perf_type_id`
const perfTypes = { hardware: 0, software: 1, tracepoint: 2, hw_cache: 3, raw: 4, breakpoint: 5 };

// `struct perf_event_attr` as far as PERF_ATTR_SIZE_VER1, which kernels have had since 2.6.33.
const perfAttr = { type: 0, size: 4, config: 8, samplePeriod: 16, flags: 40, bytes: 72 } as const;
const attrFreq = 1n << 10n;

function openPerfEvent(core: ProgramCore, given: PerfEventSource): number {
  const { type, config, pid, cpu, samplePeriod, frequency } = given;
  const attr = zeroed(perfAttr.bytes);
  attr.setU32(
    perfAttr.type,
    typeof type === "number" ? numberOf(core, "type", type, 0) : wordOf(core, "type", type, perfTypes),
  );
  attr.setU32(perfAttr.size, perfAttr.bytes);
  attr.setU64(perfAttr.config, countOf(core, "config", config));
  if (samplePeriod !== undefined && frequency !== undefined)
    fail(core, "frequency", "either it or samplePeriod", frequency);
  if (samplePeriod !== undefined) attr.setU64(perfAttr.samplePeriod, countOf(core, "samplePeriod", samplePeriod));
  if (frequency !== undefined) {
    attr.setU64(perfAttr.samplePeriod, BigInt(numberOf(core, "frequency", frequency, 1)));
    attr.setU64(perfAttr.flags, attrFreq);
  }
  if (pid === undefined && cpu === undefined) fail(core, "pid", "a process, or a CPU as cpu", pid);
  const onPid = pid === undefined ? -1 : numberOf(core, "pid", pid, 0);
  const onCpu = cpu === undefined ? -1 : numberOf(core, "cpu", cpu, 0);
  const fd = perfEventOpen(attr, onPid, onCpu);
  if (fd < 0) {
    const target = onPid < 0 ? `cpu ${onCpu}` : `process ${onPid}`;
    const why = noProcess(onPid, -fd) ?? noEvent(given, -fd);
    throw attachFailure(core, "perf_event_open", target, -fd, undefined, why);
  }
  return fd;
}

/** What perf_event_open(2) refuses, as far as /proc and /sys tell (kernel/events/core.c). */
function noEvent({ type, config, cpu, frequency }: PerfEventSource, errno: number): string | undefined {
  const most = sysctl("kernel.perf_event_max_sample_rate");
  if (errno === EINVAL && frequency !== undefined && most !== undefined && frequency > most) {
    return `frequency ${frequency} is above kernel.perf_event_max_sample_rate, ${most}`;
  }
  if ((errno === EINVAL || errno === ENODEV) && cpu !== undefined && !isOnline(cpu)) {
    return `CPU ${cpu} is not there, or offline: see /sys/devices/system/cpu/online`;
  }
  if (errno !== ENOENT) return undefined;
  const isCounter = type === "hardware" || type === "hw_cache" || type === "raw";
  const unseen = isCounter && !process.getBuiltinModule("node:fs").existsSync("/sys/bus/event_source/devices/cpu");
  const why = unseen ? ": the CPU's counters are not to be seen, as in many virtual machines" : "";
  return `the kernel has no event of type ${type} with config ${config} here${why}`;
}

/** As "0-3,5" lists them. */
function isOnline(cpu: number): boolean {
  const ranges = readText("/sys/devices/system/cpu/online")?.split(",");
  if (ranges === undefined) return true;
  return ranges.some((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return cpu >= first && cpu <= last;
  });
}

/** A u64, as a number where it is exact. */
function countOf(core: ProgramCore, option: string, value: unknown): bigint {
  if (typeof value !== "number") return u64Of(core, option, value);
  return BigInt(numberOf(core, option, value, 0, Number.MAX_SAFE_INTEGER));
}
