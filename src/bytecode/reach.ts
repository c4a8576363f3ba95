// Bytes of an object in, the helpers that each of its functions calls out, itself or through functions it calls or passes on.

import { SHF_EXECINSTR, SHT_PROGBITS } from "../elf/abi.ts";
import type { Elf } from "../elf/elf.ts";
import { sectionData } from "../elf/read.ts";
import { CALL, CALLS_HELPER, INSTRUCTION_SIZE, LDDW, openCode } from "./instructions.ts";

/** `src` of a call of a function of the object. */
const CALLS_FUNCTION = 1;

interface Body {
  readonly section: number;
  readonly start: number;
  readonly end: number;
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
  return elf.sections
    .filter(({ type, flags }) => type === SHT_PROGBITS && (flags & SHF_EXECINSTR) !== 0)
    .flatMap((section) => {
      const { code, length } = openCode(sectionData(bytes, section), elf.endian);
      const starts = elf.symbols
        .filter((symbol) => symbol.kind === "func" && symbol.section === section.index)
        .map(({ value }) => ({ start: value / INSTRUCTION_SIZE }))
        .filter(({ start }) => Number.isInteger(start) && start < length)
        .sort((a, b) => a.start - b.start);
      const relocated = new Map(
        elf.relocations
          .filter((relocation) => relocation.section === section.index)
          .map(({ offset, symbol }) => [offset / INSTRUCTION_SIZE, elf.symbols[symbol]!]),
      );
      return starts.map(({ start }, i): Body => {
        const body: Body = {
          section: section.index,
          start,
          end: starts[i + 1]?.start ?? length,
          helpers: new Set(),
          uses: new Set(),
        };
        for (let index = start; index < body.end; index++) {
          const { code: op, src, imm } = code(index);
          const symbol = relocated.get(index);
          // libbpf.c, `bpf_object__reloc_code`: the place is the symbol's and what stands in the instruction.
          const [target, from] =
            symbol === undefined ? [section.index, index] : [symbol.section, symbol.value / INSTRUCTION_SIZE];
          if (op === CALL && src === CALLS_HELPER) body.helpers.add(imm);
          if (typeof target === "number" && op === CALL && src === CALLS_FUNCTION)
            body.uses.add(placeOf(target, from + imm + 1));
          if (typeof target === "number" && op === LDDW && symbol !== undefined)
            body.uses.add(placeOf(target, from + imm / INSTRUCTION_SIZE));
          if (op === LDDW) index++;
        }
        return body;
      });
    });
}
