// Bytes of an object in, its calls of certain kernel helpers out, with what is known of their arguments. Functions are looked
// at one by one, with nothing known of their own arguments.

import { R_BPF_64_64, SHF_EXECINSTR, SHT_PROGBITS } from "../elf/abi.ts";
import type { Elf, ElfRelocation, ElfSection, ElfSymbol } from "../elf/elf.ts";
import { sectionData } from "../elf/read.ts";
import { groupBy } from "../group.ts";
import { analyse, type Extent, type Wide } from "./flow.ts";
import { CALL, CALLS_HELPER, type Code, INSTRUCTION_SIZE, LDDW, openCode } from "./instructions.ts";
import type { Value } from "./state.ts";

/** One call of a helper. */
export interface HelperCall {
  /** The function that calls; the section's name where no symbol tells. */
  readonly caller: string;
  readonly section: number;
  /** Of the call, in bytes from the start of the section. */
  readonly offset: number;
  /** `enum bpf_func_id`. */
  readonly helper: number;
  /** What r1 to r5 hold. */
  readonly args: readonly Value[];
}

/** The value of an address in a section, as calls are given it. */
export function addressValue(section: number, offset: number): Value {
  return `${section}+${offset}`;
}

const UNKNOWN: readonly Value[] = [undefined, undefined, undefined, undefined, undefined];

/** All calls of `helpers`, by place. Where the code cannot be followed, the arguments are unknown. */
export function findHelperCalls(bytes: Uint8Array, elf: Elf, helpers: ReadonlySet<number>): HelperCall[] {
  const functions = groupBy(
    elf.symbols.filter(({ kind }) => kind === "func"),
    ({ section }) => section,
  );
  const relocations = groupBy(elf.relocations, ({ section }) => section);
  return elf.sections
    .filter(({ type, flags }) => type === SHT_PROGBITS && (flags & SHF_EXECINSTR) !== 0)
    .flatMap((section) => {
      const { code, length } = openCode(sectionData(bytes, section), elf.endian);
      const wide = wideValues(elf, relocations.get(section.index) ?? [], code, length);
      return cutSection(section, functions.get(section.index) ?? [], length).flatMap((part) =>
        callsOf(section, part, code, wide, helpers),
      );
    });
}

export interface Part extends Extent {
  readonly name: string;
}

/** The section cut where functions begin. */
export function cutSection(section: ElfSection, functions: readonly ElfSymbol[], length: number): Part[] {
  const names = new Map<number, string>([[0, section.name]]);
  for (const { value, name } of functions)
    if (value % INSTRUCTION_SIZE === 0) names.set(value / INSTRUCTION_SIZE, name);
  const starts = [...names.keys()].filter((start) => start < length).sort((a, b) => a - b);
  return starts.map((start, i) => ({ name: names.get(start)!, start, end: starts[i + 1] ?? length }));
}

function callsOf(
  { index: section }: ElfSection,
  part: Part,
  code: Code,
  wide: Wide,
  helpers: ReadonlySet<number>,
): HelperCall[] {
  const calls = new Map<number, HelperCall>();
  for (let index = part.start; index < part.end; index++) {
    const { code: op, src, imm: helper } = code(index);
    if (op === CALL && src === CALLS_HELPER && helpers.has(helper))
      calls.set(index, { caller: part.name, section, offset: INSTRUCTION_SIZE * index, helper, args: UNKNOWN });
    if (op === LDDW) index++;
  }
  // Most functions have none, and need no analysis.
  const flow = calls.size === 0 ? undefined : analyse(code, wide, part);
  flow?.visit((index, state) => {
    const call = calls.get(index);
    if (call !== undefined) calls.set(index, { ...call, args: state.slice(1, 6) });
  });
  return [...calls.values()];
}

/** What 64-bit immediates stand for: numbers, and addresses where a relocation says so. */
export function wideValues(elf: Elf, relocations: readonly ElfRelocation[], code: Code, length: number): Wide {
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
