// What the ELF reader hands on: sections, symbols and relocations as plain data, offsets as numbers checked against
// the file's size. See elf(5) and https://docs.kernel.org/bpf/standardization/abi.html.

export type Endian = "little" | "big";

/** One section header. `name` is "" for the null section 0. */
export interface ElfSection {
  readonly index: number;
  readonly name: string;
  /** `sh_type`: SHT_PROGBITS 1, SHT_SYMTAB 2, SHT_STRTAB 3, SHT_NOBITS 8, SHT_REL 9 ... */
  readonly type: number;
  /** `sh_flags` (64 bits, but no flag above bit 31 is in use for BPF). */
  readonly flags: number;
  /** Where the bytes start in the file; meaningless for NOBITS. */
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly addralign: number;
  readonly entsize: number;
}

export type SymbolBind = "local" | "global" | "weak";
export type SymbolKind = "notype" | "object" | "func" | "section" | "file" | "other";
export type SymbolVisibility = "default" | "internal" | "hidden" | "protected";

/** One symbol; `index` is its place in `.symtab`, which relocations refer to. */
export interface ElfSymbol {
  readonly index: number;
  readonly name: string;
  /** Offset within its section. */
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
  readonly offset: number;
  /** R_BPF_64_64 1, R_BPF_64_ABS64 2, R_BPF_64_ABS32 3, R_BPF_64_NODYLD32 4, R_BPF_64_32 10. */
  readonly type: number;
  /** Index into {@link Elf.symbols}. */
  readonly symbol: number;
}

/** A validated 64-bit BPF object: every section's bytes lie inside the file. */
export interface Elf {
  readonly endian: Endian;
  readonly sections: readonly ElfSection[];
  /** All symbols, the null symbol 0 included; empty when there is no `.symtab`. */
  readonly symbols: readonly ElfSymbol[];
  readonly relocations: readonly ElfRelocation[];
}
