// The relocations of `.maps` in, what stands in static slots out: `.values = { [0] = &inner }`, `{ [1] = (void *)&prog }`.
// libbpf.c `bpf_object__collect_map_relos`.

import type { BtfMember } from "../btf/types.ts";
import { SHF_EXECINSTR } from "../elf/abi.ts";
import type { ElfSection } from "../elf/elf.ts";
import { shown } from "../errors.ts";
import type { MapModel, SlotModel } from "./model.ts";
import type { Source } from "./source.ts";

/** A definition and where it lies in `.maps`. */
interface Placed {
  readonly offset: number;
  readonly members: readonly BtfMember[];
  readonly map: MapModel;
}

/** Of a pointer in a BPF object. */
const POINTER_SIZE = 8;

/** The filled slots of one map, by index. */
export function readSlots(source: Source, section: ElfSection, { offset, members, map }: Placed): SlotModel[] {
  const { elf, relocationsOf, warn } = source;
  const ofMaps = map.inner !== undefined || map.type.endsWith("_of_maps");
  const values = members.at(-1)?.name === "values" ? members.at(-1) : undefined;
  const holds = values !== undefined && (ofMaps || map.type === "prog_array");
  // `values` is an array of no length at the end of the struct: its elements lie behind it.
  const start = offset + (values?.bitOffset ?? 0) / 8;
  const end = symbolEnd(source, section, map.name) ?? offset;
  const refuse = (what: string): undefined => {
    warn({ where: `map ${map.name}`, what, stops: "open" });
    return undefined;
  };
  return relocationsOf(section)
    .filter((relocation) => relocation.offset >= offset && relocation.offset < end)
    .map((relocation): SlotModel | undefined => {
      const { name, section: defined, kind } = elf.symbols[relocation.symbol]!;
      const index = (relocation.offset - start) / POINTER_SIZE;
      if (!holds || relocation.offset < start || !Number.isInteger(index))
        return refuse(`libbpf refuses a pointer in a definition, got ${shown(name)} (only .values has any)`);
      const target = typeof defined === "number" ? elf.sections[defined] : undefined;
      const fits = ofMaps ? target === section : isEntry(target) && kind === "func";
      if (fits && name !== "") return { index, name };
      const expected = ofMaps ? 'a map of SEC(".maps")' : "a program";
      return refuse(`libbpf refuses slot ${index}: it is not ${expected}, got ${shown(name)} (change .values)`);
    })
    .filter((slot) => slot !== undefined)
    .sort((a, b) => a.index - b.index);
}

function symbolEnd({ variableSymbol }: Source, section: ElfSection, name: string): number | undefined {
  const symbol = variableSymbol(section, name);
  return symbol && symbol.value + symbol.size;
}

/** Functions of `.text` are subprograms. */
function isEntry(section: ElfSection | undefined): boolean {
  return section !== undefined && (section.flags & SHF_EXECINSTR) !== 0 && section.name !== ".text";
}
