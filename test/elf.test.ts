// Hand-built objects against exact errors, compiled ones against llvm-readobj, llvm-readelf and bpftool.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Elf, ElfSection } from "../src/elf/elf.ts";
import { parseElf, sectionData } from "../src/elf/read.ts";
import { stripDebug } from "../src/elf/write.ts";
import { isSkelError } from "../src/errors.ts";
import { type ElfSpec, type SectionFields, type SymbolSpec, buildElf } from "./support/elf-builder.ts";

const text = (s: string): Uint8Array => new TextEncoder().encode(s);
const FIXTURES = join(import.meta.dirname, "../fixtures");
const COMPILE = "compile with clang -g -O2 -target bpf -c";

/** Sections 1 to 7, then 8 .relsocket, 9 .rel.debug_info, 10 .symtab (6 symbols), 11 .strtab. */
const BASE = {
  sections: [
    { name: "socket", data: new Uint8Array(32).fill(0x11), flags: 6, addralign: 8 },
    { name: ".bss", type: 8, size: 8, flags: 3, addralign: 8 },
    { name: ".maps", data: new Uint8Array(24).fill(0x33), flags: 3, addralign: 8 },
    { name: "license", data: text("GPL\0"), flags: 3 },
    { name: ".debug_info", data: new Uint8Array(13).fill(0x44) },
    { name: ".debug_str", data: text("x\0"), flags: 0x30, entsize: 1 },
    { name: ".BTF", data: new Uint8Array(10).fill(0x55), addralign: 4 },
  ],
  symbols: [
    { name: "a.c", kind: 4, bind: 0, section: "abs" },
    { kind: 3, section: ".debug_str" },
    { name: "prog", kind: 2, section: "socket", size: 32 },
    { name: "m", kind: 1, section: ".maps", value: 8, size: 16, bind: 2, visibility: 2 },
    { name: "kver", section: "undef" },
  ],
  relocations: [
    { section: "socket", offset: 0, type: 1, symbol: "m" },
    { section: "socket", offset: 16, type: 1, symbol: "kver" },
    { section: ".debug_info", offset: 9, type: 3, symbol: 2 },
  ],
} satisfies ElfSpec;

/** The base object with other fields in the section (given or generated) or symbol named. */
function base(changes: Record<string, SectionFields> = {}, spec: ElfSpec = {}): Uint8Array {
  const sections = BASE.sections.map((section) => ({ ...section, ...changes[section.name] }));
  return buildElf({ ...BASE, sections, generated: changes, ...spec });
}

function withSymbol(index: number, fields: SymbolSpec): Uint8Array {
  return base({}, { symbols: BASE.symbols.map((symbol, i) => (i + 1 === index ? { ...symbol, ...fields } : symbol)) });
}

function withRelocation(fields: Partial<{ offset: number | bigint; symbol: number }>): Uint8Array {
  const [first, ...others] = BASE.relocations;
  return base({}, { relocations: [{ ...first!, ...fields }, ...others] });
}

function withSection(section: SectionFields & { name: string | Uint8Array; data?: Uint8Array }): Uint8Array {
  return base({}, { sections: [...BASE.sections, section] });
}

function errorOf(fn: () => unknown): unknown {
  try {
    return void fn();
  } catch (e) {
    return e;
  }
}

describe.each(["little", "big"] as const)("a sound %s-endian object", (endian) => {
  const bytes = base({}, { endian });
  const elf = parseElf(bytes);

  test("has its sections", () => {
    const row = (s: ElfSection): unknown[] => [
      s.index,
      s.name,
      s.type,
      s.flags,
      s.size,
      s.link,
      s.info,
      s.addralign,
      s.entsize,
    ];
    expect(elf.endian).toBe(endian);
    expect(elf.sections.map(row)).toEqual([
      [0, "", 0, 0, 0, 0, 0, 0, 0],
      [1, "socket", 1, 6, 32, 0, 0, 8, 0],
      [2, ".bss", 8, 3, 8, 0, 0, 8, 0],
      [3, ".maps", 1, 3, 24, 0, 0, 8, 0],
      [4, "license", 1, 3, 4, 0, 0, 1, 0],
      [5, ".debug_info", 1, 0, 13, 0, 0, 1, 0],
      [6, ".debug_str", 1, 0x30, 2, 0, 0, 1, 1],
      [7, ".BTF", 1, 0, 10, 0, 0, 4, 0],
      [8, ".relsocket", 9, 0x40, 32, 10, 1, 8, 16],
      [9, ".rel.debug_info", 9, 0x40, 16, 10, 5, 8, 16],
      [10, ".symtab", 2, 0, 144, 11, 3, 8, 24],
      [11, ".strtab", 3, 0, 114, 0, 0, 1, 0],
    ]);
  });

  test("has its symbols and relocations", () => {
    const symbol = { value: 0, size: 0, bind: "local", kind: "notype", visibility: "default", section: "undef" };
    expect(elf.symbols).toEqual([
      { ...symbol, index: 0, name: "" },
      { ...symbol, index: 1, name: "a.c", kind: "file", section: "abs" },
      { ...symbol, index: 2, name: "", kind: "section", section: 6 },
      { ...symbol, index: 3, name: "prog", bind: "global", kind: "func", section: 1, size: 32 },
      {
        ...symbol,
        index: 4,
        name: "m",
        bind: "weak",
        kind: "object",
        visibility: "hidden",
        section: 3,
        value: 8,
        size: 16,
      },
      { ...symbol, index: 5, name: "kver", bind: "global" },
    ]);
    expect(elf.relocations).toEqual([
      { section: 1, offset: 0, type: 1, symbol: 4 },
      { section: 1, offset: 16, type: 1, symbol: 5 },
    ]);
  });

  test("gives the bytes of a section without copying, and none of NOBITS", () => {
    const license = sectionData(bytes, elf.sections[4]!);
    expect(license).toEqual(text("GPL\0"));
    expect(license.buffer).toBe(bytes.buffer);
    expect(sectionData(bytes, elf.sections[2]!)).toEqual(new Uint8Array());
    const inside = new Uint8Array(bytes.length + 7);
    inside.set(bytes, 7);
    expect(parseElf(inside.subarray(7))).toEqual(elf);
    expect(sectionData(inside.subarray(7), elf.sections[4]!)).toEqual(text("GPL\0"));
  });
});

describe("accepted oddities", () => {
  test.each<[string, Uint8Array]>([
    ["no symbol table", buildElf({ sections: [{ name: ".BTF", data: [1] }] })],
    ["sh_info of the symbol table left 0, as libbpf's linker does", base({ ".symtab": { info: 0 } })],
    ["relocations without SHF_INFO_LINK, as older LLVM writes", base({ ".relsocket": { flags: 0 } })],
    ["an absolute symbol of 64 bits", withSymbol(1, { value: 2n ** 64n - 1n })],
    ["a label at the end of its section", withSymbol(3, { value: 32, size: 0 })],
    ["two sections of one ordinary name", withSection({ name: ".rodata" })],
    ["SHT_RELA on a debug section", withSection({ name: ".rela.debug_info", type: 4, info: 5 })],
    ["a compressed debug section", base({ ".debug_info": { flags: 0x800 } })],
    [
      "relocations beyond the compressed size",
      base(
        { ".debug_info": { flags: 0x800 } },
        {
          relocations: [{ section: ".debug_info", offset: 4096, type: 3, symbol: 2 }],
        },
      ),
    ],
    ["a name with a byte order mark", withSection({ name: "\ufeffx" })],
  ])("%s", (_, bytes) => {
    expect(isSkelError(errorOf(() => parseElf(stripDebug(bytes))))).toBe(false);
  });
});

describe("refused: not a BPF object", () => {
  // prettier-ignore
  test.each<[string, Uint8Array, "ERR_ELF_FORMAT" | "ERR_ELF_MACHINE", string]>([
    ["nothing", new Uint8Array(), "ERR_ELF_FORMAT", `file is empty, got 0 bytes (${COMPILE})`],
    ["other bytes", Uint8Array.of(0x4d, 0x5a, 0, 0, 9), "ERR_ELF_FORMAT",
      `not an ELF object, got bytes 4d5a0000 at offset 0 (${COMPILE})`],
    ["bitcode", Uint8Array.of(0x42, 0x43, 0xc0, 0xde), "ERR_ELF_FORMAT",
      "not an ELF object, got LLVM bitcode (compile without -flto and -emit-llvm)"],
    ["an archive", text("!<arch>\nfoo.o/"), "ERR_ELF_FORMAT",
      "not an ELF object, got an ar archive (take the object out with ar x)"],
    ["a thin archive", text("!<thin>\nfoo.o/"), "ERR_ELF_FORMAT",
      "not an ELF object, got a thin ar archive (give the object that it names)"],
    ["gzip", Uint8Array.of(0x1f, 0x8b, 8, 0), "ERR_ELF_FORMAT",
      "not an ELF object, got gzip data (decompress it with gunzip)"],
    ["bare BTF", Uint8Array.of(0x9f, 0xeb, 1, 0), "ERR_ELF_FORMAT",
      "not an ELF object, got bare BTF (give the object that contains it)"],
    ["C source", text('#include "vmlinux.h"\n\nint x;'), "ERR_ELF_FORMAT",
      'not an ELF object, got text that begins "#include \\"vmlinux.h\\"" (compile it with clang -g -O2 -target bpf -c)'],
    ["only the magic", text("\x7fELF"), "ERR_ELF_FORMAT",
      "file header is cut short, got 4 of 64 bytes (compile again)"],
    ["ELF32", base({}, { file: { class: 1 } }), "ERR_ELF_MACHINE",
      `not a 64-bit object, got ELF32 at offset 4 (${COMPILE})`],
    ["no class", base({}, { file: { class: 0 } }), "ERR_ELF_FORMAT", "EI_CLASS must be 2 (64-bit), got 0 at offset 4"],
    ["no byte order", base({}, { file: { data: 3 } }), "ERR_ELF_FORMAT",
      "EI_DATA must be 1 or 2 (byte order), got 3 at offset 5"],
    ["the other byte order", base({}, { file: { data: 2 } }), "ERR_ELF_MACHINE",
      "not a BPF object, got machine 63232 at offset 18 (compile with -target bpf)"],
    ["no ident version", base({}, { file: { identVersion: 0 } }), "ERR_ELF_FORMAT",
      "EI_VERSION must be 1, got 0 at offset 6"],
    ["x86-64", base({}, { file: { machine: 62 } }), "ERR_ELF_MACHINE",
      "not a BPF object, got machine 62 (x86-64) at offset 18 (compile with -target bpf)"],
    ["arm64", base({}, { file: { machine: 183 } }), "ERR_ELF_MACHINE",
      "not a BPF object, got machine 183 (arm64) at offset 18 (compile with -target bpf)"],
    ["this node", readFileSync(process.execPath).subarray(0, 4096), "ERR_ELF_MACHINE",
      `not a BPF object, got machine ${process.arch === "arm64" ? "183 (arm64)" : "62 (x86-64)"} at offset 18 (compile with -target bpf)`],
    ["an executable", base({}, { file: { type: 2 } }), "ERR_ELF_FORMAT",
      "not a relocatable object, got type 2 (an executable) at offset 16 (compile with clang -c, do not link)"],
    ["a shared object", base({}, { file: { type: 3 } }), "ERR_ELF_FORMAT",
      "not a relocatable object, got type 3 (a shared object) at offset 16 (compile with clang -c, do not link)"],
    ["another version", base({}, { file: { version: 2 } }), "ERR_ELF_FORMAT",
      "e_version must be 1, got 2 at offset 20"],
    ["65 MiB", new Uint8Array(65 * 2 ** 20), "ERR_ELF_FORMAT",
      "file is too large, got 68157440 bytes (at most 67108864)"],
  ])("%s", (_, bytes, code, message) => expectError(bytes, message, code));
});

function expectError(bytes: Uint8Array, message: string, code = "ERR_ELF_FORMAT"): void {
  const error = errorOf(() => parseElf(bytes));
  expect([String(error), isSkelError(error) && error.code]).toEqual([`SkelError: ${message}`, code]);
  expect(String(errorOf(() => stripDebug(bytes)))).toBe(`SkelError: ${message}`);
}

describe("refused: malformed", () => {
  // prettier-ignore
  test.each<[string, Uint8Array, string]>([
    // File header
    ["e_ehsize", base({}, { file: { ehsize: 52 } }), "e_ehsize must be 64, got 52 at offset 52"],
    ["program headers", base({}, { file: { phnum: 1 } }), "e_phnum must be 0, got 1 at offset 56"],
    ["e_shentsize", base({}, { file: { shentsize: 40 } }), "e_shentsize must be 64, got 40 at offset 58"],
    ["extended numbering", base({}, { file: { shnum: 0 } }),
      "e_shnum must be 1 to 65279, got 0 at offset 60 (extended numbering is not supported)"],
    ["a reserved e_shnum", base({}, { file: { shnum: 0xff00 } }),
      "e_shnum must be 1 to 65279, got 65280 at offset 60 (extended numbering is not supported)"],
    ["no section names", base({}, { file: { shstrndx: 0 } }), "e_shstrndx must be 1 to 11, got 0 at offset 62"],
    ["e_shstrndx beyond the table", base({}, { file: { shstrndx: 12 } }),
      "e_shstrndx must be 1 to 11, got 12 at offset 62"],
    ["SHN_XINDEX", base({}, { file: { shstrndx: 0xffff } }), "e_shstrndx must be 1 to 11, got 65535 at offset 62"],
    ["e_shoff that wraps", base({}, { file: { shoff: 2n ** 64n - 64n } }),
      "section headers must lie in the file, got 12 headers at 0xffffffffffffffc0 in 0x4d0 bytes (is the file complete?)"],
    // Section headers
    ["section 0", base({}, { file: { shoff: 64 } }), "section 0 must be all zero, got other bytes at offset 0x40"],
    ["names of another type", base({ ".strtab": { type: 1 } }),
      "section 11: section names must be in a string table (type 3), got type 1"],
    ["names outside the file", base({ ".strtab": { offset: 2n ** 63n } }),
      "section 11: contents must lie in the file, got 0x72 bytes at 0x8000000000000000 in 0x4d0 (is the file complete?)"],
    ["names without a first NUL", base({ ".strtab": { offset: 4 } }),
      "section 11: string table must begin with a NUL byte, got 2"],
    ["no names", base({ ".strtab": { size: 0 } }), "section 11: string table must begin with a NUL byte, got none"],
    ["a name outside its table", base({ ".maps": { nameOffset: 0x72 } }),
      "section 3: name must lie in section 11, got offset 0x72 of 0x72"],
    ["a name without end", base({ ".strtab": { size: 3 } }),
      "section 1: name must end in section 11, got no NUL byte from offset 0x1 on"],
    ["a name that is not UTF-8", withSection({ name: Uint8Array.of(0x61, 0xff, 0x22, 0x1b) }),
      'section 8: name must be UTF-8, got "a\\xff\\x22\\x1b" at offset 0x37 of section 12'],
    ["many names in the same bytes", buildElf({ sections: Array.from({ length: 50 }, () => ({ name: "n".repeat(3000), nameOffset: 1 })) }),
      "section 9: names must not overlap, got more than 4 times the file"],
    ["a section past the end", base({ ".BTF": { size: 0x1000 } }),
      'section 7 ".BTF": contents must lie in the file, got 0x1000 bytes at 0x8c in 0x4d0 (is the file complete?)'],
    ["offset + size that wraps", base({ ".BTF": { offset: 2n ** 64n - 16n, size: 64 } }),
      'section 7 ".BTF": contents must lie in the file, got 0x40 bytes at 0xfffffffffffffff0 in 0x4d0 (is the file complete?)'],
    ["an offset above 2^53", base({ ".BTF": { offset: 2n ** 53n + 1n } }),
      'section 7 ".BTF": contents must lie in the file, got 0xa bytes at 0x20000000000001 in 0x4d0 (is the file complete?)'],
    ["a huge .bss", base({ ".bss": { size: 2n ** 32n } }), 'section 2 ".bss": size must fit 32 bits, got 0x100000000'],
    ["high flags", base({ ".bss": { flags: 2n ** 32n } }), 'section 2 ".bss": flags must fit 32 bits, got 0x100000000'],
    ["a high entry size", base({ ".bss": { entsize: 2n ** 60n } }),
      'section 2 ".bss": entry size must fit 32 bits, got 0x1000000000000000'],
    ["odd alignment", base({ ".bss": { addralign: 3 } }),
      'section 2 ".bss": alignment must be a power of two below 2^32, got 0x3'],
    ["huge alignment", base({ ".bss": { addralign: 2n ** 40n } }),
      'section 2 ".bss": alignment must be a power of two below 2^32, got 0x10000000000'],
    ["sh_link beyond the table", base({ license: { link: 12 } }),
      'section 4 "license": sh_link must be below 12, got 12'],
    // Sections against each other
    ["overlap", base({ license: { offset: 0x50, size: 8 } }),
      'section 4 "license": bytes of the file must have one owner, got 0x50 to 0x58 and section 1 "socket" to 0x60'],
    ["overlap with the file header", base({ license: { offset: 60 } }),
      'section 4 "license": bytes of the file must have one owner, got 0x3c to 0x40 and file header to 0x40'],
    ["overlap with the section headers", base({ license: { offset: 0x1ce } }),
      'section headers: bytes of the file must have one owner, got 0x1d0 to 0x4d0 and section 4 "license" to 0x1d2'],
    ["two .BTF", withSection({ name: ".BTF" }),
      'section 8 ".BTF": there must be one section of this name, got another in section 7'],
    ["two .maps", withSection({ name: ".maps" }),
      'section 8 ".maps": there must be one section of this name, got another in section 3'],
    ["two license", withSection({ name: "license" }),
      'section 8 "license": there must be one section of this name, got another in section 4'],
    ["two symbol tables", withSection({ name: "x", type: 2 }),
      'section 11 ".symtab": there must be one symbol table, got another in section 8'],
    ["NOBITS .BTF", base({ ".BTF": { type: 8 } }),
      'section 7 ".BTF": type must be 1, got type 8, which has no contents'],
    ["NOBITS .maps", base({ ".maps": { type: 8 } }),
      'section 3 ".maps": type must be 1, got type 8, which has no contents'],
    ["NOBITS .BTF.ext", withSection({ name: ".BTF.ext", type: 8 }),
      'section 8 ".BTF.ext": type must be 1, got type 8, which has no contents'],
    ["NOBITS .symtab", base({ ".symtab": { type: 8 } }),
      'section 10 ".symtab": type must be 2, got type 8, which has no contents'],
    [".BTF as notes", base({ ".BTF": { type: 7 } }), 'section 7 ".BTF": type must be 1, got type 7'],
    ["SHT_SYMTAB_SHNDX", withSection({ name: "x", type: 18 }),
      'section 8 "x": extended section numbers (type 18) are not supported, got a table of them'],
    ["SHF_COMPRESSED", base({ ".BTF": { flags: 0x800 } }),
      'section 7 ".BTF": contents must not be compressed, got SHF_COMPRESSED (compile without -gz)'],
    ["SHF_INFO_LINK beyond the table", base({ license: { flags: 0x40, info: 12 } }),
      'section 4 "license": sh_info must be below 12, got 12'],
    ["SHT_RELA", base({ ".relsocket": { type: 4 } }),
      'section 8 ".relsocket": relocations must be SHT_REL (9), got SHT_RELA (4) (libbpf ignores it)'],
    ["SHT_CREL", base({ ".relsocket": { type: 0x40000014 } }),
      'section 8 ".relsocket": relocations must be SHT_REL (9), got SHT_CREL (0x40000014) (libbpf ignores it)'],
    // Symbols
    ["symbol size 0", base({ ".symtab": { entsize: 0 } }), 'section 10 ".symtab": entry size must be 24, got 0'],
    ["part of a symbol", base({ ".symtab": { size: 143 } }),
      'section 10 ".symtab": size must be a multiple of 24, got 143'],
    ["symbol names of another type", base({ ".symtab": { link: 1 } }),
      'section 10 ".symtab": sh_link must be a string table (type 3), got section 1 of type 1'],
    ["too many local symbols", base({ ".symtab": { info: 7 } }),
      'section 10 ".symtab": sh_info must be at most 6, got 7'],
    ["symbol 0", buildElf({ sections: [{ name: ".symtab", type: 2, data: new Uint8Array(24).fill(1, 9), link: ".strtab", entsize: 24 }] }),
      'section 1 ".symtab": symbol 0 must be all zero, got other bytes at offset 0x48'],
    ["a symbol name outside its table", withSymbol(3, { nameOffset: 0xffffffff }),
      'section 10 ".symtab": symbol 3: name must lie in section 11 ".strtab", got offset 0xffffffff of 0x6d'],
    ["a symbol name that is not UTF-8", withSymbol(3, { name: Uint8Array.of(0xc3) }),
      'section 10 ".symtab": symbol 3: name must be UTF-8, got "\\xc3" at offset 0x66 of section 11 ".strtab"'],
    ["an unknown binding", withSymbol(3, { bind: 10 }),
      'section 10 ".symtab": symbol 3 "prog": binding must be local, global or weak, got 10'],
    ["a symbol past its section", withSymbol(3, { value: 8 }),
      'section 10 ".symtab": symbol 3 "prog": must lie in section 1 "socket" of 0x20 bytes, got 0x20 bytes at 0x8'],
    ["a symbol that wraps", withSymbol(3, { value: 2n ** 64n - 8n }),
      'section 10 ".symtab": symbol 3 "prog": must lie in section 1 "socket" of 0x20 bytes, got 0x20 bytes at 0xfffffffffffffff8'],
    ["a symbol of no section", withSymbol(3, { section: 12 }),
      'section 10 ".symtab": symbol 3 "prog": section must be below 12, got section 12'],
    ["a symbol of SHN_XINDEX", withSymbol(3, { section: 0xffff }),
      'section 10 ".symtab": symbol 3 "prog": section must be below 12, got reserved section 0xffff'],
    ["a hostile symbol name", withSymbol(3, { name: '*/"\n\u202e\u001b[2J', section: 12 }),
      'section 10 ".symtab": symbol 3 "*/\\"\\n\\u202e\\u001b[2J": section must be below 12, got section 12'],
    // Relocations
    ["relocation size", base({ ".relsocket": { entsize: 24 } }),
      'section 8 ".relsocket": entry size must be 16, got 24'],
    ["part of a relocation", base({ ".relsocket": { size: 31 } }),
      'section 8 ".relsocket": size must be a multiple of 16, got 31'],
    ["relocations against no symbol table", base({ ".relsocket": { link: 11 } }),
      'section 8 ".relsocket": sh_link must be the symbol table, got section 11 of type 3'],
    ["relocations of section 0", base({ ".relsocket": { info: 0 } }),
      'section 8 ".relsocket": sh_info must be section 1 to 11, got 0'],
    ["relocations of no section", base({ ".relsocket": { info: 12 } }),
      'section 8 ".relsocket": sh_info must be below 12, got 12'],
    ["relocations of NOBITS", base({ ".relsocket": { info: ".bss" } }),
      'section 8 ".relsocket": target must be code or data, got section 2 ".bss" of type 8'],
    ["relocations of relocations", base({ ".relsocket": { info: ".rel.debug_info" } }),
      'section 8 ".relsocket": target must be code or data, got section 9 ".rel.debug_info" of type 9'],
    ["a relocation past its section", withRelocation({ offset: 29 }),
      'section 8 ".relsocket": relocation 0: must patch bytes of section 1 "socket", got offset 0x1d of 0x20'],
    ["a relocation that wraps", withRelocation({ offset: 2n ** 64n - 2n }),
      'section 8 ".relsocket": relocation 0: must patch bytes of section 1 "socket", got offset 0xfffffffffffffffe of 0x20'],
    ["a relocation of a debug section, past it", base({}, { relocations: [{ section: ".debug_info", offset: 4096, type: 3, symbol: 2 }] }),
      'section 8 ".rel.debug_info": relocation 0: must patch bytes of section 5 ".debug_info", got offset 0x1000 of 0xd'],
    ["a relocation of no symbol", withRelocation({ symbol: 6 }),
      'section 8 ".relsocket": relocation 0: symbol must be below 6, got 6'],
    // Groups
    ["an empty group", withSection({ name: ".group", type: 17 }),
      'section 8 ".group": group must be whole words, got 0 bytes'],
    ["a group of no symbol", withSection({ name: ".group", type: 17, data: new Uint8Array(4), info: 6 }),
      'section 8 ".group": group must be named by a symbol below 6, got 6'],
    ["a group of no section", withSection({ name: ".group", type: 17, data: Uint8Array.of(1, 0, 0, 0, 99, 0, 0, 0) }),
      'section 8 ".group": member must be section 1 to 12, got 99'],
  ])("%s", (_, bytes, message) => expectError(bytes, message));
});

describe("carry", () => {
  const contents = (bytes: Uint8Array, elf: Elf): Map<string, string> =>
    new Map(elf.sections.map((section) => [section.name, Buffer.from(sectionData(bytes, section)).toString("hex")]));
  const shape = ({ sections }: Elf): unknown[] => sections.map(({ name, link, info }) => [name, link, info]);

  describe.each(["little", "big"] as const)("of a %s-endian object", (endian) => {
    const bytes = Buffer.from(base({}, { endian }));
    const before = bytes.toString("hex");
    const carried = stripDebug(bytes);
    const [x, y] = [parseElf(bytes), parseElf(carried)];

    test("drops debug sections and their relocations, and renumbers the rest", () => {
      expect(shape(y)).toEqual([
        ["", 0, 0],
        ["socket", 0, 0],
        [".bss", 0, 0],
        [".maps", 0, 0],
        ["license", 0, 0],
        [".BTF", 0, 0],
        [".relsocket", 7, 1],
        [".symtab", 8, 3],
        [".strtab", 0, 0],
      ]);
    });

    test("keeps the index of every symbol", () => {
      const gone = { index: 2, name: "", value: 0, size: 0, bind: "local", kind: "notype", section: "undef" };
      expect(y.symbols).toEqual(x.symbols.map((s) => (s.index === 2 ? { ...gone, visibility: "default" } : s)));
      expect(y.relocations).toEqual(x.relocations);
    });

    test("keeps the bytes of sections, packed in their order and aligned", () => {
      const [before, after] = [contents(bytes, x), contents(carried, y)];
      before.delete(".symtab");
      expect([...after].filter(([name]) => name !== ".symtab")).toEqual(
        [...before].filter(([name]) => after.has(name)),
      );
      const stored = y.sections.filter(({ size, type }) => size > 0 && type !== 8);
      expect(stored.map(({ offset }) => offset)).toEqual([0x40, 0x60, 0x78, 0x7c, 0x88, 0xa8, 0x138]);
      expect(carried.length).toBe(0x138 + 114 + 6 + 9 * 64);
    });

    test("changes nothing the second time, and never its input", () => {
      expect(stripDebug(carried)).toBe(carried);
      expect(bytes.toString("hex")).toBe(before);
    });
  });

  test("renumbers groups, and drops those of debug sections", () => {
    const group = (...members: number[]): SectionFields & { name: string; data: Uint8Array } => ({
      name: ".group",
      type: 17,
      link: ".symtab",
      info: 3,
      entsize: 4,
      data: Uint8Array.from([1, ...members].flatMap((word) => [word, 0, 0, 0])),
    });
    // 8 to 10; the relocations of .debug_info become section 12
    const carried = stripDebug(base({}, { sections: [...BASE.sections, group(7), group(5, 12), group(7, 5, 1)] }));
    const elf = parseElf(carried);
    expect(shape(elf).slice(5, 9)).toEqual([
      [".BTF", 0, 0],
      [".group", 9, 3],
      [".group", 9, 3],
      [".relsocket", 9, 1],
    ]);
    expect(sectionData(carried, elf.sections[6]!)).toEqual(group(5).data);
    expect(sectionData(carried, elf.sections[7]!)).toEqual(group(5, 1).data);
  });

  test.each<[string, SectionFields & { name: string; data?: Uint8Array }, unknown]>([
    ["an allocated .debug_x, a variable", { name: ".debug_x", flags: 3, data: text("x") }, [".debug_x", 0, 0]],
    ["what links to a debug section, without the link", { name: "x", flags: 0x80, link: 5 }, ["x", 0, 0]],
    ["sh_info, where it is a section", { name: "x", flags: 0x40, info: 7 }, ["x", 0, 5]],
    ["sh_info, where it is anything else", { name: "x", info: 7 }, ["x", 0, 7]],
  ])("keeps %s", (_, section, expected) => {
    expect(shape(parseElf(stripDebug(withSection(section)))).at(6)).toEqual(expected);
  });

  test("returns an object without debug sections as it is", () => {
    const bytes = base({}, { sections: BASE.sections.slice(0, 4), symbols: [], relocations: [] });
    expect(stripDebug(bytes)).toBe(bytes);
  });

  test("refuses a program that refers to a debug section", () => {
    const error = errorOf(() => stripDebug(withRelocation({ symbol: 2 })));
    expect(String(error)).toBe(
      'SkelError: section 1 "socket": must not refer to debug sections, got a relocation to section 6 ".debug_str"',
    );
  });
});

describe("compiled objects", () => {
  const dir = mkdtempSync(join(tmpdir(), "elf-test-"));
  afterAll(() => rmSync(dir, { recursive: true }));
  const run = (command: string, ...args: string[]): string =>
    execFileSync("sh", ["-c", `${command} "$@" 2>&1`, "sh", ...args], { encoding: "utf8", maxBuffer: 2 ** 28 });

  const SOURCE = `
    #define SEC(name) __attribute__((section(name), used))
    struct value { int a; long b; };
    struct { int (*type)[1]; int (*max_entries)[8]; int *key; struct value *value; } m SEC(".maps");
    const volatile int target = 1;
    long count;
    static __attribute__((noinline)) int helper(int x) { return x * count; }
    SEC("socket") int prog(void *ctx) {
      void *(*lookup)(void *, const void *) = (void *)1;
      int key = target;
      return lookup(&m, &key) ? helper(key) : 0;
    }
    char LICENSE[] SEC("license") = "GPL";`;
  const TEMPLATE = `
    template <int N> __attribute__((noinline)) int times(int x) { return x * N; }
    struct s { int a; } g;
    __attribute__((section("socket"))) int prog(void *ctx) { return times<3>(g.a) + times<4>(g.a); }`;

  function compile(name: string, source: string, ...flags: string[]): string {
    const path = join(dir, name);
    writeFileSync(`${path}.src`, source);
    run("clang-19", "-g", "-O2", ...flags, "-c", `${path}.src`, "-o", path);
    return path;
  }

  const objects = [
    compile("little", SOURCE, "-x", "c", "-target", "bpf"),
    compile("big", SOURCE, "-x", "c", "-target", "bpfeb"),
    compile("compressed", SOURCE, "-x", "c", "-target", "bpf", "-gz"),
    compile("groups", TEMPLATE, "-x", "c++", "-target", "bpf", "-fdebug-types-section"),
    ...readdirSync(FIXTURES)
      .filter((file) => file.endsWith(".o"))
      .sort()
      .map((file) => join(FIXTURES, file)),
  ];

  test("include fixtures", () => expect(objects.length).toBeGreaterThan(10));

  describe.each(objects.map((path) => [path.slice(path.lastIndexOf("/") + 1), path]))("%s", (name, path) => {
    const bytes = readFileSync(path);
    const carriedPath = join(dir, `${name}.carried`);
    beforeAll(() => writeFileSync(carriedPath, stripDebug(bytes)));

    test.each(["as compiled", "carried"])("reads as llvm-readobj does, %s", (which) => {
      const file = which === "carried" ? carriedPath : path;
      expect(plain(parseElf(readFileSync(file)))).toEqual(readobj(file));
    });

    test("carries no debug section, and nothing that llvm-readelf warns of", () => {
      const listing = run("llvm-readelf-19", "-a", carriedPath);
      expect(listing).not.toMatch(/warning|error|\.debug_/i);
      expect(listing).toContain(parseElf(bytes).endian === "little" ? "little endian" : "big endian");
    });

    test("keeps the BTF that bpftool reads", () => {
      const dump = (file: string): string => run("bpftool -j btf dump file", file);
      if (parseElf(bytes).sections.some((section) => section.name === ".BTF"))
        expect(dump(carriedPath)).toBe(dump(path));
    });
  });

  /** What llvm-readobj prints, without the names that it makes up for nameless symbols. */
  function readobj(path: string): unknown {
    const flags = ["--elf-output-style=JSON", "--sections", "--symbols", "--relocs"];
    const [file] = JSON.parse(run("llvm-readobj-19", ...flags, path)) as [Record<string, any>];
    const sections = file!["Sections"].map(({ Section: s }: any) => [
      s.Name.Name,
      s.Type.Value,
      s.Flags.Value,
      s.Offset,
      s.Size,
      s.Link,
      s.Info,
      s.AddressAlignment,
      s.EntrySize,
    ]);
    const symbols = file!["Symbols"].map(({ Symbol: s }: any) => [
      s.Name.Value === 0 ? "" : s.Name.Name,
      s.Value,
      s.Size,
      s.Binding.Value,
      s.Type.Value,
      s.Other.Value,
      s.Section.Value,
    ]);
    // Those of debug sections are what src/dwarf reads.
    const relocations = file!["Relocations"]
      .filter(({ SectionIndex }: any) => !sections[sections[SectionIndex][6]][0].startsWith(".debug_"))
      .flatMap(({ SectionIndex, Relocs }: any) =>
        Relocs.map(({ Relocation: r }: any) => [sections[SectionIndex][6], r.Offset, r.Type.Value, r.Symbol.Value]),
      );
    return { endian: file!["FileSummary"].Arch === "bpfel" ? "little" : "big", sections, symbols, relocations };
  }

  function plain(elf: Elf): unknown {
    const shndx = { undef: 0, abs: 0xfff1, common: 0xfff2 };
    return {
      endian: elf.endian,
      sections: elf.sections.map((s) => [
        s.name,
        s.type,
        s.flags,
        s.offset,
        s.size,
        s.link,
        s.info,
        s.addralign,
        s.entsize,
      ]),
      symbols: elf.symbols.map((s) => [
        s.name,
        s.value,
        s.size,
        ["local", "global", "weak"].indexOf(s.bind),
        ["notype", "object", "func", "section", "file"].indexOf(s.kind),
        ["default", "internal", "hidden", "protected"].indexOf(s.visibility),
        typeof s.section === "number" ? s.section : shndx[s.section],
      ]),
      relocations: elf.relocations.map((r) => [r.section, r.offset, r.type, r.symbol]),
    };
  }
});

describe("damaged objects", () => {
  const withGroup = (endian: "little" | "big", member: number[]): Uint8Array => {
    const group = {
      name: ".group",
      type: 17,
      link: ".symtab",
      info: 3,
      data: Uint8Array.from([0, 0, 0, 0, ...member]),
    };
    return base({}, { endian, sections: [...BASE.sections, { ...group, entsize: 4, addralign: 4 }] });
  };
  const objects: [string, Uint8Array][] = [
    ["hand-built, little-endian", withGroup("little", [1, 0, 0, 0])],
    ["hand-built, big-endian", withGroup("big", [0, 0, 0, 1])],
    ["compiled", Uint8Array.from(readFileSync(join(FIXTURES, "nomaps.bpf.o")))],
  ];

  test.each(objects)("a truncation at any byte is a SkelError: %s", (_, bytes) => {
    for (let size = 0; size < bytes.length; size++) {
      const error = errorOf(() => parseElf(bytes.subarray(0, size)));
      if (!isSkelError(error, "ERR_ELF_FORMAT")) expect.fail(`${size} bytes: ${String(error)}`);
    }
  });

  test.each(objects)("a flip of any bit is a result or a SkelError: %s", (_, original) => {
    const bytes = original.slice();
    const flip = (bit: number): number => (bytes[bit >> 3]! ^= 1 << (bit & 7));
    const odd: string[] = [];
    let accepted = 0;
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      flip(bit);
      const error = errorOf(() => {
        const carried = stripDebug(bytes);
        if (bytes.length < 2000 && stripDebug(carried) !== carried) throw new Error("carried twice, it changes");
      });
      if (error === undefined) accepted++;
      else if (!isSkelError(error)) odd.push(`bit ${bit}: ${String(error)}`);
      flip(bit);
    }
    expect(odd).toEqual([]);
    expect(bytes).toEqual(original);
    expect(accepted).toBeGreaterThan(100);
  });

  // Work and memory follow the size of the file, whatever its counts say: 1.2 GB and 0.2 GB of names.
  test.each<[string, ElfSpec]>([
    [
      "20000 sections with one long name",
      {
        sections: [
          { name: "n".repeat(60_000) },
          ...Array.from({ length: 20_000 }, () => ({ name: "", nameOffset: 1 })),
        ],
      },
    ],
    [
      "20000 symbols with names inside each other",
      {
        sections: [{ name: "n".repeat(20_000) }],
        symbols: Array.from({ length: 20_000 }, (_, i) => ({ nameOffset: i + 1 })),
      },
    ],
  ])("%s are refused early", (_, spec) => {
    const error = errorOf(() => parseElf(buildElf(spec)));
    expect(String(error)).toMatch(/names must not overlap, got more than 4 times the file$/);
  });
});
