// An object taken apart into the parts that a test may change, and put together again.

import { parseBtf } from "../../src/btf/read.ts";
import type { BtfType } from "../../src/btf/types.ts";
import type { Elf, SymbolBind, SymbolKind, SymbolVisibility } from "../../src/elf/elf.ts";
import { parseElf, sectionData } from "../../src/elf/read.ts";
import { buildBtf, type RawType } from "./btf-builder.ts";
import { buildElf, type RelocationSpec, type SectionSpec, type SymbolSpec } from "./elf-builder.ts";

/** Readonly data that a mutation may write to. */
export type Mutable<T> = T extends object ? { -readonly [K in keyof T]: Mutable<T[K]> } : T;

export interface Parts {
  endian: "little" | "big";
  /** But for the tables that are made of the rest, and for debug sections. */
  sections: SectionSpec[];
  symbols: SymbolSpec[];
  relocations: RelocationSpec[];
  /** Without `void`; type 1 is the first. */
  types: (Mutable<BtfType> | RawType)[];
}

const BINDS: readonly SymbolBind[] = ["local", "global", "weak"];
const KINDS: readonly SymbolKind[] = ["notype", "object", "func", "section", "file"];
const VISIBILITIES: readonly SymbolVisibility[] = ["default", "internal", "hidden", "protected"];

const SHT_SYMTAB = 2;
const SHT_STRTAB = 3;
const SHT_NOBITS = 8;
const SHT_REL = 9;

function isKept({ name, type }: Elf["sections"][number]): boolean {
  return ![0, SHT_SYMTAB, SHT_STRTAB, SHT_REL].includes(type) && !/^\.(debug_|BTF|llvm_)/.test(name);
}

/** The parts of an object; instructions, data, symbols and types, but no `.BTF.ext`. */
export function takeApart(bytes: Uint8Array): Parts {
  const elf = parseElf(bytes);
  const kept = elf.sections.filter(isKept);
  const nameOf = (index: number | string): string | undefined => kept.find((section) => section.index === index)?.name;
  const symbols = elf.symbols.slice(1).filter(({ section }) => typeof section !== "number" || nameOf(section));
  const btf = elf.sections.find(({ name }) => name === ".BTF");
  return {
    endian: elf.endian,
    sections: kept.map((section) => ({
      name: section.name,
      type: section.type,
      flags: section.flags,
      data: sectionData(bytes, section).slice(),
      addralign: section.addralign,
      ...(section.type === SHT_NOBITS && { size: section.size }),
    })),
    symbols: symbols.map(({ name, value, size, bind, kind, visibility, section }) => ({
      name,
      value,
      size,
      bind: BINDS.indexOf(bind),
      kind: KINDS.indexOf(kind as SymbolKind),
      visibility: VISIBILITIES.indexOf(visibility),
      section: typeof section === "number" ? nameOf(section)! : section,
    })),
    relocations: elf.relocations.flatMap(({ section, offset, type, symbol }) => {
      const target = nameOf(section);
      const index = symbols.findIndex((one) => one.index === symbol);
      return target === undefined || index < 0 ? [] : [{ section: target, offset, type, symbol: index + 1 }];
    }),
    types:
      btf === undefined
        ? []
        : (structuredClone(parseBtf(sectionData(bytes, btf)).types.slice(1)) as Mutable<BtfType>[]),
  };
}

/** The object that the parts make. */
export function putTogether({ endian, sections, symbols, relocations, types }: Parts): Uint8Array {
  const btf: SectionSpec[] =
    types.length === 0
      ? []
      : [{ name: ".BTF", data: buildBtf(types as (BtfType | RawType)[], { endian }), addralign: 4 }];
  return buildElf({ endian, sections: [...sections, ...btf], symbols, relocations });
}
