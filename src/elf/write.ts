// The bytes of a .bpf.o in, the object that a skeleton carries out: the same without debug sections, which are most of
// its bytes. Symbols keep their indexes, sections get new ones.

import { EHDR, EHDR_SIZE, SHDR, SHDR_SIZE, SHT_GROUP, SHT_NOBITS, SHT_SYMTAB, SYM, SYM_SIZE } from "./abi.ts";
import type { Elf, ElfSection } from "./elf.ts";
import { readGroup } from "./groups.ts";
import { findKept } from "./kept.ts";
import { parseElf, sectionData } from "./read.ts";
import { infoIsSection } from "./rules.ts";
import { type View, openView } from "./view.ts";

/** A section on its way to the new file. */
interface Piece {
  readonly section: ElfSection;
  readonly data: Uint8Array;
  readonly offset: number;
}

/** New index of a section by its old one; 0, which means none wherever a section is named, when it is dropped. */
type Renumber = (index: number) => number;

/**
 * The object without `.debug_*` and what only serves them; every other section keeps its bytes, but for the indexes of
 * sections in symbols and groups. Returns `bytes` itself when there is nothing to drop, so that `carry(carry(x))`
 * equals `carry(x)`.
 */
export function carry(bytes: Uint8Array): Uint8Array {
  const elf = parseElf(bytes);
  const source = openView(bytes, elf.endian);
  const kept = findKept(elf, source);
  if (kept.length === elf.sections.length) return bytes;

  const renumbered = new Map(kept.map((section, index) => [section.index, index]));
  const renumber: Renumber = (index) => renumbered.get(index) ?? 0;
  const { pieces, end } = placePieces(bytes, elf, kept, renumber);
  const shoff = alignUp(end, 8);
  const out = new Uint8Array(shoff + kept.length * SHDR_SIZE);
  const view = openView(out, elf.endian);

  out.set(bytes.subarray(0, EHDR_SIZE));
  view.setU64(EHDR.shoff, shoff);
  view.setU16(EHDR.shnum, kept.length);
  view.setU16(EHDR.shstrndx, renumber(source.u16(EHDR.shstrndx)));

  const oldShoff = Number(source.u64(EHDR.shoff));
  for (const piece of pieces) {
    const from = oldShoff + piece.section.index * SHDR_SIZE;
    const to = shoff + renumber(piece.section.index) * SHDR_SIZE;
    out.set(piece.data, piece.offset);
    out.set(bytes.subarray(from, from + SHDR_SIZE), to);
    patchHeader(view, to, piece, renumber);
  }
  return out;
}

/** Closes the gaps that dropped sections leave, keeping the order of the file. */
function placePieces(
  bytes: Uint8Array,
  elf: Elf,
  kept: readonly ElfSection[],
  renumber: Renumber,
): { pieces: readonly Piece[]; end: number } {
  let end = EHDR_SIZE;
  const pieces: Piece[] = [];
  for (const section of kept.toSorted((a, b) => a.offset - b.offset || a.index - b.index)) {
    const data = rewriteData(bytes, elf, section, renumber);
    // Alignment that the input does not have itself is not added: so no section moves back, and the file cannot grow.
    const aligned = data.length > 0 && section.addralign > 1 && section.offset % section.addralign === 0;
    const offset = aligned ? alignUp(end, section.addralign) : end;
    pieces.push({ section, data, offset });
    end = offset + data.length;
  }
  return { pieces, end };
}

/** The bytes of a kept section, with new indexes where they name sections. */
function rewriteData(bytes: Uint8Array, elf: Elf, section: ElfSection, renumber: Renumber): Uint8Array {
  const data = sectionData(bytes, section);
  if (section.type !== SHT_SYMTAB && section.type !== SHT_GROUP) return data;
  if (section.type === SHT_GROUP) {
    const members = readGroup(openView(bytes, elf.endian), section).map(renumber);
    const left = members.filter((member) => member !== 0);
    const copy = data.slice(0, 4 + left.length * 4);
    const view = openView(copy, elf.endian);
    left.forEach((member, i) => view.setU32(4 + i * 4, member));
    return copy;
  }
  const copy = data.slice();
  const view = openView(copy, elf.endian);
  for (const symbol of elf.symbols) {
    if (typeof symbol.section !== "number") continue;
    const at = symbol.index * SYM_SIZE;
    const moved = renumber(symbol.section);
    // The null symbol in its place: every other symbol keeps the index that relocations and .llvm_addrsig use.
    if (moved === 0) copy.fill(0, at, at + SYM_SIZE);
    else view.setU16(at + SYM.shndx, moved);
  }
  return copy;
}

function patchHeader(view: View, at: number, { section, data, offset }: Piece, renumber: Renumber): void {
  if (section.index === 0) return;
  view.setU64(at + SHDR.offset, offset);
  if (section.type !== SHT_NOBITS) view.setU64(at + SHDR.size, data.length);
  view.setU32(at + SHDR.link, renumber(section.link));
  if (infoIsSection(section)) view.setU32(at + SHDR.info, renumber(section.info));
}

function alignUp(value: number, align: number): number {
  return Math.ceil(value / align) * align;
}
