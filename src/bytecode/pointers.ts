// A program in, whether it subtracts one pointer from another out: the verifier lets only those do so who have CAP_PERFMON
// (kernel/bpf/verifier.c, `adjust_reg_min_max_vals`, `allow_ptr_leaks`). It is followed into functions that are called.

import type { Elf } from "../elf/elf.ts";
import { openCodeSections } from "./code.ts";
import { analyse } from "./flow.ts";
import { CALL, CALLS_FUNCTION, CLASS, INSTRUCTION_SIZE, X } from "./instructions.ts";
import { CONTEXT, readFrom, type State, type Value } from "./state.ts";
import { MAX_FUNCTIONS, type Place } from "./reach.ts";

const SUB = 0x10;

/** Asks of programs, by where they begin, and by the offsets in their context of pointers that can be subtracted. */
export function readPointers(
  bytes: Uint8Array,
  elf: Elf,
): { subtracts(start: Place, pointers: ReadonlySet<number>): boolean } {
  const sectionOf = openCodeSections(bytes, elf);
  return {
    subtracts(start, pointers) {
      const isPointer = (value: Value): boolean =>
        typeof value === "string" && pointers.has(readFrom(value) ?? Number.NaN);
      // What each function is called with, as far as all its callers agree; with the program's own it is done once more.
      const known = new Map<string, Value[]>();
      const queue: (readonly [Place, readonly Value[]])[] = [[start, [CONTEXT]]];
      for (let left = 2 * MAX_FUNCTIONS; queue.length > 0 && left > 0; left--) {
        const [place, args] = queue.pop()!;
        const key = `${place.section}:${place.offset}`;
        const before = known.get(key);
        const joined = before === undefined ? [...args] : before.map((one, i) => (one === args[i] ? one : undefined));
        if (before?.every((one, i) => one === joined[i]) === true) continue;
        known.set(key, joined);
        const section = sectionOf(place.section);
        const part = section?.parts.get(place.offset / INSTRUCTION_SIZE);
        if (section === undefined || part === undefined) continue;
        let found = false;
        analyse(section.code, section.wide, part, joined)?.visit((index, state) => {
          const { code, src, dst, imm } = section.code(index);
          if (isSubtraction(code) && isPointer(state[dst]) && isPointer(state[src])) found = true;
          if (code !== CALL || src !== CALLS_FUNCTION) return;
          const local = { section: place.section, offset: INSTRUCTION_SIZE * (index + imm + 1) };
          queue.push([section.calls.get(index) ?? local, passed(state)]);
        });
        if (found) return true;
      }
      return false;
    },
  };
}

function isSubtraction(code: number): boolean {
  const kind = code & 7;
  return (kind === CLASS.alu || kind === CLASS.alu64) && (code & 0xf0) === SUB && (code & X) !== 0;
}

/** r1 to r5; addresses in the caller's frame mean nothing to the other. */
function passed(state: State): Value[] {
  return state.slice(1, 6).map((value) => (typeof value === "string" && value.startsWith("fp") ? undefined : value));
}
