// Two readings of one program, compiled for two machines: the first thing that a skeleton of both could not have in common.
// What the text of a module says is compared, not the text: docs may differ, and the byte order is that of what is opened.

import type { TypeId } from "../btf/types.ts";
import type { MapModel, ObjectModel } from "../object/model.ts";
import type { Layout, Layouts, MapLayout, NamedLayout, Use } from "./layout.ts";

/** What is compared: names lead to facts, in C's words. */
type Facts = string | number | { readonly [name: string]: Facts | undefined };

/** An object as read. */
export interface Reading {
  readonly model: ObjectModel;
  readonly layouts: Layouts;
}

/** Names in TypeScript, by BTF id. */
type TypeNames = Readonly<Record<TypeId, string>>;

/** With the names that its module has for types: what tells types of two objects to be the same. */
export interface Named extends Reading {
  readonly names: TypeNames;
}

function byName<T extends { readonly name: string }>(
  all: readonly T[],
  facts: (one: T, i: number) => Facts | undefined,
): Facts {
  return Object.fromEntries(all.map((one, i) => [one.name, facts(one, i)]));
}

/** How a value is read and written, as text; types by their names, since ids are of one object. */
function formOf(layout: Layout | "func", names: TypeNames): string {
  return JSON.stringify(layout, (key, value: unknown) =>
    key === "type" ? names[value as number] : key === "reason" ? undefined : value,
  );
}

function placed(
  { offset, size, spelled, layout }: { offset?: number; size?: number; spelled: string; layout: Layout | "func" },
  names: TypeNames,
): Facts {
  return { offset, size, type: spelled, form: formOf(layout, names) };
}

function mapFacts(map: MapModel, layout: MapLayout, names: TypeNames): Facts {
  const use = (one: Use | undefined): Facts | undefined => one && placed(one, names);
  return {
    type: map.type,
    "key size": map.keySize,
    "value size": map.valueSize,
    max_entries: map.maxEntries,
    flags: map.flags,
    extra: map.extra,
    numa_node: map.numaNode,
    key: use(layout.key),
    value: use(layout.value),
    event: layout.events && Object.fromEntries(layout.events.map((event, i) => [i, use(event)])),
    inner: map.inner && layout.inner && { ...innerIds(map.inner), map: mapFacts(map.inner, layout.inner, names) },
  };
}

/** An inner map is made with these ids of the opened object's BTF. */
function innerIds({ keyType, valueType }: MapModel): { readonly [name: string]: Facts | undefined } {
  return { "key's BTF id": keyType, "value's BTF id": valueType };
}

function typeFacts(type: NamedLayout, names: TypeNames): Facts {
  const { size, spelled } = type;
  if (type.kind === "enum")
    return { spelled, size, form: type.scalar, enumerator: byName(type.values, ({ value }) => value) };
  return {
    spelled,
    size,
    field: byName(type.fields, (field) => placed(field, names)),
    unions: JSON.stringify(type.unions),
    tail: type.tail,
    "kernel field": Object.fromEntries(type.kernelFields.map(({ spelled, offset }) => [spelled, offset])),
  };
}

/** All that a skeleton's interface and table are made of. */
function factsOf({ model, layouts, names }: Named): { readonly [name: string]: Facts } {
  return {
    map: byName(model.maps, (map, i) => mapFacts(map, layouts.maps[i]!, names)),
    program: byName(model.programs, ({ section }, i) => {
      const { ctx } = layouts.programs[i]!;
      return { section, context: ctx && placed(ctx, names) };
    }),
    section: byName(model.sections, ({ size }, i) => ({
      size,
      variable: byName(layouts.sections[i]!.variables, (variable) => placed(variable, names)),
    })),
    "struct_ops map": byName(model.structOps, ({ section, size }, i) => ({
      section,
      size,
      member: byName(layouts.structOps[i]!.members, (member) => placed(member, names)),
    })),
    type: Object.fromEntries(layouts.types.map((type) => [names[type.type]!, typeFacts(type, names)])),
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

/** The first difference of `other` from `one`, as a sentence; undefined where one skeleton serves both. */
export function firstDifference(one: Named, other: Named): string | undefined {
  return differ(factsOf(one), factsOf(other), "");
}
