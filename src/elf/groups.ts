// A COMDAT group section in, the indexes of its members out. clang++ and rustc make one for each inline function.

import { SHT_GROUP } from "./abi.ts";
import type { ElfSection, ElfSymbol } from "./elf.ts";
import { malformed, placeOf } from "./report.ts";
import type { View } from "./view.ts";

/** The members of `group`, whose first word is flags. */
export function readGroup(view: View, group: ElfSection): readonly number[] {
  const members: number[] = [];
  for (let at = 4; at < group.size; at += 4) members.push(view.u32(group.offset + at));
  return members;
}

export function checkGroups(view: View, sections: readonly ElfSection[], symbols: readonly ElfSymbol[]): void {
  for (const group of sections) {
    if (group.type !== SHT_GROUP) continue;
    const place = placeOf(group);
    if (group.size === 0 || group.size % 4 !== 0) {
      throw malformed(`group must be whole words, got ${group.size} bytes`, place);
    }
    if (group.info >= symbols.length) {
      throw malformed(`group must be named by a symbol below ${symbols.length}, got ${group.info}`, place);
    }
    for (const member of readGroup(view, group)) {
      if (member === 0 || member >= sections.length) {
        throw malformed(`member must be section 1 to ${sections.length - 1}, got ${member}`, place);
      }
    }
  }
}
