// Header and sections in, nothing out: throws where two of them claim the same bytes of the file.

import { EHDR_SIZE, SHDR_SIZE, SHT_NOBITS } from "./abi.ts";
import type { Container } from "./container.ts";
import type { ElfSection } from "./elf.ts";
import { hex, malformed, placeOf } from "./report.ts";

interface Range {
  readonly owner: string | ElfSection;
  readonly start: number;
  readonly end: number;
}

export function checkOverlap({ header, sections }: Container): void {
  const ranges: Range[] = [
    { owner: "file header", start: 0, end: EHDR_SIZE },
    { owner: "section headers", start: header.shoff, end: header.shoff + header.shnum * SHDR_SIZE },
  ];
  for (const section of sections) {
    if (section.type === SHT_NOBITS || section.size === 0) continue;
    ranges.push({ owner: section, start: section.offset, end: section.offset + section.size });
  }
  ranges.sort((a, b) => a.start - b.start);
  let last: Range | undefined;
  for (const range of ranges) {
    if (last !== undefined && range.start < last.end) {
      const got = `${hex(range.start)} to ${hex(range.end)} and ${nameOf(last)} to ${hex(last.end)}`;
      throw malformed(`bytes of the file must have one owner, got ${got}`, nameOf(range));
    }
    last = range;
  }
}

function nameOf({ owner }: Range): string {
  return typeof owner === "string" ? owner : placeOf(owner);
}
