// Layouts in, what they say of C out: constant expressions that a compiler of the source can hold against its own layout.

import type { EnumLayout, FieldLayout, Layout, Layouts, NamedLayout, StructLayout } from "../../src/layout/layout.ts";
import type { BtfType, TypeId } from "../../src/btf/types.ts";

/** A member of an expression's type: `__typeof__(((struct event *)0)->pid)`. */
const memberOf = (type: string, member: string): string => `__typeof__(((${type} *)0)->${member})`;
const elementOf = (type: string): string => `__typeof__((*(${type} *)0)[0])`;
const isPointer = (spelled: string): boolean => spelled.includes("*");

/** What C calls each type of `layouts`: its name, or for one without a name the way to a member of that type. */
function findTypes({ maps, sections, programs, structOps, types }: Layouts): Map<TypeId, string> {
  const known = new Map<TypeId, string>();
  const byId = new Map<TypeId, NamedLayout>(types.map((type) => [type.type, type]));
  const visit = (layout: Layout, type: string): void => {
    if (layout.kind === "list" || (layout.kind === "tail" && typeof layout.element !== "string"))
      visit(layout.element as Layout, elementOf(type));
    if (layout.kind !== "struct" && layout.kind !== "enum") return;
    if (known.has(layout.type)) return;
    const named = byId.get(layout.type)!;
    const own = named.name.rank === "anonymous" ? type : named.spelled;
    known.set(layout.type, own);
    if (named.kind !== "struct") return;
    for (const field of named.fields)
      if (field.layout.kind !== "bits") visit(field.layout, memberOf(own, field.name));
      else if (field.layout.base.kind === "enum") visit(field.layout.base, byId.get(field.layout.base.type)!.spelled);
  };
  for (const { name, key, value, events = [] } of maps) {
    if (key) visit(key.layout, `__typeof__(*${name}.key)`);
    if (value) visit(value.layout, `__typeof__(*${name}.value)`);
    for (const { layout, spelled } of events) visit(layout, `__typeof__(${spelled})`);
  }
  // A program's context and a struct_ops map's members have no expression; their types have names.
  for (const { ctx } of programs) if (ctx) visit(ctx.layout, ctx.spelled);
  for (const { members } of structOps)
    for (const { layout, spelled } of members) if (layout !== "func") visit(layout, spelled);
  for (const { variables } of sections) for (const { name, layout } of variables) visit(layout, `__typeof__(${name})`);
  return known;
}

/** What `layout` says of a value of C type `type`, which is spelled `spelled`. */
function claimsOfValue(layout: Layout, type: string, spelled: string, types: ReadonlyMap<TypeId, string>): string[] {
  const same = (a: string, b: string): string => `__builtin_types_compatible_p(${a}, ${b})`;
  const own = /[{…]/.test(spelled) ? [] : [same(type, spelled)];
  switch (layout.kind) {
    case "scalar":
      return [...own, ...claimsOfScalar(layout.scalar, type)];
    case "pointer":
      return [...own, `sizeof(${type}) == 8 && ${isPointer(spelled) ? 1 : 0}`];
    case "enum":
      return [...own, same(type, types.get(layout.type)!), ...claimsOfScalar(layout.scalar, type)];
    case "struct":
      return [...own, same(type, types.get(layout.type)!)];
    case "chars":
      return [...own, same(elementOf(type), "char"), `sizeof(${type}) == ${layout.length}`];
    case "strings":
    case "bytes":
      return [...own, `sizeof(${type}) == ${layout.length}`];
    case "list": {
      const element = elementOf(type);
      const inner = claimsOfValue(layout.element, element, "…", types);
      return [...own, `sizeof(${type}) == ${layout.length} * sizeof(${element})`, ...inner];
    }
    case "tail": {
      const element = elementOf(type);
      if (layout.element === "text") return [...own, same(element, "char")];
      if (layout.element === "bytes") return [...own, `sizeof(${element}) == 1`];
      return [...own, ...claimsOfValue(layout.element, element, "…", types)];
    }
    case "bits":
    case "view":
      return [];
  }
}

function claimsOfScalar(scalar: string, type: string): string[] {
  const size = `sizeof(${type}) == ${scalar === "bool" ? 1 : Number(scalar.slice(1)) / 8}`;
  switch (scalar[0]) {
    case "b":
      return [size, `(${type})2 == 1`];
    case "f":
      return [size, `(${type})0.5 != 0`];
    case "s":
      return [size, `(${type})-1 < 0`, `(${type})0.5 == 0`];
    default:
      return [size, `(${type})-1 > 0`, `(${type})0.5 == 0`, `(${type})2 == 2`];
  }
}

/** C has no name for a member without one; a member of its own lies at the same place. */
function nameInC(field: FieldLayout, struct: StructLayout, graph: readonly BtfType[]): string {
  if (!field.name.endsWith(`_at_${field.offset}`)) return field.name;
  const type = graph[struct.type]!;
  if (type.kind !== "struct") throw new Error(`${struct.spelled} is a ${type.kind}`);
  const member = type.members.find((one) => one.name === "" && one.bitOffset === 8 * field.offset)!;
  const inner = graph[member.type]!;
  if (inner.kind !== "union") throw new Error(`${struct.spelled}.${field.name} is a ${inner.kind}`);
  return inner.members[0]!.name;
}

function claimsOfStruct(struct: StructLayout, types: ReadonlyMap<TypeId, string>, graph: readonly BtfType[]): string[] {
  const own = types.get(struct.type)!;
  return [
    `sizeof(${own}) == ${struct.size}`,
    ...struct.fields.flatMap((field) => {
      if (field.layout.kind === "bits") return [];
      const name = nameInC(field, struct, graph);
      const at = `__builtin_offsetof(${own}, ${name}) == ${field.offset}`;
      if (name !== field.name) return [at];
      const type = memberOf(own, name);
      // A flexible array has no size, and is spelled as one of no elements.
      if (field.layout.kind === "tail") return [at, ...claimsOfValue(field.layout, type, "…", types)];
      return [at, `sizeof(${type}) == ${field.size}`, ...claimsOfValue(field.layout, type, field.spelled, types)];
    }),
  ];
}

function claimsOfEnum(layout: EnumLayout, types: ReadonlyMap<TypeId, string>): string[] {
  const own = types.get(layout.type)!;
  const literal = (value: string): string => (value.startsWith("-") ? `(${BigInt(value) + 1n}LL - 1)` : `${value}ULL`);
  return [
    `sizeof(${own}) == ${layout.size}`,
    ...claimsOfScalar(layout.scalar, own),
    ...layout.values.map(({ name, value }) => `(${own})${name} == (${own})${literal(value)}`),
  ];
}

/** A struct without a name that is sent: outside of the function that sends it, C has no word for it. */
const UNSAID = /\{…\}/;

/** Everything that `layouts` say of sizes, offsets, signs and types, by struct, enum, map and section. */
export function claimsOf(
  layouts: Layouts,
  graph: readonly BtfType[],
): { readonly what: string; readonly claims: string[] }[] {
  const types = findTypes(layouts);
  const unreached = layouts.types.filter(({ type }) => !types.has(type));
  if (unreached.length > 0) throw new Error(`no way to ${unreached.map(({ spelled }) => spelled).join(", ")}`);
  return [
    ...layouts.types.map((type) => ({
      what: `${type.spelled} (${type.name.name})`,
      claims: type.kind === "struct" ? claimsOfStruct(type, types, graph) : claimsOfEnum(type, types),
    })),
    ...layouts.maps.map(({ name, key, value }) => ({
      what: `map ${name}`,
      claims: Object.entries({ key, value }).flatMap(([side, use]) =>
        // Without a type in C there is nothing to ask.
        use === undefined || use.spelled.endsWith(" bytes")
          ? []
          : [
              `sizeof(*${name}.${side}) == ${use.size}`,
              ...claimsOfValue(use.layout, `__typeof__(*${name}.${side})`, use.spelled, types),
            ],
      ),
    })),
    // What an inferred type is called in C stands nowhere in the map's definition.
    ...layouts.maps.map(({ name, events = [] }) => ({
      what: `events of map ${name}`,
      claims: events.flatMap((use) => [
        `sizeof(${use.spelled}) == ${use.size}`,
        ...claimsOfValue(use.layout, `__typeof__(${use.spelled})`, `__typeof__(${use.spelled})`, types),
      ]),
    })),
    ...layouts.sections.map(({ ident, variables }) => ({
      what: `section ${ident}`,
      claims: variables.flatMap(({ name, layout, size, spelled }) => [
        `sizeof(${name}) == ${size}`,
        ...claimsOfValue(layout, `__typeof__(${name})`, spelled, types),
      ]),
    })),
  ]
    .map(({ what, claims }) => ({ what, claims: claims.filter((claim) => !UNSAID.test(claim)) }))
    .filter(({ claims }) => claims.length > 0);
}
