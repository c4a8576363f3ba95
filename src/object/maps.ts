// ELF and BTF in, the maps of `.maps` out: libbpf.c `bpf_object__init_user_btf_maps`.

import { skipModifiersAndTypedefs } from "../btf/graph.ts";
import { spellType } from "../btf/spell.ts";
import type { BtfDatasec, BtfVar } from "../btf/types.ts";
import type { ElfSection, ElfSymbol } from "../elf/elf.ts";
import { shown, SkelError, within } from "../errors.ts";
import { requireKernelName } from "./identifier.ts";
import { readDefinition } from "./mapdef.ts";
import { readSlots } from "./slots.ts";
import type { MapModel } from "./model.ts";
import type { Source } from "./source.ts";

/** libbpf takes what is hidden for static (`btf_fixup_datasec`). */
export function hiddenBy(symbol: ElfSymbol | undefined): "hidden" | undefined {
  return symbol?.visibility === "hidden" || symbol?.visibility === "internal" ? "hidden" : undefined;
}

function readMap(
  source: Source,
  section: ElfSection,
  variable: BtfVar,
): { readonly offset: number; readonly map: MapModel } {
  const { types, variableSymbol, warn } = source;
  const where = `map ${variable.name}`;
  const definition = types[skipModifiersAndTypedefs(types, variable.type)]!;
  if (definition.kind !== "struct")
    throw new SkelError("ERR_MAP_DEF", `definition is not a struct, got ${shown(spellType(types, variable.type))}`);
  // A static map's symbol is local, which find_elf_var_sym does not see; such a map is refused at load anyway.
  const symbol = variableSymbol(section, variable.name);
  if (symbol === undefined && variable.linkage !== "static")
    throw new SkelError("ERR_MAP_DEF", `BTF describes it but section ${shown(section.name)} has no such symbol`);
  const offset = symbol?.value ?? section.size;
  if (symbol !== undefined && offset + definition.size > section.size)
    throw new SkelError(
      "ERR_MAP_DEF",
      `definition ends at byte ${offset + definition.size} of section ${shown(section.name)}, got ${section.size} bytes`,
    );
  const map = readDefinition(types, variable.name, definition.members, (what, until) =>
    warn({ where, what, stops: "open", ...(until !== undefined && { until }) }),
  );
  const slots = readSlots(source, section, { offset, members: definition.members, map });
  const linkage = variable.linkage === "static" ? "static" : hiddenBy(symbol);
  return { offset, map: { ...map, ...(slots.length > 0 && { slots }), ...(linkage && { linkage }) } };
}

function readDatasec(source: Source, section: ElfSection, datasec: BtfDatasec): MapModel[] {
  const seen = new Set<string>();
  return datasec.vars
    .map(({ type }) => {
      const variable = source.types[type]!;
      if (variable.kind !== "var")
        throw new SkelError(
          "ERR_MAP_DEF",
          `section ${shown(section.name)}: type ${type} is not a variable, got ${variable.kind}`,
        );
      requireKernelName("map", variable.name);
      return within(`map ${variable.name}`, () => {
        if (seen.has(variable.name)) throw new SkelError("ERR_MAP_DEF", "defined twice");
        seen.add(variable.name);
        return readMap(source, section, variable);
      });
    })
    .sort((a, b) => a.offset - b.offset)
    .map(({ map }) => map);
}

/** Every map defined in `.maps`, by place in the section. */
export function readMaps(source: Source): MapModel[] {
  const { elf, types, datasecs } = source;
  const section = elf.sections.find(({ name }) => name === ".maps");
  if (section === undefined) return [];
  const datasec = datasecs.get(".maps");
  if (datasec === undefined) {
    if (types.length <= 1)
      throw new SkelError("ERR_BTF_MISSING", "no .BTF section (compile with clang -g -target bpf)");
    throw new SkelError("ERR_MAP_DEF", 'BTF does not describe section ".maps" (compile with clang -g -target bpf)');
  }
  return readDatasec(source, section, datasec);
}
