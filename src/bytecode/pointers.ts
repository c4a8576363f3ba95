// A program in, whether it subtracts one pointer from another out: the verifier lets only those do so who have CAP_PERFMON
// (kernel/bpf/verifier.c, `adjust_reg_min_max_vals`, `allow_ptr_leaks`). It is followed into functions that are called.

import type { Elf } from "../elf/elf.ts";
import { sectionData } from "../elf/read.ts";
import { groupBy } from "../group.ts";
import { cutSection, type Part, wideValues } from "./calls.ts";
import { analyse, type Wide } from "./flow.ts";
import { CALL, CALLS_FUNCTION, CLASS, type Code, INSTRUCTION_SIZE, openCode, X } from "./instructions.ts";
import { CONTEXT, readFrom, type State, type Value } from "./state.ts";
import { MAX_FUNCTIONS, type Place } from "./reach.ts";

const SUB = 0x10;

/** The code of a section, cut into its functions. */
interface Section {
  readonly code: Code;
  readonly wide: Wide;
  readonly parts: ReadonlyMap<number, Part>;
  /** Where a call by relocation goes, by the index of its instruction. */
  readonly calls: ReadonlyMap<number, Place>;
}

/** Asks of programs, by where they begin, and by the offsets in their context of pointers that can be subtracted. */
export function readPointers(
  bytes: Uint8Array,
  elf: Elf,
): { subtracts(start: Place, pointers: ReadonlySet<number>): boolean } {
  const functions = groupBy(
    elf.symbols.filter(({ kind }) => kind === "func"),
    ({ section }) => section,
  );
  const relocations = groupBy(elf.relocations, ({ section }) => section);
  const sections = new Map<number, Section>();
  const sectionOf = (index: number): Section | undefined => {
    const header = elf.sections[index];
    if (header === undefined) return undefined;
    let section = sections.get(index);
    if (section === undefined) {
      const { code, length } = openCode(sectionData(bytes, header), elf.endian);
      const own = relocations.get(index) ?? [];
      const calls = new Map<number, Place>();
      for (const { offset, symbol } of own) {
        const at = offset / INSTRUCTION_SIZE;
        const { section, value } = elf.symbols[symbol]!;
        if (typeof section !== "number" || !Number.isInteger(at) || at >= length || code(at).code !== CALL) continue;
        // libbpf.c, `bpf_object__collect_prog_relos`: the place is the symbol's and what stands in the instruction.
        calls.set(at, { section, offset: value + INSTRUCTION_SIZE * (code(at).imm + 1) });
      }
      const parts = cutSection(header, functions.get(index) ?? [], length).map((part) => [part.start, part] as const);
      section = { code, wide: wideValues(elf, own, code, length), parts: new Map(parts), calls };
      sections.set(index, section);
    }
    return section;
  };

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
