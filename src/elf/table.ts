// The section headers in, checked sections out: every range inside the file, every name decoded, every number exact.

import type { SkelError } from "../errors.ts";
import { SHDR, SHDR_SIZE, SHT_NOBITS, SHT_STRTAB } from "./abi.ts";
import type { ElfSection } from "./elf.ts";
import type { FileHeader } from "./header.ts";
import { hex, malformed, placeOf } from "./report.ts";
import { openStrings } from "./strings.ts";
import { type View, openView } from "./view.ts";

const MAX_U32 = 0xffffffff;

export function readTable(bytes: Uint8Array, header: FileHeader): readonly ElfSection[] {
  const view = openView(bytes, header.endian);
  const first = bytes.subarray(header.shoff, header.shoff + SHDR_SIZE);
  if (first.some((byte) => byte !== 0)) {
    throw malformed(`section 0 must be all zero, got other bytes at offset ${hex(header.shoff)}`);
  }
  // The names come from a section whose own header is not checked yet.
  const names = readRow(view, header, header.shstrndx, "", bytes.length);
  if (names.type !== SHT_STRTAB) {
    throw malformed(
      `section names must be in a string table (type 3), got type ${names.type}`,
      `section ${names.index}`,
    );
  }
  const table = bytes.subarray(names.offset, names.offset + names.size);
  const readName = openStrings(table, `section ${names.index}`, bytes.length);

  const sections: ElfSection[] = [];
  for (let index = 0; index < header.shnum; index++) {
    const name = readName(view.u32(header.shoff + index * SHDR_SIZE + SHDR.name), `section ${index}`);
    sections.push(readRow(view, header, index, name, bytes.length));
  }
  return sections;
}

function readRow(view: View, header: FileHeader, index: number, name: string, fileSize: number): ElfSection {
  const at = header.shoff + index * SHDR_SIZE;
  const refuse = (what: string): SkelError =>
    malformed(what, name === "" ? `section ${index}` : placeOf({ index, name }));
  const type = view.u32(at + SHDR.type);
  const flags = view.u64(at + SHDR.flags);
  const offset = view.u64(at + SHDR.offset);
  const size = view.u64(at + SHDR.size);
  const link = view.u32(at + SHDR.link);
  const addralign = view.u64(at + SHDR.addralign);
  const entsize = view.u64(at + SHDR.entsize);

  const stored = type === SHT_NOBITS ? 0n : size;
  if (offset + stored > BigInt(fileSize)) {
    const got = `${hex(stored)} bytes at ${hex(offset)} in ${hex(fileSize)}`;
    throw refuse(`contents must lie in the file, got ${got} (is the file complete?)`);
  }
  // Only a NOBITS section can exceed it: the kernel's map values are u32 bytes long.
  if (size > MAX_U32) throw refuse(`size must fit 32 bits, got ${hex(size)}`);
  if (flags > MAX_U32) throw refuse(`flags must fit 32 bits, got ${hex(flags)}`);
  if (entsize > MAX_U32) throw refuse(`entry size must fit 32 bits, got ${hex(entsize)}`);
  if (addralign > MAX_U32 || (addralign & (addralign - 1n)) !== 0n) {
    throw refuse(`alignment must be a power of two below 2^32, got ${hex(addralign)}`);
  }
  if (link >= header.shnum) throw refuse(`sh_link must be below ${header.shnum}, got ${link}`);
  return {
    index,
    name,
    type,
    flags: Number(flags),
    offset: Number(offset),
    size: Number(size),
    link,
    info: view.u32(at + SHDR.info),
    addralign: Number(addralign),
    entsize: Number(entsize),
  };
}
