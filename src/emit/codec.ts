// A Layout in, the TypeScript that stands for it out: its type, its codec in a table, its read and write in fast code.

import type { Layout, Scalar, View } from "../layout/layout.ts";
import type { Names } from "../names/names.ts";
import { ident } from "./text.ts";

const BIG: ReadonlySet<Scalar> = new Set<Scalar>(["u64", "s64", "u128", "s128"]);

/** Whether values of `scalar` are bigints. */
export function isBig(scalar: Scalar): boolean {
  return BIG.has(scalar);
}

function scalarType(scalar: Scalar): string {
  return scalar === "bool" ? "boolean" : isBig(scalar) ? "bigint" : "number";
}

function viewType(view: View): string {
  return view === "be64" ? "bigint" : view === "be16" || view === "be32" ? "number" : "string";
}

/** The scalar whose values a bitfield of `base` has. */
function bitsScalar(base: Layout): Scalar {
  return base.kind === "scalar" || base.kind === "enum" ? base.scalar : "u64";
}

/** The method of the runtime's Memory for bitfields with values like those of `scalar`. */
function bitsMethod(scalar: Scalar): string {
  if (scalar === "bool") return "flag";
  return `${scalar.startsWith("s") ? "sbits" : "bits"}${isBig(scalar) ? "64" : ""}`;
}

/** The TypeScript type of `layout`. */
export function typeOf(layout: Layout, names: Names): string {
  switch (layout.kind) {
    case "scalar":
      return scalarType(layout.scalar);
    case "pointer":
      return "bigint";
    case "view":
      return viewType(layout.view);
    case "chars":
      return "string";
    case "strings":
      return listOf("string");
    case "bytes":
      return "Uint8Array";
    case "list":
      return listOf(typeOf(layout.element, names));
    case "tail":
      if (layout.element === "text") return "string";
      return layout.element === "bytes" ? "Uint8Array" : listOf(typeOf(layout.element, names));
    case "bits":
      return typeOf(layout.base, names);
    case "enum":
    case "struct":
      return ident(names.types[layout.type]!);
  }
}

/** The TypeScript type of what `layout` is written from. */
export function initOf(layout: Layout, names: Names): string {
  if (layout.kind === "struct") return ident(names.inits[layout.type] ?? names.types[layout.type]!);
  const elements = layout.kind === "list" || (layout.kind === "tail" && typeof layout.element !== "string");
  return elements ? listOf(initOf(layout.element as Layout, names)) : typeOf(layout, names);
}

function listOf(element: string): string {
  return `readonly ${element.startsWith("readonly ") ? `(${element})` : element}[]`;
}

/** The codec of `layout`, as a table's entry names it. */
export function codecOf(layout: Layout, names: Names): string {
  switch (layout.kind) {
    case "scalar":
    case "enum":
      return `s.${layout.scalar}`;
    case "pointer":
      return "s.u64";
    case "view":
      return `s.${layout.view}`;
    case "chars":
      return `s.chars(${layout.length})`;
    case "strings":
      return `s.strings(${layout.length})`;
    case "bytes":
      return `s.bytes(${layout.length})`;
    case "list":
      return `s.list(${layout.length}, ${codecOf(layout.element, names)})`;
    case "tail":
      if (layout.element === "text") return "s.tailText";
      return layout.element === "bytes" ? "s.tailBytes" : `s.tail(${codecOf(layout.element, names)})`;
    case "bits":
      return `s.bits(${layout.bit}, ${layout.width}, ${codecOf(layout.base, names)})`;
    case "struct": {
      const codec = ident(names.types[layout.type]!);
      return layout.fixed === true ? `s.fixed(${codec})` : codec;
    }
  }
}

/** The enumerators of an enum, or of the one that an array or a bitfield is made of. */
export function enumOf(layout: Layout, names: Names): string | undefined {
  switch (layout.kind) {
    case "enum":
      return ident(names.types[layout.type]!);
    case "bits":
      return enumOf(layout.base, names);
    case "list":
      return enumOf(layout.element, names);
    case "tail":
      return typeof layout.element === "string" ? undefined : enumOf(layout.element, names);
    default:
      return undefined;
  }
}

/** `at`, `at + 8`. */
function place(offset: number): string {
  return offset === 0 ? "at" : `at + ${offset}`;
}

function method(prefix: "" | "set", name: string): string {
  return prefix === "" ? name : `set${name[0]!.toUpperCase()}${name.slice(1)}`;
}

/** An expression over `m` and `at` that reads `layout` at `offset`. */
export function readOf(layout: Layout, offset: number, names: Names): string {
  const at = place(offset);
  switch (layout.kind) {
    case "scalar":
    case "enum":
      return `m.${layout.scalar}(${at})`;
    case "pointer":
      return `m.u64(${at})`;
    case "chars":
    case "bytes":
      return `m.${layout.kind}(${at}, ${layout.length})`;
    case "list":
      return `m.list(${at}, ${layout.length}, ${codecOf(layout.element, names)})`;
    case "bits":
      return `m.${bitsMethod(bitsScalar(layout.base))}(${at}, ${layout.bit}, ${layout.width})`;
    case "strings":
    case "tail":
    case "view":
    case "struct":
      return `${codecOf(layout, names)}.read(m, ${at})`;
  }
}

/** A statement over `m` and `at` that writes `value` as `layout` at `offset`. */
export function writeOf(layout: Layout, offset: number, value: string, names: Names): string {
  const at = place(offset);
  switch (layout.kind) {
    case "scalar":
    case "enum":
      return `m.${method("set", layout.scalar)}(${at}, ${value});`;
    case "pointer":
      return `m.setU64(${at}, ${value});`;
    case "chars":
    case "bytes":
      return `m.${method("set", layout.kind)}(${at}, ${layout.length}, ${value});`;
    case "list":
      return `m.setList(${at}, ${layout.length}, ${codecOf(layout.element, names)}, ${value});`;
    case "bits": {
      const set = method("set", bitsMethod(bitsScalar(layout.base)));
      return `m.${set}(${at}, ${layout.bit}, ${layout.width}, ${value});`;
    }
    case "strings":
    case "tail":
    case "view":
    case "struct":
      return `${codecOf(layout, names)}.write(m, ${at}, ${value});`;
  }
}
