// An object in, the sections that its skeleton does not carry out: debug sections and what only serves them.

import { SHT_GROUP } from "./abi.ts";
import { isDebugSection } from "./debug.ts";
import type { Elf } from "./elf.ts";
import { readGroup } from "./groups.ts";
import { malformed, placeOf } from "./report.ts";
import { isRelocations } from "./rules.ts";
import type { View } from "./view.ts";

export function findDropped(elf: Elf, view: View): ReadonlySet<number> {
  const dropped = new Set(elf.sections.filter(isDebugSection).map((section) => section.index));
  for (const section of elf.sections) {
    if (isRelocations(section) && dropped.has(section.info)) dropped.add(section.index);
  }
  // Type units (clang -fdebug-types-section) are groups of nothing but debug sections and their relocations.
  for (const section of elf.sections) {
    if (section.type !== SHT_GROUP) continue;
    const members = readGroup(view, section);
    if (members.length > 0 && members.every((member) => dropped.has(member))) dropped.add(section.index);
  }
  checkUnused(elf, dropped);
  return dropped;
}

/** A kept relocation would lose its symbol together with the section: no compiler writes one, and libbpf refuses it. */
function checkUnused(elf: Elf, dropped: ReadonlySet<number>): void {
  for (const relocation of elf.relocations) {
    const target = elf.sections[relocation.section];
    const used = elf.symbols[relocation.symbol]?.section;
    if (target === undefined || typeof used !== "number") continue;
    if (dropped.has(target.index) || !dropped.has(used)) continue;
    const section = elf.sections[used];
    const got = section === undefined ? used : placeOf(section);
    throw malformed(`must not refer to debug sections, got a relocation to ${got}`, placeOf(target));
  }
}
