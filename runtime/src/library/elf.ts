// Functions of a binary by name, as uprobes need them: a path in, names and file offsets out. libbpf's own lookup (elf.c)
// is not there before 1.3, and at least in 1.5 fails for binaries whose .symtab is stripped.

import type { Memory } from "../memory.ts";
import { hostMemory } from "../native.ts";

/** A function's symbol. */
export interface FunctionSymbol {
  readonly name: string;
  /** In bytes, from the start of the file. */
  readonly offset: number;
  readonly weak: boolean;
}

// <elf.h>, the 64-bit structs
const elfHeader = { size: 64, class: 4, data: 5, shoff: 40, shentsize: 58, shnum: 60 } as const;
const section = { type: 4, addr: 16, offset: 24, size: 32, link: 40, bytes: 64 } as const;
const symbol = { name: 0, info: 4, shndx: 6, value: 8, bytes: 24 } as const;
const SHT_SYMTAB = 2;
const SHT_DYNSYM = 11;
const STT_FUNC = 2;
const STB_WEAK = 2;
const SHN_LORESERVE = 0xff00;

// Distributions that keep libraries of several architectures side by side name the folders so.
const triples: Readonly<Record<string, string>> = {
  x64: "x86_64-linux-gnu",
  arm64: "aarch64-linux-gnu",
  arm: "arm-linux-gnueabihf",
  ia32: "i386-linux-gnu",
  loong64: "loongarch64-linux-gnu",
  ppc64: "powerpc64le-linux-gnu",
  riscv64: "riscv64-linux-gnu",
  s390x: "s390x-linux-gnu",
};

/** The file of a library or program that is called by its name alone (libbpf.c, `resolve_full_path`). */
export function findBinary(name: string): string {
  if (name.includes("/")) return name;
  const triple = triples[process.arch];
  const isLibrary = name.includes(".so");
  const folders = isLibrary
    ? [...split("LD_LIBRARY_PATH"), "/usr/lib64", "/usr/lib", `/lib/${triple}`, `/usr/lib/${triple}`, "/lib64", "/lib"]
    : [...split("PATH"), "/usr/bin", "/usr/sbin"];
  const { existsSync } = process.getBuiltinModule("node:fs");
  return folders.map((folder) => `${folder}/${name}`).find((path) => existsSync(path)) ?? name;
}

function split(variable: string): readonly string[] {
  return (process.env[variable] ?? "").split(":").filter((folder) => folder !== "");
}

/**
 * The functions in the symbol tables of the binary at `path`; undefined when it is no ELF file of this machine's kind.
 * @throws what node:fs throws where it cannot be read
 */
export function functionSymbols(path: string): readonly FunctionSymbol[] | undefined {
  const { closeSync, fstatSync, openSync, readSync } = process.getBuiltinModule("node:fs");
  const fd = openSync(path, "r");
  try {
    const { size } = fstatSync(fd);
    const part = (at: number, length: number): Memory => {
      const bytes = new Uint8Array(Math.max(Math.min(length, size - at), 0));
      if (bytes.length === 0) return hostMemory(bytes);
      return hostMemory(bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, at)));
    };
    return readSymbols(part);
  } finally {
    closeSync(fd);
  }
}

type Part = (at: number, length: number) => Memory;

function readSymbols(part: Part): readonly FunctionSymbol[] | undefined {
  const header = part(0, elfHeader.size);
  const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
  if (header.u8s.length < elfHeader.size || header.u32(0) !== (littleEndian ? 0x464c457f : 0x7f454c46))
    return undefined;
  if (header.u8(elfHeader.class) !== 2 || header.u8(elfHeader.data) !== (littleEndian ? 1 : 2)) return undefined;
  if (header.u16(elfHeader.shentsize) !== section.bytes) return undefined;
  const sections = part(Number(header.u64(elfHeader.shoff)), header.u16(elfHeader.shnum) * section.bytes);
  const count = Math.floor(sections.u8s.length / section.bytes);
  const found: FunctionSymbol[] = [];
  for (let i = 0; i < count; i++) {
    const type = sections.u32(i * section.bytes + section.type);
    if (type === SHT_SYMTAB || type === SHT_DYNSYM) found.push(...symbolsIn(part, sections, count, i));
  }
  return found;
}

function* symbolsIn(part: Part, sections: Memory, count: number, table: number): Generator<FunctionSymbol> {
  const field = (index: number, at: number): number => Number(sections.u64(index * section.bytes + at));
  const contents = (index: number): Memory => part(field(index, section.offset), field(index, section.size));
  const link = sections.u32(table * section.bytes + section.link);
  if (link >= count) return;
  const symbols = contents(table);
  const names = contents(link).u8s;
  const decoder = new TextDecoder();
  for (let at = 0; at + symbol.bytes <= symbols.u8s.length; at += symbol.bytes) {
    const info = symbols.u8(at + symbol.info);
    const shndx = symbols.u16(at + symbol.shndx);
    // One that is not defined here has section 0.
    if ((info & 15) !== STT_FUNC || shndx === 0 || shndx >= Math.min(count, SHN_LORESERVE)) continue;
    const start = symbols.u32(at + symbol.name);
    const end = names.indexOf(0, start);
    const offset = Number(symbols.u64(at + symbol.value)) - field(shndx, section.addr) + field(shndx, section.offset);
    yield { name: decoder.decode(names.subarray(start, end < 0 ? start : end)), offset, weak: info >> 4 === STB_WEAK };
  }
}
