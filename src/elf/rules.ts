// All sections in, nothing out: throws where they break a rule that later stages rely on, or that libbpf would.

import {
  SHF_COMPRESSED,
  SHF_INFO_LINK,
  SHT_CREL,
  SHT_GROUP,
  SHT_NOBITS,
  SHT_PROGBITS,
  SHT_REL,
  SHT_RELA,
  SHT_SYMTAB,
  SHT_SYMTAB_SHNDX,
} from "./abi.ts";
import { isDebugSection } from "./debug.ts";
import type { ElfSection } from "./elf.ts";
import { malformed, placeOf } from "./report.ts";

/** Sections that libbpf takes by name, the last one winning in silence; ours must be the ones that it reads. */
const SINGLE = new Set([".BTF", ".BTF.ext", ".maps", "maps", "license", "version"]);

export function checkSections(sections: readonly ElfSection[]): void {
  const seen = new Map<string, ElfSection>();
  for (const section of sections) {
    if (SINGLE.has(section.name)) {
      checkUnique(seen, section.name, section);
      checkType(section, SHT_PROGBITS);
    }
    if (section.name === ".symtab") checkType(section, SHT_SYMTAB);
    if (section.type === SHT_SYMTAB) checkUnique(seen, "", section);
    if (section.type === SHT_SYMTAB_SHNDX) {
      throw malformed("extended section numbers (type 18) are not supported, got a table of them", placeOf(section));
    }
    if ((section.flags & SHF_COMPRESSED) !== 0 && !isDebugSection(section)) {
      throw malformed("contents must not be compressed, got SHF_COMPRESSED (compile without -gz)", placeOf(section));
    }
    checkInfo(section, sections);
  }
}

function checkUnique(seen: Map<string, ElfSection>, key: string, section: ElfSection): void {
  const first = seen.get(key);
  if (first !== undefined) {
    const what = key === "" ? "symbol table" : "section of this name";
    throw malformed(`there must be one ${what}, got another in section ${first.index}`, placeOf(section));
  }
  seen.set(key, section);
}

function checkType(section: ElfSection, type: number): void {
  if (section.type === type) return;
  const got = section.type === SHT_NOBITS ? "type 8, which has no contents" : `type ${section.type}`;
  throw malformed(`type must be ${type}, got ${got}`, placeOf(section));
}

/** `sh_info` where it is a section, and relocations in forms that libbpf does not read. */
function checkInfo(section: ElfSection, sections: readonly ElfSection[]): void {
  if (!infoIsSection(section)) return;
  const target = sections[section.info];
  if (target === undefined) {
    throw malformed(`sh_info must be below ${sections.length}, got ${section.info}`, placeOf(section));
  }
  if ((section.type === SHT_RELA || section.type === SHT_CREL) && !isDebugSection(target)) {
    const got = section.type === SHT_RELA ? "SHT_RELA (4)" : "SHT_CREL (0x40000014)";
    throw malformed(`relocations must be SHT_REL (9), got ${got} (libbpf ignores it)`, placeOf(section));
  }
}

/** Whether `sh_info` is the index of a section; older LLVM leaves the flag out on relocations. */
export function infoIsSection(section: ElfSection): boolean {
  if (isRelocations(section)) return true;
  // Here it is a symbol's index, whatever the flags say.
  if (section.type === SHT_SYMTAB || section.type === SHT_GROUP) return false;
  return (section.flags & SHF_INFO_LINK) !== 0;
}

export function isRelocations(section: ElfSection): boolean {
  return section.type === SHT_REL || section.type === SHT_RELA || section.type === SHT_CREL;
}
