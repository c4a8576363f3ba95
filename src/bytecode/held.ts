// A function that was followed in, where its code has a value out: in which registers and stack slots, before which
// instructions.

import type { Flow } from "./flow.ts";
import { CLASS, type Code, INSTRUCTION_SIZE } from "./instructions.ts";
import { eachPlace, frameOffset, SLOT_SIZE, splitValue, type State, type Value } from "./state.ts";

/** Bytes of instructions, from the first to behind the last, before each of which a place has a value. */
interface Run {
  readonly from: number;
  to: number;
}

/** A register, or a slot by its bytes from the frame pointer, which are below zero. */
type Place = number;

export class Held {
  /** How far below the frame pointer the code reads, writes or points, in bytes. */
  readonly depth: number;
  readonly #arguments: ReadonlyMap<number, readonly Value[]>;
  readonly #runs: ReadonlyMap<string, ReadonlyMap<Place, readonly Run[]>>;

  constructor(code: Code, flow: Flow, args: ReadonlyMap<number, readonly Value[]>) {
    this.#arguments = args;
    const wanted = new Set<string>();
    for (const values of args.values())
      for (const value of values) if (typeof value === "string") wanted.add(baseOf(value));
    for (const index of args.keys()) wanted.add(`call${index}`);
    const runs = new Map<string, Map<Place, Run[]>>();
    let lowest = 0;
    flow.visit((index, state) => {
      lowest = Math.min(lowest, touched(code, index, state));
      eachPlace(state, (place, value) => {
        const frame = frameOffset(value);
        if (frame !== undefined && place < 10) lowest = Math.min(lowest, frame);
        if (typeof value === "string" && wanted.has(baseOf(value))) extend(runs, value, place, index);
      });
    });
    this.depth = -lowest;
    this.#runs = runs;
  }

  /** What r1 to r5 hold before the call at an index. */
  argumentsAt(index: number): readonly Value[] | undefined {
    return this.#arguments.get(index);
  }

  /** The values of one origin that are held anywhere: "call7+0" and "call7+8" of "call7". */
  valuesFrom(base: string): string[] {
    return [...this.#runs.keys()].filter((value) => baseOf(value) === base);
  }

  /** Whether `place` has the value before an instruction of the bytes from `low` up to `high`. */
  holds(value: string, place: Place, low: number, high: number): boolean {
    const runs = this.#runs.get(value)?.get(place) ?? [];
    return runs.some(({ from, to }) => from < high && to > low);
  }
}

/** "call7" of "call7+8"; an address in the frame is its own. */
export function baseOf(value: string): string {
  return splitValue(value)?.base ?? value;
}

function extend(runs: Map<string, Map<Place, Run[]>>, value: string, place: Place, index: number): void {
  let places = runs.get(value);
  if (places === undefined) runs.set(value, (places = new Map()));
  let own = places.get(place);
  if (own === undefined) places.set(place, (own = []));
  const at = INSTRUCTION_SIZE * index;
  const last = own.at(-1);
  // The instruction before may be one of 16 bytes.
  if (last !== undefined && at >= last.from && at <= last.to + INSTRUCTION_SIZE) last.to = at + INSTRUCTION_SIZE;
  else own.push({ from: at, to: at + INSTRUCTION_SIZE });
}

/** The lowest byte of the frame that an instruction reads or writes, from the frame pointer. */
function touched(code: Code, index: number, state: State): number {
  const { code: op, dst, src, offset } = code(index);
  const kind = op & 7;
  const register = kind === CLASS.ldx ? src : kind === CLASS.st || kind === CLASS.stx ? dst : undefined;
  const base = register === undefined ? undefined : frameOffset(state[register]);
  return base === undefined ? 0 : Math.max(base + offset, -64 * SLOT_SIZE);
}
