// An object in, what it needs of a kernel and of a machine out. Pure: the same object needs the same everywhere; whether a
// machine has it is src/live/'s to say.

import { readPointers } from "../bytecode/pointers.ts";
import { readReach } from "../bytecode/reach.ts";
import { skipModifiersAndTypedefs } from "../btf/graph.ts";
import { EXISTENCE, readCoreTypes, TYPE_ID_LOCAL } from "../btf/ext.ts";
import type { BtfType } from "../btf/types.ts";
import type { Elf } from "../elf/elf.ts";
import { parseElf, sectionData } from "../elf/read.ts";
import { readObject } from "../object/read.ts";
import type { MapModel, ObjectModel, ProgramModel } from "../object/model.ts";
import { findings } from "../rules/table.ts";
import { capabilitiesOf, mapCapabilitiesOf, packetPointersOf } from "./capabilities.ts";
import { attachSince, flagsOf, helperOf, mapSince, programSince } from "./since.ts";

/** What kind of thing is needed; `rule` is a rule for objects that this one breaks, `type` is a struct, union or enum of the kernel that CO-RE looks for. */
export type NeedKind =
  | "rule"
  | "libbpf"
  | "btf"
  | "capability"
  | "mount"
  | "program_type"
  | "attach_type"
  | "target"
  | "map_type"
  | "map_flag"
  | "helper"
  | "kfunc"
  | "ksym"
  | "kconfig"
  | "type"
  | "struct_ops";

/** One thing that the object needs. */
export interface Need {
  readonly kind: NeedKind;
  /** In the kernel's words, lower case where they are names of enumerations: "ringbuf", "CAP_BPF", "sched/sched_switch". */
  readonly name: string;
  /** What needs it: "program handle_execve", "map rb", "the object". */
  readonly by: readonly string[];
  /** Whether the object can do without: all that needs it is optional, weak, or asks whether it is there. */
  readonly optional: boolean;
  /** The first Linux that has it ("5.8"), or the first libbpf; absent where no version tells. */
  readonly since?: string;
  /** Of a helper or a target: the type of the programs (`program_type`) or what attaches them (`ProgramKind`). */
  readonly of?: string;
  /** Of a rule: what it says and what to do; `since` is the first libbpf that has no such rule. */
  readonly what?: string;
  /** Of a helper: `enum bpf_func_id`. */
  readonly id?: number;
}

/** What the bytes tell beyond the model. */
export interface Used {
  /** `enum bpf_func_id` by the name of the program. */
  readonly helpers: ReadonlyMap<string, readonly number[]>;
  /** Names of programs that subtract pointers to packets. */
  readonly subtracting: ReadonlySet<string>;
  /** Names of `extern ... __weak`. */
  readonly weak: ReadonlySet<string>;
  /** Names of kernel types that CO-RE looks for; true where every record only asks whether it is there. */
  readonly coreTypes: ReadonlyMap<string, boolean>;
}

/** Everything that the object needs. */
export function readNeeds(bytes: Uint8Array): Need[] {
  const model = readObject(bytes);
  return needs(model, readUsed(bytes, parseElf(bytes), model));
}

function readUsed(bytes: Uint8Array, elf: Elf, { programs, types }: ObjectModel): Used {
  const reach = readReach(bytes, elf);
  const functions = new Map(elf.symbols.filter(({ kind }) => kind === "func").map((symbol) => [symbol.name, symbol]));
  const helpers = programs.map(({ name }): [string, readonly number[]] => {
    const { section, value } = functions.get(name)!;
    return [name, typeof section === "number" ? reach.of({ section, offset: value }).helpers : []];
  });
  const pointers = readPointers(bytes, elf);
  const subtracting = programs.filter(({ name, sec }) => {
    const { section, value } = functions.get(name)!;
    const places = packetPointersOf(sec?.type ?? "");
    return (
      places !== undefined && typeof section === "number" && pointers.subtracts({ section, offset: value }, places)
    );
  });
  const weak = elf.symbols
    .filter(({ section, bind }) => section === "undef" && bind === "weak")
    .map(({ name }) => name);
  return {
    helpers: new Map(helpers),
    subtracting: new Set(subtracting.map(({ name }) => name)),
    weak: new Set(weak),
    coreTypes: readCoreNames(bytes, elf, types),
  };
}

function readCoreNames(bytes: Uint8Array, elf: Elf, types: readonly BtfType[]): ReadonlyMap<string, boolean> {
  const section = elf.sections.find(({ name }) => name === ".BTF.ext");
  if (section === undefined) return new Map();
  const data = sectionData(bytes, section);
  const all = readCoreTypes(data, elf.endian);
  const used = readCoreTypes(data, elf.endian, (kind) => kind !== TYPE_ID_LOCAL && !EXISTENCE.has(kind));
  const names = new Map<string, boolean>();
  for (const id of all) {
    const type = types[id];
    if (type === undefined || !("name" in type) || type.name === "") continue;
    // libbpf's `bpf_core_essential_name_len`: what follows ___ tells apart flavours of one type.
    const name = type.name.replace(/___.*$/, "");
    const optional = !used.has(id) || name !== type.name;
    names.set(name, (names.get(name) ?? true) && optional);
  }
  return names;
}

/** What `model` needs, each thing once, in the order of {@link NeedKind}. */
export function needs(model: ObjectModel, used: Used): Need[] {
  const found = [
    ...findings(model).map(({ rule, where, what, optional, until }) =>
      need("rule", rule, where, { optional, what, ...dated(until) }),
    ),
    ...model.programs.flatMap((program) => ofProgram(program, used)),
    ...model.maps.flatMap((map) => ofMap(map, `map ${map.name}`)),
    ...ofSections(model),
    ...ofKernelSymbols(model, used),
    ...[...used.coreTypes].map(([name, optional]) => need("type", name, "CO-RE", { optional })),
    ...model.structOps.flatMap(({ name, type, link, autocreate }) => {
      // Its type is the variable's.
      const variable = model.types[type]!;
      const struct =
        model.types[skipModifiersAndTypedefs(model.types, variable.kind === "var" ? variable.type : type)]!;
      const by = `map ${name}`;
      // libbpf.c, `bpf_object_init_struct_ops`: the runtime opens no object with a section that libbpf leaves aside.
      const since = autocreate ? (link ? "1.2" : undefined) : "1.4";
      const own = need("struct_ops", "name" in struct ? struct.name : name, by);
      return since === undefined ? [own] : [need("libbpf", `>= ${since}`, by, { since }), own];
    }),
  ];
  const wantsBtf = found.filter(
    ({ kind, of }) => BTF_KINDS.has(kind) || (kind === "target" && BTF_TARGETS.has(of ?? "")),
  );
  const btf = wantsBtf.map(({ by, optional }) => need("btf", "vmlinux", by[0]!, { optional, since: "4.18" }));
  return merge([...btf, ...found]);
}

const BTF_KINDS: ReadonlySet<NeedKind> = new Set(["kfunc", "ksym", "type", "struct_ops"]);
const BTF_TARGETS: ReadonlySet<string> = new Set(["tracing", "lsm", "iter"]);
/** What the runtime attaches with a libbpf that does not know the section. */
const ANY_LIBBPF: ReadonlySet<string> = new Set(["tcx", "netkit", "netfilter", "uprobe_multi"]);

function need(kind: NeedKind, name: string, by: string, more: Partial<Need> = {}): Need {
  return { kind, name, by: [by], optional: false, ...more };
}

function dated(since: string | undefined): { since?: string } {
  return since === undefined ? {} : { since };
}

function ofProgram(program: ProgramModel, { helpers, subtracting }: Used): Need[] {
  const { name, sec, autoload, section } = program;
  const by = `program ${name}`;
  if (sec === undefined) return [];
  const optional = !autoload;
  const { type, attachType, kind, since } = sec;
  const list = [need("program_type", type, by, { optional, ...dated(programSince(type)) })];
  if (since !== "1.0" && !ANY_LIBBPF.has(kind)) list.push(need("libbpf", `>= ${since}`, by, { optional, since }));
  if (attachType !== "")
    list.push(need("attach_type", attachType, by, { optional, ...dated(attachSince(attachType)) }));
  for (const capability of capabilitiesOf(type, subtracting.has(name)))
    list.push(need("capability", capability, by, { optional }));
  const slash = section.indexOf("/");
  const target = slash < 0 ? "" : section.slice(slash + 1);
  if (PROBES.has(kind)) list.push(need("target", target === "" ? "any" : target, by, { optional, of: kind }));
  // Without a target in the section it is named at run time.
  else if (NAMED.has(kind) && target !== "")
    list.push(need("target", target, by, { optional, of: ofTarget(sec.prefix, kind) }));
  if (kind === "tracepoint") list.push(need("mount", "tracefs", by, { optional }));
  if (kind === "cgroup") list.push(need("mount", "cgroup2", by, { optional }));
  for (const id of helpers.get(name) ?? []) {
    const helper = helperOf(id);
    list.push(need("helper", helper.name, by, { optional, of: type, id, ...dated(helper.since) }));
  }
  return list;
}

/** Programs that a part of the kernel lets in, whatever their target. */
const PROBES: ReadonlySet<string> = new Set("kprobe kprobe_multi ksyscall uprobe uprobe_multi usdt".split(" "));
/** Programs that the kernel lets in by name. */
const NAMED: ReadonlySet<string> = new Set("tracepoint raw_tracepoint tracing lsm iter".split(" "));

/** tp_btf and fentry are both "tracing", and look for different things. */
function ofTarget(prefix: string, kind: string): string {
  return prefix.startsWith("tp_btf") ? "raw_tracepoint" : kind;
}

function ofMap(map: MapModel, by: string, isInner = false): Need[] {
  return [
    need("map_type", map.type, by, dated(mapSince(map.type))),
    // An inner map is only made, which every libbpf can.
    ...(map.type === "arena" && !isInner ? [need("libbpf", ">= 1.4", by, { since: "1.4" })] : []),
    ...mapCapabilitiesOf(map.type).map((capability) => need("capability", capability, by)),
    ...flagsOf(map.flags).map(({ name, since }) => need("map_flag", name, by, dated(since))),
    ...(map.pinning === "by_name" ? [need("mount", "bpf", by)] : []),
    ...(map.inner === undefined ? [] : ofMap(map.inner, by, true)),
  ];
}

function ofSections({ sections }: ObjectModel): Need[] {
  return sections.flatMap(({ name, kind, variables }) => [
    // Maps of global data came with Linux 5.2.
    ...(kind === "arena" ? [] : [need("map_type", "array", `section ${name}`, { since: "5.2" })]),
    ...(kind === "kconfig" ? variables : [])
      // libbpf makes up those that start with LINUX_.
      .filter((variable) => variable.name.startsWith("CONFIG_"))
      .map((variable) => need("kconfig", variable.name, `section ${name}`, { optional: variable.weak })),
  ]);
}

function ofKernelSymbols({ types }: ObjectModel, { weak }: Used): Need[] {
  const section = types.find((type) => type.kind === "datasec" && type.name === ".ksyms");
  if (section?.kind !== "datasec") return [];
  return section.vars.flatMap(({ type: id }) => {
    const type = types[id]!;
    if (type.kind !== "func" && type.kind !== "var") return [];
    const kind = type.kind === "func" ? "kfunc" : "ksym";
    return [need(kind, type.name.replace(/___.*$/, ""), "extern", { optional: weak.has(type.name) })];
  });
}

const ORDER: readonly NeedKind[] = [
  "rule",
  "libbpf",
  "btf",
  "capability",
  "mount",
  "program_type",
  "attach_type",
  "target",
  "map_type",
  "map_flag",
  "helper",
  "kfunc",
  "ksym",
  "kconfig",
  "type",
  "struct_ops",
];

/** One need for each thing, by all that need it; of two versions the later. */
function merge(all: readonly Need[]): Need[] {
  const merged = new Map<string, Need>();
  for (const one of all) {
    const key = [one.kind, one.name, one.of ?? "", one.what ?? ""].join(" ");
    const known = merged.get(key);
    if (known === undefined) merged.set(key, one);
    else {
      const by = [...new Set([...known.by, ...one.by])];
      const since = laterOf(known.since, one.since);
      merged.set(key, { ...known, by, optional: known.optional && one.optional, ...dated(since) });
    }
  }
  return [...merged.values()].sort((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind));
}

function laterOf(a: string | undefined, b: string | undefined): string | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return isAtLeast(a, b) ? a : b;
}

/** Whether version `a` ("6.1.0-31-amd64") is `b` ("5.8") or later. */
export function isAtLeast(a: string, b: string): boolean {
  const [major = 0, minor = 0] = a.split(/[.-]/).map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = b.split(".").map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}
