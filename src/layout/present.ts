// Layouts in, Layouts out, shown as the user asks: 64-bit integers as numbers, fields by `--as` or by the declaration
// tag `ebpf-skel:KIND` in C.

import { printable, shown, SkelError } from "../errors.ts";
import type {
  FieldLayout,
  Layout,
  Layouts,
  MapLayout,
  NamedLayout,
  Scalar,
  StructLayout,
  StructOpsMember,
  View,
} from "./layout.ts";

/** How values are shown. */
export interface Presentation {
  readonly int64: "bigint" | "number";
  /** What `--as` asks for: kinds by "TYPE.FIELD". */
  readonly as: ReadonlyMap<string, string>;
}

const KINDS = ["string", "strings", "bytes", "ipv4", "ipv6", "mac", "be"] as const;

/** Whether `kind` is one that a field can be shown as. */
export function isKind(kind: string): boolean {
  return (KINDS as readonly string[]).includes(kind);
}

/** "string, bytes, ipv4, ...". */
export const kindNames: string = KINDS.join(", ");

const VIEW_SIZES: Readonly<Record<string, number>> = { ipv4: 4, ipv6: 16, mac: 6 };
const BIG_ENDIAN: Readonly<Record<number, View>> = { 2: "be16", 4: "be32", 8: "be64" };

/** `field` as `kind`, or why it cannot be. */
function presentAs({ layout, size }: FieldLayout, kind: string): Layout | string {
  if (layout.kind === "bits") return "a bitfield has no other form";
  if (layout.kind === "tail") return "a flexible array has no other form";
  switch (kind) {
    case "bytes":
      return { kind: "bytes", length: size };
    case "string":
    case "strings": {
      const text =
        layout.kind === "chars" ||
        layout.kind === "bytes" ||
        (layout.kind === "list" && layout.element.kind === "scalar" && layout.element.scalar === "s8");
      if (!text) return `${kind === "string" ? "a string is" : "strings are"} made of an array of bytes`;
      return { kind: kind === "string" ? "chars" : "strings", length: size };
    }
    case "be": {
      const view = BIG_ENDIAN[size];
      return layout.kind === "scalar" && view !== undefined
        ? { kind: "view", view }
        : "network byte order is of integers of 2, 4 or 8 bytes";
    }
    case "ipv4":
    case "ipv6":
    case "mac":
      return size === VIEW_SIZES[kind]
        ? { kind: "view", view: kind }
        : `${kind} has ${VIEW_SIZES[kind]} bytes, the field ${size}`;
    default:
      return `there is no such form (there are ${kindNames})`;
  }
}

/** What a struct is called in `--as`: "event", "struct event". */
function isCalled(layout: StructLayout, name: string): boolean {
  return layout.name.rank !== "anonymous" && (name === layout.name.name || name === layout.spelled);
}

/** The kinds asked for by option, by struct and field; each must be there. */
function findAsked(types: readonly NamedLayout[], as: Presentation["as"]): Map<FieldLayout, string> {
  const found = new Map<FieldLayout, string>();
  for (const [path, kind] of as) {
    const where = `--as ${path}=${kind}`;
    const fail = (what: string): SkelError => new SkelError("ERR_OPTION", what, [where]);
    const dot = path.lastIndexOf(".");
    const [type, name] = [path.slice(0, dot), path.slice(dot + 1)];
    const structs = types.filter((layout) => layout.kind === "struct" && isCalled(layout, type)) as StructLayout[];
    const fields = structs.flatMap(({ fields }) => fields.filter((field) => field.name === name));
    if (structs.length === 0) {
      const known = types.flatMap((layout) => (layout.kind === "struct" ? [layout.spelled] : []));
      throw fail(`no struct is called ${shown(type)} (there are ${known.map(printable).join(", ") || "none"})`);
    }
    if (fields.length === 0) {
      const known = structs[0]!.fields.map((field) => printable(field.name));
      throw fail(`${printable(structs[0]!.spelled)} has no field ${shown(name)} (there are ${known.join(", ")})`);
    }
    for (const field of fields) {
      const made = presentAs(field, kind);
      if (typeof made === "string") throw fail(made);
      found.set(field, kind);
    }
  }
  return found;
}

/** 64-bit integers as numbers; pointers are no integers, and 128 bits are too many. */
function numbered(layout: Layout): Layout {
  switch (layout.kind) {
    case "scalar":
      return layout.scalar === "u64" || layout.scalar === "s64"
        ? { kind: "scalar", scalar: `${layout.scalar}n` satisfies Scalar }
        : layout;
    case "list":
      return { ...layout, element: numbered(layout.element) };
    case "tail":
      return typeof layout.element === "string" ? layout : { ...layout, element: numbered(layout.element) };
    case "bits":
      return { ...layout, base: numbered(layout.base) };
    default:
      return layout;
  }
}

/** `layouts` as `presentation` asks for. A tag that does not fit its field is a warning, an option an error. */
export function present(layouts: Layouts, { int64, as }: Presentation): Layouts {
  const asked = findAsked(layouts.types, as);
  const warnings = [...layouts.warnings];
  const plain = int64 === "number" ? numbered : (layout: Layout): Layout => layout;
  const use = <U extends { readonly layout: Layout }>(it: U): U => ({ ...it, layout: plain(it.layout) });

  const map = (it: MapLayout): MapLayout => ({
    ...it,
    ...(it.key && { key: use(it.key) }),
    ...(it.value && { value: use(it.value) }),
    ...(it.events && { events: it.events.map(use) }),
    ...(it.inner && { inner: map(it.inner) }),
  });
  const member = (it: StructOpsMember): StructOpsMember =>
    it.layout === "func" ? it : { ...it, layout: plain(it.layout) };
  const field = (struct: StructLayout, it: FieldLayout): FieldLayout => {
    const kind = asked.get(it) ?? it.tag;
    if (kind === undefined) return use(it);
    const made = presentAs(it, kind);
    if (typeof made !== "string") return { ...it, layout: made };
    const where = printable(`${struct.spelled}, member ${it.name}`);
    warnings.push({ where, what: `its tag "ebpf-skel:${printable(kind)}" is ignored, ${made}` });
    return use(it);
  };
  return {
    maps: layouts.maps.map(map),
    programs: layouts.programs,
    structOps: layouts.structOps.map((ops) => ({ ...ops, members: ops.members.map(member) })),
    sections: layouts.sections.map((section) => ({ ...section, variables: section.variables.map(use) })),
    types: layouts.types.map((type) =>
      type.kind === "struct" ? { ...type, fields: type.fields.map((it) => field(type, it)) } : type,
    ),
    warnings,
  };
}
