// A section in, whether it is DWARF out: what clang -g adds for debuggers and neither libbpf nor the kernel reads.

import { SHF_ALLOC, SHT_PROGBITS } from "./abi.ts";
import type { ElfSection } from "./elf.ts";

/**
 * Whether `section` is DWARF. libbpf goes by the name alone (`is_sec_name_dwarf`); a variable that somebody placed with
 * `SEC(".debug_x")` is allocated, and no debug information.
 */
export function isDebugSection(section: ElfSection): boolean {
  return section.name.startsWith(".debug_") && section.type === SHT_PROGBITS && (section.flags & SHF_ALLOC) === 0;
}
