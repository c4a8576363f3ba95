// The object's own declarations: the members of its interface and of the table behind it, as text.

import type { Layout, Layouts, SectionLayout, StructLayout } from "../layout/layout.ts";
import type { ObjectModel, ProgramModel } from "../object/model.ts";
import type { Names } from "../names/names.ts";
import { codecOf, initOf, typeOf } from "./codec.ts";
import { fieldDoc, mapDoc, memberDoc, programDoc, structOpsDoc } from "./doc.ts";
import { mapHandle } from "./maps.ts";
import { ident, literal, property } from "./text.ts";
import { type EmitContext, tableEntry } from "./types.ts";

/** One member: its doc, its type in the interface, its entry in the table. */
interface Member {
  readonly name: string;
  readonly doc?: string;
  readonly type: string;
  readonly table: string;
}

/** Interface and table of one group of members, as type literal and object literal. */
export interface Group {
  readonly type: string;
  readonly table: string;
}

function group(members: readonly Member[]): Group {
  if (members.length === 0) return { type: "{}", table: "{}" };
  const doc = (text: string | undefined): string => (text === undefined ? "" : `/** ${text} */\n`);
  return {
    type: `{\n${members.map((m) => `${doc(m.doc)}${property(m.name)}: ${m.type};`).join("\n")}\n}`,
    table: `{ ${members.map((m) => `${property(m.name)}: ${m.table}`).join(", ")} }`,
  };
}

function mapMembers(model: ObjectModel, layouts: Layouts, context: EmitContext): Member[] {
  const structs = new Map(
    layouts.types.filter((type): type is StructLayout => type.kind === "struct").map((type) => [type.type, type]),
  );
  const holes = (layout: Layout | undefined): StructLayout["padding"] =>
    layout?.kind === "struct" ? structs.get(layout.type)!.padding : [];
  return model.maps.map((map, i) => {
    const layout = layouts.maps[i]!;
    return {
      name: map.name,
      doc: mapDoc(map, layout, holes(layout.key?.layout)),
      ...mapHandle(map, layout, context),
    };
  });
}

/** What libbpf 1.0 knows is found by the section alone; newer kinds carry what an older library needs. */
function programTable({ section, sec }: ProgramModel, ctx: string | undefined): string {
  const known = sec === undefined || sec.since === "1.0";
  if (known && ctx === undefined) return literal(section);
  const { type = "", attachType = "", since = "" } = sec ?? {};
  const younger = `type: ${literal(type)}, attachType: ${literal(attachType)}, since: ${literal(since)}`;
  const parts = [
    `section: ${literal(section)}`,
    ...(known ? [] : [younger]),
    ...(ctx === undefined ? [] : [`ctx: ${ctx}`]),
  ];
  return `{ ${parts.join(", ")} }`;
}

function programMembers(model: ObjectModel, layouts: Layouts, { names }: EmitContext): Member[] {
  return model.programs.map((program, i) => {
    const ctx = layouts.programs[i]!.ctx?.layout;
    const types = ctx === undefined ? [] : [...new Set([typeOf(ctx, names), initOf(ctx, names)])];
    return {
      name: program.name,
      doc: programDoc(program),
      type: `s.Program<${[literal(program.sec?.kind ?? "unknown"), ...types].join(", ")}>`,
      table: programTable(program, ctx && codecOf(ctx, names)),
    };
  });
}

function structOpsMembers(model: ObjectModel, layouts: Layouts, { names }: EmitContext): Member[] {
  const func = `s.StructOpsFunc<${ident(names.skeleton)}["progs"]>`;
  return model.structOps.map((ops, i) => {
    const { members, spelled } = layouts.structOps[i]!;
    const { type } = group(
      members.map(({ name, offset, spelled, layout }) => ({
        name,
        doc: memberDoc(spelled, offset),
        type: layout === "func" ? func : typeOf(layout, names),
        table: "",
      })),
    );
    const entries = members.map(({ name, offset, layout }) =>
      tableEntry(name, offset, layout === "func" ? literal("func") : codecOf(layout, names)),
    );
    return {
      name: ops.name,
      doc: structOpsDoc(ops, spelled),
      type,
      table: `s.structOps(${literal(ops.section)}, ${ops.size}, { ${entries.join(", ")} })`,
    };
  });
}

type Variable = SectionLayout["variables"][number];

/** `set us(...)`, `$at(variable: "us")`: the members of a section for a variable that is written from other than it is read as. */
function accessors({ name, layout }: Variable, doc: string, names: Names): string {
  const own = property(name);
  const [type, init] = [typeOf(layout, names), initOf(layout, names)];
  const lines = [`/** ${doc} */`, `get ${own}(): s.DeepReadonly<${type}>;`, `set ${own}(value: ${init});`];
  if (layout.kind === "list") {
    const elements = [typeOf(layout.element, names), initOf(layout.element, names)].join(", ");
    lines.push(`$at(variable: ${literal(name)}): s.Elements<${elements}>;`);
  }
  return lines.join("\n");
}

// Stands in the type alone: the runtime has the variables beside the others.
const UNIONS = {
  name: "$unions",
  doc: "Variables of the section that take less than they give: one member of a union.",
  table: "",
};

function sectionMembers(model: ObjectModel, layouts: Layouts, { names }: EmitContext): Member[] {
  return model.sections.map((section, i) => {
    const variables = layouts.sections[i]!.variables;
    const hasUnion = ({ layout }: Variable): boolean => initOf(layout, names) !== typeOf(layout, names);
    const plain = variables.filter((variable) => !hasUnion(variable));
    const unions = variables.filter(hasUnion).map((variable) => accessors(variable, fieldDoc(variable), names));
    const { type } = group([
      ...plain.map((variable) => ({
        name: variable.name,
        doc: fieldDoc(variable),
        type: typeOf(variable.layout, names),
        table: "",
      })),
      ...(unions.length === 0 ? [] : [{ ...UNIONS, type: `{\n${unions.join("\n")}\n}` }]),
    ]);
    const entries = variables.map((v) => tableEntry(v.name, v.offset, codecOf(v.layout, names)));
    return {
      name: section.ident,
      type,
      table: `s.section(${literal(section.name)}, ${section.size}, { ${entries.join(", ")} })`,
    };
  });
}

/** The groups of the skeleton's interface and table. */
export function emitGroups(
  model: ObjectModel,
  layouts: Layouts,
  context: EmitContext,
): { readonly maps: Group; readonly progs: Group; readonly sections: Group; readonly structOps: Group } {
  return {
    maps: group(mapMembers(model, layouts, context)),
    progs: group(programMembers(model, layouts, context)),
    sections: group(sectionMembers(model, layouts, context)),
    structOps: group(structOpsMembers(model, layouts, context)),
  };
}
