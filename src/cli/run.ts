// `ebpf-skel run`: an object or its source, loaded and attached, and what it does shown until Ctrl-C.

import { styleText } from "node:util";
import { diagnosticsOf, openToolchain, removeAtExit } from "../build/compile.ts";
import { compileTargets, objectOf } from "../build/targets.ts";
import { displayPath, shown, SkelError } from "../errors.ts";
import { readObjectFile } from "../files.ts";
import { typesOf } from "../live/run/cells.ts";
import { parseFilter } from "../live/run/filter.ts";
import { ownLines } from "../live/run/formats.ts";
import type { Printer } from "../live/run/items.ts";
import { jsonPrinter } from "../live/run/json.ts";
import { runSession, type Stop } from "../live/run/session.ts";
import { parseDuration, parseSettings } from "../live/run/settings.ts";
import { type Made, makeSkeleton } from "../live/run/skeleton.ts";
import type { Line } from "../live/run/table.ts";
import { parseTargets } from "../live/run/targets.ts";
import { textPrinter } from "../live/run/text.ts";
import { eventColumns, isBuffer } from "../live/run/watch.ts";
import { loadRuntime } from "../live/runtime.ts";
import { readNeeds } from "../needs/needs.ts";
import { parseTypes, parseViews } from "./types.ts";
import { reportWarning, wantsColour } from "./report.ts";

/** The command's arguments. */
export interface RunArguments {
  readonly object: string;
  readonly attach?: readonly string[] | undefined;
  readonly set?: readonly string[] | undefined;
  readonly event?: readonly string[] | undefined;
  readonly map?: readonly string[] | undefined;
  readonly as?: readonly string[] | undefined;
  readonly filter?: string | undefined;
  readonly duration?: string | undefined;
  readonly interval: string;
  readonly count?: string | undefined;
  readonly rows: string;
  readonly maps: boolean;
  readonly json: boolean;
}

/** Runs the command until it is told to stop. */
export async function runRun(args: RunArguments): Promise<void> {
  const interval = parseDuration("--interval", args.interval);
  const duration = args.duration === undefined ? undefined : parseDuration("--duration", args.duration);
  const count = args.count === undefined ? undefined : wholeNumber("--count", args.count);
  const rows = wholeNumber("--rows", args.rows);
  const stop = new AbortController();
  takeSignals(stop);
  const runtime = await loadRuntime("run");
  const bytes = await readOrCompile(args.object);
  const made = await makeSkeleton(bytes, {
    name: isSource(args.object) ? objectOf(args.object) : args.object,
    events: parseTypes("--event", "TYPE", args.event),
    maps: parseTypes("--map", "KEY:VALUE", args.map),
    as: parseViews(args.as),
  });
  for (const { where, what } of made.warnings) reportWarning(`${displayPath(args.object)}: ${where}: ${what}`);
  const targets = parseTargets(args.attach ?? [], made.model);
  const settings = parseSettings(args.set ?? [], made);
  const buffers = made.model.maps.filter(isBuffer);
  const fields = buffers.flatMap(({ name }) =>
    eventColumns(made.layouts, name)
      .flat()
      .map(({ path, title, layout }) => ({
        path: path.length === 0 ? title : path.join("."),
        isList: layout?.kind === "list" || layout?.kind === "tail",
      })),
  );
  const filter = args.filter === undefined ? undefined : parseFilter(args.filter, fields);
  const printk = readNeeds(bytes).some(({ kind, name }) => kind === "helper" && /^trace_v?printk$/.test(name));
  const hasLines = buffers.length > 0 || printk;
  const write = (text: string): void => void process.stdout.write(text);
  const printer = args.json ? jsonPrinter(runtime, write) : openText(made, rows, !hasLines && !args.maps);
  const looks = !hasLines || args.maps ? interval : undefined;
  const options = {
    targets,
    settings,
    filter,
    count,
    duration,
    interval: looks,
    printk: printk ? ownLines(bytes) : undefined,
  };
  await runSession(runtime, made, options, printer, stop);
}

function wholeNumber(option: string, text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value > 0) return value;
  throw new SkelError("ERR_OPTION", `expected a whole number from 1 on, got ${shown(text)}`, [option]);
}

const isSource = (path: string): boolean => path.endsWith(".c");

/** The object; of a source, what clang makes of it, which is written nowhere. */
async function readOrCompile(path: string): Promise<Uint8Array> {
  if (!isSource(path)) return readObjectFile(path);
  removeAtExit();
  const toolchain = await openToolchain(undefined, wantsColour(process.stderr));
  if (toolchain.warning !== undefined) reportWarning(toolchain.warning);
  try {
    const { bytes, diagnostics } = await compileTargets(path, {}, toolchain, true);
    process.stderr.write(diagnostics);
    return bytes;
  } catch (e) {
    process.stderr.write(diagnosticsOf(e) ?? "");
    throw e;
  }
}

/** Ends the session, in place of the process, by a signal or when nobody reads any more; a second signal ends both. */
function takeSignals(stop: Stop): void {
  for (const [signal, number] of [
    ["SIGINT", 2],
    ["SIGTERM", 15],
    ["SIGHUP", 1],
  ] as const) {
    process.removeAllListeners(signal);
    process.on(signal, () => (stop.signal.aborted ? process.exit(128 + number) : stop.abort()));
  }
  const [failed] = process.stdout.listeners("error");
  process.stdout.removeAllListeners("error");
  process.stdout.on("error", (e: Error & { code?: string }) => (e.code === "EPIPE" ? stop.abort() : failed?.(e)));
}

const STYLES = { header: "bold", title: "bold", dim: "gray" } as const;

function openText({ model, layouts }: Made, rows: number, inPlace: boolean): Printer {
  const { stdout, stderr } = process;
  const paint = (text: string, as: Line["as"], colour: boolean): string =>
    as === "row" || !colour ? text : styleText(STYLES[as], text, { validateStream: false });
  return textPrinter({
    write: (text) => void stdout.write(text),
    note: (text) => void stderr.write(`${paint(text, "dim", wantsColour(stderr))}\n`),
    screen:
      stdout.isTTY && process.env["TERM"] !== "dumb"
        ? () => ({ columns: stdout.columns || 80, rows: stdout.rows || 24 })
        : undefined,
    paint: (text, as) => paint(text, as, wantsColour(stdout)),
    types: typesOf(layouts),
    rows,
    severalBuffers: model.maps.filter(isBuffer).length > 1,
    inPlace,
  });
}
