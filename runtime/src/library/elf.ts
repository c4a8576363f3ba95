// Functions of a binary by name, as uprobes need them: a path in, names and file offsets out. libbpf's own lookup (elf.c)
// is not there before 1.3, and at least in 1.5 fails for binaries whose .symtab is stripped; that for one uprobe knows
// versions from 1.4 on, and never which of them is meant where none is said.

import type { Memory } from "../memory.ts";
import { hostMemory } from "../native.ts";

/** A function's symbol. */
export interface FunctionSymbol {
  /** Without its version. */
  readonly name: string;
  readonly version: string | undefined;
  /** Of the versions of its name, one that only programs linked long ago use: `name@VERSION`, not `name@@VERSION`. */
  readonly old: boolean;
  /** In bytes, from the start of the file. */
  readonly offset: number;
  readonly weak: boolean;
  /** Of the table that other programs link against, .dynsym. */
  readonly dynamic: boolean;
  /** It only chooses, once, which function will run (STT_GNU_IFUNC). */
  readonly indirect: boolean;
}

// <elf.h>, the 64-bit structs
const elfHeader = { size: 64, class: 4, data: 5, shoff: 40, shentsize: 58, shnum: 60 } as const;
const section = { type: 4, addr: 16, offset: 24, size: 32, link: 40, bytes: 64 } as const;
const symbol = { name: 0, info: 4, shndx: 6, value: 8, bytes: 24 } as const;
const SHT_SYMTAB = 2;
const SHT_DYNSYM = 11;
const SHT_GNU_VERDEF = 0x6ffffffd;
const SHT_GNU_VERSYM = 0x6fffffff;
const STT_FUNC = 2;
const STT_GNU_IFUNC = 10;
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
  const isLibrary = name.endsWith(".so") || name.includes(".so.");
  const folders = isLibrary
    ? [...split("LD_LIBRARY_PATH"), "/usr/lib64", "/usr/lib", `/lib/${triple}`, `/usr/lib/${triple}`, "/lib64", "/lib"]
    : [...split("PATH"), "/usr/bin", "/usr/sbin"];
  const { existsSync } = process.getBuiltinModule("node:fs");
  return folders.map((folder) => `${folder}/${name}`).find((path) => existsSync(path)) ?? name;
}

function split(variable: string): readonly string[] {
  return (process.env[variable] ?? "").split(":").filter((folder) => folder !== "");
}

/** Whether a file starts as ELF files do; undefined where it cannot be read. */
export function isElf(path: string): boolean | undefined {
  const { closeSync, openSync, readSync } = process.getBuiltinModule("node:fs");
  try {
    const fd = openSync(path, "r");
    try {
      const start = new Uint8Array(4);
      return readSync(fd, start, 0, 4, 0) === 4 && new TextDecoder("latin1").decode(start) === "\x7fELF";
    } finally {
      closeSync(fd);
    }
  } catch (e) {
    return (e as NodeJS.ErrnoException).code === "EISDIR" ? false : undefined;
  }
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

/** The sections of a file. */
interface Sections {
  readonly count: number;
  /** The sections' numbers in the order of the file. */
  ofType(type: number): readonly number[];
  /** The section that `index` is linked to. */
  link(index: number): number;
  /** A 64-bit field of a section's header. */
  field(index: number, at: number): number;
  /** Nothing for a section that is not there. */
  contents(index: number): Memory;
}

function readSymbols(part: Part): readonly FunctionSymbol[] | undefined {
  const sections = readSections(part);
  if (sections === undefined) return undefined;
  const found: FunctionSymbol[] = [];
  // Not push(...symbols): a binary may have more of them than a call takes arguments.
  const add = (table: number, naming: Naming): void => {
    for (const symbol of symbolsIn(sections, table, naming)) found.push(symbol);
  };
  for (const table of sections.ofType(SHT_DYNSYM)) add(table, versionsOf(sections, table));
  for (const table of sections.ofType(SHT_SYMTAB)) add(table, versionInName);
  return found;
}

function readSections(part: Part): Sections | undefined {
  const header = part(0, elfHeader.size);
  const littleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
  if (header.u8s.length < elfHeader.size || header.u32(0) !== (littleEndian ? 0x464c457f : 0x7f454c46))
    return undefined;
  if (header.u8(elfHeader.class) !== 2 || header.u8(elfHeader.data) !== (littleEndian ? 1 : 2)) return undefined;
  if (header.u16(elfHeader.shentsize) !== section.bytes) return undefined;
  const headers = part(Number(header.u64(elfHeader.shoff)), header.u16(elfHeader.shnum) * section.bytes);
  const count = Math.floor(headers.u8s.length / section.bytes);
  const type = (index: number): number => headers.u32(index * section.bytes + section.type);
  const field = (index: number, at: number): number => Number(headers.u64(index * section.bytes + at));
  return {
    count,
    ofType: (wanted) => Array.from({ length: count }, (_, i) => i).filter((i) => type(i) === wanted),
    link: (index) => headers.u32(index * section.bytes + section.link),
    field,
    contents: (index) => (index < count ? part(field(index, section.offset), field(index, section.size)) : part(0, 0)),
  };
}

/** The name, version and age of symbol number `index`, which its table calls `text`. */
type Naming = (text: string, index: number) => Pick<FunctionSymbol, "name" | "version" | "old">;

/** As .symtab has it: `name@VERSION`, or `name@@VERSION` for what a program that is linked today gets. */
function versionInName(text: string): ReturnType<Naming> {
  const sign = text.indexOf("@", 1);
  if (sign < 0) return { name: text, version: undefined, old: false };
  const old = text[sign + 1] !== "@";
  return { name: text.slice(0, sign), version: text.slice(sign + (old ? 1 : 2)), old };
}

// `Elf64_Verdef` and its `Elf64_Verdaux`; a `Elf64_Versym` is a number of the former, and a bit for old versions
const verdef = { flags: 2, ndx: 4, aux: 12, next: 16, bytes: 20 } as const;
const VER_FLG_BASE = 1;
const VERSYM_HIDDEN = 0x8000;

/** As .dynsym, section number `table`, has it: the versions stand in sections of their own. */
function versionsOf(sections: Sections, table: number): Naming {
  const versym = sections.ofType(SHT_GNU_VERSYM).find((index) => sections.link(index) === table);
  if (versym === undefined) return (name) => ({ name, version: undefined, old: false });
  const versions = new Map<number, string>();
  for (const index of sections.ofType(SHT_GNU_VERDEF)) {
    const defs = sections.contents(index);
    const textAt = textsOf(sections.contents(sections.link(index)));
    // Each says how far it is to the next, the last 0.
    for (let at = 0, next = 1; next !== 0 && at + verdef.bytes <= defs.u8s.length; at += next) {
      next = defs.u32(at + verdef.next);
      const aux = at + defs.u32(at + verdef.aux);
      if ((defs.u16(at + verdef.flags) & VER_FLG_BASE) !== 0 || aux + 4 > defs.u8s.length) continue;
      versions.set(defs.u16(at + verdef.ndx), textAt(defs.u32(aux)));
    }
  }
  const numbers = sections.contents(versym);
  return (name, index) => {
    const number = index * 2 + 2 <= numbers.u8s.length ? numbers.u16(index * 2) : 0;
    return { name, version: versions.get(number & ~VERSYM_HIDDEN), old: (number & VERSYM_HIDDEN) !== 0 };
  };
}

/** The texts of a string table, by where they start. A text of its own for each by TextDecoder takes ten times as long. */
function textsOf({ u8s }: Memory): (start: number) => string {
  const all = new TextDecoder("latin1").decode(u8s);
  const decoder = new TextDecoder();
  return (start) => {
    const end = all.indexOf("\0", start);
    if (end < 0) return "";
    const text = all.slice(start, end);
    return /^[\0-\x7f]*$/.test(text) ? text : decoder.decode(u8s.subarray(start, end));
  };
}

function* symbolsIn(sections: Sections, table: number, naming: Naming): Generator<FunctionSymbol> {
  const link = sections.link(table);
  if (link >= sections.count) return;
  const symbols = sections.contents(table);
  const textAt = textsOf(sections.contents(link));
  const dynamic = naming !== versionInName;
  const shifts = Array.from(
    { length: sections.count },
    (_, i) => sections.field(i, section.offset) - sections.field(i, section.addr),
  );
  for (let at = 0, index = 0; at + symbol.bytes <= symbols.u8s.length; at += symbol.bytes, index++) {
    const info = symbols.u8(at + symbol.info);
    const type = info & 15;
    const shndx = symbols.u16(at + symbol.shndx);
    // One that is not defined here has section 0.
    if ((type !== STT_FUNC && type !== STT_GNU_IFUNC) || shndx === 0) continue;
    if (shndx >= Math.min(sections.count, SHN_LORESERVE)) continue;
    yield {
      ...naming(textAt(symbols.u32(at + symbol.name)), index),
      offset: Number(symbols.u64(at + symbol.value)) + shifts[shndx]!,
      weak: info >> 4 === STB_WEAK,
      dynamic,
      indirect: type === STT_GNU_IFUNC,
    };
  }
}
