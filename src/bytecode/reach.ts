// Bytes of an object in, what each of its functions uses out, itself or through functions it calls or passes on: helpers,
// places in the object's sections, names that it leaves to the kernel.

import { SHF_EXECINSTR, SHT_PROGBITS } from "../elf/abi.ts";
import type { Elf, ElfSymbol } from "../elf/elf.ts";
import { sectionData } from "../elf/read.ts";
import { groupBy } from "../group.ts";
import { CALL, CALLS_FUNCTION, CALLS_HELPER, type Code, INSTRUCTION_SIZE, LDDW, openCode } from "./instructions.ts";

/** BPF_MAX_SUBPROGS of include/linux/bpf_verifier.h: the verifier refuses a program of more functions. */
export const MAX_FUNCTIONS = 256;

/** A byte of a section. */
export interface Place {
  readonly section: number;
  readonly offset: number;
}

/** What a function uses. */
export interface Reached {
  /** `enum bpf_func_id`, ascending. */
  readonly helpers: readonly number[];
  /** Where functions begin that it calls or passes on, and what it takes the address of, in the order of the code. */
  readonly places: readonly Place[];
  /** Names of functions and variables that are not the object's own. */
  readonly externs: readonly string[];
}

interface Body extends Place {
  readonly helpers: Set<number>;
  readonly uses: Map<string, Place>;
  readonly externs: Set<string>;
}

const keyOf = ({ section, offset }: Place): string => `${section}:${offset}`;

/** What functions use, by where they begin. Past {@link MAX_FUNCTIONS} a program's functions are not followed. */
export function readReach(bytes: Uint8Array, elf: Elf): { of(start: Place): Reached } {
  const bodies = new Map(readBodies(bytes, elf).map((body) => [keyOf(body), body]));
  return {
    of(start) {
      const helpers = new Set<number>();
      const externs = new Set<string>();
      const places = new Map<string, Place>();
      const todo = new Set([keyOf(start)]);
      // A Set gives what is added while it is walked.
      for (const key of todo) {
        const body = bodies.get(key);
        body?.helpers.forEach((helper) => helpers.add(helper));
        body?.externs.forEach((name) => externs.add(name));
        body?.uses.forEach((place, used) => {
          places.set(used, place);
          if (bodies.has(used) && todo.size < MAX_FUNCTIONS) todo.add(used);
        });
      }
      return { helpers: [...helpers].sort((a, b) => a - b), places: [...places.values()], externs: [...externs] };
    },
  };
}

function readBodies(bytes: Uint8Array, elf: Elf): Body[] {
  const functions = groupBy(
    elf.symbols.filter(({ kind }) => kind === "func"),
    ({ section }) => section,
  );
  const relocations = groupBy(elf.relocations, ({ section }) => section);
  return elf.sections
    .filter(({ type, flags }) => type === SHT_PROGBITS && (flags & SHF_EXECINSTR) !== 0)
    .flatMap((header) => {
      const section = header.index;
      const { code, length } = openCode(sectionData(bytes, header), elf.endian);
      const starts = (functions.get(section) ?? [])
        .map(({ value }) => value / INSTRUCTION_SIZE)
        .filter((start) => Number.isInteger(start) && start < length)
        .sort((a, b) => a - b);
      const symbols = new Map(
        (relocations.get(section) ?? []).map(({ offset, symbol }) => [offset / INSTRUCTION_SIZE, elf.symbols[symbol]!]),
      );
      return starts.map((start, i) => readBody(code, section, start, starts[i + 1] ?? length, symbols));
    });
}

function readBody(
  code: Code,
  section: number,
  start: number,
  end: number,
  symbols: ReadonlyMap<number, ElfSymbol>,
): Body {
  const body: Body = {
    section,
    offset: INSTRUCTION_SIZE * start,
    helpers: new Set(),
    uses: new Map(),
    externs: new Set(),
  };
  const use = (place: Place): void => void body.uses.set(keyOf(place), place);
  for (let index = start; index < end; index++) {
    const { code: op, src, imm } = code(index);
    const symbol = symbols.get(index);
    // libbpf.c, `bpf_object__collect_prog_relos`: the place is the symbol's and what stands in the instruction.
    const [target, from] = symbol === undefined ? [section, INSTRUCTION_SIZE * index] : [symbol.section, symbol.value];
    if (op === CALL && src === CALLS_HELPER) body.helpers.add(imm);
    if (typeof target === "number" && op === CALL && src === CALLS_FUNCTION)
      use({ section: target, offset: from + INSTRUCTION_SIZE * (imm + 1) });
    if (typeof target === "number" && op === LDDW && symbol !== undefined) use({ section: target, offset: from + imm });
    if (target === "undef" && symbol!.name !== "") body.externs.add(symbol!.name);
    if (op === LDDW) index++;
  }
  return body;
}
