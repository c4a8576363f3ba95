// ELF in, what an object uses and has not, by libbpf's rules, out: externs of other files, and variables of sections that
// are neither maps nor data to libbpf.

import { SHF_EXECINSTR } from "../elf/abi.ts";
import type { ElfSection } from "../elf/elf.ts";
import { isLegacySection } from "./legacy.ts";
import type { StrayModel } from "./model.ts";
import { sectionKind } from "./sections.ts";
import type { Source } from "./source.ts";

/** Names of externs that neither `.kconfig` nor `.ksyms` has (libbpf.c, `bpf_object__collect_externs`). */
export function readUnlinked({ elf, types, datasecs }: Source): string[] {
  const known = new Set(
    [".kconfig", ".ksyms"].flatMap((name) =>
      (datasecs.get(name)?.vars ?? []).map(({ type: id }) => {
        const type = types[id]!;
        return type.kind === "var" || type.kind === "func" ? type.name : "";
      }),
    ),
  );
  const unlinked = elf.symbols
    // `sym_is_extern`
    .filter(({ section, bind, kind }) => section === "undef" && bind !== "local" && kind === "notype")
    .map(({ name }) => name)
    .filter((name) => name !== "" && !known.has(name));
  return [...new Set(unlinked)];
}

/** What code takes from sections that libbpf makes no map of (libbpf.c, `bpf_program__record_reloc`); one for each section. */
export function readStrays(source: Source): StrayModel[] {
  const { elf, relocationsOf } = source;
  const found = new Map<number, StrayModel>();
  for (const code of elf.sections.filter(isCode)) {
    for (const { symbol: index } of relocationsOf(code)) {
      const { name, section: at } = elf.symbols[index]!;
      const section = typeof at === "number" ? elf.sections[at] : undefined;
      if (section === undefined || found.has(section.index) || isPlace(section)) continue;
      found.set(section.index, { section: section.name, symbol: name });
    }
  }
  return [...found.values()];
}

function isCode({ flags }: ElfSection): boolean {
  return (flags & SHF_EXECINSTR) !== 0;
}

function isPlace(section: ElfSection): boolean {
  return isCode(section) || section.name === ".maps" || isLegacySection(section) || sectionKind(section) !== undefined;
}
