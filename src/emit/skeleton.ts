// The object's own declarations: the members of its interface and of the table behind it, as text.

import type { Layout, Layouts, StructLayout } from "../layout/layout.ts";
import type { ObjectModel, ProgramModel } from "../object/model.ts";
import { codecOf, typeOf } from "./codec.ts";
import { fieldDoc, mapDoc, programDoc } from "./doc.ts";
import { mapHandle } from "./maps.ts";
import { literal, property } from "./text.ts";
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
function programTable({ section, sec }: ProgramModel): string {
  if (sec === undefined || sec.since === "1.0") return literal(section);
  const { type, attachType, since } = sec;
  return `{ section: ${literal(section)}, type: ${literal(type)}, attachType: ${literal(attachType)}, since: ${literal(since)} }`;
}

function programMembers(model: ObjectModel): Member[] {
  return model.programs.map((program) => ({
    name: program.name,
    doc: programDoc(program),
    type: `s.Program<${literal(program.sec?.kind ?? "unknown")}>`,
    table: programTable(program),
  }));
}

function sectionMembers(model: ObjectModel, layouts: Layouts, { names }: EmitContext): Member[] {
  return model.sections.map((section, i) => {
    const variables = layouts.sections[i]!.variables;
    const { type } = group(
      variables.map((variable) => ({
        name: variable.name,
        doc: fieldDoc(variable),
        type: typeOf(variable.layout, names),
        table: "",
      })),
    );
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
    progs: group(programMembers(model)),
    sections: group(sectionMembers(model, layouts, context)),
    structOps: group([]),
  };
}
