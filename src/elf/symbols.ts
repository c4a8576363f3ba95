// The symbol table section in, symbols out: names decoded, defined symbols inside their section.

import { within } from "../errors.ts";
import { SHN_ABS, SHN_COMMON, SHN_LORESERVE, SHN_UNDEF, SHT_STRTAB, SHT_SYMTAB, SYM, SYM_SIZE } from "./abi.ts";
import type { ElfSection, ElfSymbol, SymbolBind, SymbolKind, SymbolVisibility } from "./elf.ts";
import { hex, malformed, placeOf, quoted } from "./report.ts";
import { type ReadName, openStrings } from "./strings.ts";
import type { View } from "./view.ts";

const BINDS: readonly SymbolBind[] = ["local", "global", "weak"];
const KINDS: readonly SymbolKind[] = ["notype", "object", "func", "section", "file"];
const VISIBILITIES: readonly SymbolVisibility[] = ["default", "internal", "hidden", "protected"];

/** All symbols, none when there is no table; {@link checkSections} made sure that there are not two. */
export function readSymbols(bytes: Uint8Array, view: View, sections: readonly ElfSection[]): readonly ElfSymbol[] {
  const table = sections.find((section) => section.type === SHT_SYMTAB);
  if (table === undefined) return [];
  return within(placeOf(table), () => {
    const strings = checkTable(view, table, sections);
    const names = bytes.subarray(strings.offset, strings.offset + strings.size);
    const readName = openStrings(names, placeOf(strings), bytes.length);
    const symbols: ElfSymbol[] = [];
    for (let index = 0; index * SYM_SIZE < table.size; index++) {
      symbols.push(readSymbol(view, table.offset + index * SYM_SIZE, index, readName, sections));
    }
    return symbols;
  });
}

/** Checks the table's own header and null symbol; returns the section that holds the names. */
function checkTable(view: View, table: ElfSection, sections: readonly ElfSection[]): ElfSection {
  if (table.entsize !== SYM_SIZE) throw malformed(`entry size must be ${SYM_SIZE}, got ${table.entsize}`);
  if (table.size === 0 || table.size % SYM_SIZE !== 0) {
    throw malformed(`size must be a multiple of ${SYM_SIZE}, got ${table.size}`);
  }
  const strings = sections[table.link];
  if (strings?.type !== SHT_STRTAB) {
    throw malformed(`sh_link must be a string table (type 3), got section ${table.link} of type ${strings?.type}`);
  }
  // The number of local symbols; libbpf's own linker leaves it 0, so nobody can count on more than the bound.
  const count = table.size / SYM_SIZE;
  if (table.info > count) throw malformed(`sh_info must be at most ${count}, got ${table.info}`);
  for (let at = 0; at < SYM_SIZE; at += 8) {
    if (view.u64(table.offset + at) !== 0n) {
      throw malformed(`symbol 0 must be all zero, got other bytes at offset ${hex(table.offset + at)}`);
    }
  }
  return strings;
}

function readSymbol(
  view: View,
  at: number,
  index: number,
  readName: ReadName,
  sections: readonly ElfSection[],
): ElfSymbol {
  const name = index === 0 ? "" : readName(view.u32(at + SYM.name), `symbol ${index}`);
  const info = view.u8(at + SYM.info);
  const bind = BINDS[info >> 4];
  if (bind === undefined) {
    throw malformed(`${symbolAt(index, name)}: binding must be local, global or weak, got ${info >> 4}`);
  }
  const value = view.u64(at + SYM.value);
  const size = view.u64(at + SYM.size);
  const section = readSectionOf(view.u16(at + SYM.shndx), index, name, sections);
  const home = typeof section === "number" ? sections[section] : undefined;
  if (home !== undefined && value + size > BigInt(home.size)) {
    const got = `${hex(size)} bytes at ${hex(value)}`;
    throw malformed(`${symbolAt(index, name)}: must lie in ${placeOf(home)} of ${hex(home.size)} bytes, got ${got}`);
  }
  return {
    index,
    name,
    // Exact for every symbol in a section; an absolute or undefined one may hold any 64 bits, which nobody reads.
    value: Number(value),
    size: Number(size),
    bind,
    kind: KINDS[info & 15] ?? "other",
    visibility: VISIBILITIES[view.u8(at + SYM.other) & 3] ?? "default",
    section,
  };
}

function readSectionOf(
  shndx: number,
  index: number,
  name: string,
  sections: readonly ElfSection[],
): ElfSymbol["section"] {
  if (shndx === SHN_UNDEF) return "undef";
  if (shndx === SHN_ABS) return "abs";
  if (shndx === SHN_COMMON) return "common";
  if (shndx < sections.length) return shndx;
  const what = shndx >= SHN_LORESERVE ? `reserved section ${hex(shndx)}` : `section ${shndx}`;
  throw malformed(`${symbolAt(index, name)}: section must be below ${sections.length}, got ${what}`);
}

function symbolAt(index: number, name: string): string {
  return name === "" ? `symbol ${index}` : `symbol ${index} ${quoted(name)}`;
}
