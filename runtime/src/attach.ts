// Attaching one program: its kind chooses the call, its section and the options say where.

import type { ProgramKind } from "./abi.ts";
import {
  attachBySection,
  attachCgroup,
  attachKprobe,
  attachKsyscall,
  attachNetns,
  attachPerfEvent,
  attachRawTracepoint,
  attachTrace,
  attachTracepoint,
  attachUprobe,
  attachUsdt,
  attachXdp,
  unsupported,
} from "./attach/calls.ts";
import type { AttachOptions } from "./attach/options.ts";
import { attachedElsewhere, exampleOptions, placedBySection } from "./attach/targets.ts";
import { UnsupportedError, ValueError } from "./errors.ts";
import type { Link } from "./link.ts";
import { type LiveLink, type ProgramCore, useProgram } from "./program/core.ts";

type Attach<K extends ProgramKind> = (core: ProgramCore, options: AttachOptions<K>) => Link & LiveLink;

interface Way<K extends ProgramKind> {
  readonly attach: Attach<K>;
  /** The options' names: a misspelt one would go unseen in plain JavaScript. */
  readonly options: readonly (keyof AttachOptions<K> & string)[];
}

const ways: { readonly [K in ProgramKind]?: Way<K> } = {
  tracepoint: { attach: attachTracepoint, options: ["category", "name", "cookie"] },
  raw_tracepoint: { attach: attachRawTracepoint, options: ["name", "cookie"] },
  kprobe: { attach: attachKprobe, options: ["func", "offset", "retprobe", "cookie"] },
  ksyscall: { attach: attachKsyscall, options: ["name", "retprobe", "cookie"] },
  uprobe: { attach: attachUprobe, options: ["path", "func", "offset", "pid", "retprobe", "cookie"] },
  usdt: { attach: attachUsdt, options: ["path", "provider", "name", "pid", "cookie"] },
  tracing: { attach: attachTrace, options: ["cookie"] },
  freplace: { attach: attachTrace, options: ["cookie"] },
  lsm: { attach: attachTrace, options: ["cookie"] },
  xdp: { attach: attachXdp, options: ["ifindex"] },
  cgroup: { attach: attachCgroup, options: ["cgroup"] },
  perf_event: { attach: attachPerfEvent, options: ["fd", "cookie"] },
  sk_lookup: { attach: attachNetns, options: ["netns"] },
  flow_dissector: { attach: attachNetns, options: ["netns"] },
};

/**
 * Why `attach` without options cannot place the program, as a line for its user; undefined when it can.
 */
export function whyNotPlaced({ name, kind, section }: ProgramCore): string | undefined {
  const elsewhere = attachedElsewhere(kind, section);
  if (elsewhere !== undefined) return elsewhere;
  if (placedBySection(kind, section)) return undefined;
  return `needs a target: attach({ targets: { ${name}: ${exampleOptions(kind)} } })`;
}

/**
 * Attaches the program of `core`, by its section where `options` is undefined.
 * @throws ValueError for options that are wrong or missing
 * @throws UnsupportedError for a kind that ebpf-skel, or this libbpf, cannot attach
 * @throws BpfError when the kernel refuses
 */
export function attachProgram(core: ProgramCore, options: object | undefined): Link & LiveLink {
  useProgram(core);
  const { name, kind, section, since, owner } = core;
  const elsewhere = attachedElsewhere(kind, section);
  if (elsewhere !== undefined) throw unsupported(core, elsewhere);
  const [major = 1, minor = 0] = since?.split(".").map(Number) ?? [];
  if (!owner.library.atLeast(major, minor)) {
    const found = owner.library.version;
    throw new UnsupportedError(`program ${name}: attaching SEC("${section}") needs libbpf >= ${since}, found ${found}`);
  }
  const way = ways[kind] as Way<ProgramKind> | undefined;
  if (options === undefined) {
    if (placedBySection(kind, section)) return attachBySection(core);
    const path = `program ${name}: attach`;
    throw new ValueError(`${path}: SEC("${section}") names no target (attach(${exampleOptions(kind)}))`, path);
  }
  const known: readonly string[] = way?.options ?? [];
  const stray = Object.keys(options).find((option) => !known.includes(option));
  if (stray !== undefined) {
    const path = `program ${name}: attach: ${stray}`;
    const remedy = known.length === 0 ? "there are none" : `they are ${known.join(", ")}`;
    throw new ValueError(`${path}: no option of ${kind} programs (${remedy})`, path);
  }
  return way === undefined ? attachBySection(core) : way.attach(core, options as never);
}
