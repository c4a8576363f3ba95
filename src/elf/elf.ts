// What the ELF reader hands on: sections, symbols and relocations as plain data, every offset a number that was checked
// against what it points into. See elf(5) and https://docs.kernel.org/bpf/standardization/abi.html.

export type Endian = "little" | "big";

/** One section header. `name` is "" for the null section 0; else valid UTF-8, but not a safe identifier. */
export interface ElfSection {
  readonly index: number;
  readonly name: string;
  /** `sh_type`: SHT_PROGBITS 1, SHT_SYMTAB 2, SHT_STRTAB 3, SHT_NOBITS 8, SHT_REL 9 ... */
  readonly type: number;
  /** `sh_flags` (64 bits, but no flag above bit 31 is in use for BPF). */
  readonly flags: number;
  /** Where the bytes start in the file; meaningless for NOBITS. */
  readonly offset: number;
  /** Bytes in the file, or in memory for NOBITS; below 2^32. */
  readonly size: number;
  /** `sh_link`, an index into {@link Elf.sections}, 0 for none. */
  readonly link: number;
  readonly info: number;
  /** 0 or a power of two. */
  readonly addralign: number;
  readonly entsize: number;
}

export type SymbolBind = "local" | "global" | "weak";
export type SymbolKind = "notype" | "object" | "func" | "section" | "file" | "other";
export type SymbolVisibility = "default" | "internal" | "hidden" | "protected";

/** One symbol; `index` is its place in `.symtab`, which relocations refer to. */
export interface ElfSymbol {
  readonly index: number;
  /** "" for most symbols of kind "section", which go by their section's name. */
  readonly name: string;
  /** Offset within its section, where `value + size` ends at the latest; any number when it has none. */
  readonly value: number;
  readonly size: number;
  readonly bind: SymbolBind;
  readonly kind: SymbolKind;
  readonly visibility: SymbolVisibility;
  /** Index of the section it is defined in, or why there is none. */
  readonly section: number | "undef" | "abs" | "common";
}

/** One `Elf64_Rel`: `symbol` patches the bytes of section `section` at `offset`. */
export interface ElfRelocation {
  /** The section that is patched (`sh_info` of the relocation section). */
  readonly section: number;
  /** At least 4 bytes before the end of the section. */
  readonly offset: number;
  /** R_BPF_64_64 1, R_BPF_64_ABS64 2, R_BPF_64_ABS32 3, R_BPF_64_NODYLD32 4, R_BPF_64_32 10. */
  readonly type: number;
  /** Index into {@link Elf.symbols}. */
  readonly symbol: number;
}

/**
 * A validated 64-bit BPF object. Every section's bytes lie inside the file and belong to no other; there is at most one
 * `.BTF`, `.BTF.ext`, `.maps`, `license` and symbol table, each with contents; every index names something that exists.
 */
export interface Elf {
  readonly endian: Endian;
  readonly sections: readonly ElfSection[];
  /** All symbols, the null symbol 0 included; empty when there is no `.symtab`. */
  readonly symbols: readonly ElfSymbol[];
  /** Of all `SHT_REL` sections in their order, but for those of debug sections. */
  readonly relocations: readonly ElfRelocation[];
}
