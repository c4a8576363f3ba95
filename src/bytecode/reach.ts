// Bytes of an object in, the helpers that each of its functions calls out, itself or through functions it calls or passes on.

import { SHF_EXECINSTR, SHT_PROGBITS } from "../elf/abi.ts";
import type { Elf, ElfSymbol } from "../elf/elf.ts";
import { sectionData } from "../elf/read.ts";
import { groupBy } from "../group.ts";
import { CALL, CALLS_HELPER, type Code, INSTRUCTION_SIZE, LDDW, openCode } from "./instructions.ts";

/** `src` of a call of a function of the object. */
const CALLS_FUNCTION = 1;

interface Body {
  readonly section: number;
  readonly start: number;
  readonly helpers: Set<number>;
  /** Where the functions begin that it calls or passes on: "section:index". */
  readonly uses: Set<string>;
}

const placeOf = (section: number, index: number): string => `${section}:${index}`;

/** Helpers (`enum bpf_func_id`) by the function's section and offset in it: `helpers.at(section, offset)`. */
export function reachedHelpers(
  bytes: Uint8Array,
  elf: Elf,
): { at(section: number, offset: number): readonly number[] } {
  const bodies = new Map(readBodies(bytes, elf).map((body) => [placeOf(body.section, body.start), body]));
  return {
    at(section, offset) {
      const helpers = new Set<number>();
      const todo = new Set([placeOf(section, offset / INSTRUCTION_SIZE)]);
      // A Set gives what is added while it is walked.
      for (const place of todo) {
        const body = bodies.get(place);
        body?.helpers.forEach((helper) => helpers.add(helper));
        body?.uses.forEach((used) => todo.add(used));
      }
      return [...helpers].sort((a, b) => a - b);
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
  const body: Body = { section, start, helpers: new Set(), uses: new Set() };
  for (let index = start; index < end; index++) {
    const { code: op, src, imm } = code(index);
    const symbol = symbols.get(index);
    // libbpf.c, `bpf_object__collect_prog_relos`: the place is the symbol's and what stands in the instruction.
    const [target, from] = symbol === undefined ? [section, index] : [symbol.section, symbol.value / INSTRUCTION_SIZE];
    if (op === CALL && src === CALLS_HELPER) body.helpers.add(imm);
    if (typeof target === "number" && op === CALL && src === CALLS_FUNCTION)
      body.uses.add(placeOf(target, from + imm + 1));
    if (typeof target === "number" && op === LDDW && symbol !== undefined)
      body.uses.add(placeOf(target, from + imm / INSTRUCTION_SIZE));
    if (op === LDDW) index++;
  }
  return body;
}
