// ELF and BTF in, the maps of `.struct_ops` sections out: libbpf.c `init_struct_ops_maps`.

import { skipModifiersAndTypedefs } from "../btf/graph.ts";
import { spellType } from "../btf/spell.ts";
import type { BtfDatasec } from "../btf/types.ts";
import type { ElfSection } from "../elf/elf.ts";
import { shown, SkelError } from "../errors.ts";
import { requireMapName } from "./identifier.ts";
import type { StructOpsModel } from "./model.ts";
import type { Source } from "./source.ts";

/** With `?` in front the map is not made unless userspace says so (libbpf >= 1.4). */
const SECTIONS: ReadonlySet<string> = new Set([".struct_ops", ".struct_ops.link", "?.struct_ops", "?.struct_ops.link"]);

function readMap(source: Source, section: ElfSection, info: BtfDatasec["vars"][number]): StructOpsModel[] {
  const { types, variableSymbol, warn } = source;
  const variable = types[info.type]!;
  if (variable.kind !== "var") return [];
  requireMapName(variable.name);
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
