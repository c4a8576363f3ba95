// All that the debug information of an object says, asked for at once.

import { openDwarf } from "../../src/dwarf/dwarf.ts";
import { TypeMaker } from "../../src/dwarf/types.ts";
import type { BtfType, TypeId } from "../../src/btf/types.ts";
import { spellType } from "../../src/btf/spell.ts";
import { SHF_EXECINSTR } from "../../src/elf/abi.ts";
import type { Elf } from "../../src/elf/elf.ts";
import type { ObjectModel } from "../../src/object/model.ts";

/** How the debug information of a type compares with BTF. */
export interface Compared {
  readonly spelled: string;
  /** Whether DWARF has it with BTF's layout; undefined where it has none of that name. */
  readonly same: boolean | undefined;
}

/** Every type of BTF that has a name, looked for in DWARF. */
export function compareTypes(bytes: Uint8Array, elf: Elf, btf: readonly BtfType[]): Compared[] {
  const dwarf = openDwarf(bytes, elf);
  if (dwarf === undefined) return [];
  const maker = new TypeMaker(btf, elf.endian);
  return btf.flatMap((type, id): Compared[] => {
    const named =
      ["struct", "union", "enum", "enum64", "typedef"].includes(type.kind) && "name" in type && type.name !== "";
    if (!named) return [];
    const spelled = type.kind === "typedef" ? type.name : spellType(btf, id);
    const made: TypeId[] = dwarf.typesNamed(spelled).map((die) => maker.make(die));
    return [{ spelled, same: made.length === 0 ? undefined : made.includes(id) }];
  });
}

/** Every answer that there is, for tests that damage what it is read from. */
export function readAll(bytes: Uint8Array, elf: Elf): number {
  const dwarf = openDwarf(bytes, elf);
  if (dwarf === undefined) return 0;
  let answers = dwarf.globals.length;
  const maker = new TypeMaker([{ kind: "void" }], elf.endian);
  const from = (ask: () => number): void => {
    answers += ask();
  };
  for (const { flags, index, size } of elf.sections)
    for (let at = 0; (flags & SHF_EXECINSTR) !== 0 && at < size; at += 8)
      from(() => dwarf.functionAt(index, at)?.variables.length ?? 0);
  for (const { type } of dwarf.globals) from(() => maker.make(type));
  for (const size of [4, 8, 16, 24, 32, 48]) for (const die of dwarf.recordsOfSize(size)) from(() => maker.make(die));
  from(() => dwarf.typesNamed("u32").length);
  return answers;
}

/** A model without what debug information may tell: types behind the `count` ones of BTF, those of events, why there are none, and what damage it has. */
export function besidesDebug(model: ObjectModel, count: number): ObjectModel {
  const besides = ({ events, ...map }: ObjectModel["maps"][number]): object =>
    events === undefined || events.source === "declared" ? { ...map, events } : { ...map, sizes: events.sizes };
  return {
    ...model,
    maps: model.maps.map((map) => besides(map) as ObjectModel["maps"][number]),
    types: model.types.slice(0, count),
    // What is said of a map is one text, that of its events the last in it.
    warnings: model.warnings
      .map((warning) => ({ ...warning, what: warning.what.replace(/(^|; )events are bytes: .*$/s, "") }))
      .filter(({ where, what }) => where !== "debug information" && what !== ""),
  };
}
