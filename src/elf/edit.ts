// An object and a list of changes in, the changed object out: sections dropped, added, given new contents, symbols moved.
// Symbols keep their indexes, sections get new ones.

import {
  EHDR,
  EHDR_SIZE,
  SHDR,
  SHDR_SIZE,
  SHT_GROUP,
  SHT_NOBITS,
  SHT_PROGBITS,
  SHT_SYMTAB,
  STT_OBJECT,
  SYM,
  SYM_SIZE,
} from "./abi.ts";
import type { Elf, ElfSection } from "./elf.ts";
import { readGroup } from "./groups.ts";
import { sectionData } from "./read.ts";
import { infoIsSection } from "./rules.ts";
import { type View, openView } from "./view.ts";

/** A section of bytes (SHT_PROGBITS) that the object did not have. */
export interface NewSection {
  readonly name: string;
  readonly flags: number;
  readonly addralign: number;
  readonly data: Uint8Array;
}

/** A new place for a symbol, which makes it an object (STT_OBJECT). */
export interface SymbolPlace {
  /** Index of a section of the input; those of {@link ElfEdit.added} follow the last one. */
  readonly section: number;
  readonly value: number;
  readonly size: number;
}

/** What to change; indexes are those of the input. */
export interface ElfEdit {
  readonly dropped: ReadonlySet<number>;
  /** New contents of sections that stay, but for the table of section names. */
  readonly contents?: ReadonlyMap<number, Uint8Array>;
  readonly added?: readonly NewSection[];
  readonly symbols?: ReadonlyMap<number, SymbolPlace>;
}

/** A section on its way to the new file; `header` is where the header to copy stands in the input, if it has one. */
interface Piece {
  readonly section: ElfSection;
  readonly data: Uint8Array;
  readonly header?: number;
}

/** New index of a section by its old one; 0, which means none wherever a section is named, when it is dropped. */
type Renumber = (index: number) => number;

/** The changed object: what `edit` does not name keeps its bytes, but for the indexes of sections in symbols and groups. */
export function editElf(bytes: Uint8Array, elf: Elf, edit: ElfEdit): Uint8Array {
  const source = openView(bytes, elf.endian);
  const names = source.u16(EHDR.shstrndx);
  const kept = elf.sections.filter(({ index }) => !edit.dropped.has(index));
  const { sections: added, table } = nameAdded(bytes, elf, edit, names);
  const all = [...kept, ...added.map(({ section }) => section)];
  const renumbered = new Map(all.map((section, index) => [section.index, index]));
  const renumber: Renumber = (index) => renumbered.get(index) ?? 0;

  const shoff = Number(source.u64(EHDR.shoff));
  const pieces: Piece[] = kept.map((section) => ({
    section,
    header: shoff + section.index * SHDR_SIZE,
    data: section.index === names && table !== undefined ? table : rewriteData(bytes, elf, section, edit, renumber),
  }));
  return assemble(bytes, elf, [...pieces, ...added], names, renumber);
}

/** The added sections, and the table of section names with theirs at its end. */
function nameAdded(
  bytes: Uint8Array,
  elf: Elf,
  { added = [] }: ElfEdit,
  names: number,
): { readonly sections: readonly Piece[]; readonly table?: Uint8Array } {
  if (added.length === 0) return { sections: [] };
  const old = sectionData(bytes, elf.sections[names]!);
  const sections = added.map(({ name, flags, addralign, data }, i) => ({
    data,
    section: {
      index: elf.sections.length + i,
      name,
      type: SHT_PROGBITS,
      flags,
      offset: Infinity,
      size: data.length,
      link: 0,
      info: 0,
      addralign,
      entsize: 0,
    },
  }));
  const suffix = new TextEncoder().encode(added.map(({ name }) => `${name}\0`).join(""));
  const table = new Uint8Array(old.length + suffix.length);
  table.set(old);
  table.set(suffix, old.length);
  return { sections, table };
}

/** The bytes of a kept section, with new indexes where they name sections. */
function rewriteData(bytes: Uint8Array, elf: Elf, section: ElfSection, edit: ElfEdit, renumber: Renumber): Uint8Array {
  const data = edit.contents?.get(section.index) ?? sectionData(bytes, section);
  if (section.type === SHT_SYMTAB) return rewriteSymbols(data, elf, edit, renumber);
  if (section.type !== SHT_GROUP) return data;
  const members = readGroup(openView(bytes, elf.endian), section).map(renumber);
  const left = members.filter((member) => member !== 0);
  const copy = data.slice(0, 4 + left.length * 4);
  const view = openView(copy, elf.endian);
  left.forEach((member, i) => view.setU32(4 + i * 4, member));
  return copy;
}

function rewriteSymbols(data: Uint8Array, elf: Elf, { symbols }: ElfEdit, renumber: Renumber): Uint8Array {
  const copy = data.slice();
  const view = openView(copy, elf.endian);
  for (const symbol of elf.symbols) {
    const at = symbol.index * SYM_SIZE;
    const place = symbols?.get(symbol.index);
    const section = place?.section ?? symbol.section;
    if (typeof section !== "number") continue;
    const moved = renumber(section);
    // The null symbol in its place: every other symbol keeps the index that relocations and .llvm_addrsig use.
    if (moved === 0) copy.fill(0, at, at + SYM_SIZE);
    else view.setU16(at + SYM.shndx, moved);
    if (place === undefined) continue;
    copy[at + SYM.info] = (copy[at + SYM.info]! & 0xf0) | STT_OBJECT;
    view.setU64(at + SYM.value, place.value);
    view.setU64(at + SYM.size, place.size);
  }
  return copy;
}

/** Header, contents in the order of the input without the gaps that dropped sections leave, section headers. */
function assemble(
  bytes: Uint8Array,
  elf: Elf,
  pieces: readonly Piece[],
  names: number,
  renumber: Renumber,
): Uint8Array {
  let end = EHDR_SIZE;
  const placed = pieces
    .toSorted((a, b) => a.section.offset - b.section.offset || a.section.index - b.section.index)
    .map((piece) => {
      const { section, data, header } = piece;
      // Alignment that the input does not have itself is not added: what only loses sections cannot grow.
      const aligned = header === undefined || section.offset % section.addralign === 0;
      const offset = data.length > 0 && section.addralign > 1 && aligned ? alignUp(end, section.addralign) : end;
      end = offset + data.length;
      return { ...piece, offset };
    });
  const shoff = alignUp(end, 8);
  const out = new Uint8Array(shoff + pieces.length * SHDR_SIZE);
  const view = openView(out, elf.endian);
  out.set(bytes.subarray(0, EHDR_SIZE));
  view.setU64(EHDR.shoff, shoff);
  view.setU16(EHDR.shnum, pieces.length);
  view.setU16(EHDR.shstrndx, renumber(names));
  let nameAt = elf.sections[names]!.size;
  for (const { section, data, header, offset } of placed) {
    const to = shoff + renumber(section.index) * SHDR_SIZE;
    out.set(data, offset);
    if (header !== undefined) out.set(bytes.subarray(header, header + SHDR_SIZE), to);
    else {
      writeHeader(view, to, section, nameAt);
      nameAt += section.name.length + 1;
    }
    if (section.index === 0) continue;
    view.setU64(to + SHDR.offset, offset);
    if (section.type !== SHT_NOBITS) view.setU64(to + SHDR.size, data.length);
    view.setU32(to + SHDR.link, renumber(section.link));
    if (infoIsSection(section)) view.setU32(to + SHDR.info, renumber(section.info));
  }
  return out;
}

function writeHeader(view: View, to: number, section: ElfSection, nameAt: number): void {
  view.setU32(to + SHDR.name, nameAt);
  view.setU32(to + SHDR.type, section.type);
  view.setU64(to + SHDR.flags, section.flags);
  view.setU64(to + SHDR.addralign, section.addralign);
}

function alignUp(value: number, align: number): number {
  return Math.ceil(value / align) * align;
}
