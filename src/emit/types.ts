// Structs and enums in, declarations as ts-morph structures out: an interface and a codec per struct, a constant object
// and a type per enum.

import { type StatementStructures, StructureKind, VariableDeclarationKind } from "ts-morph";
import type { EnumLayout, FieldLayout, NamedLayout, StructLayout } from "../layout/layout.ts";
import type { Names } from "../names/names.ts";
import { codecOf, isBig, readOf, typeOf, writeOf } from "./codec.ts";
import { fieldDoc, namedDoc, structDoc } from "./doc.ts";
import { access, ident, literal, property } from "./text.ts";

/** What emission needs to know besides the layouts. */
export interface EmitContext {
  readonly names: Names;
  readonly bigEndian: boolean;
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

/** `pid: [0, s.u32]`: the entry of a field or variable in a table. */
export function tableEntry(name: string, offset: number, codec: string): string {
  return `${property(name)}: [${offset}, ${codec}]`;
}

function fastPart(fields: readonly FieldLayout[], names: Names, bigEndian: boolean): string {
  const reads = fields.map((field) => `${property(field.name)}: ${readOf(field.layout, field.offset, names)}`);
  const writes = fields.map((field) => writeOf(field.layout, field.offset, access("v", field.name), names));
  return `{
    ${bigEndian ? "bigEndian: true," : ""}
    read: (m, at) => ({ ${reads.join(", ")} }),
    write(m, at, v) {
      ${writes.join("\n")}
    },
  }`;
}

function emitStruct(layout: StructLayout, { names, bigEndian }: EmitContext): StatementStructures[] {
  const name = ident(names.types[layout.type]!);
  const table = layout.fields.map((field) => tableEntry(field.name, field.offset, codecOf(field.layout, names)));
  // A struct without fields has nothing to be fast at, and unused parameters would not compile everywhere.
  const rest = layout.fields.length > 0 ? `, ${fastPart(layout.fields, names, bigEndian)}` : "";
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
    constant(
      name,
      `s.Codec<${name}>`,
      `/*@__PURE__*/ s.struct<${name}>(${literal(layout.name.name)}, ${layout.size}, () => ({ ${table.join(", ")} })${rest})`,
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
