// Structs and enums in, declarations as ts-morph structures out: an interface and a codec per struct, a constant object
// and a type per enum.

import type { StatementStructures } from "ts-morph";
import type { Endian } from "../elf/elf.ts";
import type { EnumLayout, NamedLayout, Part, StructLayout, Union } from "../layout/layout.ts";
import { sharedNames } from "../layout/unions.ts";
import type { Names } from "../names/names.ts";
import { codecOf, enumOf, initOf, isBig, readOf, typeOf, writeOf } from "./codec.ts";
import { fieldDoc, initDoc, namedDoc, structDoc } from "./doc.ts";
import { access, ident, literal, property } from "./text.ts";
import { tsMorph } from "./tsmorph.ts";

const { StructureKind, VariableDeclarationKind } = tsMorph;

/** What emission needs to know besides the layouts. */
export interface EmitContext {
  readonly names: Names;
  /** "host" for objects of both byte orders: what is opened has that of the machine. */
  readonly byteOrder: Endian | "host";
}

function constant(name: string, type: string | undefined, initializer: string, docs?: string): StatementStructures {
  return {
    kind: StructureKind.VariableStatement,
    declarationKind: VariableDeclarationKind.Const,
    isExported: true,
    leadingTrivia: "\n",
    ...(docs !== undefined && { docs: [docs] }),
    declarations: [{ name, initializer, ...(type !== undefined && { type }) }],
  };
}

/** `pid: [0, s.u32]`, `state: [4, s.u32, State]`: the entry of a field or variable in a table. */
export function tableEntry(name: string, offset: number, codec: string, enumeration?: string): string {
  return `${property(name)}: [${[offset, codec, ...(enumeration === undefined ? [] : [enumeration])].join(", ")}]`;
}

/** `[["v4", "v6"]]`: unions as the runtime's table and its type `Init` take them. */
function unionsText(unions: readonly Union[]): string {
  const text = (part: Part | Union[number]): string =>
    typeof part === "string" ? literal(part) : `[${part.map(text).join(", ")}]`;
  return `[${unions.map(text).join(", ")}]`;
}

const ORDERS = { little: false, big: "bigEndian: true", host: "bigEndian: s.hostIsBigEndian" } as const;

/** Straight-line reads of all fields, and writes of those that no union shares. */
function fastPart({ fields, unions, kernelFields, tail }: StructLayout, { names, byteOrder }: EmitContext): string {
  const shared = sharedNames(unions);
  const reset = kernelFields.filter((field) => field.reset);
  const plain = fields.filter(({ name }) => !shared.has(name));
  const reads = fields.map((field) => `${property(field.name)}: ${readOf(field.layout, field.offset, names)}`);
  const writes = plain.map((field) => writeOf(field.layout, field.offset, access("v", field.name), names));
  const parts = [
    ORDERS[byteOrder],
    reset.length > 0 && `kernelFields: [${reset.map(({ spelled }) => literal(spelled)).join(", ")}]`,
    tail !== undefined && `tail: ${literal(tail)}`,
    unions.length > 0 && `unions: ${unionsText(unions)}`,
    reads.length > 0 && `read: (m, at) => ({ ${reads.join(", ")} })`,
    writes.length > 0 && `write(m, at, v) {\n${writes.join("\n")}\n}`,
  ];
  return `{\n${parts.filter((part) => part !== false).join(",\n")}\n}`;
}

/** What a struct with a union in it is written from. */
function emitInit(layout: StructLayout, { names }: EmitContext): StatementStructures[] {
  if (!layout.init) return [];
  const changed = layout.fields
    .map((field) => ({ field, type: initOf(field.layout, names) }))
    .filter(({ field, type }) => type !== typeOf(field.layout, names))
    .map(({ field, type }) => `${property(field.name)}: ${type}`);
  const own = ident(names.types[layout.type]!);
  const rest = changed.length > 0 ? `, { ${changed.join("; ")} }` : "";
  return [
    {
      kind: StructureKind.TypeAlias,
      name: ident(names.inits[layout.type]!),
      isExported: true,
      leadingTrivia: "\n",
      docs: [initDoc(layout, own)],
      type: `s.Init<${own}, ${unionsText(layout.unions)}${rest}>`,
    },
  ];
}

function emitStruct(layout: StructLayout, context: EmitContext): StatementStructures[] {
  const { names } = context;
  const name = ident(names.types[layout.type]!);
  const types = layout.init ? `${name}, ${ident(names.inits[layout.type]!)}` : name;
  const table = layout.fields.map((field) =>
    tableEntry(field.name, field.offset, codecOf(field.layout, names), enumOf(field.layout, names)),
  );
  // A struct without fields has nothing to be fast at, and unused parameters would not compile everywhere.
  const rest =
    layout.fields.length > 0 || layout.kernelFields.some(({ reset }) => reset) ? `, ${fastPart(layout, context)}` : "";
  return [
    {
      kind: StructureKind.Interface,
      name,
      isExported: true,
      leadingTrivia: "\n",
      docs: [structDoc(layout)],
      properties: layout.fields.map((field) => ({
        name: property(field.name),
        type: typeOf(field.layout, names),
        leadingTrivia: `/** ${fieldDoc(field)} */ `,
      })),
    },
    ...emitInit(layout, context),
    constant(
      name,
      `s.Codec<${types}>`,
      `/*@__PURE__*/ s.struct<${types}>(${literal(layout.name.name)}, ${layout.size}, () => ({ ${table.join(", ")} })${rest})`,
    ),
  ];
}

function emitEnum(layout: EnumLayout, { names }: EmitContext): StatementStructures[] {
  const name = ident(names.types[layout.type]!);
  const big = isBig(layout.scalar);
  const values = layout.values.map(({ name: key, value }) => {
    // The text is a checked decimal; round it through BigInt so that nothing else can come of it.
    const number = BigInt(value);
    return `${property(key)}: ${big ? literal(number) : String(number)}`;
  });
  return [
    constant(name, undefined, `{\n${values.join(",\n")},\n} as const`, namedDoc(layout)),
    {
      kind: StructureKind.TypeAlias,
      name,
      isExported: true,
      type: `(typeof ${name})[keyof typeof ${name}] | (${big ? "bigint" : "number"} & {})`,
    },
  ];
}

/** The declarations of `layouts`, in their order. */
export function emitTypes(layouts: readonly NamedLayout[], context: EmitContext): StatementStructures[] {
  return layouts.flatMap((layout) =>
    layout.kind === "struct" ? emitStruct(layout, context) : emitEnum(layout, context),
  );
}
