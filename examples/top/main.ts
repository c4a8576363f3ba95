// Like top, for system calls: how many each process makes, how long they take, and which of them are slow.
//
//   node dist/main.js [--interval SECONDS] [--slow MILLISECONDS] [--pid PID]
//
// Keys: space pauses, s sorts by the next column, + and - change what counts as slow, q quits.

import { parseArgs } from "node:util";
import { nameOf } from "@ebpf-skel/runtime";
import { height, show, takeTerminal } from "./screen.ts";
import { type SlowCall, Syscall, Top, type Usage } from "./top.skel.ts";

const COLUMNS = { calls: "CALLS", total: "TOTAL ms", average: "AVERAGE ms", longest: "LONGEST ms" };
const columns = Object.keys(COLUMNS) as (keyof typeof COLUMNS)[];

/** What a process did in one interval; times in nanoseconds. */
type Row = { readonly pid: number; readonly comm: string } & Readonly<Record<keyof typeof COLUMNS, number>>;

/** A row of what all CPUs counted. */
function toRow([pid, cpus]: readonly [number, readonly Usage[]]): Row {
  const sum = (of: (usage: Usage) => number): number => cpus.reduce((total, usage) => total + of(usage), 0);
  const [calls, total] = [sum((usage) => usage.calls), sum((usage) => usage.total_ns)];
  const comm = cpus.find((usage) => usage.calls > 0)?.comm ?? "";
  return { pid, comm, calls, total, average: total / calls, longest: Math.max(...cpus.map((usage) => usage.max_ns)) };
}

const ms = (ns: number): string => (ns / 1e6).toFixed(3);

/** Processes choose their names: none may move the cursor. */
function label(pid: number | string, comm: string): string {
  return `${String(pid).padStart(7)}  ${comm.replace(/\p{C}/gu, "?").padEnd(16)}`;
}

const cells = (texts: readonly string[]): string => texts.map((text) => text.padStart(13)).join("");

function describeRow({ pid, comm, calls, total, average, longest }: Row): string {
  return label(pid, comm) + cells([String(calls), ms(total), ms(average), ms(longest)]);
}

function describeCall({ pid, comm, call, ns }: SlowCall): string {
  // A newer kernel may have calls that the headers did not know.
  const name = nameOf(Syscall, call)?.replace(/^SYS_/, "") ?? `system call ${call}`;
  return `${label(pid, comm)}${cells([ms(ns)])} ms in ${name}`;
}

const { values } = parseArgs({
  options: {
    interval: { type: "string", default: "1" },
    slow: { type: "string", default: "10" },
    pid: { type: "string", default: "0" },
  },
});
const [interval, slow, pid] = [Number(values.interval), Number(values.slow), Number(values.pid)];
if (!(interval > 0 && slow > 0 && pid >= 0)) throw new RangeError("--interval, --slow and --pid take numbers");

const open = Top.open();
open.rodata.own_pid = process.pid;
open.rodata.only_pid = pid;
open.data.slow_ns = Math.round(slow * 1e6);
const live = open.load();

let by = columns[0]!;
let rows: readonly Row[] = [];
let slowCalls: readonly SlowCall[] = [];
let coming: SlowCall[] = [];

function draw(): void {
  const { enabled, slow_ns } = live.data;
  const head = `${rows.length} processes, ${enabled ? `every ${interval} s` : "paused"}, slow is ${ms(slow_ns)} ms`;
  const titles = columns.map((column) => (column === by ? "> " : "") + COLUMNS[column]);
  const sorted = [...rows].sort((a, b) => b[by] - a[by]).map(describeRow);
  // A third of the screen is for slow calls, at most.
  const slowest = slowCalls.slice(0, Math.floor(height() / 3)).map(describeCall);
  const table = [`${head}   (space s + - q)`, label("PID", "COMM") + cells(titles), ...sorted];
  show([...table.slice(0, height() - slowest.length), ...slowest]);
}

/** Shows what has come since the last time. */
function next(): void {
  if (!live.data.enabled) return;
  rows = live.maps.usages
    .drain()
    .map(toRow)
    .filter(({ calls }) => calls > 0);
  slowCalls = coming.sort((a, b) => b.ns - a.ns);
  coming = [];
  draw();
}

// Globals are the programs' own memory: what is written here is what they read at the next system call.
const keys: Readonly<Record<string, () => void>> = {
  " ": () => (live.data.enabled = !live.data.enabled),
  "+": () => (live.data.slow_ns *= 2),
  "-": () => (live.data.slow_ns = Math.max(1000, Math.round(live.data.slow_ns / 2))),
  s: () => (by = columns[(columns.indexOf(by) + 1) % columns.length]!),
};

function press(key: string): void {
  if (key === "q" || key === "\x03") return quit();
  keys[key]?.();
  draw();
}

/** Closing detaches the programs and ends the subscription: then nothing keeps this process alive. */
function quit(): void {
  clearInterval(timer);
  live.close();
  letGo();
}

live.maps.slow_calls.subscribe((call) => coming.push(call));
live.attach();
const timer = setInterval(next, interval * 1000);
const letGo = takeTerminal(press, draw);
draw();
process.once("SIGINT", quit).once("SIGTERM", quit);
