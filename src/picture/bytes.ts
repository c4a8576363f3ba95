// A byte map in, the same as markup out: a grid of 64 columns whose cells go by classes, as the page allows no style attributes.

import { HUES } from "./style.ts";
import { type Html, html } from "./html.ts";
import type { ByteMap, Line, Piece } from "./rows.ts";

const COLUMNS = 64;
const CACHE_LINE = 64;
/** That fit a column, on a phone. */
const CHARACTERS = 0.75;

/** The map of what is called `what`. The table beside it says the same in words. */
export function bytesFigure({ bytesPerRow, lines }: ByteMap, what: string): Html | undefined {
  if (lines.length === 0) return undefined;
  const perByte = COLUMNS / bytesPerRow;
  const ruler = Array.from(
    { length: bytesPerRow },
    (_, i) => html`<span class="c${i * perByte} w${perByte}">${i}</span>`,
  );
  return html`<div class="bytes" role="img" aria-label="The bytes of ${what}">
    <div class="ruler">
      <span></span>
      <div class="cells">${ruler}</div>
    </div>
    ${lines.map((line, i) => lineOf(line, lines[i - 1], bytesPerRow))}
  </div>`;
}

function lineOf(line: Line, before: Line | undefined, bytesPerRow: number): Html {
  const { offset, bytes, lane } = line;
  const hidden = bytes > bytesPerRow ? bytes : 0;
  const begins = before === undefined || before.lane !== lane || before.row > line.row;
  const label = hidden > 0 ? "⋮" : lane > 0 && begins ? `or ${offset}` : offset;
  const isBorder = offset > 0 && offset % CACHE_LINE === 0 && lane === 0;
  return html`<div class="line${isBorder && " cache"}${bytesPerRow === 4 && " bit"}">
    <span class="off">${label}</span>
    <div class="cells">${line.pieces.map((piece) => cellOf(piece, bytesPerRow, hidden))}</div>
  </div> `;
}

function cellOf({ span, from, to, first }: Piece, bytesPerRow: number, hidden: number): Html {
  const scale = COLUMNS / (8 * bytesPerRow);
  const place = `c${from * scale} w${(to - from) * scale}`;
  const { kind, name, spelled, start, end, member } = span;
  const more = hidden > 0 && `${hidden} more bytes`;
  if (kind === "padding")
    return html`<span class="cell padding ${place}" title="padding, ${widthOf(end - start)}"></span>`;
  const title = `${kind === "field" ? `${name}: ` : ""}${spelled}, at ${placeOf(start)}, ${widthOf(end - start)}`;
  // Where there may be no room for a path, its end says more than its beginning.
  const last = name.slice(name.lastIndexOf(".") + 1);
  const label = kind === "kernel" ? spelled : name.length > CHARACTERS * (to - from) * scale ? last : name;
  const look = kind === "kernel" ? "kernel" : `field m${member % HUES.length}`;
  return html`<span class="cell ${look} ${place}${more && " more"}" title="${title}"
    >${more || (first && label)}</span
  >`;
}

function placeOf(bits: number): string {
  return bits % 8 === 0 ? `byte ${bits / 8}` : `byte ${Math.floor(bits / 8)} bit ${bits % 8}`;
}

function widthOf(bits: number): string {
  const [n, noun] = bits % 8 === 0 ? [bits / 8, "byte"] : [bits, "bit"];
  return `${n} ${n === 1 ? noun : `${noun}s`}`;
}
