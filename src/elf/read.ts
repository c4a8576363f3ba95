// The bytes of a .bpf.o in, its sections, symbols and relocations out. See elf(5) and
// https://docs.kernel.org/bpf/llvm_reloc.html.

import { SHT_NOBITS } from "./abi.ts";
import { openContainer } from "./container.ts";
import type { Elf, ElfSection } from "./elf.ts";
import { checkGroups } from "./groups.ts";
import { checkOverlap } from "./ranges.ts";
import { readRelocations } from "./relocations.ts";
import { checkSections } from "./rules.ts";
import { readSymbols } from "./symbols.ts";
import { openView } from "./view.ts";

/** Reads a compiled BPF object of either byte order; throws `SkelError` for everything that is not a sound one. */
export function parseElf(bytes: Uint8Array): Elf {
  const container = openContainer(bytes);
  const { header, sections } = container;
  checkOverlap(container);
  checkSections(sections);
  const view = openView(bytes, header.endian);
  const symbols = readSymbols(bytes, view, sections);
  const relocations = readRelocations(view, sections, symbols.length);
  checkGroups(view, sections, symbols);
  return { endian: header.endian, sections, symbols, relocations };
}

/** The bytes of `section`, not copied; none for NOBITS. `bytes` are the ones that `section` was read from. */
export function sectionData(bytes: Uint8Array, section: ElfSection): Uint8Array {
  const size = section.type === SHT_NOBITS ? 0 : section.size;
  // A plain Uint8Array also when `bytes` is a Buffer, whose slice() does not copy.
  return new Uint8Array(bytes.buffer, bytes.byteOffset + section.offset, size);
}
