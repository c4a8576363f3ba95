// ELF in, programs out: every function symbol in an executable section other than `.text` (which holds subprograms),
// placed by libbpf's SEC() table. libbpf.c `bpf_object__add_programs`, `bpf_object__elf_collect`.

import { idsByName } from "../btf/graph.ts";
import { SHF_EXECINSTR, SHT_PROGBITS } from "../elf/abi.ts";
import type { ElfSection, ElfSymbol } from "../elf/elf.ts";
import { shown } from "../errors.ts";
import { requireKernelName } from "./identifier.ts";
import type { ProgramModel } from "./model.ts";
import { findSec } from "./sec.ts";
import type { Source } from "./source.ts";

function isExecutable(section: ElfSection): boolean {
  return section.type === SHT_PROGBITS && (section.flags & SHF_EXECINSTR) !== 0 && section.size > 0;
}

/** All programs, in libbpf's order: by section, then by place in the section. */
export function readPrograms({ elf, types, symbolsIn, warn }: Source): ProgramModel[] {
  const functions = idsByName(types, "func");
  const inSection = (section: ElfSection): ElfSymbol[] =>
    symbolsIn(section)
      .filter((symbol) => symbol.kind === "func")
      .sort((a, b) => a.value - b.value);
  const executable = elf.sections.filter(isExecutable);
  const entries = executable.filter((section) => section.name !== ".text");
  const seen = new Set<string>();
  return entries.flatMap((section) =>
    inSection(section).flatMap((symbol): ProgramModel[] => {
      const where = `program ${shown(symbol.name)}`;
      requireKernelName("program", symbol.name);
      if (seen.has(symbol.name)) {
        warn({ where, what: "a second program has this name; only the first is reachable by it (rename one)" });
        return [];
      }
      seen.add(symbol.name);
      const name = section.name.startsWith("?") ? section.name.slice(1) : section.name;
      const sec = findSec(name);
      const funcType = functions.get(symbol.name);
      return [
        {
          name: symbol.name,
          section: name,
          autoload: name === section.name,
          size: symbol.size,
          ...(symbol.bind === "local" && { linkage: "static" as const }),
          ...(sec && { sec }),
          ...(funcType !== undefined && { funcType }),
        },
      ];
    }),
  );
}

/**
 * The function that libbpf before 1.5 takes for a program, one without a type (`prog_is_subprog`): all that there is, in
 * `.text`.
 */
export function loneFunction({ elf, symbolsIn }: Source): string | undefined {
  const executable = elf.sections.filter(isExecutable);
  if (executable.some(({ name }) => name !== ".text")) return undefined;
  const functions = executable.flatMap((section) => symbolsIn(section).filter(({ kind }) => kind === "func"));
  return functions.length === 1 ? functions[0]!.name : undefined;
}
