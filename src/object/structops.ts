// ELF and BTF in, the maps of `.struct_ops` sections out: libbpf.c `init_struct_ops_maps`.

import { readCoreTypes } from "../btf/ext.ts";
import { skipModifiersAndTypedefs } from "../btf/graph.ts";
import { spellType } from "../btf/spell.ts";
import type { BtfDatasec } from "../btf/types.ts";
import type { ElfSection, ElfSymbol } from "../elf/elf.ts";
import { sectionData } from "../elf/read.ts";
import { shown, SkelError } from "../errors.ts";
import { requireKernelName } from "./identifier.ts";
import type { ProgramModel, StructOpsModel } from "./model.ts";
import { findSec } from "./sec.ts";
import type { Source } from "./source.ts";

/** With `?` in front the map is not made unless userspace says so (libbpf >= 1.4). */
const SECTIONS: ReadonlySet<string> = new Set([".struct_ops", ".struct_ops.link", "?.struct_ops", "?.struct_ops.link"]);

function readMap(source: Source, section: ElfSection, info: BtfDatasec["vars"][number]): StructOpsModel[] {
  const { types, variableSymbol, warn } = source;
  const variable = types[info.type]!;
  if (variable.kind !== "var") return [];
  requireKernelName("map", variable.name);
  const where = `struct_ops ${variable.name}`;
  const struct = types[skipModifiersAndTypedefs(types, variable.type)]!;
  if (struct.kind !== "struct" || struct.name === "") {
    const got = shown(spellType(types, variable.type));
    warn({
      where,
      what: `libbpf refuses what is no struct with a name, got ${got} (declare it as the kernel's struct)`,
      stops: "open",
    });
    return [];
  }
  const symbol = variableSymbol(section, variable.name);
  if (symbol === undefined) {
    warn({ where, what: "static, so userspace cannot reach it (remove static)" });
    return [];
  }
  const end = symbol.value + struct.size;
  for (const name of membersOf(source, section, symbol.value, end).others)
    warn({
      where,
      what: `libbpf refuses a member that is set to what is no program, got ${shown(name)} (place it: SEC("struct_ops/..."))`,
      stops: "open",
    });
  if (end > section.size) {
    const what = `bytes ${symbol.value} to ${end} do not fit section ${shown(section.name)}, got ${section.size} bytes`;
    throw new SkelError("ERR_MAP_DEF", what, [where]);
  }
  return [
    {
      name: variable.name,
      section: section.name,
      type: info.type,
      size: struct.size,
      link: section.name.endsWith(".link"),
      autocreate: !section.name.startsWith("?"),
    },
  ];
}

/** Names of what members between two offsets are set to: libbpf.c `bpf_object__collect_st_ops_relos`. */
function membersOf(
  { elf, relocationsOf }: Source,
  section: ElfSection,
  from = 0,
  end = section.size,
): { readonly programs: readonly string[]; readonly others: readonly string[] } {
  const targets = relocationsOf(section)
    .filter(({ offset }) => offset >= from && offset < end)
    .map(({ symbol }) => elf.symbols[symbol]!);
  const isProgram = ({ kind, section: defined }: ElfSymbol): boolean => {
    const code = typeof defined === "number" ? elf.sections[defined]!.name : "";
    return kind === "func" && findSec(code.replace(/^\?/, ""))?.type === "struct_ops";
  };
  const [programs, others] = [targets.filter(isProgram), targets.filter((target) => !isProgram(target))];
  return { programs: programs.map(({ name }) => name), others: others.map(({ name }) => name) };
}

/** Names of the struct_ops programs that no map is set to. */
export function readUnusedMembers(source: Source, programs: readonly ProgramModel[]): string[] {
  const used = new Set(
    source.elf.sections
      .filter(({ name }) => SECTIONS.has(name))
      .flatMap((section) => membersOf(source, section).programs),
  );
  return programs.filter(({ name, sec }) => sec?.type === "struct_ops" && !used.has(name)).map(({ name }) => name);
}

/** Every struct_ops map, by section and by place in BTF. */
export function readStructOps(source: Source): StructOpsModel[] {
  const seen = new Set<string>();
  return source.elf.sections
    .filter(({ name }) => SECTIONS.has(name))
    .flatMap((section) =>
      (source.datasecs.get(section.name)?.vars ?? []).flatMap((info) => readMap(source, section, info)),
    )
    .filter(({ name }) => !seen.has(name) && seen.add(name));
}

/** Kinds of programs that are placed by the kernel's BTF: libbpf.c `prog_needs_vmlinux_btf`. */
const PLACED_BY_BTF: ReadonlySet<string> = new Set(["struct_ops", "lsm", "tracing"]);

/**
 * The map of an object in which nothing else needs the kernel's BTF. libbpf before 1.4 does not count maps
 * (`obj_needs_vmlinux_btf`), and then looks for the map's struct in BTF that it has not read.
 */
export function loneStructOps(
  { elf, datasecs, types }: Source,
  bytes: Uint8Array,
  maps: readonly StructOpsModel[],
  programs: readonly ProgramModel[],
): string | undefined {
  const map = maps.find(({ autocreate }) => autocreate);
  if (map === undefined || programs.some(({ autoload, sec }) => autoload && PLACED_BY_BTF.has(sec?.type ?? "")))
    return undefined;
  const ext = elf.sections.find(({ name }) => name === ".BTF.ext");
  if (ext !== undefined && readCoreTypes(sectionData(bytes, ext), elf.endian, () => true).size > 0) return undefined;
  const typed = (datasecs.get(".ksyms")?.vars ?? []).some(({ type: id }) => {
    const type = types[id]!;
    return (
      type.kind === "func" ||
      (type.kind === "var" && types[skipModifiersAndTypedefs(types, type.type)]!.kind !== "void")
    );
  });
  return typed ? undefined : map.name;
}
