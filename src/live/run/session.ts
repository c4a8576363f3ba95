// A skeleton in, what happens on this machine out: load, attach, watch, and detach again when told to stop.

import type { AttachAllOptions, IterLink, LoadedHandle, OpenHandle } from "@ebpf-skel/runtime";
import { type SkelErrorCode, SkelError } from "../../errors.ts";
import type { Runtime } from "../runtime.ts";
import { textOf, typesOf, valueAt } from "./cells.ts";
import type { Filter } from "./filter.ts";
import type { EventItem, Item, Printer } from "./items.ts";
import type { Setting } from "./settings.ts";
import type { AnyShape, Made } from "./skeleton.ts";
import { exampleTarget, type Target } from "./targets.ts";
import { isBuffer, readableMaps, readGlobals, readMap, watchEvents } from "./watch.ts";

/** What to do with the object. */
export interface SessionOptions {
  readonly targets: Readonly<Record<string, Target>>;
  readonly settings: readonly Setting[];
  /** Which events to print; all of them when left out. */
  readonly filter: Filter | undefined;
  /** Ends after so many printed events. */
  readonly count: number | undefined;
  /** In milliseconds from when it is attached, when to end; undefined: not by itself. */
  readonly duration: number | undefined;
  /** In milliseconds, how often maps and globals are looked at; undefined: at the end alone. */
  readonly interval: number | undefined;
  /** Which lines of bpf_printk to print; undefined: none. */
  readonly printk: ((text: string) => boolean) | undefined;
}

/** Ends a session. */
export type Stop = Pick<AbortController, "signal" | "abort">;

/**
 * Runs the object until `stop`.
 * @throws SkelError ERR_RUN for what the kernel, libbpf or the rights of this process do not allow, ERR_OPTION for a target
 * that is none
 */
export async function runSession(
  runtime: Runtime,
  made: Made,
  options: SessionOptions,
  printer: Printer,
  stop: Stop,
): Promise<void> {
  try {
    const open = made.skeleton.open();
    try {
      applySettings(open, options.settings);
      const live = await open.loadAsync();
      try {
        if (!stop.signal.aborted) await watch(runtime, live, made, options, printer, stop);
      } finally {
        stop.abort();
        await live.closeAsync();
      }
    } finally {
      open.close();
    }
  } catch (cause) {
    throw inOurs(runtime, cause);
  }
}

/** Errors of the runtime as those of a command, which prints them without a stack. */
function inOurs(runtime: Runtime, cause: unknown): unknown {
  const as = (code: SkelErrorCode): SkelError => new SkelError(code, (cause as Error).message, [], { cause });
  if (runtime.isValueError(cause)) return as("ERR_OPTION");
  const { isAttachError, isBpfError, isStaleError, isStateError, isUnsupportedError, isVerifierError } = runtime;
  const guards = [isAttachError, isBpfError, isStaleError, isStateError, isUnsupportedError, isVerifierError];
  return guards.some((guard) => guard(cause)) ? as("ERR_RUN") : cause;
}

function applySettings(open: OpenHandle<AnyShape>, settings: readonly Setting[]): void {
  const sections = open as unknown as Readonly<Record<string, Record<string, unknown>>>;
  for (const { section, name, value } of settings) sections[section]![name] = value;
}

async function watch(
  runtime: Runtime,
  live: LoadedHandle<AnyShape>,
  made: Made,
  options: SessionOptions,
  printer: Printer,
  stop: Stop,
): Promise<void> {
  const { model, layouts } = made;
  const print = (item: Item): void => printer.print(item);
  const takeEvent = eventTaker(made, options, print, stop);
  for (const map of model.maps.filter(isBuffer))
    watchEvents(live, layouts, map, stop.signal, (item) => (item.kind === "event" ? takeEvent(item) : print(item)));
  const printing = options.printk && watchPrintk(runtime, options.printk, print, stop.signal);
  const attached = attach(runtime, live, made, options.targets);
  print(attached);
  const maps = readableMaps(made);
  const look = (last: boolean): void => {
    const state = { maps: maps.map((map) => readMap(live, layouts, map)), globals: readGlobals(live, made) };
    if (state.maps.length + state.globals.length > 0) print({ kind: "state", time: new Date(), ...state, last });
  };
  const reading = readIterators(live, made, attached.attached, print);
  const { interval, duration } = options;
  let timer: NodeJS.Timeout | undefined;
  const looking = new Promise<never>((_, reject) => {
    if (interval !== undefined) timer = setInterval(() => trying(() => look(false), reject), interval);
  });
  const end = duration === undefined ? undefined : setTimeout(() => stop.abort(), duration);
  try {
    if (interval !== undefined) look(false);
    const until = [stopped(stop.signal), reading.then(() => stopped(stop.signal)), printing, looking];
    await Promise.race(until.filter(Boolean));
    look(true);
  } finally {
    clearInterval(timer);
    clearTimeout(end);
  }
}

/** Hands what `fn` throws to `fail`. */
function trying(fn: () => void, fail: (e: unknown) => void): void {
  try {
    fn();
  } catch (e) {
    fail(e);
  }
}

function stopped(signal: AbortSignal): Promise<void> {
  // The timer keeps the process alive where nothing else does.
  const alive = setInterval(() => undefined, 0x7fff_ffff);
  return new Promise((resolve) => {
    const done = (): void => {
      clearInterval(alive);
      resolve();
    };
    if (signal.aborted) done();
    else signal.addEventListener("abort", done, { once: true });
  });
}

/** Prints the events that pass the filter, until there were enough. */
function eventTaker(
  { layouts }: Made,
  { filter, count = Infinity }: SessionOptions,
  print: (item: Item) => void,
  stop: Stop,
): (item: EventItem) => void {
  const types = typesOf(layouts);
  let printed = 0;
  return (item) => {
    if (printed >= count || (filter !== undefined && !filter(lookupIn(item)))) return;
    print(item);
    if (++printed >= count) stop.abort();
  };

  function lookupIn({ event, columns }: EventItem): Parameters<Filter>[0] {
    return (path) => {
      // What is no struct has a name in the header alone.
      const column = columns.find(({ title }) => title === path.join("."));
      const value = valueAt(event, column?.path ?? path);
      return value === undefined ? undefined : { value, text: textOf(value, column?.layout, types) };
    };
  }
}

/** What programs print from now on. */
async function watchPrintk(
  runtime: Runtime,
  isOwn: (text: string) => boolean,
  print: (item: Item) => void,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const { task, pid, cpu, text } of runtime.tracePipe({ signal }))
      if (isOwn(text)) print({ kind: "printk", time: new Date(), task, pid, cpu, text });
  } catch (e) {
    if (signal.aborted) return;
    if (!runtime.isUnsupportedError(e) && !runtime.isBpfError(e)) throw e;
    // All else can be seen without.
    print({ kind: "note", text: `no lines of bpf_printk: ${e.message}` });
    await stopped(signal);
  }
}

/** Attaches all that can be; what fails without having been asked for by name is told of. */
function attach(
  runtime: Runtime,
  live: LoadedHandle<AnyShape>,
  { model }: Made,
  given: Readonly<Record<string, Target>>,
): Extract<Item, { kind: "attached" }> {
  const targets = Object.fromEntries(Object.entries(given).map(([name, target]) => [name, withMap(live, target)]));
  const names = [...Object.keys(live.progs), ...Object.keys(live.structOps)];
  const optional = names.filter((name) => !Object.hasOwn(given, name));
  const inWords = (name: string, why: string): string => {
    const program = model.programs.find((one) => one.name === name);
    const example = program && exampleTarget(program);
    if (!why.startsWith("needs a target")) return why;
    return example === undefined ? "needs a target that only a program can give" : `needs a target (${example})`;
  };
  try {
    const result = live.attach({ targets, optional } as AttachAllOptions<AnyShape>);
    const skipped = Object.entries(result.skipped).map(([name, why]) => [name, inWords(name, why ?? "")]);
    const failed = Object.entries(result.failed).map(([name, error]) => [name, error?.message ?? ""]);
    return {
      kind: "attached",
      attached: result.attached,
      skipped: Object.fromEntries(skipped),
      failed: Object.fromEntries(failed),
    };
  } catch (e) {
    if (!runtime.isAttachError(e) || Object.values(e.programs).some((why) => typeof why !== "string")) throw e;
    const lines = Object.entries(e.programs).map(([name, why]) => `\n  ${name}: ${inWords(name, String(why))}`);
    throw new SkelError("ERR_RUN", `nothing was attached${lines.join("")}`, ["attach"], { cause: e });
  }
}

/** Maps are named on the command line. */
function withMap(live: LoadedHandle<AnyShape>, target: Target): object {
  const { map } = target;
  if (map === undefined) return target;
  const handle = Object.hasOwn(live.maps, String(map)) ? live.maps[String(map)] : undefined;
  if (handle !== undefined) return { ...target, map: handle };
  const known = Object.keys(live.maps).join(", ");
  throw new SkelError("ERR_OPTION", `expected a map, got ${JSON.stringify(map)} (there are ${known || "none"})`, [
    "--attach",
  ]);
}

/** Prints what iterators write, each once. */
async function readIterators(
  live: LoadedHandle<AnyShape>,
  { model }: Made,
  attached: readonly string[],
  print: (item: Item) => void,
): Promise<void> {
  for (const { name, sec } of model.programs) {
    if (sec?.kind !== "iter" || !attached.includes(name)) continue;
    let text = "";
    for await (const chunk of live.links[name] as unknown as IterLink) text += chunk;
    for (const line of text.split("\n").filter((one) => one !== ""))
      print({ kind: "output", program: name, text: line });
  }
}
