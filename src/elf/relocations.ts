// The SHT_REL sections in, relocations out: each patches bytes of its target section and names a symbol. Those of debug
// sections, of which there may be millions, are checked alone.

import { within } from "../errors.ts";
import {
  REL_SIZE,
  SHF_COMPRESSED,
  SHT_CREL,
  SHT_GROUP,
  SHT_NOBITS,
  SHT_REL,
  SHT_RELA,
  SHT_STRTAB,
  SHT_SYMTAB,
} from "./abi.ts";
import { isDebugSection } from "./debug.ts";
import type { ElfRelocation, ElfSection } from "./elf.ts";
import { hex, malformed, placeOf } from "./report.ts";
import type { View } from "./view.ts";

/** Sections that describe others: patching them would change what was just checked. */
const UNPATCHABLE: ReadonlySet<number> = new Set([
  SHT_SYMTAB,
  SHT_STRTAB,
  SHT_RELA,
  SHT_NOBITS,
  SHT_REL,
  SHT_GROUP,
  SHT_CREL,
]);

/** The least that a BPF relocation patches; older LLVM uses one type for 4, 8 and 16 bytes. */
const MIN_WIDTH = 4;

/** `symbols` is how many there are. */
export function readRelocations(
  view: View,
  sections: readonly ElfSection[],
  symbols: number,
): readonly ElfRelocation[] {
  const relocations: ElfRelocation[] = [];
  for (const section of sections) {
    if (section.type !== SHT_REL) continue;
    within(placeOf(section), () => {
      const target = checkHeader(section, sections);
      for (let at = 0; at < section.size; at += REL_SIZE) {
        const relocation = readRelocation(view, section.offset + at, at / REL_SIZE, target, symbols);
        if (!isDebugSection(target)) relocations.push(relocation);
      }
    });
  }
  return relocations;
}

/** Checks the section's own header; returns the section that it patches. */
function checkHeader(section: ElfSection, sections: readonly ElfSection[]): ElfSection {
  if (section.entsize !== REL_SIZE) throw malformed(`entry size must be ${REL_SIZE}, got ${section.entsize}`);
  if (section.size % REL_SIZE !== 0) throw malformed(`size must be a multiple of ${REL_SIZE}, got ${section.size}`);
  const table = sections[section.link];
  if (table?.type !== SHT_SYMTAB) {
    throw malformed(`sh_link must be the symbol table, got section ${section.link} of type ${table?.type}`);
  }
  const target = sections[section.info];
  if (section.info === 0 || target === undefined) {
    throw malformed(`sh_info must be section 1 to ${sections.length - 1}, got ${section.info}`);
  }
  if (UNPATCHABLE.has(target.type)) {
    throw malformed(`target must be code or data, got ${placeOf(target)} of type ${target.type}`);
  }
  return target;
}

/** Numbers instead of bigints: there may be millions of entries. */
function readRelocation(view: View, at: number, index: number, target: ElfSection, symbols: number): ElfRelocation {
  const offset = view.halves(at);
  const { low: type, high: symbol } = view.halves(at + 8);
  const place = offset.high * 2 ** 32 + offset.low;
  // The offsets of a compressed debug section count its uncompressed bytes.
  const bounded = (target.flags & SHF_COMPRESSED) === 0;
  if (place + MIN_WIDTH > (bounded ? target.size : Number.MAX_SAFE_INTEGER)) {
    const got = `offset ${hex(view.u64(at))} of ${hex(target.size)}`;
    throw malformed(`relocation ${index}: must patch bytes of ${placeOf(target)}, got ${got}`);
  }
  if (symbol >= symbols) throw malformed(`relocation ${index}: symbol must be below ${symbols}, got ${symbol}`);
  return { section: target.index, offset: place, type, symbol };
}
