// The numbers of the ELF format that this reader knows: elf(5), the System V gABI and LLVM's additions.

export const EHDR_SIZE = 64;
export const SHDR_SIZE = 64;
export const SYM_SIZE = 24;
export const REL_SIZE = 16;

export const EM_BPF = 247;

export const SHT_PROGBITS = 1;
export const SHT_SYMTAB = 2;
export const SHT_STRTAB = 3;
export const SHT_RELA = 4;
export const SHT_NOBITS = 8;
export const SHT_REL = 9;
export const SHT_GROUP = 17;
export const SHT_SYMTAB_SHNDX = 18;
/** LLVM's compact relocations (`-Wa,--crel`). */
export const SHT_CREL = 0x40000014;

export const SHF_ALLOC = 0x2;
export const SHF_EXECINSTR = 0x4;
export const SHF_INFO_LINK = 0x40;
export const SHF_COMPRESSED = 0x800;

export const SHN_UNDEF = 0;
/** Section numbers from here on are reserved, so a table that needs them is numbered another way. */
export const SHN_LORESERVE = 0xff00;
export const SHN_ABS = 0xfff1;
export const SHN_COMMON = 0xfff2;
export const SHN_XINDEX = 0xffff;

export const STT_OBJECT = 1;

/** Of an instruction with a 64-bit immediate. */
export const R_BPF_64_64 = 1;

/** Where fields lie in `Elf64_Ehdr`. */
export const EHDR = {
  type: 16,
  machine: 18,
  version: 20,
  shoff: 40,
  ehsize: 52,
  phnum: 56,
  shentsize: 58,
  shnum: 60,
  shstrndx: 62,
} as const;

/** Where fields lie in `Elf64_Shdr`. */
export const SHDR = {
  name: 0,
  type: 4,
  flags: 8,
  offset: 24,
  size: 32,
  link: 40,
  info: 44,
  addralign: 48,
  entsize: 56,
} as const;

/** Where fields lie in `Elf64_Sym`. */
export const SYM = { name: 0, info: 4, other: 5, shndx: 6, value: 8, size: 16 } as const;
