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
  const values = members.find(({ name }) => name === "values");
  if (values === undefined) return [];
  const { elf, relocationsOf, warn } = source;
  const where = `map ${map.name}`;
  const ofMaps = map.inner !== undefined || map.type.endsWith("_of_maps");
  // `values` is an array of no length at the end of the struct: its elements lie behind it.
  const start = offset + values.bitOffset / 8;
  const end = symbolEnd(source, section, map.name) ?? start;
  return relocationsOf(section)
    .filter((relocation) => relocation.offset >= start && relocation.offset < end)
    .map((relocation): SlotModel | undefined => {
      const index = Math.floor((relocation.offset - start) / POINTER_SIZE);
      const { name, section: defined } = elf.symbols[relocation.symbol]!;
      const target = typeof defined === "number" ? elf.sections[defined] : undefined;
      const fits = ofMaps ? target === section : isCode(target);
      if (fits && name !== "") return { index, name };
      const expected = ofMaps ? 'a map of SEC(".maps")' : "a program";
      warn({
        where,
        what: `libbpf refuses slot ${index}: it is not ${expected}, got ${shown(name)} (change .values)`,
        stops: "open",
      });
      return undefined;
    })
    .filter((slot) => slot !== undefined)
    .sort((a, b) => a.index - b.index);
}

function symbolEnd({ variableSymbol }: Source, section: ElfSection, name: string): number | undefined {
  const symbol = variableSymbol(section, name);
  return symbol && symbol.value + symbol.size;
}

function isCode(section: ElfSection | undefined): boolean {
  return section !== undefined && (section.flags & SHF_EXECINSTR) !== 0;
}
