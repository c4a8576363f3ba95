// A call that sends a record and the debug information of its function in, the types that the record may have out: those of
// the variable that is sent, or of what the pointer to it points to. Each has the size that is sent.

import { baseOf, type Held } from "../bytecode/held.ts";
import { frameOffset, splitValue } from "../bytecode/state.ts";
import type { Die } from "../dwarf/die.ts";
import type { Dwarf } from "../dwarf/dwarf.ts";
import { type FunctionScopes, isInside, type Variable } from "../dwarf/functions.ts";
import type { Place, Range } from "../dwarf/places.ts";
import { isRaw, partsAt, pointee, sizeOfType } from "../dwarf/sizes.ts";
import type { Site } from "./eventcalls.ts";

/** What the debug information says of one place. */
export interface Found {
  /** Whether it has the function at all. */
  readonly covered: boolean;
  readonly types: readonly Die[];
  /** Whether they are what is at the place; else what is declared around it, which may be for something else. */
  readonly placed: boolean;
}

const FRAME_POINTER = 10;
/** The alignment of BPF's stack. */
const STACK_ALIGNMENT = 8;

/** The types that `size` bytes at the address of `site` may have. */
export function candidatesAt(dwarf: Dwarf, site: Site, size: number): Found {
  const { function: code, offset: at, value } = site;
  const scopes = dwarf.functionAt(code.section, at);
  if (scopes === undefined) return { covered: false, types: [], placed: true };
  const { held } = code;
  const seen: Seen = {
    size,
    section: code.section,
    at,
    held,
    shift: held === undefined ? undefined : frameShift(scopes, held),
    value: typeof value === "string" ? value : undefined,
  };
  const near = scopes.variables.filter(({ scope }) => isInside(scope, code.section, at));
  const memory = inMemory(dwarf, seen, near, scopes);
  // Bytes and characters are where programs put something else: what points there says what.
  if (memory.some((type) => !isRaw(type))) return { covered: true, types: memory, placed: true };
  const pointed = [near, ...(isFrame(seen) ? [] : [scopes.variables])]
    .map((variables) => variables.flatMap((variable) => pointedBy(seen, variable)))
    .find((types) => types.length > 0);
  if (pointed !== undefined) return { covered: true, types: pointed, placed: true };
  // The place tells nothing: what pointers around the call are declared to point to.
  if (isFrame(seen) && memory.length === 0) return { covered: true, types: [], placed: true };
  const declared = near.flatMap(({ type }) => partsAt(pointee(type), 0, size)).filter((type) => !isRaw(type));
  return declared.length > 0
    ? { covered: true, types: declared, placed: false }
    : { covered: true, types: memory, placed: true };
}

/** What is looked for. */
interface Seen {
  readonly size: number;
  readonly section: number;
  readonly at: number;
  readonly held: Held | undefined;
  /** Bytes from the frame pointer down to where the debug information counts from; undefined where nobody knows. */
  readonly shift: number | undefined;
  readonly value: string | undefined;
}

function isFrame({ value }: Seen): boolean {
  return value?.startsWith("fp") === true;
}

/**
 * LLVM gives the places of variables from the lowest byte of the frame, and calls it the frame pointer; how large the frame is
 * it does not say. The lowest byte is in what the code touches, the highest in a variable, so the larger is the frame.
 * Places below the frame pointer, as gcc writes them, are what they say.
 */
function frameShift({ variables }: FunctionScopes, { depth }: Held): number {
  let highest = depth;
  for (const { type, places } of variables)
    for (const { place } of places) {
      if ((place.kind !== "memory" && place.kind !== "value") || place.base !== FRAME_POINTER) continue;
      if (place.offset < 0) return 0;
      if (place.kind === "memory") highest = Math.max(highest, place.offset + (sizeOfType(type) ?? 1));
    }
  return Math.ceil(highest / STACK_ALIGNMENT) * STACK_ALIGNMENT;
}

/** The variables that the address is in: of the stack, or of the object's data. */
function inMemory(dwarf: Dwarf, seen: Seen, near: readonly Variable[], { variables }: FunctionScopes): Die[] {
  const { value, size } = seen;
  if (value === undefined) return [];
  const frame = frameOffset(value);
  if (frame !== undefined) {
    const own = near.flatMap((variable) => inFrame(seen, variable, frame));
    // Where the instruction is of no scope, since it was merged from two, all variables count.
    return own.length > 0 ? own : variables.flatMap((variable) => inFrame(seen, variable, frame));
  }
  const { base, offset } = splitValue(value) ?? { base: "", offset: 0 };
  const section = Number(base || Number.NaN);
  const statics = variables.flatMap(({ type, places }) =>
    places.flatMap(({ place }) => (place.kind === "data" && type !== undefined ? [{ ...place.address, type }] : [])),
  );
  return [...dwarf.globals, ...statics]
    .filter((variable) => variable.section === section)
    .flatMap((variable) => partsAt(variable.type, offset - variable.offset, size));
}

function inFrame({ section, at, shift, size }: Seen, { type, places }: Variable, frame: number): Die[] {
  if (shift === undefined) return [];
  return places.flatMap(({ range, place }) => {
    if (place.kind !== "memory" || place.base !== FRAME_POINTER) return [];
    const here = range === undefined || (range.section === section && at >= range.low && at < range.high);
    return here ? partsAt(type, frame - (place.offset - shift), size) : [];
  });
}

/** What a pointer points to that has the address somewhere in the function, or a variable whose own address that is. */
function pointedBy(seen: Seen, variable: Variable): Die[] {
  const { held, value, size } = seen;
  if (held === undefined || value === undefined) return [];
  const target = pointee(variable.type);
  const ranges = variable.scope.ranges;
  return variable.places.flatMap(({ range, place }) => {
    const where = range === undefined ? ranges : [range];
    const isMemory = place.kind === "memory" && place.base !== FRAME_POINTER;
    const type = isMemory ? variable.type : target;
    if (type === undefined) return [];
    return distances(seen, held, value, place, where).flatMap((distance) => partsAt(type, distance, size));
  });
}

/** How far the address is behind what a place has: all answers that there are. */
function distances(seen: Seen, held: Held, value: string, place: Place, where: readonly Range[]): number[] {
  const wanted = splitValue(value)?.offset ?? 0;
  const inRegister = (register: number, moved: number): number[] =>
    held
      .valuesFrom(baseOf(value))
      .filter((one) =>
        where.some(({ section, low, high }) => section === seen.section && held.holds(one, register, low, high)),
      )
      .map((one) => wanted - (splitValue(one)?.offset ?? 0) - moved);
  switch (place.kind) {
    case "in":
      return inRegister(place.register, 0);
    case "data":
      return [];
    default: {
      if (place.base === "frame" || seen.shift === undefined) return [];
      if (place.base !== FRAME_POINTER) return inRegister(place.base, place.offset);
      const slot = place.offset - seen.shift;
      // A pointer that is kept in the frame, or one whose value is an address there.
      if (place.kind === "memory") return inRegister(slot, 0);
      const frame = frameOffset(value);
      return frame === undefined ? [] : [frame - slot];
    }
  }
}
