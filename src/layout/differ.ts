// Two readings of one program, compiled for two machines: the first thing that a skeleton of both could not have in common.

import type { ObjectModel } from "../object/model.ts";
import { spellType } from "../btf/spell.ts";
import type { Layouts } from "./layout.ts";

/** What is compared: names lead to facts, in C's words. */
type Facts = string | number | { readonly [name: string]: Facts | undefined };

function byName<T extends { readonly name: string }>(all: readonly T[], facts: (one: T, i: number) => Facts): Facts {
  return Object.fromEntries(all.map((one, i) => [one.name, facts(one, i)]));
}

/** All that a skeleton's interface and table are made of. */
function factsOf(model: ObjectModel, layouts: Layouts): { readonly [name: string]: Facts } {
  const spelled = (id: number | undefined): string | undefined =>
    id === undefined ? undefined : spellType(model.types, id);
  return {
    map: byName(model.maps, (map) => ({
      type: map.type,
      "key size": map.keySize,
      "value size": map.valueSize,
      max_entries: map.maxEntries,
      flags: map.flags,
      key: spelled(map.keyType),
      value: spelled(map.valueType),
    })),
    program: byName(model.programs, ({ section }) => ({ section })),
    section: byName(model.sections, (_, i) => ({
      ...(byName(layouts.sections[i]!.variables, ({ offset, size, spelled: type }) => ({
        offset,
        size,
        type,
      })) as object),
    })),
    type: Object.fromEntries(
      layouts.types.map((type): [string, Facts] => [
        type.spelled,
        {
          size: type.size,
          ...(type.kind === "struct"
            ? (byName(type.fields, ({ offset, size, spelled: of }) => ({ offset, size, type: of })) as object)
            : Object.fromEntries(type.values.map(({ name, value }) => [name, value]))),
        },
      ]),
    ),
  };
}

function differ(one: Facts | undefined, other: Facts | undefined, path: string): string | undefined {
  if (typeof one !== "object" || typeof other !== "object") {
    if (one === other) return undefined;
    const told = (facts: Facts | undefined): string =>
      facts === undefined ? "nothing" : typeof facts === "object" ? "one" : String(facts);
    return `${path} is ${told(one)} there and ${told(other)} here`;
  }
  for (const name of new Set([...Object.keys(one), ...Object.keys(other)])) {
    const found = differ(one[name], other[name], path === "" ? name : `${path} ${name}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** An object as read. */
export interface Reading {
  readonly model: ObjectModel;
  readonly layouts: Layouts;
}

/** The first difference of `other` from `one`, as a sentence; undefined where one skeleton serves both. */
export function firstDifference(one: Reading, other: Reading): string | undefined {
  return differ(factsOf(one.model, one.layouts), factsOf(other.model, other.layouts), "");
}
