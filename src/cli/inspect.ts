// `ebpf-skel inspect`: what a compiled object contains, for a person to read, as one page, or the ObjectModel as JSON.

import { basename } from "node:path";
import { styleText } from "node:util";
import { spellType } from "../btf/spell.ts";
import { comment } from "../emit/text.ts";
import { displayPath, shown, SkelError, within } from "../errors.ts";
import { readObjectFile, targetOf, writeWhole } from "../files.ts";
import { inspectObject } from "../inspect.ts";
import type { NamedLayout, StructLayout } from "../layout/layout.ts";
import { readLayouts } from "../layout/read.ts";
import type { MapModel, ObjectModel, ProgramModel } from "../object/model.ts";
import { describePage } from "../picture/page.ts";
import { byteMap } from "../picture/rows.ts";
import { spansOf, type Structs, structsOf } from "../picture/spans.ts";
import { sentenceOf, sumsOf } from "../picture/sums.ts";
import { drawByteMap, type Painter } from "../picture/terminal.ts";
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

/** "u32 -> struct event", of a map of maps "u32 -> array (u32 -> u64)". */
function contentsOf(model: ObjectModel, { keyType, keySize, valueType, valueSize, inner }: MapModel): string {
  const side = (type: number | undefined, size: number): string =>
    type !== undefined ? comment(spellType(model.types, type)) : size > 0 ? plural(size, "byte") : "";
  const value = inner === undefined ? side(valueType, valueSize) : `${inner.type} (${contentsOf(model, inner)})`;
  return [side(keyType, keySize), value].filter((text) => text !== "").join(" -> ");
}

function mapRow(model: ObjectModel, map: MapModel): Cell[] {
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
    contentsOf(model, map),
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

/** What a program refers to by name. */
function usesOf({ uses }: ProgramModel): string {
  const names = [...(uses?.maps ?? []), ...(uses?.globals ?? []).map(({ section }) => section)];
  return names.length === 0 ? "" : `-> ${comment(names.join(", "))}`;
}

const FIELD_STYLES = ["cyan", "green", "magenta", "yellow", "blue"] as const;

/** Fields in colours that change from one to the next. */
const inColour: Painter = (text, as) => {
  const style =
    as.kind === "field" ? FIELD_STYLES[as.member % FIELD_STYLES.length]! : as.kind === "kernel" ? "red" : "gray";
  return styleText(style, text, { validateStream: false });
};

/** How much of an object is shown. */
export interface InspectOptions {
  readonly colour: boolean;
  /** Structs byte by byte. */
  readonly layout: boolean;
  /** These types alone, byte by byte: "event", "struct event". */
  readonly only: readonly string[];
}

/** A type's heading, its bytes if asked for, and its fields or values. */
function typeLines(
  type: NamedLayout,
  { types }: ObjectModel,
  structs: Structs,
  { colour, layout }: InspectOptions,
): string[] {
  const title = comment(type.spelled);
  const heading = `${colour ? styleText("bold", title, { validateStream: false }) : title}  ${plural(type.size, "byte")}`;
  if (type.kind === "enum") {
    const rows = type.values.map((value): Cell[] => [{ text: value.value, as: "dim", right: true }, name(value.name)]);
    return [heading, ...align(rows, "  ", colour)];
  }
  const struct = types[type.type]!;
  const picture =
    !layout || type.size === 0 || (struct.kind !== "struct" && struct.kind !== "union")
      ? []
      : [
          ...drawByteMap(byteMap(spansOf(type, structs)), colour ? inColour : (text) => text),
          `  ${sentenceOf(sumsOf(types, struct))}`,
        ];
  return [heading, ...picture, ...align(structRows(type), "  ", colour)];
}

/** Those types of the object that are asked for. */
function chosenTypes(all: readonly NamedLayout[], only: readonly string[]): NamedLayout[] {
  return only.flatMap((wanted) => {
    const found = all.filter(({ name: { name }, spelled }) => name === wanted || spelled === wanted);
    if (found.length > 0) return found;
    const known = [...new Set(all.map(({ spelled }) => comment(spelled)))].join(", ");
    throw new SkelError("ERR_OPTION", `the object has no type ${shown(wanted)}, got ${known || "none"}`, ["--type"]);
  });
}

/** What a person wants to see of an object. */
export function describeObject(bytes: Uint8Array, file: string, options: InspectOptions): string {
  const { colour, only } = options;
  const model = inspectObject(bytes);
  const layouts = readLayouts(model);
  const structs = structsOf(layouts.types);
  if (only.length > 0) {
    const blocks = chosenTypes(layouts.types, only).map((type) =>
      typeLines(type, model, structs, { ...options, layout: true }).join("\n"),
    );
    return `${blocks.join("\n\n")}\n`;
  }
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
        usesOf(program),
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
  for (const type of layouts.types) lines.push("", ...typeLines(type, model, structs, options));
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

export interface InspectArguments {
  readonly object: string;
  readonly json: boolean;
  readonly layout: boolean;
  readonly type: readonly string[] | undefined;
  readonly html: string | undefined;
}

/** Runs the command. */
export function runInspect({ object, json, layout, type: only = [], html }: InspectArguments): void {
  if (html !== undefined && (json || layout || only.length > 0))
    throw new SkelError("ERR_OPTION", "shows everything as one page (leave --json, --layout and --type out)", [
      "--html",
    ]);
  if (json && (layout || only.length > 0))
    throw new SkelError("ERR_OPTION", "prints the whole model (leave --layout and --type out)", ["--json"]);
  if (html !== undefined && targetOf(html) === targetOf(object))
    throw new SkelError(
      "ERR_OPTION",
      `expected another file than the object, got ${displayPath(html)} (choose another name)`,
      ["--html"],
    );
  const bytes = readObjectFile(object);
  const output = within(displayPath(object), () => {
    if (html !== undefined) return describePage(bytes, basename(object));
    if (json) return `${JSON.stringify(inspectObject(bytes), null, 2)}\n`;
    return describeObject(bytes, object, { colour: wantsColour(process.stdout), layout, only });
  });
  if (html === undefined) process.stdout.write(output);
  else {
    writeWhole(html, new TextEncoder().encode(output));
    process.stdout.write(`${displayPath(html)} written\n`);
  }
}
