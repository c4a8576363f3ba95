// The loop that hands out the events of a run. V8 learns of a loop what it calls, and compiles a handler into its loop only
// while that calls no other one; an event then costs half. So a handler that reads much has a copy of the loop to itself.

import type { Memory } from "../memory.ts";
import { hostMemory } from "../native.ts";
import type { EventSource } from "./source.ts";

export type Handler = (event: unknown, cpu?: number) => void;

/** Gives the event at `at`; throws or gives undefined for what is none. */
export interface View {
  read(m: Memory, at: number): unknown;
}

/** Takes a record that is none of its buffer's types. */
export type OnOdd = (m: Memory, at: number, length: number, cpu: number) => void;

type HandOut = typeof handOut;

/**
 * Hands out `found` records of the source's run, until it is halted; gives how many those were. What the handler throws goes
 * through, and its record counts as read. Refers to nothing outside of itself, for it is copied by its text.
 */
function handOut(
  source: EventSource,
  found: number,
  view: View | undefined,
  handler: Handler,
  withCpu: boolean,
  onOdd: OnOdd,
): number {
  const { m, length, stride, cpu } = source.run;
  let { at } = source.run;
  let count = 0;
  try {
    for (; count < found && !source.halted; at += stride) {
      count++;
      m.end = at + length;
      let event: unknown;
      try {
        event = view?.read(m, at);
      } catch {
        event = undefined;
      }
      if (event === undefined) onOdd(m, at, length, cpu);
      else if (withCpu) handler(event, cpu);
      else handler(event);
    }
  } finally {
    source.release(count);
  }
  return count;
}

// A copy has to be compiled, first to be interpreted and in the end to machine code: some milliseconds in all.
const worthwhile = 10_000;

/** The loop of one handler. */
export class Loop {
  #count = 0;
  #handOut: HandOut = handOut;

  /** As `handOut` does. */
  run(
    source: EventSource,
    found: number,
    view: View | undefined,
    handler: Handler,
    withCpu: boolean,
    onOdd: OnOdd,
  ): number {
    const count = this.#handOut(source, found, view, handler, withCpu, onOdd);
    if (this.#handOut === handOut && (this.#count += count) >= worthwhile) this.#handOut = copied();
    return count;
  }
}

/** `handOut` anew, compiled from its text; itself where that has no text, as in a snapshot, or one that somebody instrumented. */
function copied(): HandOut {
  try {
    const { compileFunction } = process.getBuiltinModule("node:vm");
    const text = `"use strict"; return (${handOut.toString()});`;
    const copy = (compileFunction(text, [], { filename: "ebpf-skel:loop" }) as () => HandOut)();
    return runs(copy) ? copy : handOut;
  } catch {
    return handOut;
  }
}

/** Tries `copy` on one record, with a handler that takes note. */
function runs(copy: HandOut): boolean {
  const m = hostMemory(new Uint8Array(8));
  const run = { m, at: 0, length: 8, stride: 8, cpu: 0 };
  const source = { run, halted: false, release: () => undefined } as unknown as EventSource;
  let heard: unknown;
  const count = copy(
    source,
    1,
    { read: () => "event" },
    (event) => (heard = event),
    false,
    () => undefined,
  );
  return count === 1 && heard === "event";
}
