// The whole file in, its header and sections out, as the npm package elfy reads them. The only file that imports it.
//
// elfy 1.0.0 does not know EM_BPF, reads 64-bit sh_addralign and sh_entsize from the wrong place, gives NOBITS sections
// bytes that are not theirs, takes almost any garbage and throws bare errors. So our own code checks the header and
// the section headers before elfy sees them, and elfy has to agree with every number it reads afterwards.

/// <reference path="./elfy.d.ts" />

import elfy from "elfy";
import type { ElfSection } from "./elf.ts";
import { type FileHeader, readHeader } from "./header.ts";
import { malformed, placeOf } from "./report.ts";
import { readTable } from "./table.ts";

export interface Container {
  readonly header: FileHeader;
  readonly sections: readonly ElfSection[];
}

export function openContainer(bytes: Uint8Array): Container {
  const header = readHeader(bytes);
  const checked = readTable(bytes, header);
  const parsed = parseWithElfy(bytes);
  if (parsed.length !== checked.length) {
    throw malformed(`elfy must find ${checked.length} sections, got ${parsed.length}`);
  }
  const sections = checked.map((ours, i) => {
    const theirs = parsed[i];
    const agreed =
      theirs !== undefined &&
      theirs.name === ours.name &&
      theirs.type === (elfy.constants.sectType[ours.type] ?? ours.type) &&
      theirs.off === ours.offset &&
      theirs.size === ours.size &&
      theirs.link === ours.link &&
      theirs.info === ours.info;
    if (!agreed) throw malformed("elfy must read the same section header, got another", placeOf(ours));
    return { ...ours, name: theirs.name, offset: theirs.off, size: theirs.size, link: theirs.link, info: theirs.info };
  });
  return { header, sections };
}

function parseWithElfy(bytes: Uint8Array): ReturnType<typeof elfy.parse>["body"]["sections"] {
  try {
    return elfy.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)).body.sections;
  } catch (cause) {
    throw malformed(`elfy must accept the file, got ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}
