// The executable sections of an object: cut into functions, with what their 64-bit immediates stand for and where their calls
// of other functions go. Each is read when it is asked for.

import { R_BPF_64_64, SHF_EXECINSTR, SHT_PROGBITS } from "../elf/abi.ts";
import type { Elf, ElfRelocation, ElfSection, ElfSymbol } from "../elf/elf.ts";
import { sectionData } from "../elf/read.ts";
import { groupBy } from "../group.ts";
import type { Extent, Wide } from "./flow.ts";
import { CALL, type Code, INSTRUCTION_SIZE, openCode } from "./instructions.ts";
import type { Place } from "./reach.ts";
import type { Value } from "./state.ts";

/** A function, by the indexes of its instructions. */
export interface Part extends Extent {
  /** The section's name where no symbol tells. */
  readonly name: string;
}

export interface CodeSection {
  readonly header: ElfSection;
  readonly code: Code;
  /** Instructions. */
  readonly length: number;
  readonly wide: Wide;
  /** By where they begin. */
  readonly parts: ReadonlyMap<number, Part>;
  /** Where a call by relocation goes, by the index of its instruction. */
  readonly calls: ReadonlyMap<number, Place>;
}

/** The value of an address in a section, as calls are given it. */
export function addressValue(section: number, offset: number): Value {
  return `${section}+${offset}`;
}

/** Gives the code of sections by their index; of those that have no code too, which are asked for only by damaged objects. */
export function openCodeSections(bytes: Uint8Array, elf: Elf): (index: number) => CodeSection | undefined {
  const functions = groupBy(
    elf.symbols.filter(({ kind }) => kind === "func"),
    ({ section }) => section,
  );
  const relocations = groupBy(elf.relocations, ({ section }) => section);
  const sections = new Map<number, CodeSection>();
  return (index) => {
    const header = elf.sections[index];
    if (header === undefined) return undefined;
    let section = sections.get(index);
    if (section === undefined) {
      const { code, length } = openCode(sectionData(bytes, header), elf.endian);
      const own = relocations.get(index) ?? [];
      const parts = cutSection(header, functions.get(index) ?? [], length).map((part) => [part.start, part] as const);
      section = {
        header,
        code,
        length,
        wide: wideValues(elf, own, code, length),
        parts: new Map(parts),
        calls: callTargets(elf, own, code, length),
      };
      sections.set(index, section);
    }
    return section;
  };
}

/** The sections that programs and their functions are in. */
export function executable(elf: Elf): ElfSection[] {
  return elf.sections.filter(({ type, flags }) => type === SHT_PROGBITS && (flags & SHF_EXECINSTR) !== 0);
}

/** The section cut where functions begin. */
function cutSection(section: ElfSection, functions: readonly ElfSymbol[], length: number): Part[] {
  const names = new Map<number, string>([[0, section.name]]);
  for (const { value, name } of functions)
    if (value % INSTRUCTION_SIZE === 0) names.set(value / INSTRUCTION_SIZE, name);
  const starts = [...names.keys()].filter((start) => start < length).sort((a, b) => a - b);
  return starts.map((start, i) => ({ name: names.get(start)!, start, end: starts[i + 1] ?? length }));
}

/** What 64-bit immediates stand for: numbers, and addresses where a relocation says so. */
function wideValues(elf: Elf, relocations: readonly ElfRelocation[], code: Code, length: number): Wide {
  const addresses = new Map<number, Value>();
  for (const { offset, type, symbol } of relocations) {
    const { section, kind, value } = elf.symbols[symbol]!;
    const index = offset / INSTRUCTION_SIZE;
    const known = type === R_BPF_64_64 && typeof section === "number" && Number.isInteger(index) && index < length;
    // What has no name of its own goes by its section's, and the place in it stands in the instruction.
    const inSection = known && kind === "section" ? code(index).imm : 0;
    addresses.set(index, known ? addressValue(section, value + inSection) : undefined);
  }
  return (index) => {
    if (addresses.has(index)) return addresses.get(index);
    const { src, imm } = code(index);
    if (src !== 0 || index + 1 >= length) return undefined;
    return (BigInt(code(index + 1).imm >>> 0) << 32n) | BigInt(imm >>> 0);
  };
}

/** libbpf.c, `bpf_object__collect_prog_relos`: the place is the symbol's and what stands in the instruction. */
function callTargets(
  elf: Elf,
  relocations: readonly ElfRelocation[],
  code: Code,
  length: number,
): ReadonlyMap<number, Place> {
  const calls = new Map<number, Place>();
  for (const { offset, symbol } of relocations) {
    const at = offset / INSTRUCTION_SIZE;
    const { section, value } = elf.symbols[symbol]!;
    if (typeof section !== "number" || !Number.isInteger(at) || at >= length || code(at).code !== CALL) continue;
    calls.set(at, { section, offset: value + INSTRUCTION_SIZE * (code(at).imm + 1) });
  }
  return calls;
}
