// The generated code's table, found in what libbpf parsed: everything must be there, and of the recorded size.

import { kindOf, type ProgramSpec } from "../abi.ts";
import { attachTypes, programTypes } from "../abi/kernel.ts";
import { StaleError, UnsupportedError } from "../errors.ts";
import { bpfError } from "../library/failure.ts";
import type { Expected } from "../maps/compat.ts";
import { mapTypeName } from "../library/mapinfo.ts";
import type { MapSpec } from "../maps/core.ts";
import type { BpfObject } from "../object.ts";
import type { ProgramCore } from "../program/core.ts";
import type { SectionSpec } from "../sections/types.ts";
import { resetValueSize } from "./eventmaps.ts";
import type { SkeletonShape, SkeletonTable } from "./types.ts";

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
  readonly spec: SectionSpec<unknown>;
  readonly pointer: number;
}

/** All of the table, found in the object. */
export interface Found {
  readonly maps: readonly FoundMap[];
  readonly programs: readonly ProgramCore[];
  readonly sections: readonly FoundSection[];
}

const stale = "regenerate with ebpf-skel gen";

function findMaps(object: BpfObject, specs: object): FoundMap[] {
  const { library } = object;
  return Object.entries(specs).map(([name, spec]: [string, MapSpec<unknown>]) => {
    const pointer = object.findMap(name);
    if (pointer === 0) throw new StaleError(`${object.name}: map ${name}: not in the object (${stale})`);
    resetValueSize(object, name, pointer);
    const typeId = library.fn("bpf_map__type")(pointer);
    const type = mapTypeName(library, typeId);
    const keySize = library.fn("bpf_map__key_size")(pointer);
    const valueSize = library.fn("bpf_map__value_size")(pointer);
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
  return Object.entries(specs).map(([name, spec]: [string, string | ProgramSpec]) => {
    const pointer = object.findProgram(name);
    if (pointer === 0) throw new StaleError(`${object.name}: program ${name}: not in the object (${stale})`);
    const { section, since } = typeof spec === "string" ? { section: spec, since: undefined } : spec;
    if (typeof spec !== "string") setUnknownType(object, name, pointer, spec);
    return { owner: object, name, section, kind: kindOf(section), since, pointer, links: [] };
  });
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

function findSections(object: BpfObject, specs: object): FoundSection[] {
  const { library } = object;
  return Object.entries(specs).map(([ident, spec]: [string, SectionSpec<unknown>]) => {
    const pointer = object.findMap(spec.name);
    if (pointer === 0) {
      const why = ident === "arena" ? "ebpf-skel has no arenas yet" : `libbpf ${library.version} makes no map of it`;
      throw new UnsupportedError(`${object.name}: section ${spec.name}: ${why}`);
    }
    const size = library.fn("bpf_map__value_size")(pointer);
    if (size !== spec.size) {
      throw new StaleError(`${object.name}: section ${spec.name}: expected size ${spec.size}, got ${size} (${stale})`);
    }
    return { ident, spec, pointer };
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
  return { programs, maps: findMaps(object, table.maps), sections: findSections(object, table.sections) };
}
