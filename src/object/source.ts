// What the readers of an object's parts work from: its ELF and BTF, indexed once, so that every part reads in linear time.

import type { BtfDatasec, BtfType } from "../btf/types.ts";
import type { Elf, ElfRelocation, ElfSection, ElfSymbol } from "../elf/elf.ts";
import type { Warning } from "./model.ts";

export interface Source {
  readonly elf: Elf;
  readonly types: readonly BtfType[];
  /** BTF's descriptions of sections, by section name. */
  readonly datasecs: ReadonlyMap<string, BtfDatasec>;
  /** The symbols defined in a section, in the order of the symbol table. */
  readonly symbolsIn: (section: ElfSection) => readonly ElfSymbol[];
  /** The symbol of a variable, by libbpf.c `find_elf_var_sym`: a global or weak object of that name. */
  readonly variableSymbol: (section: ElfSection, name: string) => ElfSymbol | undefined;
  /** The relocations that patch a section, in the order of the file. */
  readonly relocationsOf: (section: ElfSection) => readonly ElfRelocation[];
  readonly warn: (warning: Warning) => void;
}

/** Indexes an object. */
export function indexObject(elf: Elf, types: readonly BtfType[], warn: Source["warn"]): Source {
  const datasecs = new Map<string, BtfDatasec>();
  for (const type of types) if (type.kind === "datasec" && !datasecs.has(type.name)) datasecs.set(type.name, type);
  const bySection = new Map<number, ElfSymbol[]>();
  const variables = new Map<string, ElfSymbol>();
  const key = (section: number, name: string): string => `${section} ${name}`;
  for (const symbol of elf.symbols) {
    if (typeof symbol.section !== "number") continue;
    const symbols = bySection.get(symbol.section);
    if (symbols === undefined) bySection.set(symbol.section, [symbol]);
    else symbols.push(symbol);
    if (symbol.kind !== "object" || symbol.bind === "local") continue;
    const place = key(symbol.section, symbol.name);
    if (!variables.has(place)) variables.set(place, symbol);
  }
  const relocations = new Map<number, ElfRelocation[]>();
  for (const relocation of elf.relocations) {
    const known = relocations.get(relocation.section);
    if (known === undefined) relocations.set(relocation.section, [relocation]);
    else known.push(relocation);
  }
  return {
    elf,
    types,
    datasecs,
    symbolsIn: (section) => bySection.get(section.index) ?? [],
    variableSymbol: (section, name) => variables.get(key(section.index, name)),
    relocationsOf: (section) => relocations.get(section.index) ?? [],
    warn,
  };
}
