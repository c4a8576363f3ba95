// libbpf's print callback, which is global to the process: lines come in while one call runs, and go out with that call's
// result and to the logger. It is set only around synchronous calls of the main thread; at any other time libbpf is
// silent, because a callback on another thread would wait for this one.

import type { Library } from "../library.ts";
import { addressOf, callAsync, callback, isMainThread, libc, stringAt } from "../native.ts";

/** How serious a line of libbpf is. */
export type LogLevel = "warn" | "info" | "debug";

/** Takes one line (or block of lines) that libbpf printed, without its final newline. */
export type Logger = (level: LogLevel, text: string) => void;

/** What libbpf printed during one call. */
export interface Log {
  /** Warnings and notes, a line each. */
  readonly text: string;
  /**
   * The first warning after which libbpf did not go on: the most specific one, since later ones say what failed because
   * of it.
   */
  readonly warning: string | undefined;
}

interface Line {
  readonly level: number;
  readonly text: string;
}

const levels: readonly LogLevel[] = ["warn", "info", "debug"];
const warn = 0;
const debug = 2;
const silence: Log = { text: "", warning: undefined };

/** libbpf's words for what it does without, and goes on. */
const goesOn = /Retrying without BTF|Ignored and continue|is optional, ignoring|, skipping|Ignoring\.\.\./;

let logger: Logger | undefined;
let print: number | undefined;
let lines: Line[] | undefined;
let asyncCalls = 0;
const keeping: (readonly object[])[] = [];

/**
 * Passes on what libbpf prints, debug lines included; `undefined` turns that off again. It hears the calls that the main
 * thread waits for, each call's lines right after the call: not `loadAsync`, `detachAsync` and `closeAsync`, and nothing
 * in worker threads. Without a logger libbpf is silent and its warnings travel inside the errors they explain.
 */
export function setLogger(fn: Logger | undefined): void {
  logger = fn;
}

/** Whether {@link withLog} hears anything now. */
export function canListen(): boolean {
  return isMainThread() && asyncCalls === 0;
}

/**
 * Runs a call into libbpf; gives its result and the warnings and notes that libbpf printed meanwhile. What libbpf uses by
 * address is passed as `keep`: hearing a line runs JavaScript, which may collect garbage in the middle of the call.
 */
export function withLog<T>(library: Library, call: () => T, ...keep: readonly object[]): { result: T; log: Log } {
  return withLogBut(library, () => false, call, ...keep);
}

/** The same without the lines that are `hidden`: what libbpf warns of although it is meant to be so. */
export function withLogBut<T>(
  library: Library,
  hidden: (line: string) => boolean,
  call: () => T,
  ...keep: readonly object[]
): { result: T; log: Log } {
  if (!canListen()) return { result: call(), log: silence };
  const setPrint = library.fn("libbpf_set_print");
  const all: Line[] = [];
  let heard: readonly Line[] = [];
  let result: T;
  keeping.push(keep);
  lines = all;
  // va_list is an array type on x86-64 and a pointer or a struct passed by reference elsewhere: an address in each ABI.
  setPrint((print ??= callback("int", ["int", "ptr", "ptr"], hear)));
  try {
    result = call();
  } finally {
    setPrint(0);
    lines = undefined;
    keeping.pop();
    heard = all.filter(({ text }) => !hidden(text));
    tell(heard);
  }
  const kept = heard.filter((line) => line.level < debug).map((line) => line.text);
  return { result, log: { text: kept.join("\n"), warning: heard.find(isFailure)?.text } };
}

function isFailure({ level, text }: Line): boolean {
  return level === warn && !goesOn.test(text);
}

/** Runs a call into libbpf on another thread, while libbpf is silent. */
export async function withoutLog<A extends readonly unknown[], R>(fn: (...args: A) => R, ...args: A): Promise<R> {
  asyncCalls++;
  try {
    return await callAsync(fn, ...args);
  } catch {
    // koffi's queue is full, which it says before it calls anything: then here and now.
    return fn(...args);
  } finally {
    asyncCalls--;
  }
}

/**
 * A `libbpf_print_fn_t` that mirrors libbpf's `__base_pr`: formats as vfprintf would. An exception here would end up in
 * libbpf's caller. What another thread's libbpf prints meanwhile comes here too, once the call is over: it is nobody's.
 */
function hear(level: number, format: number, args: number): number {
  if (lines === undefined || (level >= debug && logger === undefined)) return 0;
  const { vasprintf, free } = libc();
  const out = new BigUint64Array(1);
  const length = vasprintf(addressOf(out.buffer as ArrayBuffer), format, args);
  if (length < 0) return 0;
  const text = Number(out[0]);
  lines.push({ level, text: stringAt(text, length).replace(/\n$/, "") });
  free(text);
  return length;
}

/** The logger runs after the call, so it may use the runtime; what it throws is its own and must not hide the result. */
function tell(heard: readonly Line[]): void {
  if (logger === undefined) return;
  for (const { level, text } of heard) {
    try {
      logger(levels[level] ?? "warn", text);
    } catch (e) {
      process.nextTick(() => {
        throw e;
      });
    }
  }
}
