// The generated code's table, found in what libbpf parsed: everything must be there, and of the recorded size.

import { kindOf, type ProgramSpec } from "../abi.ts";
import { attachTypes, programTypes } from "../abi/kernel.ts";
import { StaleError, UnsupportedError } from "../errors.ts";
import type { Library } from "../library.ts";
import { bpfError } from "../library/failure.ts";
import type { Expected } from "../maps/compat.ts";
import { mapTypeName } from "../library/mapinfo.ts";
import type { MapSpec } from "../maps/core.ts";
import type { BpfObject } from "../object.ts";
import type { ProgramCore } from "../program/core.ts";
import type { BpfProgram } from "../program.ts";
import type { Codec } from "../codec/codec.ts";
import type { SectionSpec } from "../sections/types.ts";
import { resetValueSize } from "./eventmaps.ts";
import { initialValue } from "./initial.ts";
import { checkSection, type StructOpsCore, type StructOpsSpec } from "../structops.ts";
import type { ProgramEntry, SkeletonShape, SkeletonTable } from "./types.ts";

/** A map of the table, found in the object. */
export interface FoundMap {
  readonly name: string;
  readonly spec: MapSpec<unknown>;
  readonly pointer: number;
  readonly type: string;
  readonly keySize: number;
  readonly valueSize: number;
}

/** What a map must be to be taken in its place; its sizes are those that libbpf would make it with now. */
export function expectedOf({ library }: BpfObject, { spec, name, type, pointer }: FoundMap): Expected {
  const keySize = library.fn("bpf_map__key_size")(pointer);
  const valueSize = library.fn("bpf_map__value_size")(pointer);
  return { ...spec, name, type, keySize, valueSize };
}

/** A section of the table, found in the object. */
export interface FoundSection {
  /** As it is called in generated code: "data_foo". */
  readonly ident: string;
  /** With the lengths that its arrays are given before load. */
  spec: SectionSpec<unknown>;
  readonly pointer: number;
}

/** All of the table, found in the object. */
export interface Found {
  readonly maps: readonly FoundMap[];
  readonly programs: readonly ProgramCore[];
  readonly sections: readonly FoundSection[];
  readonly structOps: readonly FoundStructOps[];
}

/** A struct_ops map of the table, found in the object. */
export interface FoundStructOps {
  readonly name: string;
  readonly spec: StructOpsSpec<unknown>;
  readonly core: StructOpsCore;
}

/** `__arena` globals, as clang and libbpf call their section. */
export const arenaSection = ".addr_space.1";

/** @throws UnsupportedError when the object has an arena and libbpf is too old for it: it would open and not load it, or crash */
export function checkArenas(library: Library, table: SkeletonTable<SkeletonShape>): void {
  const specs = Object.entries(table.maps) as [string, MapSpec<unknown>][];
  const found = specs.find(([, { type }]) => type === "arena");
  if (found === undefined || library.atLeast(1, 4)) return;
  throw new UnsupportedError(`${table.name}: map ${found[0]}: needs libbpf >= 1.4, found ${library.version}`);
}

const stale = "regenerate with ebpf-skel gen";

function findMaps(object: BpfObject, table: SkeletonTable<SkeletonShape>): FoundMap[] {
  const { library } = object;
  return (Object.entries(table.maps) as [string, MapSpec<unknown>][]).map(([name, spec]) => {
    const pointer = object.findMap(name);
    if (pointer === 0) throw new StaleError(`${object.name}: map ${name}: not in the object (${stale})`);
    resetValueSize(object, name, pointer);
    const typeId = library.fn("bpf_map__type")(pointer);
    const type = mapTypeName(library, typeId);
    const keySize = library.fn("bpf_map__key_size")(pointer);
    const valueSize = library.fn("bpf_map__value_size")(pointer);
    // The kernel refuses such a map for its sizes, and load says why.
    if (table.broken?.some((rule) => rule.part === "map" && rule.name === name) === true)
      return { name, spec, pointer, type, keySize, valueSize };
    // A type that this libbpf has no name for is whatever the generator says.
    if (spec.type !== "" && type !== spec.type && !type.startsWith("type_")) mismatch(name, "type", spec.type, type);
    if ((spec.keySize ?? keySize) !== keySize) mismatch(name, "key size", spec.keySize, keySize);
    if ((spec.valueSize ?? valueSize) !== valueSize) mismatch(name, "value size", spec.valueSize, valueSize);
    return { name, spec, pointer, type, keySize, valueSize };
  });

  function mismatch(name: string, what: string, expected: unknown, got: unknown): never {
    throw new StaleError(`${object.name}: map ${name}: expected ${what} ${expected}, got ${got} (${stale})`);
  }
}

function findPrograms(object: BpfObject, specs: object): ProgramCore[] {
  return Object.entries(specs).map(([name, entry]: [string, ProgramEntry<BpfProgram>]) => {
    const pointer = object.findProgram(name);
    if (pointer === 0) throw new StaleError(`${object.name}: program ${name}: not in the object (${stale})`);
    const { section, ctx, since, ...spec } = programEntry(entry);
    if (since !== undefined) setUnknownType(object, name, pointer, { section, since, ...spec } as ProgramSpec);
    return { owner: object, name, section, kind: kindOf(section), since, ctx, pointer, links: [] };
  });
}

/** What an entry says, in one form. */
export function programEntry(entry: ProgramEntry<BpfProgram>): Partial<ProgramSpec> & {
  readonly section: string;
  readonly ctx?: Codec<unknown> | undefined;
} {
  return typeof entry === "string" ? { section: entry } : entry;
}

/** Tells libbpf the type of a program whose section is younger than it. */
function setUnknownType(
  { library, name: object }: BpfObject,
  program: string,
  pointer: number,
  spec: ProgramSpec,
): void {
  if (library.fn("bpf_program__type")(pointer) !== 0) return;
  const type = programTypes.indexOf(spec.type);
  const attachType = spec.attachType === "" ? 0 : attachTypes.indexOf(spec.attachType);
  if (type < 0 || attachType < 0) {
    const found = library.version;
    throw new UnsupportedError(
      `program ${program}: SEC("${spec.section}") needs libbpf >= ${spec.since}, found ${found}`,
    );
  }
  const calls = [
    ["bpf_program__set_type", type],
    ["bpf_program__set_expected_attach_type", attachType],
  ] as const;
  for (const [syscall, value] of calls) {
    const result = library.fn(syscall)(pointer, value);
    if (result < 0) throw bpfError(library, { errno: -result, syscall, object, program });
  }
}

/** The map that a section's variables are in, and how many bytes of it they take; libbpf keeps those of an arena in its map. */
function placeOf(object: BpfObject, name: string, maps: readonly FoundMap[]): { pointer: number; size: number } {
  const { library } = object;
  if (name !== arenaSection) {
    const pointer = object.findMap(name);
    return { pointer, size: pointer === 0 ? 0 : library.fn("bpf_map__value_size")(pointer) };
  }
  const pointer = maps.find(({ type }) => type === "arena")?.pointer ?? 0;
  return { pointer, size: pointer === 0 ? 0 : initialValue(library, pointer).size };
}

function findSections(object: BpfObject, specs: object, maps: readonly FoundMap[]): FoundSection[] {
  const { library } = object;
  return Object.entries(specs).map(([ident, spec]: [string, SectionSpec<unknown>]) => {
    const { pointer, size } = placeOf(object, spec.name, maps);
    if (pointer === 0) {
      const why = `libbpf ${library.version} makes no map of it`;
      throw new UnsupportedError(`${object.name}: section ${spec.name}: ${why}`);
    }
    if (size !== spec.size) {
      throw new StaleError(`${object.name}: section ${spec.name}: expected size ${spec.size}, got ${size} (${stale})`);
    }
    return { ident, spec, pointer };
  });
}

function findStructOps(object: BpfObject, specs: object): FoundStructOps[] {
  const { library } = object;
  return Object.entries(specs).map(([name, spec]: [string, StructOpsSpec<unknown>]) => {
    const { section } = spec;
    checkSection(library, object.name, name, section);
    const pointer = object.findMap(name);
    if (pointer === 0) throw new StaleError(`${object.name}: struct_ops ${name}: not in the object (${stale})`);
    const size = library.fn("bpf_map__value_size")(pointer);
    if (size !== spec.size) {
      throw new StaleError(`${object.name}: struct_ops ${name}: expected size ${spec.size}, got ${size} (${stale})`);
    }
    const core = {
      owner: object,
      name,
      section,
      kind: "struct_ops",
      since: undefined,
      ctx: undefined,
      pointer,
    } as const;
    return { name, spec, core: { ...core, links: [] } };
  });
}

/**
 * All of `table` in `object`.
 * @throws StaleError when something is missing or has another size
 * @throws UnsupportedError when this libbpf is too old for it
 */
export function find(object: BpfObject, table: SkeletonTable<SkeletonShape>): Found {
  const programs = findPrograms(object, table.progs);
  object.programs = programs;
  const structOps = findStructOps(object, table.structOps);
  object.structOps = structOps.map(({ core }) => core);
  const maps = findMaps(object, table);
  return { programs, maps, sections: findSections(object, table.sections, maps), structOps };
}
