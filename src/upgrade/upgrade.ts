// The bytes of an object with legacy maps in, the same object with BTF-defined ones out: libbpf >= 1.0 refuses the former.
// libbpf resolves a map by the section and the offset of its symbol, so programs and their relocations stay as they are.

import { isRelocations } from "../elf/rules.ts";
import type { Elf, ElfSection } from "../elf/elf.ts";
import { editElf, type NewSection, type SymbolPlace } from "../elf/edit.ts";
import { parseElf, sectionData } from "../elf/read.ts";
import { SkelError } from "../errors.ts";
import { isLegacySection, legacySections, readLegacyMaps } from "../object/legacy.ts";
import { readTypes } from "../object/read.ts";
import { indexObject } from "../object/source.ts";
import { defineMaps } from "./btf.ts";

const SHF_ALLOC_WRITE = 3;

function find(elf: Elf, name: string): ElfSection | undefined {
  return elf.sections.find((section) => section.name === name);
}

/** Legacy sections, what patches them, and `.rel.BTF`, whose places move; it serves linkers alone, libbpf skips it. */
function findReplaced(elf: Elf): ReadonlySet<number> {
  const replaced = (section: ElfSection | undefined): boolean =>
    section !== undefined && (isLegacySection(section) || section.name === ".BTF");
  const dropped = elf.sections.filter(
    (section) => isLegacySection(section) || (isRelocations(section) && replaced(elf.sections[section.info])),
  );
  return new Set(dropped.map(({ index }) => index));
}

/**
 * The object with the maps of `maps` and `maps/NAME` moved to the end of `.maps`, which is made where there is none, and
 * so is `.BTF`. Returns `bytes` itself when it has no such section.
 */
export function upgradeMaps(bytes: Uint8Array): Uint8Array {
  const elf = parseElf(bytes);
  if (legacySections(elf).length === 0) return bytes;
  const types = readTypes(bytes, elf);
  const source = indexObject(elf, types, () => {});
  const dropped = findReplaced(elf);
  const legacy = readLegacyMaps(source, bytes, []);
  if (legacy.length === 0) return editElf(bytes, elf, { dropped });

  const maps = find(elf, ".maps");
  const kept = maps && source.datasecs.get(".maps");
  if (maps !== undefined && kept === undefined)
    throw new SkelError("ERR_MAP_DEF", 'BTF does not describe section ".maps" (compile with clang -g -target bpf)');
  const btf = find(elf, ".BTF");
  const described = defineMaps(btf && sectionData(bytes, btf), elf.endian, types, kept, legacy);

  const old = maps ? sectionData(bytes, maps) : new Uint8Array(0);
  const added: NewSection[] = [];
  const contents = new Map<number, Uint8Array>();
  /** Puts `data` in place of `section`, or in a new one; returns the section's index. */
  const put = (section: ElfSection | undefined, made: NewSection): number => {
    if (section === undefined) return elf.sections.length + added.push(made) - 1;
    contents.set(section.index, made.data);
    return section.index;
  };
  put(btf, { name: ".BTF", flags: 0, addralign: 4, data: described.section });

  let end = Math.ceil(old.length / 8) * 8;
  const places = legacy.map(({ symbol }, i) => {
    const place = { symbol: symbol.index, value: end, size: described.sizes[i]! };
    end += place.size;
    return place;
  });
  const data = new Uint8Array(end);
  data.set(old);
  const section = put(maps, { name: ".maps", flags: SHF_ALLOC_WRITE, addralign: 8, data });
  const symbols = new Map(
    places.map(({ symbol, value, size }): [number, SymbolPlace] => [symbol, { section, value, size }]),
  );
  return editElf(bytes, elf, { dropped, contents, added, symbols });
}
