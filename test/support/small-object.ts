// A small object with one of everything that has a name, under the names of the caller's choice.

import {
  array,
  buildBtf,
  datasec,
  enumeration,
  func,
  int,
  proto,
  ptr,
  struct,
  typedef,
  variable,
} from "./btf-builder.ts";
import { buildElf } from "./elf-builder.ts";

/** Where a name stands in the object; each has a harmless one that a test replaces. */
export interface Names {
  map: string;
  program: string;
  /** Of the program. */
  section: string;
  dataSection: string;
  variable: string;
  struct: string;
  member: string;
  enumeration: string;
  value: string;
  typedef: string;
  /** The base type's, which only comments spell. */
  integer: string;
  license: string;
}

export const HARMLESS: Names = {
  map: "counts",
  program: "handle",
  section: "tracepoint/syscalls/sys_enter_execve",
  dataSection: ".data",
  variable: "settings",
  struct: "event",
  member: "pid",
  enumeration: "mode",
  value: "MODE_ON",
  typedef: "pair_t",
  integer: "unsigned int",
  license: "GPL",
};

/** U+DC00 + byte, as BTF names are read, back to that byte. */
function encoded(name: string): number[] {
  return [...name].flatMap((c) => {
    const code = c.codePointAt(0)!;
    return code >= 0xdc80 && code <= 0xdcff ? [code - 0xdc00] : [...new TextEncoder().encode(c)];
  });
}

/** An object with a hash map, a program, a variable and all kinds of types, under these names. */
export function objectWith(names: Names): Uint8Array {
  const types = [
    int(names.integer, 4, "unsigned"), // 1
    array(1, 1, 1), // 2: what __uint(type, 1) points to
    ptr(2), // 3
    enumeration(names.enumeration, { [names.value]: 1, MODE_OFF: 0 }), // 4
    struct("", 8, [
      ["left", 1, 0],
      ["right", 1, 32],
    ]), // 5
    typedef(names.typedef, 5), // 6
    struct(names.struct, 16, [
      [names.member, 1, 0],
      ["mode_of", 4, 32],
      ["both", 6, 64],
    ]), // 7
    ptr(1), // 8
    ptr(7), // 9
    struct("", 32, [
      ["type", 3, 0],
      ["max_entries", 3, 64],
      ["key", 8, 128],
      ["value", 9, 192],
    ]), // 10
    variable(names.map, 10), // 11
    variable(names.variable, 7), // 12
    datasec(".maps", 0, [[11, 0, 32]]), // 13
    datasec(names.dataSection, 0, [[12, 0, 16]]), // 14
    proto(1, [["ctx", 8]]), // 15
    func(names.program, 15), // 16
  ] as const;
  return buildElf({
    sections: [
      { name: encoded(names.section), flags: 6, data: new Uint8Array(16), addralign: 8 },
      { name: ".maps", flags: 3, data: new Uint8Array(32), addralign: 8 },
      { name: encoded(names.dataSection), flags: 3, data: new Uint8Array(16), addralign: 8 },
      { name: "license", flags: 3, data: [...encoded(names.license), 0] },
      { name: ".BTF", data: buildBtf(types), addralign: 4 },
    ],
    symbols: [
      { name: encoded(names.program), bind: 1, kind: 2, section: 1, size: 16 },
      { name: encoded(names.map), bind: 1, kind: 1, section: 2, size: 32 },
      { name: encoded(names.variable), bind: 1, kind: 1, section: 3, size: 16 },
    ],
  });
}
