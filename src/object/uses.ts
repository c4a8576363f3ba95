// Bytes of an object and its model in, what each program uses out: maps, variables, functions, helpers.

import { type Reached, readReach } from "../bytecode/reach.ts";
import type { Elf, ElfSymbol } from "../elf/elf.ts";
import { parseElf } from "../elf/read.ts";
import { isLegacySection } from "./legacy.ts";
import type { MapModel, ObjectModel, ProgramModel, ProgramUses, SectionModel, VariableModel } from "./model.ts";

/** The model with {@link ProgramModel.uses}. */
export function withUses(bytes: Uint8Array, model: ObjectModel): ObjectModel {
  const elf = parseElf(bytes);
  const reach = readReach(bytes, elf);
  const names = readNames(elf, model);
  const functions = new Map(elf.symbols.filter(({ kind }) => kind === "func").map((symbol) => [symbol.name, symbol]));
  const usesOf = ({ name }: ProgramModel): ProgramUses => {
    const { section, value } = functions.get(name)!;
    return typeof section === "number"
      ? nameUses(reach.of({ section, offset: value }), names)
      : { maps: [], globals: [], functions: [], helpers: [], externs: [] };
  };
  return { ...model, programs: model.programs.map((program) => ({ ...program, uses: usesOf(program) })) };
}

/** The object's own names for places in its sections. */
interface Names {
  /** By section index and offset. */
  readonly functions: ReadonlyMap<string, string>;
  readonly maps: ReadonlyMap<string, string>;
  /** By section index. */
  readonly sections: ReadonlyMap<number, SectionModel>;
  /** What libbpf fills in for externs of `.kconfig`, by name. */
  readonly kconfig: ReadonlySet<string>;
}

const placeOf = (section: number, offset: number): string => `${section}:${offset}`;

function readNames(elf: Elf, { maps, sections, structOps }: ObjectModel): Names {
  const known: ReadonlySet<string> = new Set([...maps, ...structOps].map(({ name }: Pick<MapModel, "name">) => name));
  const isMap = ({ kind, name, section }: ElfSymbol): boolean => {
    const home = typeof section === "number" ? elf.sections[section]! : undefined;
    return kind !== "section" && known.has(name) && home !== undefined && isMapSection(home);
  };
  const byPlace = (symbols: readonly ElfSymbol[]): Map<string, string> =>
    new Map(symbols.map(({ section, value, name }) => [placeOf(section as number, value), name]));
  const byName = new Map(sections.map((section) => [section.name, section]));
  return {
    functions: byPlace(elf.symbols.filter(({ kind, section }) => kind === "func" && typeof section === "number")),
    maps: byPlace(elf.symbols.filter(isMap)),
    sections: new Map(
      elf.sections.flatMap(({ index, name }) => (byName.has(name) ? [[index, byName.get(name)!] as const] : [])),
    ),
    kconfig: new Set(byName.get(".kconfig")?.variables.map(({ name }) => name)),
  };
}

function isMapSection(section: Elf["sections"][number]): boolean {
  return section.name === ".maps" || isLegacySection(section) || /^\??\.struct_ops(\.link)?$/.test(section.name);
}

function nameUses({ helpers, places, externs }: Reached, names: Names): ProgramUses {
  const maps = new Set<string>();
  const functions = new Set<string>();
  const globals = new Map<string, Set<string>>();
  const add = (section: string, variable: string | undefined): void => {
    const variables = globals.get(section) ?? new Set();
    if (variable !== undefined) variables.add(variable);
    globals.set(section, variables);
  };
  for (const { section, offset } of places) {
    const map = names.maps.get(placeOf(section, offset));
    const called = names.functions.get(placeOf(section, offset));
    const global = names.sections.get(section);
    if (map !== undefined) maps.add(map);
    else if (called !== undefined) functions.add(called);
    else if (global !== undefined) add(global.name, variableAt(global, offset)?.name);
  }
  for (const name of externs) if (names.kconfig.has(name)) add(".kconfig", name);
  return {
    maps: [...maps],
    globals: [...globals].map(([section, variables]) => ({ section, variables: [...variables] })),
    functions: [...functions],
    helpers,
    externs: externs.filter((name) => !names.kconfig.has(name)),
  };
}

/** The visible variable that the byte is a part of; sections hold hidden and static ones too. */
function variableAt({ variables }: SectionModel, offset: number): VariableModel | undefined {
  let [low, high] = [0, variables.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (variables[middle]!.offset <= offset) low = middle + 1;
    else high = middle;
  }
  const variable = variables[low - 1];
  return variable !== undefined && offset < variable.offset + Math.max(variable.size, 1) ? variable : undefined;
}
