// What happens as text: events as the rows of a table, maps and variables as tables of their own. On a terminal those are
// drawn anew in their place where nothing else is printed; in a pipe they follow each other when they have changed.

import { printable } from "../../errors.ts";
import { type Column, textOf, type Types, valueAt } from "./cells.ts";
import type { EventItem, Global, Item, MapState, Printer } from "./items.ts";
import { cut, type Line, openRows, setTable, type TableColumn } from "./table.ts";

/** Where text goes, and how. */
export interface TextOptions {
  readonly write: (text: string) => void;
  /** What is told beside the output: what was attached, what was lost. */
  readonly note: (text: string) => void;
  /** The terminal's size in characters; undefined: it is none. */
  readonly screen: (() => { readonly columns: number; readonly rows: number }) | undefined;
  /** `text` in the colours of `as`. */
  readonly paint: (text: string, as: Line["as"]) => string;
  readonly types: Types;
  /** How many entries of a map are shown. */
  readonly rows: number;
  /** Whether several buffers send events, so that each row says which. */
  readonly severalBuffers: boolean;
  /** Whether maps and variables are all that is printed, and can be drawn in their place. */
  readonly inPlace: boolean;
}

const clock = (time: Date): string => {
  const two = (n: number, digits = 2): string => String(n).padStart(digits, "0");
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}.${two(time.getMilliseconds(), 3)}`;
};

const TIME: TableColumn = { title: "TIME", right: false, width: 12 };
const CPU: TableColumn = { title: "CPU", right: true, width: 3 };
/** Opens a printer of text. */
export function textPrinter(options: TextOptions): Printer {
  const { write, note, screen, paint } = options;
  const rows = openRows(() => (screen === undefined ? Infinity : screen().rows - 1));
  let [drawn, last] = [0, ""];

  const put = (lines: readonly Line[], before = ""): void => {
    const most = screen?.().columns ?? Infinity;
    write(before + lines.map(({ text, as }) => `${paint(cut(text, most), as)}\n`).join(""));
  };

  const drawState = (item: Extract<Item, { kind: "state" }>): void => {
    const lines = stateLines(item, options);
    const text = lines.map((line) => line.text).join("\n");
    if (options.inPlace && screen !== undefined) {
      const head: Line = { text: `${clock(item.time)}${item.last ? "" : "  Ctrl-C ends"}`, as: "dim" };
      const all = [head, ...lines];
      // What has scrolled away cannot be drawn over.
      const shown = item.last ? all : all.slice(0, screen().rows - 1);
      put(shown, drawn === 0 ? "" : `\x1b[${drawn}A\r\x1b[J`);
      drawn = shown.length;
    } else if (text !== last) {
      put([{ text: "", as: "row" }, { text: clock(item.time), as: "dim" }, ...lines]);
      rows.interrupt();
    }
    last = text;
  };

  return {
    print(item) {
      switch (item.kind) {
        case "event": {
          const { id, columns, cells } = eventRow(item, options);
          return put(rows.add(id, columns, cells));
        }
        // Between the rows of a table, which go on below.
        case "printk": {
          const from = `${printable(item.task)}[${item.pid}]`;
          return put([{ text: `${clock(item.time)}  ${from}: ${printable(item.text)}`, as: "row" }]);
        }
        case "output":
          rows.interrupt();
          drawn = 0;
          return put([{ text: printable(item.text).replaceAll("\\t", "\t"), as: "row" }]);
        case "lost":
          return note(`${printable(item.map)}: ${item.count} events lost on CPU ${item.cpu}`);
        case "note":
          return note(item.text);
        case "attached":
          return attachedLines(item).forEach(note);
        case "state":
          return drawState(item);
      }
    },
  };
}

function attachedLines({ attached, skipped, failed }: Extract<Item, { kind: "attached" }>): string[] {
  return [
    `attached ${attached.map(printable).join(", ")}`,
    ...Object.entries(skipped).map(([name, why]) => `skipped ${printable(name)}: ${why}`),
    ...Object.entries(failed).map(([name, why]) => `failed ${printable(name)}: ${why}`),
  ];
}

/** A row of the table of a buffer's events of one type. */
function eventRow(
  { time, map, cpu, event, columns }: EventItem,
  { types, severalBuffers }: TextOptions,
): { id: string; columns: TableColumn[]; cells: string[] } {
  const own: [TableColumn, string][] = [
    [TIME, clock(time)],
    ...(severalBuffers ? [[{ title: "MAP", right: false, width: 8 }, printable(map)] as [TableColumn, string]] : []),
    ...(cpu === undefined ? [] : [[CPU, String(cpu)] as [TableColumn, string]]),
  ];
  return {
    id: `${map} ${columns.map(({ title }) => title).join()}`,
    columns: [...own.map(([column]) => column), ...columns],
    cells: [...own.map(([, cell]) => cell), ...cellsOf(event, columns, types)],
  };
}

function cellsOf(value: unknown, columns: readonly Column[], types: Types): string[] {
  return columns.map(({ path, layout }) => textOf(valueAt(value, path), layout, types));
}

function stateLines({ maps, globals }: Extract<Item, { kind: "state" }>, options: TextOptions): Line[] {
  const blocks = [
    ...maps.map((map) => mapLines(map, options)),
    ...(globals.length === 0 ? [] : [globalLines(globals, options)]),
  ];
  return blocks.flatMap((lines, i) => (i === 0 ? lines : [{ text: "", as: "row" } as Line, ...lines]));
}

/** A map as a table: its largest values first where they are numbers. */
function mapLines({ map, entries, more, key, value }: MapState, { types, rows }: TextOptions): Line[] {
  const count = `${more ? "more than " : ""}${entries.length} ${entries.length === 1 ? "entry" : "entries"}`;
  const title: Line = { text: `${printable(map.name)}  ${map.type}, ${count}`, as: "title" };
  if (entries.length === 0) return [title];
  const isPerCpu = map.type.includes("percpu");
  const sums = entries.map(([, one]) => sumOf(one, isPerCpu));
  const isNumeric = sums.every((sum) => sum !== undefined);
  const order = entries.map((entry, i) => ({ entry, sum: sums[i]! }));
  if (isNumeric) order.sort((a, b) => (a.sum < b.sum ? 1 : a.sum > b.sum ? -1 : 0));
  const hasTotal = isPerCpu && isNumeric;
  const columns = [...key, ...(hasTotal ? [{ title: "total", right: true, width: 5 }] : []), ...value];
  const cells = order
    .slice(0, rows)
    .map(({ entry: [k, v], sum }) => [
      ...cellsOf(k, key, types),
      ...(hasTotal ? [String(sum)] : []),
      ...cellsOf(v, value, types),
    ]);
  const rest = entries.length - cells.length;
  return [title, ...setTable(columns, cells), ...(rest > 0 ? [{ text: `... ${rest} more`, as: "dim" } as Line] : [])];
}

/** A number, or of those of all CPUs their sum; undefined for anything else. */
function sumOf(value: unknown, isPerCpu: boolean): number | bigint | undefined {
  if (typeof value === "number" || typeof value === "bigint") return value;
  if (!isPerCpu || !Array.isArray(value) || value.length === 0) return undefined;
  const all: readonly unknown[] = value;
  if (all.every((one) => typeof one === "bigint")) return all.reduce((a, b) => a + b, 0n);
  return all.every((one) => typeof one === "number") ? all.reduce((a, b) => a + b, 0) : undefined;
}

function globalLines(globals: readonly Global[], { types }: TextOptions): Line[] {
  const width = Math.max(...globals.map(({ name }) => name.length));
  return [
    { text: "globals", as: "title" },
    ...globals.map(({ name, value, column }): Line => {
      return { text: `${printable(name).padEnd(width)} = ${textOf(value, column.layout, types)}`, as: "row" };
    }),
  ];
}
