// A description of an ELF object in, its bytes out: a 64-bit BPF object as clang writes it, except where the
// description sets a header field itself, which is how tests make malformed ones.

type Bytes = Uint8Array | readonly number[];
type Int = number | bigint;

/** Fields of `Elf64_Ehdr`; those that are left out are computed. */
export interface FileFields {
  class?: number;
  data?: number;
  identVersion?: number;
  type?: number;
  machine?: number;
  version?: number;
  shoff?: Int;
  ehsize?: number;
  phnum?: number;
  shentsize?: number;
  shnum?: number;
  shstrndx?: number;
}

/** Fields of `Elf64_Shdr`; `link` and `info` may name a section. */
export interface SectionFields {
  nameOffset?: number;
  type?: number;
  flags?: Int;
  offset?: Int;
  size?: Int;
  link?: number | string;
  info?: number | string;
  addralign?: Int;
  entsize?: Int;
}

/** Sections are numbered from 1 in the order given; their bytes follow each other, aligned to `addralign` (1). */
export interface SectionSpec extends SectionFields {
  name: string | Bytes;
  data?: Bytes;
}

/** Symbols are numbered from 1 in the order given; the null symbol is added. */
export interface SymbolSpec {
  name?: string | Bytes;
  nameOffset?: number;
  value?: Int;
  size?: Int;
  /** 0 local, 1 global (taken when it has a name), 2 weak. */
  bind?: number;
  /** 0 notype (taken when left out), 1 object, 2 func, 3 section, 4 file. */
  kind?: number;
  /** 0 default, 1 internal, 2 hidden, 3 protected. */
  visibility?: number;
  /** A section's name, its index, or a reserved one. */
  section?: string | number | "undef" | "abs" | "common";
}

export interface RelocationSpec {
  /** The section that is patched, by name. */
  section: string;
  offset: Int;
  type: number;
  /** A symbol's name or index. */
  symbol: string | number;
}

export interface ElfSpec {
  endian?: "little" | "big";
  file?: FileFields;
  sections?: readonly SectionSpec[];
  symbols?: readonly SymbolSpec[];
  relocations?: readonly RelocationSpec[];
  /** Fields of the sections that are generated: `.rel` + name of the target, `.symtab`, `.strtab`. */
  generated?: Readonly<Record<string, SectionFields>>;
}

const RESERVED: Readonly<Record<string, number>> = { undef: 0, abs: 0xfff1, common: 0xfff2 };

/** Sections, then a `.rel` section for each target, `.symtab` when there are symbols, `.strtab` with all names. */
export function buildElf(spec: ElfSpec): Uint8Array {
  const { endian = "little", symbols = [], relocations = [] } = spec;
  const little = endian === "little";
  const strings = new Strings();
  const sections: SectionSpec[] = [{ name: "", type: 0 }, ...(spec.sections ?? [])];
  const targets = [...new Set(relocations.map((relocation) => relocation.section))];
  for (const target of targets) {
    sections.push({
      name: `.rel${target}`,
      type: 9,
      flags: 0x40,
      link: ".symtab",
      info: target,
      addralign: 8,
      entsize: 16,
    });
  }
  if (symbols.length + relocations.length > 0) {
    const locals = symbols.findIndex((symbol) => bindOf(symbol) !== 0);
    const info = locals < 0 ? symbols.length + 1 : locals + 1;
    sections.push({ name: ".symtab", type: 2, link: ".strtab", info, addralign: 8, entsize: 24 });
  }
  sections.push({ name: ".strtab", type: 3 });
  const indexOf = (section: string | number): number =>
    typeof section === "number" ? section : sections.findIndex(({ name }) => name === section);

  const nameOffsets = sections.map(({ name }) => strings.add(name));
  const symbolBytes = concat([
    new Uint8Array(24),
    ...symbols.map((symbol) => encodeSymbol(symbol, strings, indexOf, little)),
  ]);
  const dataOf = ({ name, type, data }: SectionSpec): Uint8Array => {
    if (data !== undefined) return Uint8Array.from(data);
    if (name === ".symtab") return symbolBytes;
    if (name === ".strtab") return strings.bytes();
    if (type !== 9) return new Uint8Array();
    const ours = relocations.filter(({ section }) => name === `.rel${section}`);
    return concat(ours.map((relocation) => encodeRelocation(relocation, symbols, little)));
  };

  let end = 64;
  const headers: Uint8Array[] = [];
  const parts: { at: number; data: Uint8Array }[] = [];
  for (const [index, section] of sections.entries()) {
    const data = dataOf(section);
    const generated = index > (spec.sections?.length ?? 0) && typeof section.name === "string";
    const fields = { ...section, ...(generated ? spec.generated?.[section.name as string] : undefined) };
    const align = Math.min(Number(fields.addralign ?? 1) || 1, 4096);
    const at = index === 0 ? 0 : data.length === 0 ? end : Math.ceil(end / align) * align;
    end = Math.max(end, at + data.length);
    parts.push({ at, data });
    headers.push(
      encode(little, [
        [4, fields.nameOffset ?? nameOffsets[index] ?? 0],
        [4, fields.type ?? 1],
        [8, fields.flags ?? 0],
        [8, 0],
        [8, fields.offset ?? at],
        [8, fields.size ?? data.length],
        [4, indexOf(fields.link ?? 0)],
        [4, indexOf(fields.info ?? 0)],
        [8, fields.addralign ?? (index === 0 ? 0 : 1)],
        [8, fields.entsize ?? 0],
      ]),
    );
  }
  const shoff = Math.ceil(end / 8) * 8;
  const header = encodeHeader({ shoff, shnum: sections.length, shstrndx: sections.length - 1, ...spec.file }, little);
  const out = new Uint8Array(shoff + headers.length * 64);
  out.set(header);
  for (const { at, data } of parts) out.set(data, at);
  out.set(concat(headers), shoff);
  return out;
}

function encodeHeader(file: FileFields, little: boolean): Uint8Array {
  const ident = [0x7f, 0x45, 0x4c, 0x46, file.class ?? 2, file.data ?? (little ? 1 : 2), file.identVersion ?? 1];
  const rest = encode(little, [
    [2, file.type ?? 1],
    [2, file.machine ?? 247],
    [4, file.version ?? 1],
    [8, 0],
    [8, 0],
    [8, file.shoff ?? 0],
    [4, 0],
    [2, file.ehsize ?? 64],
    [2, 0],
    [2, file.phnum ?? 0],
    [2, file.shentsize ?? 64],
    [2, file.shnum ?? 0],
    [2, file.shstrndx ?? 0],
  ]);
  return concat([Uint8Array.from({ length: 16 }, (_, i) => ident[i] ?? 0), rest]);
}

function encodeSymbol(
  symbol: SymbolSpec,
  strings: Strings,
  indexOf: (section: string | number) => number,
  little: boolean,
): Uint8Array {
  const { section = "undef" } = symbol;
  return encode(little, [
    [4, symbol.nameOffset ?? strings.add(symbol.name ?? "")],
    [1, bindOf(symbol) * 16 + (symbol.kind ?? 0)],
    [1, symbol.visibility ?? 0],
    [2, (typeof section === "string" ? RESERVED[section] : undefined) ?? indexOf(section)],
    [8, symbol.value ?? 0],
    [8, symbol.size ?? 0],
  ]);
}

function bindOf(symbol: SymbolSpec): number {
  return symbol.bind ?? (symbol.name === undefined ? 0 : 1);
}

function encodeRelocation(
  { offset, type, symbol }: RelocationSpec,
  symbols: readonly SymbolSpec[],
  little: boolean,
): Uint8Array {
  const index = typeof symbol === "number" ? symbol : symbols.findIndex(({ name }) => name === symbol) + 1;
  return encode(little, [
    [8, offset],
    [8, (BigInt(index) << 32n) | BigInt(type)],
  ]);
}

/** Unsigned integers of the given widths one after the other. */
function encode(little: boolean, fields: readonly (readonly [width: number, value: Int])[]): Uint8Array {
  const out: number[] = [];
  for (const [width, value] of fields) {
    const bytes = Array.from({ length: width }, (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 0xffn));
    out.push(...(little ? bytes : bytes.reverse()));
  }
  return Uint8Array.from(out);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** A string table that holds each different name once. */
class Strings {
  readonly #parts: Uint8Array[] = [Uint8Array.of(0)];
  readonly #offsets = new Map<string, number>([["", 0]]);
  #size = 1;

  add(name: string | Bytes): number {
    const bytes = typeof name === "string" ? new TextEncoder().encode(name) : Uint8Array.from(name);
    const key = bytes.join();
    const known = this.#offsets.get(key);
    if (known !== undefined) return known;
    const at = this.#size;
    this.#offsets.set(key, at);
    this.#parts.push(bytes, Uint8Array.of(0));
    this.#size += bytes.length + 1;
    return at;
  }

  bytes(): Uint8Array {
    return concat(this.#parts);
  }
}
