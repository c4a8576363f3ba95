// `--attach PROGRAM=TARGET`: where a program goes, in words; the `targets` that the runtime's attach takes, out.

import { shown, SkelError } from "../../errors.ts";
import type { ObjectModel, ProgramKind, ProgramModel } from "../../object/model.ts";

/** Options of `attach`; a map is named, since there are no maps before load. */
export type Target = Readonly<Record<string, string | number | bigint | boolean>>;

/** How the target of one kind of program is written. */
interface Form {
  /** As help shows it. */
  readonly shape: string;
  /** One that could be. */
  readonly example: string;
  /** With the names of the options as its groups. */
  readonly pattern: RegExp;
}

const device: Form = { shape: "DEV", example: "eth0", pattern: /^(?:(?<ifindex>\d+)|(?<dev>[^:,]+))$/ };
const netns: Form = { shape: "NETNS", example: "/proc/self/ns/net", pattern: /^(?<netns>.+)$/ };

const FORMS: Readonly<Partial<Record<ProgramKind, Form>>> = {
  xdp: device,
  tcx: device,
  netkit: device,
  tc: {
    shape: "DEV:HOOK",
    example: "eth0:ingress",
    pattern: /^(?:(?<ifindex>\d+)|(?<dev>[^:]+)):(?<hook>ingress|egress)$/,
  },
  cgroup: { shape: "CGROUP", example: "/sys/fs/cgroup", pattern: /^(?<cgroup>.+)$/ },
  sk_lookup: netns,
  flow_dissector: netns,
  netfilter: {
    shape: "PF:HOOK:PRIORITY",
    example: "ipv4:input:0",
    pattern: /^(?<pf>ipv4|ipv6):(?<hook>[a-z]+):(?<priority>-?\d+)$/,
  },
  uprobe: {
    shape: "PATH:FUNCTION[+OFFSET]",
    example: "/usr/bin/bash:readline",
    pattern: /^(?<path>.+?):(?:(?<func>[^:+]+)(?:\+(?<offset>0x[\da-f]+|\d+))?)$/i,
  },
  uprobe_multi: { shape: "PATH:PATTERN", example: "libc.so.6:mem*", pattern: /^(?<path>.+):(?<pattern>[^:]+)$/ },
  usdt: {
    shape: "PATH:PROVIDER:NAME",
    example: "/usr/bin/node:node:gc__start",
    pattern: /^(?<path>.+):(?<provider>[^:]+):(?<name>[^:]+)$/,
  },
  kprobe: {
    shape: "FUNCTION[+OFFSET]",
    example: "do_unlinkat",
    pattern: /^(?<func>[^+]+)(?:\+(?<offset>0x[\da-f]+|\d+))?$/i,
  },
  kprobe_multi: { shape: "PATTERN", example: "tcp_*", pattern: /^(?<pattern>.+)$/ },
  ksyscall: { shape: "SYSCALL", example: "unlinkat", pattern: /^(?<name>.+)$/ },
  tracepoint: {
    shape: "CATEGORY/NAME",
    example: "sched/sched_switch",
    pattern: /^(?<category>[^/:]+)[/:](?<name>[^/:]+)$/,
  },
  raw_tracepoint: { shape: "NAME", example: "sys_enter", pattern: /^(?<name>.+)$/ },
  sockmap: { shape: "MAP", example: "MAP", pattern: /^(?<map>\w+)$/ },
  lirc: { shape: "DEVICE", example: "/dev/lirc0", pattern: /^(?<lirc>.+)$/ },
  perf_event: {
    shape: "type=TYPE,config=N,frequency=N,cpu=N",
    example: "type=software,config=0,frequency=99,cpu=0",
    pattern: /^$/,
  },
};

/** What the runtime wants as numbers and bigints, where it is digits. */
const NUMBERS = ["ifindex", "priority", "offset", "pid", "tid", "cpu", "frequency", "handle", "config", "type"];

function formOf({ sec, section }: ProgramModel): Form | undefined {
  if (sec?.kind !== "iter") return sec === undefined ? undefined : FORMS[sec.kind];
  return section.endsWith("/cgroup") ? FORMS.cgroup : FORMS.sockmap;
}

/** The argument to write for a program that needs a target; undefined for those that take none here. */
export function exampleTarget(program: ProgramModel): string | undefined {
  const form = formOf(program);
  return form && `--attach ${program.name}=${form.example}`;
}

/** `given`, each PROGRAM=TARGET[,OPTION=VALUE]..., by program. */
export function parseTargets(given: readonly string[], model: ObjectModel): Readonly<Record<string, Target>> {
  return Object.fromEntries(given.map((text) => parseTarget(text, model)));
}

function parseTarget(text: string, { programs }: ObjectModel): [string, Target] {
  const refuse = (expected: string, got: string, remedy?: string): never => {
    throw new SkelError(
      "ERR_OPTION",
      `expected ${expected}, got ${shown(got)}${remedy === undefined ? "" : ` (${remedy})`}`,
      ["--attach"],
    );
  };
  const [, name, target] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
  if (name === undefined || target === undefined)
    return refuse("PROGRAM=TARGET", text, `like ${exampleIn(programs) ?? "count_packets=eth0"}`);
  const program = programs.find((one) => one.name === name);
  if (program === undefined)
    return refuse("a program", name, `there are ${programs.map((one) => one.name).join(", ") || "none"}`);
  const form = formOf(program);
  if (form === undefined)
    return refuse(`a program that takes a target`, name, `SEC("${program.section}") programs take none here`);
  const [place, options] = splitOptions(target);
  const found = form.pattern.exec(place);
  if (found === null) return refuse(`${name}=${form.shape}`, text, `like ${exampleTarget(program)!}`);
  const entries = [...Object.entries(found.groups ?? {}), ...options].filter(([, value]) => value !== undefined);
  return [name, Object.fromEntries(entries.map(([option, value]) => [option, valueOf(option, value)]))];
}

function exampleIn(programs: readonly ProgramModel[]): string | undefined {
  return programs
    .map(exampleTarget)
    .find((one) => one !== undefined)
    ?.slice("--attach ".length);
}

/** The place, and the options behind it, which have names. */
function splitOptions(target: string): [string, [string, string][]] {
  const options: [string, string][] = [];
  for (let rest = target; ;) {
    const [, before, name, value] = /^(?:(.*),)?([a-z]\w*)=([^,]*)$/is.exec(rest) ?? [];
    if (name === undefined || value === undefined) return [rest, options];
    options.unshift([name, value]);
    if (before === undefined) return ["", options];
    rest = before;
  }
}

function valueOf(option: string, value: string): string | number | bigint | boolean {
  if (value === "true" || value === "false") return value === "true";
  const isNumber = /^(-?\d+|0x[\da-f]+)$/i.test(value);
  if (isNumber && option === "cookie") return BigInt(value);
  return isNumber && NUMBERS.includes(option) ? Number(value) : value;
}
