// The loop that hands out the events of a run. V8 learns of a loop what it calls, and compiles a handler into its loop only
// while that calls no other one; an event then costs half. So a handler that reads much has a copy of the loop to itself.

import type { Memory } from "../memory.ts";
import { hostMemory } from "../native.ts";
import { type Flyweight, newCursor } from "./lazy.ts";
import { alone, type EventSource } from "./source.ts";
import type { UnknownRecord } from "./types.ts";

export type Handler = (event: unknown, cpu?: number) => void;

/** Gives the event at `at`; throws or gives undefined for what is none. */
export interface View {
  read(m: Memory, at: number): unknown;
}

/** Takes a record that is none of its buffer's types. */
export type OnOdd = (bytes: UnknownRecord["bytes"], cpu: number) => void;

/**
 * Hands out `found` records of the source's run as events of their own, until it is halted; gives how many those were. What
 * the handler throws goes through, and its record counts as read. Like `show` it refers to nothing outside of itself, for it
 * is copied by its text.
 */
function handOut(source: EventSource, found: number, view: View | undefined, handler: Handler, onOdd: OnOdd): number {
  const { m, length, stride, cpu, places, place, unmoved } = source.run;
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
      const odd = event === undefined ? m.bytes(at, length) : undefined;
      if (places[place] !== unmoved) source.check();
      if (odd !== undefined) onOdd(odd, cpu);
      else if (cpu < 0) handler(event);
      else handler(event, cpu);
    }
  } finally {
    source.release(count);
  }
  return count;
}

/** The same of records that one event shows. */
function show(source: EventSource, found: number, flyweight: Flyweight, handler: Handler): number {
  const { event, cursor } = flyweight;
  const { stride, cpu } = source.run;
  let { at } = source.run;
  let count = 0;
  cursor.m = source.run.m;
  cursor.length = source.run.length;
  try {
    for (; count < found && !source.halted; at += stride) {
      count++;
      cursor.at = at;
      if (cpu < 0) handler(event);
      else handler(event, cpu);
    }
    // Not each by itself, as that would cost a third: a field may have been read when it was overwritten, whatever is looked at.
    source.check();
  } finally {
    source.release(count);
  }
  return count;
}

// A copy has to be compiled, first to be interpreted and in the end to machine code: some milliseconds in all.
const worthwhile = 10_000;

/** The loops of one handler. */
export class Loop {
  readonly #handOut = new Own(handOut, (copy) => {
    let heard: unknown;
    const view = { read: () => "event" };
    copy(
      record(),
      1,
      view,
      (event) => (heard = event),
      () => undefined,
    );
    return heard === "event";
  });
  readonly #show = new Own(show, (copy) => {
    let heard: unknown;
    const event = {};
    copy(record(), 1, { event, cursor: newCursor() }, (event) => (heard = event));
    return heard === event;
  });

  /** As `handOut` does. */
  handOut(source: EventSource, found: number, view: View | undefined, handler: Handler, onOdd: OnOdd): number {
    return this.#handOut.count(this.#handOut.fn(source, found, view, handler, onOdd));
  }

  /** As `show` does. */
  show(source: EventSource, found: number, flyweight: Flyweight, handler: Handler): number {
    return this.#show.count(this.#show.fn(source, found, flyweight, handler));
  }
}

/** A loop that becomes a copy of its own when it was used much and the copy `works`. */
class Own<F extends (...args: never[]) => number> {
  fn: F;
  #works: ((copy: F) => boolean) | undefined;
  #count = 0;

  constructor(fn: F, works: (copy: F) => boolean) {
    this.fn = fn;
    this.#works = works;
  }

  /** Takes note of so many records, and gives their number. */
  count(records: number): number {
    if (this.#works !== undefined && (this.#count += records) >= worthwhile) {
      this.fn = copyOf(this.fn, this.#works);
      this.#works = undefined;
    }
    return records;
  }
}

/** The function anew, compiled from its text; itself where that has no text, as in a snapshot, or one that somebody instrumented. */
function copyOf<F extends (...args: never[]) => number>(fn: F, works: (copy: F) => boolean): F {
  try {
    const { compileFunction } = process.getBuiltinModule("node:vm");
    const text = `"use strict"; return (${fn.toString()});`;
    const copy = (compileFunction(text, [], { filename: "ebpf-skel:loop" }) as () => F)();
    return works(copy) ? copy : fn;
  } catch {
    return fn;
  }
}

/** A run of one record, for a try. */
function record(): EventSource {
  const run = { m: hostMemory(new Uint8Array(8)), at: 0, length: 8, stride: 8, cpu: 0, ...alone };
  return { run, halted: false, release: () => undefined, check: () => undefined } as unknown as EventSource;
}
