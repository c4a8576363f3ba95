// The join of ELF and BTF: bytes of an object in, ObjectModel out.

import { parseBtf } from "../btf/read.ts";
import type { BtfType } from "../btf/types.ts";
import type { Elf } from "../elf/elf.ts";
import { parseElf, sectionData } from "../elf/read.ts";
import { SkelError } from "../errors.ts";
import { withEvents } from "./events.ts";
import { readKconfig } from "./kconfig.ts";
import { readLegacyMaps } from "./legacy.ts";
import { readMaps } from "./maps.ts";
import type { ObjectModel, Warning } from "./model.ts";
import { loneFunction, readPrograms } from "./programs.ts";
import { readSections } from "./sections.ts";
import { indexObject } from "./source.ts";
import { readStrays, readUnlinked } from "./strays.ts";
import { loneStructOps, readStructOps, readUnusedMembers } from "./structops.ts";

/** The BTF types of an object; `void` alone where it has none. */
export function readTypes(bytes: Uint8Array, elf: Elf): readonly BtfType[] {
  const section = elf.sections.find(({ name }) => name === ".BTF");
  if (section === undefined) return [{ kind: "void" }];
  const btf = parseBtf(sectionData(bytes, section));
  if (btf.endian !== elf.endian)
    throw new SkelError("ERR_BTF_FORMAT", `.BTF is ${btf.endian}-endian in an object that is ${elf.endian}-endian`);
  return btf.types;
}

function readLicense(bytes: Uint8Array, elf: Elf): string {
  const section = elf.sections.find(({ name }) => name === "license");
  if (section === undefined) return "";
  const text = sectionData(bytes, section);
  const end = text.indexOf(0);
  return new TextDecoder().decode(end < 0 ? text : text.subarray(0, end));
}

/**
 * Everything the generator needs to know about a compiled BPF object.
 * @throws SkelError naming the place in the object, what was found and a remedy
 */
export function readObject(bytes: Uint8Array): ObjectModel {
  const elf = parseElf(bytes);
  const types = readTypes(bytes, elf);
  const warnings: Warning[] = [];
  const source = indexObject(elf, types, (warning) => warnings.push(warning));
  const maps = readMaps(source);
  const legacy = readLegacyMaps(
    source,
    bytes,
    maps.map(({ name }) => name),
  );
  const programs = readPrograms(source);
  const unlinked = readUnlinked(source);
  const strays = readStrays(source);
  const lone = loneFunction(source);
  const structOps = readStructOps(source);
  const unusedMembers = readUnusedMembers(source, programs);
  const loneOps = loneStructOps(source, bytes, structOps, programs);
  const events = withEvents(source, bytes, [...maps, ...legacy.map(({ map }) => map)], programs);
  return {
    endian: elf.endian,
    license: readLicense(bytes, elf),
    maps: events.maps,
    programs,
    sections: [...readSections(source), ...readKconfig(source)],
    structOps,
    ...(unlinked.length > 0 && { unlinked }),
    ...(strays.length > 0 && { strays }),
    ...(lone !== undefined && { loneFunction: lone }),
    ...(unusedMembers.length > 0 && { unusedMembers }),
    ...(loneOps !== undefined && { loneStructOps: loneOps }),
    types: events.types,
    warnings,
  };
}
