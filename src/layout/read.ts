// ObjectModel in, Layouts out: the layout of every map key, map value and variable, and of every struct and enum that
// they mention.

import { type DeclTag, declTags, sizeOf, skipModifiersAndTypedefs, trySizeOf, whyNoSize } from "../btf/graph.ts";
import { spellType } from "../btf/spell.ts";
import type { BtfType, TypeId } from "../btf/types.ts";
import type { MapModel, ObjectModel, ProgramModel, SectionModel } from "../object/model.ts";
import type {
  EnumLayout,
  FieldLayout,
  Layout,
  Layouts,
  MapLayout,
  NamedLayout,
  ProgramLayout,
  SectionLayout,
  TypeName,
  Use,
} from "./layout.ts";
import { lowerType } from "./lower.ts";
import { scalarOf } from "./scalar.ts";
import { layoutStruct } from "./struct.ts";
import { layoutStructOps } from "./structops.ts";
import { sharedNames } from "./unions.ts";
import { collectWarnings } from "./warnings.ts";

function layoutEnum(types: readonly BtfType[], id: TypeId, name: TypeName): EnumLayout | string {
  const type = types[id]!;
  if (type.kind !== "enum" && type.kind !== "enum64") throw new TypeError("not an enum");
  const names = new Set(type.values.map((value) => value.name));
  if (names.size === 0) return "the enum has no values";
  if (names.size !== type.values.length) return "two values have one name";
  return {
    kind: "enum",
    type: id,
    name,
    spelled: name.rank === "enum" ? `enum ${name.name}` : name.rank === "typedef" ? name.name : "enum {…}",
    size: type.size,
    scalar: scalarOf(type)!,
    values: type.values,
  };
}

/**
 * Collects the layouts that others refer to. Structs wait in a queue, so that nesting costs no stack; a struct that turns
 * out to have no layout is then bytes wherever it is mentioned.
 */
class Collector {
  readonly types: readonly BtfType[];
  readonly #tags: ReadonlyMap<TypeId, readonly DeclTag[]>;
  readonly done = new Map<TypeId, NamedLayout>();
  readonly refused = new Map<TypeId, string>();
  readonly #queue = new Map<TypeId, TypeName>();

  constructor(types: readonly BtfType[]) {
    this.types = types;
    this.#tags = declTags(types);
  }

  refer = (type: TypeId, name: TypeName): string | undefined => {
    const refusal = this.refused.get(type);
    if (refusal === undefined && !this.done.has(type) && !this.#queue.has(type)) this.#queue.set(type, name);
    return refusal;
  };

  /** `size` is what the place holds, also where its type does not say (Rust's `char` is `void` in BTF) or is a wrong one. */
  use(type: TypeId, context: string, size: number): Use {
    const bytes = (reason: string): Layout => ({ kind: "bytes", length: size, reason });
    const own = trySizeOf(this.types, type);
    const spelled = spellType(this.types, type);
    if (own === undefined) return { layout: bytes(`its type ${whyNoSize(this.types, type)}`), spelled, size };
    if (own > size) return { layout: bytes(`its type has ${own} bytes, got ${size}`), spelled, size };
    return { layout: lowerType(this.types, type, context, this.refer), spelled, size };
  }

  /** Lays out all that is queued, and what that refers to; true when something new was refused. */
  drain(): boolean {
    let refusedAny = false;
    for (const [id, name] of this.#queue) {
      this.#queue.delete(id);
      const type = this.types[id]!;
      const layout =
        type.kind === "struct" || type.kind === "union"
          ? layoutStruct(this.types, id, name, this.refer, this.#tags)
          : layoutEnum(this.types, id, name);
      if (typeof layout !== "string") this.done.set(id, layout);
      else {
        this.refused.set(id, layout);
        refusedAny = true;
      }
    }
    return refusedAny;
  }
}

/** Map types whose values (and mostly keys) are the kernel's own: descriptors, ids, indexes. A size says it all. */
const KERNEL_VALUES: ReadonlySet<string> = new Set([
  "prog_array",
  "perf_event_array",
  "cgroup_array",
  "stack_trace",
  "array_of_maps",
  "hash_of_maps",
  "devmap",
  "devmap_hash",
  "sockmap",
  "sockhash",
  "cpumap",
  "xskmap",
  "reuseport_sockarray",
]);

function layoutMap(collector: Collector, map: MapModel): MapLayout {
  if (map.events !== undefined) {
    const use = (type: TypeId): Use => collector.use(type, `${map.name}_event`, sizeOf(collector.types, type));
    return { name: map.name, events: map.events.types.map(use) };
  }
  const use = (type: TypeId | undefined, size: number, what: string): Use | undefined => {
    if (type !== undefined) return collector.use(type, `${map.name}_${what}`, size);
    if (size === 0 || KERNEL_VALUES.has(map.type)) return undefined;
    const reason = map.legacy
      ? "its legacy definition names no type, see gen --map"
      : `its definition has ${what}_size and no __type(${what}, ...)`;
    return { layout: { kind: "bytes", length: size, reason }, spelled: `${size} bytes`, size };
  };
  const key = use(map.keyType, map.keySize, "key");
  const value = use(map.valueType, map.valueSize, "value");
  const inner = map.inner && layoutMap(collector, { ...map.inner, name: `${map.name}_${map.inner.name}` });
  return { name: map.name, ...(key && { key }), ...(value && { value }), ...(inner && { inner }) };
}

function layoutSection(collector: Collector, section: SectionModel): SectionLayout {
  return {
    ident: section.ident,
    variables: section.variables.map((variable) => {
      const declared = collector.types[variable.type]!;
      const type = declared.kind === "var" ? declared.type : variable.type;
      return { name: variable.name, offset: variable.offset, ...collector.use(type, variable.name, variable.size) };
    }),
  };
}

/** Kinds that BPF_PROG_TEST_RUN runs and whose context is the author's to choose. */
const OWN_CONTEXT: ReadonlySet<string> = new Set(["syscall", "raw_tracepoint"]);

/** The kernel's own contexts of such programs. */
const KERNEL_CONTEXTS: ReadonlySet<string> = new Set(["bpf_raw_tracepoint_args", "pt_regs"]);

function layoutProgram(collector: Collector, { name, sec, funcType }: ProgramModel): ProgramLayout {
  const { types } = collector;
  if (sec === undefined || funcType === undefined || !OWN_CONTEXT.has(sec.kind)) return { name };
  const func = types[funcType]!;
  const proto = func.kind === "func" ? types[func.type]! : undefined;
  const param = proto?.kind === "func_proto" ? proto.params[0] : undefined;
  const pointer = param && types[skipModifiersAndTypedefs(types, param.type)]!;
  if (pointer?.kind !== "ptr") return { name };
  const struct = types[skipModifiersAndTypedefs(types, pointer.type)]!;
  const own = (struct.kind === "struct" || struct.kind === "union") && !KERNEL_CONTEXTS.has(struct.name);
  if (!own || struct.size === 0) return { name };
  const ctx = collector.use(pointer.type, `${name}_ctx`, struct.size);
  return ctx.layout.kind === "struct" ? { name, ctx } : { name };
}

/** The struct that `layout` holds, also as an array's element. */
function structIn(layout: Layout): TypeId | undefined {
  for (;;) {
    if (layout.kind === "struct") return layout.type;
    if (layout.kind !== "list" && layout.kind !== "tail") return undefined;
    if (typeof layout.element === "string") return undefined;
    layout = layout.element;
  }
}

/** `layout` where something stands behind it: the structs of `ending` that it holds have no tail there. */
function fix(layout: Layout, ending: ReadonlySet<TypeId>): Layout {
  if (layout.kind === "struct") return ending.has(layout.type) ? { ...layout, fixed: true } : layout;
  if (layout.kind === "list" || (layout.kind === "tail" && typeof layout.element !== "string"))
    return { ...layout, element: fix(layout.element as Layout, ending) };
  return layout;
}

/** The field that a struct ends with; of a union's members none does. */
function lastOf(type: NamedLayout | undefined): FieldLayout | undefined {
  if (type?.kind !== "struct") return undefined;
  const last = type.fields.at(-1);
  return last === undefined || sharedNames(type.unions).has(last.name) ? undefined : last;
}

/** Marks the structs that end in a flexible array, or in a struct that does, and where such a struct is not the end. */
function markTails(types: readonly NamedLayout[]): NamedLayout[] {
  const byId = new Map(types.map((type) => [type.type, type]));
  const ends = new Map<TypeId, boolean>();
  for (const type of types) {
    // Down the structs that others end with, as far as nothing is known yet.
    const path: TypeId[] = [];
    let found: boolean | undefined;
    for (let at: NamedLayout | undefined = type; found === undefined;) {
      const layout = lastOf(at)?.layout;
      if (at !== undefined) path.push(at.type);
      if (layout?.kind !== "struct") found = layout?.kind === "tail";
      else {
        found = ends.get(layout.type);
        at = byId.get(layout.type);
      }
    }
    for (const id of path) ends.set(id, found);
  }
  const ending = new Set([...ends].flatMap(([id, does]) => (does ? [id] : [])));
  return types.map((type) => {
    if (type.kind !== "struct") return type;
    const last = ending.has(type.type) ? type.fields.at(-1) : undefined;
    const fields = type.fields.map((field) =>
      field === last && field.layout.kind === "struct" ? field : { ...field, layout: fix(field.layout, ending) },
    );
    return { ...type, fields, ...(last !== undefined && { tail: last.name }) };
  });
}

/** Marks the structs that have a union in them, and those that have such a struct. */
function markInits(types: readonly NamedLayout[]): NamedLayout[] {
  const users = new Map<TypeId, TypeId[]>();
  const marked = new Set<TypeId>();
  for (const type of types) {
    if (type.kind !== "struct") continue;
    if (type.unions.length > 0) marked.add(type.type);
    for (const { layout } of type.fields) {
      const used = structIn(layout);
      if (used !== undefined) users.set(used, [...(users.get(used) ?? []), type.type]);
    }
  }
  // A Set gives what is added while it is walked.
  for (const id of marked) for (const user of users.get(id) ?? []) marked.add(user);
  return types.map((type) => (type.kind === "struct" && marked.has(type.type) ? { ...type, init: true } : type));
}

/** The layouts of everything that `model` exposes. */
export function readLayouts(model: ObjectModel): Layouts {
  const refused = new Map<TypeId, string>();
  for (;;) {
    // That a struct has no layout shows only after its users were laid out: then all is laid out once more, knowing it.
    const collector = new Collector(model.types);
    for (const [id, why] of refused) collector.refused.set(id, why);
    const maps = model.maps.map((map) => layoutMap(collector, map));
    const sections = model.sections.map((section) => layoutSection(collector, section));
    const programs = model.programs.map((program) => layoutProgram(collector, program));
    const structOps = model.structOps.map((map) => layoutStructOps(model.types, map, collector.refer));
    const again = collector.drain();
    if (!again) {
      const types = markInits(markTails([...collector.done.values()].sort((a, b) => a.type - b.type)));
      const layouts = { maps, programs, sections, structOps, types };
      return { ...layouts, warnings: collectWarnings(layouts) };
    }
    for (const [id, why] of collector.refused) refused.set(id, why);
  }
}
