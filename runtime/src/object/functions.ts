// An object that libbpf has opened in; its sections out, its functions, and those that make up a program in the kernel, in the
// order that libbpf puts them in (libbpf.c, `bpf_object__reloc_code`).

import { hostMemory } from "../native.ts";

/** A part of the ELF file. */
export interface Section {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A function's place in its section, in bytes. */
export interface CodeFunction {
  readonly name: string;
  readonly section: string;
  readonly offset: number;
  readonly size: number;
}

/** The sections of a 64-bit ELF file, as it numbers them. */
export function readSections(object: Uint8Array): readonly Section[] {
  const m = hostMemory(object);
  const headers = Number(m.u64(40));
  const header = (index: number): { name: number; bytes: Uint8Array } => {
    const at = headers + index * m.u16(58);
    const start = Number(m.u64(at + 24));
    // What has no bytes in the file may reach beyond its end.
    return { name: m.u32(at), bytes: object.subarray(start, start + Number(m.u64(at + 32))) };
  };
  const names = header(m.u16(62)).bytes;
  const all = Array.from({ length: m.u16(60) }, (_, index) => header(index));
  return all.map(({ name, bytes }) => ({ name: textAt(names, name), bytes }));
}

/** The text that starts there in a string table. */
export function textAt(strings: Uint8Array, at: number): string {
  return new TextDecoder().decode(strings.subarray(at, strings.indexOf(0, at)));
}

/** The bytes of the section with this name; none where there is no such section. */
export function bytesOf(sections: readonly Section[], name: string): Uint8Array {
  return sections.find((section) => section.name === name)?.bytes ?? new Uint8Array();
}

interface Symbol {
  readonly name: string;
  readonly isFunction: boolean;
  readonly section: string | undefined;
  readonly value: number;
  readonly size: number;
}

/** `Elf64_Sym` */
function readSymbols(sections: readonly Section[]): readonly Symbol[] {
  const m = hostMemory(bytesOf(sections, ".symtab"));
  const names = bytesOf(sections, ".strtab");
  return Array.from({ length: Math.floor(m.size / 24) }, (_, index) => {
    const at = index * 24;
    return {
      name: textAt(names, m.u32(at)),
      isFunction: (m.u8(at + 4) & 15) === 2,
      section: sections[m.u16(at + 6)]?.name,
      value: Number(m.u64(at + 8)),
      size: Number(m.u64(at + 16)),
    };
  });
}

// linux/bpf.h
const BPF_CALL = 0x85;
const BPF_LD_IMM64 = 0x18;
const BPF_PSEUDO_CALL = 1;
const BPF_PSEUDO_FUNC = 4;
export const instructionSize = 8;

/** The program and what it calls, as they follow each other in the kernel; empty where the object has no such program. */
export function linkedFunctions(sections: readonly Section[], program: string): readonly CodeFunction[] {
  const symbols = readSymbols(sections);
  const functions = symbols.flatMap(({ name, isFunction, section, value, size }) =>
    isFunction && section !== undefined ? [{ name, section, offset: value, size }] : [],
  );
  const linked: CodeFunction[] = [];
  const link = (one: CodeFunction | undefined): void => {
    if (one === undefined || linked.includes(one)) return;
    linked.push(one);
    const code = hostMemory(bytesOf(sections, one.section));
    const relocations = readRelocations(sections, one.section);
    for (let at = one.offset; at < one.offset + one.size; at += instructionSize) {
      const [opcode, source] = [code.u8(at), code.u8(at + 1) >> 4];
      const isCall = opcode === BPF_CALL && source === BPF_PSEUDO_CALL;
      const isAddress = opcode === BPF_LD_IMM64 && source === BPF_PSEUDO_FUNC;
      if (!isCall && !isAddress) continue;
      const symbol = symbols[relocations.get(at) ?? -1];
      // Of a call it is the distance from the next instruction, in instructions.
      const distance = isCall ? (code.s32(at + 4) + 1) * instructionSize : code.s32(at + 4);
      const section = symbol?.section ?? one.section;
      // A symbol of a section says where the section starts, one of a function is whole.
      const offset = symbol === undefined ? at + distance : symbol.value + (symbol.isFunction ? 0 : distance);
      link(functions.find((called) => called.section === section && called.offset === offset));
    }
  };
  link(functions.find(({ name }) => name === program));
  return linked;
}

/** `Elf64_Rel` of a section: the symbol's number by the offset. */
function readRelocations(sections: readonly Section[], section: string): ReadonlyMap<number, number> {
  const m = hostMemory(bytesOf(sections, `.rel${section}`));
  return new Map(
    Array.from({ length: Math.floor(m.size / 16) }, (_, i) => [
      Number(m.u64(i * 16)),
      Number(m.u64(i * 16 + 8) >> 32n),
    ]),
  );
}
