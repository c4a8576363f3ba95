// Rows in, lines out: columns that keep their width, so that nothing that was printed has to be printed again.

/** How a column is set. */
export interface TableColumn {
  readonly title: string;
  readonly right: boolean;
  readonly width: number;
}

/** What a line is, for its colour. */
export interface Line {
  readonly text: string;
  readonly as: "header" | "row" | "title" | "dim";
}

/** Longer cells are cut, but for the last of a row. */
const WIDEST = 64;

const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;
const COMBINING = /\p{Mn}|\p{Me}/u;

function widthOfCharacter(character: string): number {
  if (character <= "\x7e") return 1;
  return COMBINING.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
}

/** Columns of a terminal that `text` takes. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const character of text) width += widthOfCharacter(character);
  return width;
}

/** `text` in at most `width` columns; what is cut ends with "…". */
export function cut(text: string, width: number): string {
  if (displayWidth(text) <= width) return text;
  let [kept, used] = ["", 1];
  for (const character of text) {
    used += widthOfCharacter(character);
    if (used > width) break;
    kept += character;
  }
  return `${kept}…`;
}

function pad(cell: string, width: number, right: boolean): string {
  const gap = " ".repeat(Math.max(0, width - displayWidth(cell)));
  return right ? gap + cell : cell + gap;
}

/** One line; `widths` grow where a cell needs more. */
function setRow(cells: readonly string[], columns: readonly TableColumn[], widths: number[]): string {
  const last = columns.length - 1;
  const set = columns.map(({ right }, i) => {
    const cell = i === last ? cells[i]! : cut(cells[i]!, WIDEST);
    if (i < last || right) widths[i] = Math.max(widths[i]!, Math.min(displayWidth(cell), WIDEST));
    return pad(cell, widths[i]!, right);
  });
  return set.join("  ").trimEnd();
}

function startWidths(columns: readonly TableColumn[]): number[] {
  return columns.map(({ title, width }, i) => {
    const least = displayWidth(title);
    return i === columns.length - 1 && width < least ? least : Math.max(least, width);
  });
}

/** A whole table at once, as narrow as it can be. */
export function setTable(columns: readonly TableColumn[], rows: readonly (readonly string[])[]): Line[] {
  const widths = columns.map(({ title }, i) =>
    Math.max(displayWidth(title), ...rows.map((row) => Math.min(displayWidth(row[i]!), WIDEST))),
  );
  const header = setRow(
    columns.map(({ title }) => title),
    columns,
    widths,
  );
  return [
    { text: header, as: "header" },
    ...rows.map((row): Line => ({ text: setRow(row, columns, widths), as: "row" })),
  ];
}

/** A table that rows are added to as they come. */
export interface RowStream {
  /** The lines to print for a row of the table `id`: before the first, and after each screenful, its header too. */
  add(id: string, columns: readonly TableColumn[], cells: readonly string[]): Line[];
  /** Something else was printed: the next row begins with a header. */
  interrupt(): void;
}

/** Opens a stream of rows; `screenful` says after how many lines a header is wanted again. */
export function openRows(screenful: () => number): RowStream {
  const known = new Map<string, number[]>();
  let [current, printed]: [string | undefined, number] = [undefined, 0];
  return {
    add(id, columns, cells) {
      const widths = known.get(id) ?? startWidths(columns);
      known.set(id, widths);
      const row: Line = { text: setRow(cells, columns, widths), as: "row" };
      printed++;
      if (current === id && printed < screenful()) return [row];
      [current, printed] = [id, 1];
      return [
        {
          text: setRow(
            columns.map(({ title }) => title),
            columns,
            widths,
          ),
          as: "header",
        },
        row,
      ];
    },
    interrupt() {
      current = undefined;
    },
  };
}
