// Bytes of BPF code in, instructions out. https://docs.kernel.org/bpf/standardization/instruction-set.html

import type { Endian } from "../elf/elf.ts";

/** One instruction of 8 bytes, or of 16 for the one that loads 64 bits. */
export interface Instruction {
  readonly code: number;
  readonly dst: number;
  readonly src: number;
  /** Signed. */
  readonly offset: number;
  /** Signed. */
  readonly imm: number;
}

export const INSTRUCTION_SIZE = 8;

/** The low three bits of a code. */
export const CLASS = { ld: 0, ldx: 1, st: 2, stx: 3, alu: 4, jmp: 5, jmp32: 6, alu64: 7 } as const;

/** BPF_LD | BPF_IMM | BPF_DW: the second half's imm is the upper 32 bits. */
export const LDDW = 0x18;
export const CALL = 0x85;
export const EXIT = 0x95;
/** BPF_JMP | BPF_JA: to `offset`. */
export const JA = 0x05;
/** BPF_JMP32 | BPF_JA: to `imm`. */
export const JA32 = 0x06;
/** BPF_JMP | BPF_JA | BPF_X: to the address in a register. */
export const JA_REGISTER = 0x0d;

/** BPF_X: the second operand is a register, not `imm`. */
export const X = 0x08;

/** `src` of a call of a helper; others call a function of the object or the kernel. */
export const CALLS_HELPER = 0;
/** `src` of a call of a function of the object. */
export const CALLS_FUNCTION = 1;

/** Reads the instruction at a place that has one. */
export type Code = (index: number) => Instruction;

/** The instructions of a section, by index; an incomplete one at its end is left out. */
export function openCode(bytes: Uint8Array, endian: Endian): { readonly code: Code; readonly length: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = endian === "little";
  const code = (index: number): Instruction => {
    const at = INSTRUCTION_SIZE * index;
    const registers = view.getUint8(at + 1);
    const [low, high] = [registers & 15, registers >> 4];
    return {
      code: view.getUint8(at),
      dst: little ? low : high,
      src: little ? high : low,
      offset: view.getInt16(at + 2, little),
      imm: view.getInt32(at + 4, little),
    };
  };
  return { code, length: Math.floor(bytes.length / INSTRUCTION_SIZE) };
}
