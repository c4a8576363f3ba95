// Attaching one program: its kind chooses the call, its section and the options say where.

import type { ProgramKind } from "./abi.ts";
import { attachIter } from "./attach/iter.ts";
import { attachKprobeMulti, attachUprobeMulti } from "./attach/multi.ts";
import { attachCgroup, attachNetfilter, attachNetns, attachTcx, attachXdp } from "./attach/network.ts";
import type { AttachOptions } from "./attach/options.ts";
import {
  attachKprobe,
  attachKsyscall,
  attachPerfEvent,
  attachRawTracepoint,
  attachTracepoint,
  attachUprobe,
  attachUsdt,
} from "./attach/probes.ts";
import { attachLirc, attachReuseport, attachSocket, attachSockmap } from "./attach/sockets.ts";
import { attachedElsewhere, exampleOptions, placedBySection } from "./attach/targets.ts";
import { attachTc } from "./attach/tc.ts";
import { attachBySection, attachFreplace, attachTrace } from "./attach/trace.ts";
import { UnsupportedError, ValueError } from "./errors.ts";
import type { Link } from "./link.ts";
import { show } from "./memory/refuse.ts";
import { type LiveLink, type ProgramCore, useProgram } from "./program/core.ts";

type Attach<K extends ProgramKind> = (core: ProgramCore, options: AttachOptions<K>) => Link & LiveLink;

type NamesOf<T> = T extends unknown ? keyof T & string : never;

interface Way<K extends ProgramKind> {
  readonly attach: Attach<K>;
  /** The options' names: a misspelt one would go unseen in plain JavaScript. */
  readonly options: readonly NamesOf<AttachOptions<K>>[];
}

const event = ["type", "config", "pid", "cpu", "samplePeriod", "frequency"] as const;
const order = ["before", "after", "expectedRevision"] as const;

const ways: { readonly [K in ProgramKind]?: Way<K> } = {
  tracepoint: { attach: attachTracepoint, options: ["category", "name", "cookie"] },
  raw_tracepoint: { attach: attachRawTracepoint, options: ["name", "cookie"] },
  kprobe: { attach: attachKprobe, options: ["func", "offset", "retprobe", "cookie"] },
  kprobe_multi: { attach: attachKprobeMulti, options: ["pattern", "syms", "addrs", "cookies", "retprobe"] },
  ksyscall: { attach: attachKsyscall, options: ["name", "retprobe", "cookie"] },
  uprobe: { attach: attachUprobe, options: ["path", "func", "offset", "pid", "retprobe", "cookie"] },
  uprobe_multi: {
    attach: attachUprobeMulti,
    options: ["path", "pattern", "syms", "offsets", "cookies", "pid", "retprobe"],
  },
  usdt: { attach: attachUsdt, options: ["path", "provider", "name", "pid", "cookie"] },
  tracing: { attach: attachTrace, options: ["cookie"] },
  freplace: { attach: attachFreplace, options: ["target", "func", "cookie"] },
  lsm: { attach: attachTrace, options: ["cookie"] },
  iter: { attach: attachIter, options: ["map", "cgroup", "order", "pid", "tid"] },
  perf_event: { attach: attachPerfEvent, options: ["fd", "cookie", ...event] },
  xdp: { attach: attachXdp, options: ["dev", "ifindex", "mode"] },
  tc: { attach: attachTc, options: ["dev", "ifindex", "hook", "handle", "priority"] },
  tcx: { attach: attachTcx, options: ["dev", "ifindex", ...order] },
  netkit: { attach: attachTcx, options: ["dev", "ifindex", ...order] },
  netfilter: { attach: attachNetfilter, options: ["pf", "hook", "priority", "defrag"] },
  sk_lookup: { attach: attachNetns, options: ["netns"] },
  flow_dissector: { attach: attachNetns, options: ["netns"] },
  cgroup: { attach: attachCgroup, options: ["cgroup", ...order] },
  sockmap: { attach: attachSockmap, options: ["map", "hook"] },
  socket: { attach: attachSocket, options: ["socket"] },
  sk_reuseport: { attach: attachReuseport, options: ["socket"] },
  lirc: { attach: attachLirc, options: ["lirc"] },
};

/**
 * Why `attach` without options cannot place the program, as a line for its user; undefined when it can.
 */
export function whyNotPlaced({ name, kind, section }: ProgramCore): string | undefined {
  const elsewhere = attachedElsewhere(kind, section);
  if (elsewhere !== undefined) return elsewhere;
  if (placedBySection(kind, section)) return undefined;
  return `needs a target: attach({ targets: { ${name}: ${exampleOptions(kind, section)} } })`;
}

// Their target is a matter of load, and libbpf finds what it has loaded.
const placedByLoad: ReadonlySet<ProgramKind> = /*@__PURE__*/ new Set<ProgramKind>(["tracing", "freplace", "lsm"]);

// libbpf's usdt.c tells programs by this map where a probe's arguments are; usdt.bpf.h defines it.
const usdtMap = "__bpf_usdt_specs";

const ownWay: ReadonlySet<ProgramKind> = /*@__PURE__*/ new Set<ProgramKind>(["iter", "uprobe", "uprobe_multi"]);

/**
 * Attaches the program of `core`, by its section where `options` is undefined.
 * @throws ValueError for options that are wrong or missing
 * @throws UnsupportedError for a program that is not attached like this, or that this libbpf cannot attach
 * @throws BpfError when the kernel refuses
 */
export function attachProgram(core: ProgramCore, options: object | undefined): Link & LiveLink {
  useProgram(core);
  const { name, kind, section, owner, since } = core;
  const elsewhere = attachedElsewhere(kind, section);
  const way = ways[kind] as Way<ProgramKind> | undefined;
  if (elsewhere !== undefined || way === undefined) {
    throw new UnsupportedError(`program ${name}: attach: ${kind} programs have no attach of their own (${elsewhere})`);
  }
  if (kind === "usdt" && owner.findMap(usdtMap) === 0) {
    const what = "the object lacks libbpf's part of USDT";
    throw new UnsupportedError(`program ${name}: attach: ${what} (write #include <bpf/usdt.bpf.h> in its source)`);
  }
  if (options === undefined) {
    if (!placedBySection(kind, section)) {
      const path = `program ${name}: attach`;
      const example = exampleOptions(kind, section);
      throw new ValueError(`${path}: SEC("${section}") names no target (attach(${example}))`, path);
    }
    const [major = 1, minor = 0] = since?.split(".").map(Number) ?? [];
    // An older libbpf does not know the section, but each way reads it, too; some kinds are not libbpf's to attach at all.
    const known = placedByLoad.has(kind) || (!ownWay.has(kind) && owner.library.atLeast(major, minor));
    return known ? attachBySection(core) : way.attach(core, {} as never);
  }
  if (typeof options !== "object" || options === null) {
    const path = `program ${name}: attach`;
    throw new ValueError(`${path}: expected an object of options, got ${show(options)}`, path);
  }
  const known: readonly string[] = way.options;
  const stray = Object.keys(options).find((option) => !known.includes(option));
  if (stray !== undefined) {
    const path = `program ${name}: attach: ${stray}`;
    throw new ValueError(`${path}: no option of ${kind} programs (they are ${known.join(", ")})`, path);
  }
  return way.attach(core, options as never);
}
