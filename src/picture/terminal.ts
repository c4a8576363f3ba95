// A byte map in, lines of text out, drawn with boxes: 64 columns for 8 bytes, hatched where nothing is.

import { printable } from "../errors.ts";
import type { ByteMap, Line, Piece } from "./rows.ts";

/** What a run of characters is of. */
export type Paint =
  { readonly kind: "rule" | "padding" | "kernel" } | { readonly kind: "field"; readonly member: number };

/** Puts colour into a run of characters, or leaves it. */
export type Painter = (text: string, as: Paint) => string;

const COLUMNS = 64;
/** Of the offsets on the left. */
const MARGIN = 8;
const CACHE_LINE = 64;
const RULE: Paint = { kind: "rule" };

/** By which of up, down, left and right a line goes: 1, 2, 4, 8. */
const SINGLE = " │││─┘┐┤─└┌├─┴┬┼";
const DOUBLE = " │││═╛╕╡═╘╒╞═╧╤╪";

/** The line as it stands in the grid: by column the piece that is there. */
type Cells = readonly (Piece | undefined)[];

interface Drawn {
  readonly line: Line | undefined;
  readonly cells: Cells;
}

const NOTHING: Drawn = { line: undefined, cells: new Array<undefined>(COLUMNS).fill(undefined) };

/** The lines of the drawing, the offsets of bytes above. */
export function drawByteMap({ bytesPerRow, lines }: ByteMap, paint: Painter): string[] {
  if (lines.length === 0) return [];
  const perByte = COLUMNS / bytesPerRow;
  const ruler = Array.from({ length: bytesPerRow }, (_, byte) => ` ${byte}`.padEnd(perByte)).join("");
  const drawn = lines.map((line): Drawn => ({ line, cells: cellsOf(line, bytesPerRow) }));
  const text = [paint(`${" ".repeat(MARGIN)}${ruler}`.trimEnd(), RULE)];
  let above = NOTHING;
  for (const below of drawn) {
    text.push(...border(above, below, paint), content(above, below, bytesPerRow, paint));
    above = below;
  }
  return [...text, ...border(above, NOTHING, paint)];
}

function cellsOf({ pieces }: Line, bytesPerRow: number): Cells {
  const cells = new Array<Piece | undefined>(COLUMNS).fill(undefined);
  const perBit = COLUMNS / (8 * bytesPerRow);
  for (const piece of pieces) cells.fill(piece, piece.from * perBit, piece.to * perBit);
  return cells;
}

/** Whether a vertical line stands left of `column`. */
function stands(cells: Cells, column: number): boolean {
  return cells[column - 1]?.span !== cells[column]?.span;
}

/** The line between two lines: nothing where one span goes on, and no line at all where all do. */
function border(above: Drawn, below: Drawn, paint: Painter): string[] {
  const follows = above.line !== undefined && below.line?.lane === above.line.lane && below.line.row > above.line.row;
  const cacheLine = follows && below.line.offset % CACHE_LINE === 0;
  const lies = (column: number): boolean => {
    const [up, down] = [above.cells[column]?.span, below.cells[column]?.span];
    return (up !== undefined || down !== undefined) && (cacheLine || !follows || up !== down);
  };
  const joints = cacheLine ? DOUBLE : SINGLE;
  let text = "";
  for (let column = 0; column <= COLUMNS; column++) {
    const ways = [stands(above.cells, column), stands(below.cells, column), lies(column - 1), lies(column)];
    text += joints[ways.reduce((sum, way, i) => sum + (way ? 1 << i : 0), 0)]!;
  }
  return /[^ │]/.test(text) ? [paint(`${" ".repeat(MARGIN)}${text}`.trimEnd(), RULE)] : [];
}

/** The line itself, its offset on the left. */
function content(above: Drawn, { line, cells }: Drawn, bytesPerRow: number, paint: Painter): string {
  const { offset, bytes, lane, pieces } = line!;
  const isHidden = bytes > bytesPerRow;
  const begins = above.line?.lane !== lane || above.line.row > line!.row;
  const label = isHidden ? "⋮" : lane > 0 && begins ? `or ${offset}` : String(offset);
  const perBit = COLUMNS / (8 * bytesPerRow);
  let text = paint(`${label.padStart(MARGIN - 2)}  `, RULE);
  let column = 0;
  for (const piece of pieces) {
    const [from, to] = [piece.from * perBit, piece.to * perBit];
    if (from > column) text += paint((stands(cells, column) ? "│" : " ").padEnd(from - column), RULE);
    const width = to - from - 1;
    const inside = isHidden ? `${bytes} more bytes` : labelOf(piece, width);
    text += paint("│", RULE) + paint(fill(inside, width, piece), paintOf(piece));
    column = to;
  }
  return text + paint("│", RULE);
}

/** The name; of a field in a nested struct its own alone, where there is no room for the path. */
function labelOf({ span, first }: Piece, width: number): string {
  if (!first || span.kind === "padding") return "";
  const name = printable(span.kind === "kernel" ? span.spelled : span.name);
  return name.length > width ? name.slice(name.lastIndexOf(".") + 1) : name;
}

function fill(label: string, width: number, { span }: Piece): string {
  if (span.kind === "padding") return "░".repeat(width);
  const spaced = label.length < width ? ` ${label}` : label;
  return (spaced.length > width ? `${spaced.slice(0, width - 1)}…` : spaced).padEnd(width);
}

function paintOf({ span: { kind, member } }: Piece): Paint {
  return kind === "field" ? { kind, member } : { kind };
}
