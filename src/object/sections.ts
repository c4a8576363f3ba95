// ELF and BTF in, global data sections out, as libbpf makes internal maps of them. Offsets come from ELF symbols, sizes
// from section headers: clang leaves both 0 in BTF (libbpf.c `btf_fixup_datasec`, bpftool gen.c `get_map_ident`).

import { trySizeOf } from "../btf/graph.ts";
import type { BtfDatasec } from "../btf/types.ts";
import { SHT_NOBITS, SHT_PROGBITS } from "../elf/abi.ts";
import type { ElfSection } from "../elf/elf.ts";
import { printable, shown, SkelError, within } from "../errors.ts";
import { requireVariableName } from "./identifier.ts";
import type { SectionModel, VariableModel } from "./model.ts";
import type { Source } from "./source.ts";

function isOrExtends(name: string, base: string): boolean {
  return name === base || name.startsWith(`${base}.`);
}

/** Which kind of internal map libbpf makes of a section; libbpf.c `bpf_object__elf_collect`. */
export function sectionKind(section: ElfSection): SectionModel["kind"] | undefined {
  if (section.size === 0) return undefined;
  if (section.type === SHT_NOBITS) return isOrExtends(section.name, ".bss") ? "bss" : undefined;
  if (section.type !== SHT_PROGBITS) return undefined;
  if (isOrExtends(section.name, ".data")) return "data";
  if (isOrExtends(section.name, ".rodata")) return "rodata";
  return section.name === ".addr_space.1" ? "arena" : undefined;
}

function readVariable(
  { types, variableSymbol }: Source,
  section: ElfSection,
  info: BtfDatasec["vars"][number],
): VariableModel | undefined {
  const variable = types[info.type]!;
  if (variable.kind !== "var" || variable.linkage === "static") return undefined;
  requireVariableName(variable.name);
  return within(`variable ${variable.name}`, () => {
    const symbol = variableSymbol(section, variable.name);
    if (symbol === undefined)
      throw new SkelError("ERR_MAP_DEF", `BTF describes it but section ${shown(section.name)} has no such symbol`);
    // Hidden variables belong to the object's own files (libbpf >= 1.1 hides them from skeletons too).
    if (symbol.visibility === "hidden" || symbol.visibility === "internal") return undefined;
    // Of the two the symbol is right: clang 19 gives an array of C++'s char16_t the type of whatever came first. A flexible
    // array makes the symbol larger; a symbol of assembly has no size.
    const typeSize = trySizeOf(types, variable.type) ?? symbol.size;
    const size = symbol.size === 0 ? typeSize : Math.min(typeSize, symbol.size);
    if (symbol.value + size > section.size)
      throw new SkelError(
        "ERR_MAP_DEF",
        `bytes ${symbol.value} to ${symbol.value + size} do not fit section ${shown(section.name)}, got ${section.size} bytes`,
      );
    return {
      name: variable.name,
      type: variable.type,
      offset: symbol.value,
      size,
      weak: symbol.bind === "weak",
    };
  });
}

/** The first of `sorted` that is not below `least`; infinite where there is none. */
function firstFrom(sorted: Float64Array, least: number): number {
  let [from, to] = [0, sorted.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (sorted[middle]! < least) from = middle + 1;
    else to = middle;
  }
  return sorted[from] ?? Infinity;
}

const SHOWN_NAMES = 3;

/** libbpf leaves relocations of data aside (libbpf.c `bpf_object__elf_collect`), so an address there is what the file has. */
function warnOfAddresses(source: Source, section: ElfSection): void {
  const places = Float64Array.from(source.relocationsOf(section), ({ offset }) => offset).sort();
  if (places.length === 0) return;
  const holders = source
    .symbolsIn(section)
    .filter(({ kind, value, size }) => kind === "object" && firstFrom(places, value) < value + size)
    .map(({ name }) => printable(name));
  const more = holders.length - SHOWN_NAMES;
  const names = holders.slice(0, SHOWN_NAMES).join(", ") + (more > 0 ? ` and ${more} more` : "");
  const holder = names === "" ? "its data" : names;
  const pointers =
    places.length === 1
      ? `a pointer of ${holder} reads as an offset`
      : `${places.length} pointers of ${holder} read as offsets`;
  source.warn({
    where: `section ${shown(section.name)}`,
    what: `${pointers}: libbpf fills in no addresses in data (keep the data itself, as in char names[3][8], or set them in a program)`,
  });
}

/** Every global data section that has at least one visible variable, in file order. */
export function readSections(source: Source): SectionModel[] {
  const idents = new Set<string>();
  return source.elf.sections.flatMap((section): SectionModel[] => {
    const kind = sectionKind(section);
    if (kind !== undefined) warnOfAddresses(source, section);
    const datasec = kind && source.datasecs.get(section.name);
    if (kind === undefined || datasec === undefined) return [];
    const where = `section ${shown(section.name)}`;
    const variables = within(where, () =>
      datasec.vars
        .map((info) => readVariable(source, section, info))
        .filter((variable) => variable !== undefined)
        .sort((a, b) => a.offset - b.offset),
    );
    if (variables.length === 0) return [];
    const ident = kind === "arena" ? "arena" : section.name.slice(1).replace(/[^A-Za-z0-9_]/g, "_");
    if (idents.has(ident)) {
      source.warn({
        where,
        what: `another section is called ${ident} in the skeleton too; this one is left out (rename it)`,
      });
      return [];
    }
    idents.add(ident);
    return [{ name: section.name, ident, kind, size: section.size, variables }];
  });
}
