// Values and their layouts in, the text of table cells out. Nothing that a program sends can reach the terminal as anything
// but text.

import type { TypeId } from "../../btf/types.ts";
import { printable, shown } from "../../errors.ts";
import type { Layout, Layouts, NamedLayout, Scalar, Use } from "../../layout/layout.ts";

/** Structs and enums by BTF id. */
export type Types = ReadonlyMap<TypeId, NamedLayout>;

/** A column: one value of each row. */
export interface Column {
  /** "pid", of a nested struct "addr.port". */
  readonly title: string;
  /** Where in the row's value it is; none: the value itself. */
  readonly path: readonly string[];
  readonly layout: Layout | undefined;
  /** Whether it stands at the right, as numbers do. */
  readonly right: boolean;
  /** In characters, what its values usually take. */
  readonly width: number;
}

export function typesOf(layouts: Layouts): Types {
  return new Map(layouts.types.map((type) => [type.type, type]));
}

/** The columns of a value: one for each field, those of nested structs too. `name` is the title of what has no fields. */
export function columnsOf(
  layout: Layout | undefined,
  types: Types,
  name: string,
  path: readonly string[] = [],
): Column[] {
  const type = layout?.kind === "struct" ? types.get(layout.type) : undefined;
  if (type?.kind !== "struct") return [{ title: name, path, layout, ...shapeOf(layout, types) }];
  const prefix = path.length === 0 && name === "value" ? "" : `${name}.`;
  return type.fields.flatMap((field) =>
    columnsOf(field.layout, types, `${prefix}${printable(field.name)}`, [...path, field.name]),
  );
}

/** The columns of a use; of bytes where there is none. */
export function columnsOfUse(use: Use | undefined, types: Types, name = "value"): Column[] {
  return use === undefined
    ? columnsOf({ kind: "bytes", length: 0 }, types, "bytes")
    : columnsOf(use.layout, types, name);
}

const DIGITS: Readonly<Partial<Record<Scalar, number>>> = { bool: 5, u8: 3, s8: 4, u16: 5, s16: 6 };
const VIEWS = { ipv4: 15, ipv6: 20, mac: 17, be16: 5, be32: 10, be64: 10 } as const;
const LONGEST_START = 16;

function shapeOf(layout: Layout | undefined, types: Types): Pick<Column, "right" | "width"> {
  switch (layout?.kind) {
    case "scalar":
      return {
        right: layout.scalar !== "bool",
        width: DIGITS[layout.scalar] ?? (/64|128/.test(layout.scalar) ? 10 : 7),
      };
    case "pointer":
      return { right: true, width: 18 };
    case "view":
      return { right: layout.view.startsWith("be"), width: VIEWS[layout.view] };
    case "bits":
      return { ...shapeOf(layout.base, types), width: 3 };
    case "chars":
      return { right: false, width: Math.min(Math.max(layout.length - 1, 1), LONGEST_START) };
    case "enum": {
      const type = types.get(layout.type);
      const names = type?.kind === "enum" ? type.values.map(({ name }) => name.length) : [];
      return { right: false, width: Math.min(Math.max(0, ...names), LONGEST_START) };
    }
    default:
      return { right: false, width: 8 };
  }
}

/** The value of a column in a row; undefined where the row has none. */
export function valueAt(row: unknown, path: readonly string[]): unknown {
  let value = row;
  for (const name of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[name];
  }
  return value;
}

/** The text of a value on its own: strings as they are, but for what a terminal would obey. */
export function textOf(value: unknown, layout: Layout | undefined, types: Types): string {
  return typeof value === "string" ? safe(value) : nested(value, layout, types);
}

// A byte that is not valid UTF-8 is the lone surrogate U+DC00 and the byte.
function safe(text: string): string {
  return printable(text).replace(/\\udc([89a-f][0-9a-f])/g, "\\x$1");
}

/** The text of a value among others, where strings are quoted. */
function nested(value: unknown, layout: Layout | undefined, types: Types): string {
  if (typeof value === "string") return shown(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (Array.isArray(value)) {
    const element = elementOf(layout);
    return `[${value.map((one) => nested(one, element, types)).join(", ")}]`;
  }
  if (typeof value === "object" && value !== null) {
    const type = layout?.kind === "struct" ? types.get(layout.type) : undefined;
    const fields =
      type?.kind === "struct" ? new Map(type.fields.map((field) => [field.name, field.layout])) : undefined;
    const parts = Object.entries(value).map(
      ([name, part]) => `${safe(name)}: ${nested(part, fields?.get(name), types)}`,
    );
    return `{${parts.join(", ")}}`;
  }
  return scalar(value, layout, types);
}

function elementOf(layout: Layout | undefined): Layout | undefined {
  if (layout?.kind === "list") return layout.element;
  return layout?.kind === "tail" && typeof layout.element === "object" ? layout.element : undefined;
}

function scalar(value: unknown, layout: Layout | undefined, types: Types): string {
  switch (layout?.kind) {
    case "pointer":
      return typeof value === "bigint" ? `0x${value.toString(16)}` : String(value);
    case "bits":
      return scalar(value, layout.base, types);
    case "enum": {
      const type = types.get(layout.type);
      const known = type?.kind === "enum" ? type.values.find((one) => one.value === String(value)) : undefined;
      return known === undefined ? String(value) : safe(known.name);
    }
    default:
      return value === undefined ? "" : String(value);
  }
}

/** Whether nothing has been stored in a value: zeros all the way down. */
export function isZero(value: unknown): boolean {
  // No text, or an address of zeros.
  if (typeof value === "string") return /^(0\.0\.0\.0|::|00(:00){5})?$/.test(value);
  if (value instanceof Uint8Array) return value.every((byte) => byte === 0);
  if (typeof value === "object" && value !== null) return Object.values(value).every(isZero);
  return !value;
}
