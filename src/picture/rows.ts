// Spans in, the lines of a byte map out: rows of 8 bytes, of 4 where bits are shown. Rows in the middle of a long array are left
// out, and what overlaps follows line by line.

import type { Span } from "./spans.ts";

/** The part of a span that is on one line. */
export interface Piece {
  readonly span: Span;
  /** Bits from the start of the row. */
  readonly from: number;
  readonly to: number;
  /** Whether the span begins here: the place for its name. */
  readonly first: boolean;
}

export interface Line {
  /** The row that it is of, counted with those left out as one; lines of overlaps share it. */
  readonly row: number;
  readonly lane: number;
  /** Bytes from the start of the struct. */
  readonly offset: number;
  /** Bytes that the line stands for; more than a row has where rows are left out. */
  readonly bytes: number;
  /** By place; bits between them are of no span. */
  readonly pieces: readonly Piece[];
}

export interface ByteMap {
  readonly bytesPerRow: number;
  readonly lines: readonly Line[];
}

/** A span of more rows shows its first and its last. */
const MAX_ROWS = 4;

interface Row {
  /** In rows from the start. */
  readonly first: number;
  readonly count: number;
}

/** The lines of what has these spans. */
export function byteMap(spans: readonly Span[]): ByteMap {
  const shown = spans.filter(({ start, end }) => end > start);
  const bytesPerRow = shown.every(({ start, end }) => start % 8 === 0 && end % 8 === 0) ? 8 : 4;
  const bits = 8 * bytesPerRow;
  const rows = rowsOf(shown, bits);
  const lines = new Map<string, Line & { pieces: Piece[] }>();
  const joined = new Set<number>();
  const crowded = new Set<number>();
  for (const span of shown) {
    for (let i = findRow(rows, Math.floor(span.start / bits)); i < rows.length; i++) {
      const { first, count } = rows[i]!;
      const base = first * bits;
      if (base >= span.end) break;
      const key = `${i} ${span.lane}`;
      const line = lines.get(key) ?? {
        row: i,
        lane: span.lane,
        offset: first * bytesPerRow,
        bytes: count * bytesPerRow,
        pieces: [],
      };
      lines.set(key, line);
      const from = Math.max(0, span.start - base);
      line.pieces.push({ span, from, to: Math.min(bits, span.end - base), first: span.start >= base });
      if (span.lane > 0) crowded.add(i);
      if (span.start < base) joined.add(i);
    }
  }
  return { bytesPerRow, lines: inOrder([...lines.values()], rows.length, crowded, joined) };
}

/** All rows that are to be seen, and one for each gap between them. */
function rowsOf(spans: readonly Span[], bits: number): Row[] {
  const seen = new Set<number>();
  for (const { start, end } of spans) {
    const [first, last] = [Math.floor(start / bits), Math.ceil(end / bits) - 1];
    if (last - first >= MAX_ROWS) [first, last].forEach((row) => seen.add(row));
    else for (let row = first; row <= last; row++) seen.add(row);
  }
  const rows = [...seen].sort((a, b) => a - b);
  return rows.flatMap((first, i): Row[] => {
    const next = rows[i + 1] ?? first + 1;
    const hidden = next - first - 1;
    return hidden === 0
      ? [{ first, count: 1 }]
      : [
          { first, count: 1 },
          { first: first + 1, count: hidden },
        ];
  });
}

/** The index of the row that begins at `first`, which is one. */
function findRow(rows: readonly Row[], first: number): number {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle]!.first < first) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Row by row; rows that overlaps hold together lane by lane, so that no span is torn. */
function inOrder(
  lines: readonly Line[],
  rows: number,
  crowded: ReadonlySet<number>,
  joined: ReadonlySet<number>,
): Line[] {
  const blockOf: number[] = [];
  for (let row = 0, block = -1; row < rows; row++) {
    const together = joined.has(row) && (crowded.has(row) || crowded.has(row - 1));
    if (!together) block++;
    blockOf.push(block);
  }
  return [...lines].sort((a, b) => blockOf[a.row]! - blockOf[b.row]! || a.lane - b.lane || a.row - b.row);
}
