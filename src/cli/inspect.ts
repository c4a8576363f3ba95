// `ebpf-skel inspect`: what a compiled object contains, for a person to read, or the ObjectModel as JSON.

import { styleText } from "node:util";
import { spellType } from "../btf/spell.ts";
import { comment } from "../emit/text.ts";
import { displayPath, within } from "../errors.ts";
import { inspectObject } from "../inspect.ts";
import type { StructLayout } from "../layout/layout.ts";
import { readLayouts } from "../layout/read.ts";
import type { MapModel, ObjectModel } from "../object/model.ts";
import { readObjectFile } from "../files.ts";
import { wantsColour } from "./report.ts";

/** A run of text with the meaning that colours it. */
type Cell = string | { readonly text: string; readonly as: "name" | "dim" | "warning"; readonly right?: true };

const STYLES = { name: "cyan", dim: "gray", warning: "yellow" } as const;
const text = (cell: Cell): string => (typeof cell === "string" ? cell : cell.text);
const name = (value: string): Cell => ({ text: comment(value), as: "name" });
const dim = (value: string): Cell => ({ text: value, as: "dim" });
const number = (value: number): Cell => ({ text: String(value), as: "dim", right: true });
const plural = (n: number, noun: string): string => `${n} ${n === 1 ? noun : `${noun}s`.replace(/ys$/, "ies")}`;

/** Rows as lines with aligned columns. */
function align(rows: readonly (readonly Cell[])[], indent: string, colour: boolean): string[] {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, text(cell).length)));
  return rows.map((row) => {
    const cells = row.map((cell, i) => {
      const plain = text(cell);
      const gap = " ".repeat(widths[i]! - plain.length);
      const styled =
        typeof cell === "string" || !colour ? plain : styleText(STYLES[cell.as], plain, { validateStream: false });
      if (typeof cell !== "string" && cell.right) return gap + styled;
      return i === row.length - 1 ? styled : styled + gap;
    });
    return (indent + cells.join("  ")).trimEnd();
  });
}

function mapRow(model: ObjectModel, map: MapModel): Cell[] {
  const side = (type: number | undefined, size: number): string =>
    type !== undefined ? comment(spellType(model.types, type)) : size > 0 ? plural(size, "byte") : "";
  const contents = [side(map.keyType, map.keySize), side(map.valueType, map.valueSize)].filter((s) => s !== "");
  const sizes = [map.keySize, map.valueSize].filter((size) => size > 0).join(" -> ");
  const isBuffer = map.type.endsWith("ringbuf");
  const { events } = map;
  if (events !== undefined)
    return [
      name(map.name),
      map.type,
      map.maxEntries === 0 ? "" : plural(map.maxEntries, isBuffer ? "byte" : "entry"),
      events.types.map((type) => comment(spellType(model.types, type))).join(" | "),
      dim(events.sizes.length === 0 ? "" : `events of ${events.sizes.join(", ")} bytes`),
      dim(events.types.length === 0 ? "" : events.source),
    ];
  return [
    name(map.name),
    map.type,
    map.maxEntries === 0 ? "" : plural(map.maxEntries, isBuffer ? "byte" : "entry"),
    contents.join(" -> "),
    dim(sizes === "" ? "" : `${sizes} bytes`),
    dim(map.legacy ? "legacy" : map.pinning === "by_name" ? "pinned by name" : ""),
  ];
}

/** Offset, size, name and type of each field, with the padding between. */
function structRows(layout: StructLayout): Cell[][] {
  const fields = layout.fields.map((field) => ({
    offset: field.offset,
    row: [number(field.offset), number(field.size), name(field.name), comment(field.spelled)],
  }));
  const holes = layout.padding.map(({ offset, size }) => ({
    offset,
    row: [number(offset), number(size), { text: "padding", as: "warning" as const }],
  }));
  return [...fields, ...holes].sort((a, b) => a.offset - b.offset).map(({ row }) => row);
}

/** What a person wants to see of an object. */
export function describeObject(bytes: Uint8Array, file: string, colour: boolean): string {
  const model = inspectObject(bytes);
  const layouts = readLayouts(model);
  const heading = (title: string): string => (colour ? styleText("bold", title, { validateStream: false }) : title);
  const block = (title: string, rows: Cell[][]): string[] =>
    rows.length === 0 ? [] : ["", heading(title), ...align(rows, "  ", colour)];
  const lines = [
    `${heading(comment(file))}  ${plural(bytes.length, "byte")}, ${model.endian}-endian, license ${model.license === "" ? "none" : comment(model.license)}`,
    ...block(
      "maps",
      model.maps.map((map) => mapRow(model, map)),
    ),
    ...block(
      "programs",
      model.programs.map((program) => [
        name(program.name),
        comment(program.section),
        program.sec?.type ?? "",
        dim(plural(program.size / 8, "instruction")),
        dim(program.autoload ? "" : "optional"),
      ]),
    ),
  ];
  for (const section of model.sections)
    lines.push(
      "",
      `${heading(comment(section.name))}  ${plural(section.size, "byte")}`,
      ...align(
        section.variables.map((v) => [
          number(v.offset),
          number(v.size),
          name(v.name),
          comment(spellVariable(model, v.type)),
        ]),
        "  ",
        colour,
      ),
    );
  for (const type of layouts.types)
    lines.push(
      "",
      `${heading(comment(type.spelled))}  ${plural(type.size, "byte")}`,
      ...(type.kind === "struct"
        ? align(structRows(type), "  ", colour)
        : align(
            type.values.map((value) => [{ text: value.value, as: "dim", right: true }, name(value.name)]),
            "  ",
            colour,
          )),
    );
  lines.push(
    ...block(
      "warnings",
      model.warnings.map(({ where, what }) => [{ text: `${where}: ${what}`, as: "warning" }]),
    ),
  );
  return `${lines.join("\n")}\n`;
}

function spellVariable(model: ObjectModel, id: number): string {
  const type = model.types[id]!;
  return spellType(model.types, type.kind === "var" ? type.type : id);
}

/** Runs the command. */
export function runInspect({ object, json }: { readonly object: string; readonly json: boolean }): void {
  const bytes = readObjectFile(object);
  const output = within(displayPath(object), () =>
    json
      ? `${JSON.stringify(inspectObject(bytes), null, 2)}\n`
      : describeObject(bytes, object, wantsColour(process.stdout)),
  );
  process.stdout.write(output);
}
