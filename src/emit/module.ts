// Layouts, names and the carried object in, the text of a generated module out. The frame is templates/skeleton.ts, a
// real module; declarations go in as structures, in one call.

import { readFileSync } from "node:fs";
import type { Node, SourceFile } from "ts-morph";
import type { Endian } from "../elf/elf.ts";
import type { Layouts } from "../layout/layout.ts";
import type { Names } from "../names/names.ts";
import type { ObjectModel } from "../object/model.ts";
import type { Finding } from "../rules/rule.ts";
import { findings } from "../rules/table.ts";
import { formatModule } from "./format.ts";
import { toJavaScript } from "./javascript.ts";
import { emitGroups } from "./skeleton.ts";
import { comment, ident, literal } from "./text.ts";
import { tsMorph } from "./tsmorph.ts";
import { emitTypes } from "./types.ts";

const { Project, SyntaxKind } = tsMorph;

/** What a module is made of. */
export interface ModuleInput {
  readonly model: ObjectModel;
  readonly layouts: Layouts;
  readonly names: Names;
  /** Of all objects, or "host" where they differ in it. */
  readonly byteOrder: Endian | "host";
  /** File name of the object, for the doc. */
  readonly file: string;
  /** The object's name for libbpf. */
  readonly objectName: string;
  readonly object: Carried;
  /** Objects for other machines, by Node's name of the machine. */
  readonly others: Readonly<Record<string, Carried>>;
  /** Whether the module is to be JavaScript. */
  readonly js: boolean;
}

/** A carried object as the module has it. */
export interface Carried {
  /** Hex SHA-256. */
  readonly sha256: string;
  /** Compressed, in base64; or the name of the file beside the module that it is in. */
  readonly at: { readonly base64: string } | { readonly file: string };
}

/** Stands for the object's bytes until all is formatted: prettier need not look at them. */
const OBJECT = "OBJECT";

function readFrame(): string {
  return readFileSync(new URL("../../templates/skeleton.ts", import.meta.url), "utf8");
}

/** New text for a node of the frame. */
interface Edit {
  readonly node: Node;
  readonly text: string;
}

/** The text of `source` with all edits at once: the parser sees each text once, however many places it has. */
function withEdits(source: SourceFile, edits: readonly Edit[]): string {
  let text = source.getFullText();
  for (const { node, text: put } of edits.toSorted((a, b) => b.node.getStart() - a.node.getStart()))
    text = text.slice(0, node.getStart()) + put + text.slice(node.getEnd());
  return text;
}

/** The type of a property of the frame's interface. */
function typeEdit(source: SourceFile, name: string, key: string, text: string): Edit {
  return { node: source.getInterfaceOrThrow(name).getPropertyOrThrow(key).getTypeNodeOrThrow(), text };
}

/** The value of an entry of the table that the skeleton's thunk returns. */
function entryEdit(source: SourceFile, name: string, key: string, text: string): Edit {
  const table = source
    .getVariableDeclarationOrThrow(name)
    .getFirstDescendantByKindOrThrow(SyntaxKind.ObjectLiteralExpression);
  const entry = table.getPropertyOrThrow(key).asKindOrThrow(SyntaxKind.PropertyAssignment);
  return { node: entry.getInitializerOrThrow(), text };
}

/** Bundlers know `new URL(..., import.meta.url)` and take the file along. */
function readFileBeside(file: string): string {
  return `() => s.file(new URL(${literal(`./${encodeURIComponent(file)}`)}, import.meta.url))`;
}

/** The expression for a carried object. */
function objectThunk({ at }: Carried): string {
  return "file" in at ? readFileBeside(at.file) : `() => s.base64(${literal(OBJECT)})`;
}

/** `text` with the bytes of the objects, in the order in which the table names them. */
function place(text: string, objects: readonly Carried[]): string {
  let end = text.length;
  // From the end: text of the object before the table cannot be taken for a place.
  for (const { at } of objects.toReversed()) {
    if ("file" in at) continue;
    end = text.lastIndexOf(literal(OBJECT), end - 1);
    text = text.slice(0, end) + literal(at.base64) + text.slice(end + literal(OBJECT).length);
  }
  return text;
}

/** What the runtime says when the part does not load. */
function emitFinding({ rule, part, name, where, stops, until, ...found }: Finding): string {
  const what = part === "object" ? `${where}: ${found.what}` : found.what;
  const some = until === undefined ? "" : `, until: ${literal(until)}`;
  const always = { rule, part, name, stops, what };
  return `{ ${Object.entries(always)
    .map(([key, value]) => `${key}: ${literal(value)}`)
    .join(", ")}${some} }`;
}

/** The module below its header: its text, and its declarations where the text is JavaScript. */
export async function emitModule(
  input: ModuleInput,
): Promise<{ readonly text: string; readonly declarations: string | undefined }> {
  const name = ident(input.names.skeleton);
  const context = { names: input.names, byteOrder: input.byteOrder };
  const project = new Project({ useInMemoryFileSystem: true, skipLoadingLibFiles: true });
  const types = project.createSourceFile("types.ts", { statements: emitTypes(input.layouts.types, context) });
  const source = project.createSourceFile("skeleton.ts", readFrame().replaceAll("Frame", name));
  const doc = `/** What \`${comment(input.file).replace(/`/g, "'")}\` contains. */`;
  const others = Object.entries(input.others).map(
    ([arch, other]) => `${arch}: { sha256: ${literal(other.sha256)}, object: ${objectThunk(other)} }`,
  );
  const broken = findings(input.model).map(emitFinding);
  const filled = withEdits(source, [
    { node: source.getInterfaceOrThrow(name).getJsDocs()[0]!, text: `${types.getFullText()}\n${doc}` },
    ...Object.entries(emitGroups(input.model, input.layouts, context)).flatMap(([key, { type, table }]) => [
      typeEdit(source, name, key, type),
      entryEdit(source, name, key, table),
    ]),
    entryEdit(source, name, "name", literal(input.objectName)),
    entryEdit(source, name, "sha256", literal(input.object.sha256)),
    entryEdit(
      source,
      name,
      "object",
      objectThunk(input.object) +
        (others.length === 0 ? "" : `, others: { ${others.join(", ")} }`) +
        (broken.length === 0 ? "" : `, broken: [${broken.join(", ")}]`),
    ),
  ]);
  const objects = [input.object, ...Object.values(input.others)];
  if (!input.js) return { text: place(await formatModule(filled), objects), declarations: undefined };
  const { text, declarations } = toJavaScript(filled);
  return { text: place(await formatModule(text), objects), declarations: await formatModule(declarations) };
}
