// ELF and BTF in, the maps of `.maps` out: libbpf.c `bpf_object__init_user_btf_maps`.

import { skipModifiersAndTypedefs } from "../btf/graph.ts";
import { spellType } from "../btf/spell.ts";
import type { BtfDatasec, BtfType, BtfVar } from "../btf/types.ts";
import type { Elf, ElfSection } from "../elf/elf.ts";
import { shown, SkelError, within } from "../errors.ts";
import { requireIdentifier } from "./identifier.ts";
import { readDefinition } from "./mapdef.ts";
import type { MapModel, Warning } from "./model.ts";
import { findDatasec, findVariableSymbol } from "./sections.ts";

function readMap(
  elf: Elf,
  types: readonly BtfType[],
  section: ElfSection,
  variable: BtfVar,
  warn: (w: Warning) => void,
): { readonly offset: number; readonly map: MapModel } {
  const where = `map ${variable.name}`;
  const definition = types[skipModifiersAndTypedefs(types, variable.type)]!;
  if (definition.kind !== "struct")
    throw new SkelError("ERR_MAP_DEF", `definition is not a struct, got ${shown(spellType(types, variable.type))}`);
  if (variable.linkage === "static") warn({ where, what: "libbpf refuses static maps (remove static)" });
  // A static map's symbol is local, which find_elf_var_sym does not see; such a map is refused at load anyway.
  const symbol = findVariableSymbol(elf, section, variable.name);
  if (symbol === undefined && variable.linkage !== "static")
    throw new SkelError("ERR_MAP_DEF", `BTF describes it but section ${shown(section.name)} has no such symbol`);
  const offset = symbol?.value ?? section.size;
  if (symbol !== undefined && offset + definition.size > section.size)
    throw new SkelError(
      "ERR_MAP_DEF",
      `definition ends at byte ${offset + definition.size} of section ${shown(section.name)}, got ${section.size} bytes`,
    );
  const map = readDefinition(types, variable.name, definition.members, (what) => warn({ where, what }));
  return { offset, map };
}

function readDatasec(
  elf: Elf,
  types: readonly BtfType[],
  section: ElfSection,
  datasec: BtfDatasec,
  warn: (w: Warning) => void,
): MapModel[] {
  const seen = new Set<string>();
  return datasec.vars
    .map(({ type }) => {
      const variable = types[type]!;
      if (variable.kind !== "var")
        throw new SkelError(
          "ERR_MAP_DEF",
          `section ${shown(section.name)}: type ${type} is not a variable, got ${variable.kind}`,
        );
      requireIdentifier("map", variable.name);
      return within(`map ${variable.name}`, () => {
        if (seen.has(variable.name)) throw new SkelError("ERR_MAP_DEF", "defined twice");
        seen.add(variable.name);
        return readMap(elf, types, section, variable, warn);
      });
    })
    .sort((a, b) => a.offset - b.offset)
    .map(({ map }) => map);
}

/** Every map defined in `.maps`, by place in the section. */
export function readMaps(elf: Elf, types: readonly BtfType[], warn: (w: Warning) => void): MapModel[] {
  for (const { name } of elf.sections)
    if (name === "maps" || name.startsWith("maps/"))
      warn({
        where: `section ${shown(name)}`,
        what: 'libbpf >= 1.0 refuses legacy map definitions (define the maps in SEC(".maps") with BTF)',
      });
  const section = elf.sections.find(({ name }) => name === ".maps");
  if (section === undefined) return [];
  const datasec = findDatasec(types, ".maps");
  if (datasec === undefined) {
    if (types.length <= 1)
      throw new SkelError("ERR_BTF_MISSING", "no .BTF section (compile with clang -g -target bpf)");
    throw new SkelError("ERR_MAP_DEF", 'BTF does not describe section ".maps" (compile with clang -g -target bpf)');
  }
  return readDatasec(elf, types, section, datasec, warn);
}
