// The bytes of a .bpf.o in, the object that a skeleton carries out.

import { hasNoRecords } from "../btf/ext.ts";
import { editElf } from "../elf/edit.ts";
import { parseElf, sectionData } from "../elf/read.ts";
import { isRelocations } from "../elf/rules.ts";
import { stripDebug } from "../elf/write.ts";
import { upgradeMaps } from "./upgrade.ts";

/**
 * The object with legacy maps upgraded and without debug sections; `bytes` itself when there is nothing to do, so that
 * `carry(carry(x))` equals `carry(x)`.
 */
export function carry(bytes: Uint8Array): Uint8Array {
  return stripDebug(upgradeMaps(withoutEmptyExt(bytes)));
}

/** Without a `.BTF.ext` that says nothing and has libbpf refuse the BTF of the maps. */
function withoutEmptyExt(bytes: Uint8Array): Uint8Array {
  const elf = parseElf(bytes);
  const section = elf.sections.find(({ name }) => name === ".BTF.ext");
  if (section === undefined || !hasNoRecords(sectionData(bytes, section), elf.endian)) return bytes;
  const patches = elf.sections.filter((one) => isRelocations(one) && one.info === section.index);
  return editElf(bytes, elf, { dropped: new Set([section, ...patches].map(({ index }) => index)) });
}
