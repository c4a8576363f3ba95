import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";

import { declTags, idsByName, sizeOf, skipModifiers, skipModifiersAndTypedefs } from "../src/btf/graph.ts";
import { parseBtf } from "../src/btf/read.ts";
import { spellType } from "../src/btf/spell.ts";
import type { BtfType } from "../src/btf/types.ts";
import { isSkelError } from "../src/errors.ts";
import { bpftoolTypes, dumpBtf } from "./support/bpftool.ts";
import {
  array,
  buildBtf,
  datasec,
  declTag,
  enumeration,
  func,
  fwd,
  int,
  modifier,
  proto,
  ptr,
  raw,
  struct,
  typedef,
  typeTag,
  union,
  variable,
  VOID,
  type BuildOptions,
  type RawType,
} from "./support/btf-builder.ts";

const INT = int("int", 4);
const U32 = int("unsigned int", 4, "unsigned");

describe("every kind reads back as written", () => {
  const cases: Record<string, readonly BtfType[]> = {
    "no types": [],
    "integers of every encoding": [
      int("unsigned __int128", 16, "unsigned"),
      int("signed char", 1, "signed"),
      int("char", 1, "char"),
      int("_Bool", 1, "bool"),
    ],
    "the () of Rust, an integer of no bits": [int("()", 0, "unsigned")],
    floats: [2, 4, 8, 12, 16].map((size) => ({ kind: "float", name: `f${size}`, size })),
    "a pointer to itself": [ptr(1)],
    arrays: [INT, array(1, 1, 3), array(2, 1, 0xffff)],
    "a flexible array": [
      INT,
      array(1, 1, 0),
      struct("flex", 4, [
        ["n", 1, 0],
        ["tail", 2, 32],
      ]),
    ],
    "a struct without members": [struct("empty", 0)],
    "a struct with holes": [
      INT,
      struct("s", 16, [
        ["a", 1, 0],
        ["b", 1, 64],
      ]),
    ],
    "a packed struct": [
      INT,
      int("char", 1),
      struct("s", 5, [
        ["c", 2, 0],
        ["i", 1, 8],
      ]),
    ],
    "a struct of more members than 16 bits count": [
      INT,
      struct(
        "large",
        4 * 70_000,
        Array.from({ length: 70_000 }, (_, i) => [`m${i}`, 1, 32 * i] as const),
      ),
      typedef("after", 2),
    ],
    "a union": [
      INT,
      U32,
      union("u", 4, [
        ["i", 1, 0],
        ["u", 2, 0],
      ]),
    ],
    "anonymous members": [INT, union("", 4, [["i", 1, 0]]), struct("", 4, [["", 2, 0]])],
    bitfields: [
      U32,
      struct("b", 8, [
        ["a", 1, 0, 3],
        ["b", 1, 3, 29],
        ["c", 1, 32],
      ]),
    ],
    "a bitfield of a bool and of an enum": [
      int("_Bool", 1, "bool"),
      enumeration("e", { A: 1 }),
      struct("b", 4, [
        ["flag", 1, 0, 1],
        ["e", 2, 1, 2],
      ]),
    ],
    "a list through a pointer": [ptr(2), struct("node", 8, [["next", 1, 0]])],
    "a member and an element that BTF cannot tell": [
      INT,
      array(0, 1, 4),
      fwd("cpp_class"),
      struct("rust", 32, [
        ["c", 0, 0],
        ["chars", 2, 64],
        ["object", 3, 128],
      ]),
    ],
    enums: [
      enumeration("plain", { A: 0, B: 4_294_967_295 }),
      enumeration("negative", { MINUS: -1, LEAST: -2_147_483_648 }, { signed: true }),
      enumeration("none", {}),
      enumeration("byte", { A: 255 }, { size: 1 }),
    ],
    "64-bit enums": [
      enumeration("big", { A: 0xffff_ffff_ffff_ffffn, B: 1n << 32n }, { size: 8, kind: "enum64" }),
      enumeration("least", { A: -(1n << 63n), B: -1 }, { size: 8, kind: "enum64", signed: true }),
    ],
    forwards: [fwd("s"), fwd("u", "union")],
    "typedefs and modifiers": [
      INT,
      typedef("t", 1),
      modifier("const", 2),
      modifier("volatile", 3),
      modifier("restrict", 4),
      typeTag("user", 5),
      modifier("const", 0),
    ],
    "a function without a name, as gcc 12 leaves it": [proto(0), func("", 1)],
    functions: [
      INT,
      proto(0, [
        ["a", 1],
        ["", 1],
        ["", 0],
      ]),
      func("stat", 2, "static"),
      func("glob", 2, "global"),
      func("ext", 2, "extern"),
      proto(1),
    ],
    "variables and sections": [
      INT,
      variable("a", 1, "static"),
      variable("b", 1, "global"),
      variable("c", 1, "extern"),
      modifier("const", 0),
      variable("ksym", 5, "extern"),
      datasec(".bss", 0, [
        [2, 0, 4],
        [3, 0, 4],
      ]),
      datasec(".data", 8, [
        [3, 0, 4],
        [2, 4, 4],
      ]),
      proto(0),
      func("kfunc", 9, "extern"),
      datasec(".ksyms", 0, [
        [6, 0, 0],
        [10, 0, 0],
      ]),
    ],
    "declaration tags": [
      INT,
      struct("s", 4, [["a", 1, 0]]),
      declTag("whole", 2),
      declTag("first", 2, 0),
      proto(0, [["p", 1]]),
      func("f", 5),
      declTag("param", 6, 0),
      variable("v", 1),
      declTag("var", 8),
      typedef("t", 1),
      declTag("typedef", 10),
    ],
    "names of many scripts": [int("größe", 4), int("尺寸", 4), int('𝛼\u0001"*/', 4), int("G<(), &[u8]>", 4)],
    "names that are not UTF-8": [
      int("\udcff\udc80x", 4),
      int("\udced\udca0\udc80", 4),
      int("\udcc0\udcaf", 4),
      int("é\udcc3", 4),
    ],
  };
  for (const endian of ["little", "big"] as const) {
    for (const [name, types] of Object.entries(cases)) {
      test(`${name}, ${endian}-endian`, () => {
        expect(parseBtf(buildBtf(types, { endian }))).toEqual({ endian, types: [VOID, ...types] });
      });
    }
  }
});

describe("what is not written as it reads", () => {
  const cases: Record<string, { types: readonly (BtfType | RawType)[]; at: number; expected: BtfType }> = {
    "an old-style bitfield": {
      types: [int("u", 4, "unsigned", 5, 2), struct("s", 16, [["a", 1, 100]])],
      at: 2,
      expected: struct("s", 16, [["a", 1, 102, 5]]),
    },
    "an old-style bitfield behind typedefs": {
      types: [int("u", 4, "unsigned", 3), typedef("t", 1), modifier("const", 2), struct("s", 4, [["a", 3, 29]])],
      at: 4,
      expected: struct("s", 4, [["a", 3, 29, 3]]),
    },
    "bool wins over signed": {
      types: [raw(1, { name: "b", value: 1, words: [(5 << 24) | 8] })],
      at: 1,
      expected: int("b", 1, "bool"),
    },
    "char wins over signed": {
      types: [raw(1, { name: "c", value: 1, words: [(3 << 24) | 8] })],
      at: 1,
      expected: int("c", 1, "char"),
    },
    "an enum of no bytes and no values": {
      types: [enumeration("color", {}, { size: 0 })],
      at: 1,
      expected: fwd("color", "enum"),
    },
    "a member function of C++, with the made-up place that clang gives it": {
      types: [
        INT,
        struct("s", 4, [
          ["id", 1, 0],
          ["method", 0, 256],
        ]),
      ],
      at: 2,
      expected: struct("s", 4, [
        ["id", 1, 0],
        ["method", 0, 256],
      ]),
    },
    "the element of an array of char16_t, for which clang writes any number": {
      types: [INT, array(99, 1, 4)],
      at: 2,
      expected: array(0, 1, 4),
    },
    "an element that is a function": {
      types: [INT, proto(0), func("f", 2), array(3, 1, 4)],
      at: 4,
      expected: array(0, 1, 4),
    },
    "the flag of a tag that is another attribute": {
      types: [INT, raw(18, { name: "address_space(1)", flag: true, value: 1 })],
      at: 2,
      expected: typeTag("address_space(1)", 1),
    },
  };
  for (const [name, { types, at, expected }] of Object.entries(cases)) {
    test(name, () => expect(parseBtf(buildBtf(types)).types[at]).toEqual(expected));
  }

  test("a longer header is a newer one, whose rest is skipped", () => {
    expect(parseBtf(buildBtf([INT], { headerTail: 8 })).types).toEqual([VOID, INT]);
  });

  test("the section may begin anywhere in a buffer", () => {
    const section = buildBtf([INT]);
    const file = new Uint8Array(section.length + 9);
    file.set(section, 3);
    expect(parseBtf(file.subarray(3, 3 + section.length)).types).toEqual([VOID, INT]);
  });
});

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (e) {
    if (isSkelError(e)) return `${e.code} ${e.message}`;
    throw e;
  }
  return "no error";
}

describe("a hostile header is refused", () => {
  const cases: Record<string, [BuildOptions["header"], string]> = {
    magic: [{ magic: 0x1234 }, "expected magic 0xeb9f in either byte order, got 0x1234"],
    version: [{ version: 2 }, "expected version 1, got 2 (newer than this reader)"],
    flags: [{ flags: 0x80 }, "expected no flags, got 0x80 (newer than this reader)"],
    "short header": [{ hdrLen: 23 }, "header length must lie between 24 and the section's 45 bytes, got 23"],
    "long header": [{ hdrLen: 46 }, "header length must lie between 24 and the section's 45 bytes, got 46"],
    "types past the end": [{ typeLen: 24 }, "types end at byte 48, got a section of 45 bytes"],
    "types that wrap 32 bits": [
      { typeOff: 0xffff_fff0, typeLen: 0x20 },
      "types end at byte 4294967336, got a section of 45 bytes",
    ],
    "strings past the end": [{ strLen: 6 }, "strings end at byte 46, got a section of 45 bytes"],
    "strings that wrap 32 bits": [
      { strOff: 0xffff_ffff, strLen: 2 },
      "strings end at byte 4294967321, got a section of 45 bytes",
    ],
    "types off by two": [{ typeOff: 2, typeLen: 12 }, "types must be 4-aligned, got bytes 26 to 38"],
    "types of odd length": [{ typeLen: 13 }, "types must be 4-aligned, got bytes 24 to 37"],
    "types in the strings": [{ strOff: 12, strLen: 9 }, "types must end before the strings begin, got 40 and 36"],
    "no strings": [{ strLen: 0 }, "strings must begin and end with NUL"],
    "strings without a leading NUL": [{ strOff: 17, strLen: 4 }, "strings must begin and end with NUL"],
    "strings without a trailing NUL": [{ strLen: 3 }, "strings must begin and end with NUL"],
  };
  for (const [name, [header, what]] of Object.entries(cases)) {
    test(name, () => {
      expect(messageOf(() => parseBtf(buildBtf([INT], { header })))).toBe(`ERR_BTF_FORMAT BTF header: ${what}`);
    });
  }

  test("nothing at all", () => {
    expect(messageOf(() => parseBtf(new Uint8Array(0)))).toBe("ERR_BTF_FORMAT BTF header: needs 24 bytes, got 0");
  });
});

describe("hostile types are refused", () => {
  const MEMBERS = 65_535;
  const cases: Record<string, [types: readonly (BtfType | RawType)[], what: string]> = {
    "kind 0": [[raw(0)], "type 1: kind 0 is void, which has no record"],
    "a newer kind": [[INT, raw(20)], "type 2: kind 20 is newer than this reader, which knows 1 to 19"],
    "a kind of 7 bits": [[raw(100)], "type 1: kind 100 is newer than this reader, which knows 1 to 19"],
    "24 bits of members without their bytes": [
      [raw(4, { name: "s", vlen: 0xff_ffff })],
      "type 1 (struct s): 16777215 members need 201326580 bytes, got 0 at the end of the types",
    ],
    "a linkage of 24 bits": [
      [proto(0), raw(12, { name: "f", value: 1, vlen: 0x1_0001 })],
      "type 2 (func f): linkage must be 0, 1 or 2, got 65537",
    ],
    "kind_flag where it means nothing": [[raw(2, { flag: true })], "type 1 (ptr): kind_flag must be 0, got 1"],
    "vlen where it means nothing": [[raw(8, { name: "t", vlen: 3 })], "type 1 (typedef t): vlen must be 0, got 3"],
    "half a record": [[raw(2, { words: [0] })], "type 2: needs 12 bytes, got 4 at the end of the types"],
    "an integer without its data": [
      [raw(1, { name: "i", value: 4 })],
      "type 1 (int i): needs 4 bytes, got 0 at the end of the types",
    ],
    "more members than bytes": [
      [raw(4, { name: "s", vlen: MEMBERS, words: [0, 0] })],
      "type 1 (struct s): 65535 members need 786420 bytes, got 8 at the end of the types",
    ],
    "a name past the strings": [
      [raw(4, { vlen: 1, words: [99, 0, 0] })],
      "type 1 (struct): name at 99 is outside the strings, got 1 bytes",
    ],
    "a typedef without a name": [[typedef("", 0)], "type 1 (typedef): has no name"],
    "a variable without a name": [[INT, variable("", 1)], "type 2 (var): has no name"],
    "an integer of 3 bytes": [[int("odd", 3)], "type 1 (int odd): size must be one of 1, 2, 4, 8, 16 bytes, got 3"],
    "an integer of no bits": [
      [int("none", 4, "signed", 0)],
      "type 1 (int none): bits must lie in its 4 bytes, got 0 at bit 0",
    ],
    "an integer of too many bits": [
      [int("wide", 4, "signed", 33)],
      "type 1 (int wide): bits must lie in its 4 bytes, got 33 at bit 0",
    ],
    "an integer of 255 bits": [
      [int("wide", 16, "signed", 255)],
      "type 1 (int wide): bits must lie in its 16 bytes, got 255 at bit 0",
    ],
    "an integer beyond its bytes": [
      [int("far", 4, "signed", 8, 25)],
      "type 1 (int far): bits must lie in its 4 bytes, got 8 at bit 25",
    ],
    "unknown encoding": [
      [raw(1, { name: "i", value: 4, words: [(8 << 24) | 32] })],
      "type 1 (int i): encoding 0x8 is newer than this reader",
    ],
    "unknown int data": [
      [raw(1, { name: "i", value: 4, words: [0x1020] })],
      "type 1 (int i): int data has unknown bits 0x1000 (newer than this reader)",
    ],
    "a float of 3 bytes": [
      [{ kind: "float", name: "f", size: 3 }],
      "type 1 (float f): size must be one of 2, 4, 8, 12, 16 bytes, got 3",
    ],
    "an enum of 3 bytes": [
      [enumeration("e", {}, { size: 3 })],
      "type 1 (enum e): size must be one of 1, 2, 4, 8 bytes, got 3",
    ],
    "a linkage of 3": [
      [proto(0), raw(12, { name: "f", value: 1, vlen: 3 })],
      "type 2 (func f): linkage must be 0, 1 or 2, got 3",
    ],
    "a reference past the end": [[ptr(2)], "type 1 (ptr): refers to type 2, got only 2 types"],
    "a reference of all ones": [
      [typedef("t", 0xffff_ffff)],
      "type 1 (typedef t): refers to type 4294967295, got only 2 types",
    ],
    "a member past the end": [
      [
        INT,
        struct("event", 16, [
          ["a", 1, 0],
          ["b", 1, 32],
          ["c", 1, 64],
          ["pid", 99, 96],
        ]),
      ],
      "type 2 (struct event): member 3 (pid) refers to type 99, got only 3 types",
    ],
    "a pointer to a function symbol": [
      [proto(0), func("f", 1), ptr(2)],
      "type 3 (ptr): must not refer to type 2 (func f)",
    ],
    "a typedef of a variable": [
      [INT, variable("v", 1), typedef("t", 2)],
      "type 3 (typedef t): must not refer to type 2 (var v)",
    ],
    "a const section": [
      [datasec(".bss", 0), modifier("const", 1)],
      'type 2 (const): must not refer to type 1 (datasec ".bss")',
    ],
    "a variable of a section": [
      [datasec("x", 0), variable("v", 1)],
      "type 2 (var v): must not refer to type 1 (datasec x)",
    ],
    "a variable of a function": [[proto(0), variable("v", 1)], "type 2 (var v): must not refer to type 1 (func_proto)"],
    "a function of an int": [[INT, func("f", 1)], "type 2 (func f): must not refer to type 1 (int int)"],
    "a parameter that is a tag": [
      [typedef("t", 0), declTag("x", 1), proto(0, [["p", 2]])],
      "type 3 (func_proto): parameter 0 (p) must not refer to type 2 (decl_tag x)",
    ],
    "a section of types": [
      [INT, datasec("d", 0, [[1, 0, 4]])],
      "type 2 (datasec d): entry 0 must not refer to type 1 (int int)",
    ],
    "a section that is too small": [
      [INT, variable("v", 1), datasec("d", 4, [[2, 1, 4]])],
      "type 3 (datasec d): entry 0 ends at byte 5, got a section of 4 bytes",
    ],
    "a tag on an int": [[INT, declTag("x", 1)], "type 2 (decl_tag x): must not refer to type 1 (int int)"],
    "a tag on a member that is none": [
      [INT, struct("s", 4, [["a", 1, 0]]), declTag("x", 2, 1)],
      "type 3 (decl_tag x): tags component 1 of type 2 (struct s), got only 1",
    ],
    "a tag on component -2": [
      [typedef("t", 0), declTag("x", 1, -2)],
      "type 2 (decl_tag x): tags component -2 of type 1 (typedef t), got only 0",
    ],
    "an array of functions": [
      [INT, proto(0), array(2, 1, 2)],
      "type 3 (array): elements must not be type 2 (func_proto)",
    ],
    "an array by void": [[INT, array(1, 0, 2)], "type 2 (array): index must not be type 0 (void)"],
    "a member that is a function": [
      [proto(0), typedef("fn", 1), struct("s", 8, [["f", 2, 0]])],
      "type 3 (struct s): member 0 (f) must not be type 2 (typedef fn)",
    ],
    "a member past its struct": [
      [INT, struct("s", 4, [["a", 1, 8]])],
      "type 2 (struct s): member 0 (a) ends at bit 40, got a struct of 4 bytes",
    ],
    "a member between bytes": [
      [INT, struct("s", 8, [["a", 1, 3]])],
      "type 2 (struct s): member 0 (a) must begin at a byte, got bit 3",
    ],
    "a bitfield past its union": [
      [INT, union("u", 4, [["a", 1, 28, 5]])],
      "type 2 (union u): member 0 (a) ends at bit 33, got a union of 4 bytes",
    ],
    "a bitfield wider than its type": [
      [INT, struct("s", 8, [["a", 1, 0, 33]])],
      "type 2 (struct s): member 0 (a) has 33 bits, got a type of 32",
    ],
    "a bitfield of a pointer": [
      [ptr(0), struct("s", 8, [["p", 1, 0, 4]])],
      "type 2 (struct s): member 0 (p) is a bitfield, so must be an integer, got type 1 (ptr)",
    ],
    "a typedef of itself": [
      [typedef("t", 1)],
      "type 1 (typedef t): contains itself by value (only a pointer may lead back)",
    ],
    "a ring of typedefs": [
      [typedef("a", 2), typedef("b", 3), typedef("c", 1)],
      "type 1 (typedef a): contains itself by value, through types 2, 3 (only a pointer may lead back)",
    ],
    "a ring of consts, met from outside": [
      [modifier("const", 2), modifier("const", 3), modifier("volatile", 2)],
      "type 2 (const): contains itself by value, through type 3 (only a pointer may lead back)",
    ],
    "a struct in itself": [
      [struct("s", 8, [["s", 1, 0]])],
      "type 1 (struct s): contains itself by value (only a pointer may lead back)",
    ],
    "an array of itself": [
      [INT, array(2, 1, 1)],
      "type 2 (array): contains itself by value (only a pointer may lead back)",
    ],
    "a function that returns itself": [
      [typedef("f", 2), proto(1)],
      "type 1 (typedef f): contains itself by value, through type 2 (only a pointer may lead back)",
    ],
    "a name for a terminal": [
      [typedef("\u001b[31m\u202e", 9)],
      'type 1 (typedef "\\u001b[31m\\u202e"): refers to type 9, got only 2 types',
    ],
    "a name of a million bytes": [
      [typedef("n".repeat(1_000_000), 9)],
      `type 1 (typedef ${"n".repeat(80)}…): refers to type 9, got only 2 types`,
    ],
  };
  for (const [name, [types, what]] of Object.entries(cases)) {
    test(name, () => {
      const message = messageOf(() => parseBtf(buildBtf(types)));
      expect(message).toBe(what === "no error" ? what : `ERR_BTF_FORMAT ${what}`);
    });
  }
});

describe("size is no obstacle", () => {
  const chain = (length: number, link: (i: number) => BtfType): BtfType[] => Array.from({ length }, (_, i) => link(i));

  const accepted: Record<string, readonly BtfType[]> = {
    "200 levels of typedefs": [INT, ...chain(200, (i) => typedef("t", i + 1))],
    "100 levels of structs": [INT, ...chain(100, (i) => struct("s", 4, [["m", i + 1, 0]]))],
    "a chain of 100,000 pointers": chain(100_000, (i) => ptr(i)),
    "300,000 forward references": [...chain(300_000, () => ptr(300_001)), INT],
    "65,535 members of one type": [
      INT,
      struct(
        "s",
        4 * 65_535,
        chain(65_535, () => INT).map((_, i) => ["m", 1, 32 * i]),
      ),
    ],
    "a section of 1,000 large structs": [
      INT,
      struct(
        "s",
        4 * 2_000,
        chain(2_000, () => INT).map((_, i) => ["m", 1, 32 * i]),
      ),
      variable("v", 2),
      datasec(
        ".bss",
        0,
        chain(1_000, () => INT).map(() => [3, 0, 8_000]),
      ),
    ],
    "arrays of nothing without end": [
      INT,
      struct("", 0),
      array(2, 1, 0xffff_ffff),
      ...chain(99, (i) => array(i + 3, 1, 0xffff_ffff)),
    ],
  };
  for (const [name, types] of Object.entries(accepted)) {
    test(name, () => {
      const graph = parseBtf(buildBtf(types)).types;
      expect(graph).toHaveLength(types.length + 1);
      const last = types.length;
      expect(spellType(graph, last).length).toBeLessThan(2_000);
      expect(sizeOf(graph, last)).toBeGreaterThanOrEqual(0);
    });
  }

  const refused: Record<string, [readonly BtfType[], string]> = {
    "a chain of 100,000 typedefs": [
      chain(100_000, (i) => typedef("t", i)),
      "type 256 (typedef t): nests more than 256 levels of types by value",
    ],
    "the same chain backwards": [
      [...chain(100_000, (i) => typedef("t", i + 2)), INT],
      "type 99745 (typedef t): nests more than 256 levels of types by value",
    ],
    "10,000 structs in each other": [
      [INT, ...chain(10_000, (i) => struct("s", 4, [["m", i + 1, 0]]))],
      "type 257 (struct s): nests more than 256 levels of types by value",
    ],
    "a ring of 100,000 typedefs": [
      chain(100_000, (i) => typedef("t", ((i + 1) % 100_000) + 1)),
      "type 1 (typedef t): contains itself by value, through types 2, 3, 4, 5, 6, 7, 8, 9 and 99991 more (only a pointer may lead back)",
    ],
    "unions that double 30 times": [
      [
        INT,
        ...chain(30, (i) =>
          union("u", 4, [
            ["a", i + 1, 0],
            ["b", i + 1, 0],
          ]),
        ),
      ],
      "type 20 (union u): is made of more than 1000000 members",
    ],
  };
  for (const [name, [types, what]] of Object.entries(refused)) {
    test(name, () => expect(messageOf(() => parseBtf(buildBtf(types)))).toBe(`ERR_BTF_FORMAT ${what}`));
  }

  test("names that share their bytes", () => {
    const section = buildBtf([typedef("n".repeat(10_000), 0), ...chain(9_000, () => typedef("m", 0))]);
    const view = new DataView(section.buffer);
    for (let i = 0; i < 9_000; i++) view.setUint32(24 + 12 * (i + 1), 1 + i, true);
    expect(messageOf(() => parseBtf(section))).toBe(
      "ERR_BTF_FORMAT type 10 (typedef): names overlap, got more than 80032 bytes of them in 10004",
    );
  });
});

describe("graph", () => {
  const types: readonly BtfType[] = [
    VOID,
    INT,
    typedef("pid_t", 1),
    modifier("volatile", 2),
    modifier("const", 3),
    typeTag("user", 4),
    array(5, 1, 3),
    array(6, 1, 4),
    ptr(7),
    struct("s", 48, [["a", 7, 0]]),
    variable("v", 9),
    datasec(".data", 64, [[10, 0, 48]]),
    proto(0),
    func("f", 12),
    fwd("hidden"),
    typedef("hidden_t", 14),
    declTag("on s", 9),
    declTag("on a", 9, 0),
    declTag("on f", 13),
    func("f", 12),
    enumeration("e", {}, { size: 2 }),
    { kind: "float", name: "double", size: 8 },
    array(1, 1, 0x4000_0000),
    array(22, 1, 0xffff_ffff),
  ];

  test("skipModifiers stops at a typedef", () => expect(skipModifiers(types, 5)).toBe(2));
  test("skipModifiersAndTypedefs does not", () => expect(skipModifiersAndTypedefs(types, 5)).toBe(1));
  test("neither moves from a type of its own", () => {
    expect(skipModifiers(types, 8)).toBe(8);
    expect(skipModifiersAndTypedefs(types, 0)).toBe(0);
  });

  const sizes: Record<number, number> = { 1: 4, 2: 4, 5: 4, 6: 12, 7: 48, 8: 8, 9: 48, 10: 48, 11: 64, 20: 2, 21: 8 };
  for (const [id, size] of Object.entries(sizes)) {
    test(`size of ${spellType(types, Number(id))}`, () => expect(sizeOf(types, Number(id))).toBe(size));
  }

  const sizeless: Record<number, string> = {
    0: "ERR_TYPE type 0 (void): has no size",
    12: "ERR_TYPE type 12 (func_proto): has no size",
    13: "ERR_TYPE type 13 (func f): has no size",
    15: "ERR_TYPE type 15 (typedef hidden_t): has no size",
    18: "ERR_TYPE type 18 (decl_tag on f): has no size",
    // Only a number: `__uint(max_entries, 1 << 30)` is a pointer to this array.
    22: "ERR_TYPE type 22 (array): is larger than 4294967295 bytes",
    23: "ERR_TYPE type 23 (array): is larger than 4294967295 bytes",
    99: "ERR_TYPE type 99: no such type, got only 24 types",
  };
  for (const [id, message] of Object.entries(sizeless)) {
    test(`no size of type ${id}`, () => expect(messageOf(() => sizeOf(types, Number(id)))).toBe(message));
  }

  test("declTags by type", () => {
    expect([...declTags(types)]).toEqual([
      [
        9,
        [
          { name: "on s", componentIndex: -1 },
          { name: "on a", componentIndex: 0 },
        ],
      ],
      [13, [{ name: "on f", componentIndex: -1 }]],
    ]);
  });

  test("idsByName takes the first of several", () => {
    expect([...idsByName(types, "func")]).toEqual([["f", 13]]);
    expect(idsByName(types, "datasec").get(".data")).toBe(11);
  });
});

describe("spellType", () => {
  const INT_ID = 1;
  const CHAR = 2;
  const base = [INT, int("char", 1, "signed")];
  /** The last type is the one to spell. */
  const cases: Record<string, readonly BtfType[]> = {
    int: [],
    "unsigned long long": [int("unsigned long long", 8, "unsigned")],
    u32: [typedef("u32", INT_ID)],
    "const volatile u32": [typedef("u32", INT_ID), modifier("volatile", 3), modifier("const", 4)],
    "struct event": [struct("event", 0)],
    "union u": [union("u", 0)],
    "struct {…}": [struct("", 0)],
    "union {…}": [union("", 0)],
    "enum color": [enumeration("color", {})],
    "enum wide": [enumeration("wide", {}, { kind: "enum64", size: 8 })],
    "enum {…}": [enumeration("", {})],
    "struct task": [fwd("task")],
    double: [{ kind: "float", name: "double", size: 8 }],
    "void *": [ptr(0)],
    "struct event *": [struct("event", 0), ptr(3)],
    "struct event **": [struct("event", 0), ptr(3), ptr(4)],
    "const char *": [modifier("const", CHAR), ptr(3)],
    "char *const": [ptr(CHAR), modifier("const", 3)],
    "char *const *": [ptr(CHAR), modifier("const", 3), ptr(4)],
    "char *restrict": [ptr(CHAR), modifier("restrict", 3)],
    "char[16]": [array(CHAR, INT_ID, 16)],
    "int[3][4]": [array(INT_ID, INT_ID, 4), array(3, INT_ID, 3)],
    "const char[4]": [modifier("const", CHAR), array(3, INT_ID, 4)],
    "const char[5]": [array(CHAR, INT_ID, 5), modifier("const", 3)],
    "char *[4]": [ptr(CHAR), array(3, INT_ID, 4)],
    "char *const[4]": [ptr(CHAR), modifier("const", 3), array(4, INT_ID, 4)],
    "char (*)[4]": [array(CHAR, INT_ID, 4), ptr(3)],
    "char[64]": [array(CHAR, INT_ID, 64), typedef("stringkey", 3)],
    "const char[64]": [array(CHAR, INT_ID, 64), typedef("stringkey", 3), modifier("const", 4), typedef("alias", 5)],
    "stringkey[2]": [typedef("stringkey", CHAR), array(3, INT_ID, 2)],
    "void (*)(int, void *)": [
      ptr(0),
      proto(0, [
        ["a", INT_ID],
        ["b", 3],
      ]),
      ptr(4),
    ],
    "int (*)(void)": [proto(INT_ID), ptr(3)],
    "int (const char *, ...)": [
      modifier("const", CHAR),
      ptr(3),
      proto(INT_ID, [
        ["fmt", 4],
        ["", 0],
      ]),
    ],
    "int (*(*)(char))(void)": [proto(INT_ID), ptr(3), proto(4, [["c", CHAR]]), ptr(5)],
    "int (*[2])(void)": [proto(INT_ID), ptr(3), array(4, INT_ID, 2)],
    "callback *": [proto(0), typedef("callback", 3), ptr(4)],
    "int *": [typeTag("user", INT_ID), ptr(3)],
  };
  for (const [spelling, types] of Object.entries(cases)) {
    test(spelling, () => {
      const { types: graph } = parseBtf(buildBtf(types.length === 0 ? [INT] : [...base, ...types]));
      expect(spellType(graph, graph.length - 1)).toBe(spelling);
    });
  }

  test("functions and variables with their names", () => {
    const types = [VOID, INT, ptr(1), proto(2, [["a", 1]]), func("main", 3), array(2, 1, 3), variable("table", 5)];
    expect(spellType(types, 4)).toBe("int *main(int)");
    expect(spellType(types, 6)).toBe("int *table[3]");
  });

  test("a ring of pointers ends", () => expect(spellType([VOID, ptr(2), ptr(1)], 1)).toMatch(/^… \*+$/));

  test("functions that take themselves end", () => {
    const types = parseBtf(
      buildBtf([
        ptr(2),
        proto(1, [
          ["a", 1],
          ["b", 1],
          ["c", 1],
        ]),
      ]),
    ).types;
    expect(spellType(types, 2).length).toBeLessThan(1_000);
  });
});

const SOURCES: Record<string, string> = {
  "maps and programs": `
    #include <linux/bpf.h>
    #include <bpf/bpf_helpers.h>
    typedef char stringkey[64];
    typedef __u32 u32;
    struct event { u32 pid; __u64 ts; char comm[16]; };
    struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 128); __type(key, stringkey); __type(value, __u64); }
      execve_counter SEC(".maps");
    struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 1 << 18); } rb SEC(".maps");
    const volatile u32 target_pid = 0;
    SEC("tracepoint/syscalls/sys_enter_execve")
    int handle_execve(void *ctx) {
      struct event *e = bpf_ringbuf_reserve(&rb, sizeof(*e), 0);
      if (!e) return 0;
      e->pid = target_pid;
      bpf_ringbuf_submit(e, 0);
      return 0;
    }
    char LICENSE[] SEC("license") = "GPL";`,
  "structs of every shape": `
    enum small { A, B = -5 };
    enum wide { BIG = 0xffffffffffffffffULL };
    enum least { LEAST = -0x7fffffffffffffffLL };
    struct fwd;
    struct __attribute__((packed)) packed { char c; int i; long long l; };
    struct bits { int a : 3; unsigned b : 5; unsigned long long c : 33; _Bool d : 1; int : 4; enum small e : 2; char f; };
    union u { int i; float f; double d; struct packed p; };
    struct node { struct node *next; struct { int x; union { int y; short z[2]; }; }; void (*fn)(int, struct node *, ...); };
    struct all {
      signed char sc; unsigned char uc; short s; unsigned short us; long l; unsigned long ul;
      __int128 i128; unsigned __int128 u128; _Bool b; float f; double d;
      enum small es; enum wide ew; enum least el; struct bits bits; union u u; struct node node; struct fwd *fwd;
      int matrix[3][4]; const volatile int *const restrict_me; struct {} empty; int zero[0]; int flex[];
    };
    struct all all; union u *up; volatile struct bits vb; int __attribute__((aligned(64))) aligned;
    int f(struct all *p) { return p->s; }`,
  "sections, externs and tags": `
    #include <linux/bpf.h>
    #include <bpf/bpf_helpers.h>
    #define tag(x) __attribute__((btf_decl_tag(x)))
    struct tagged { int a tag("ebpf-skel:bytes"); int __attribute__((btf_type_tag("user"))) *p; } tag("whole");
    typedef int alias tag("alias");
    extern int LINUX_KERNEL_VERSION __kconfig;
    extern const void bpf_prog_active __ksym;
    extern int bpf_kfunc(struct tagged *) __ksym;
    static volatile int hidden; int visible = 1; int custom SEC(".data.custom") = 2; alias al tag("variable");
    const char text[] = "text"; int bss; extern int other;
    static __attribute__((noinline)) int sub(struct tagged *t tag("param")) { return t->a + hidden; }
    SEC("xdp") int prog(struct xdp_md *ctx) {
      struct tagged t = { visible + LINUX_KERNEL_VERSION, 0 };
      return sub(&t) + custom + al + bss + bpf_kfunc(&t) + (long)&bpf_prog_active + text[ctx->rx_queue_index & 3];
    }`,
};

const dir = mkdtempSync(join(tmpdir(), "ebpf-skel-btf-"));
afterAll(() => rmSync(dir, { recursive: true }));

/** Compiles C and gives the .BTF section and a file of it, which bpftool reads in either byte order. */
function compile(source: string, target: "bpfel" | "bpfeb"): { section: Uint8Array; file: string } {
  const [c, o, file] = [".c", ".o", ".btf"].map((suffix) => join(dir, `${target}${suffix}`)) as [
    string,
    string,
    string,
  ];
  writeFileSync(c, source);
  const include = "-I/usr/include/x86_64-linux-gnu";
  execFileSync("clang-19", ["-g", "-O2", "-target", target, include, "-Wno-everything", "-c", c, "-o", o]);
  execFileSync("llvm-objcopy-19", [`--dump-section=.BTF=${file}`, o, join(dir, "unused.o")]);
  return { section: new Uint8Array(readFileSync(file)), file };
}

describe("bpftool sees the same graph", () => {
  for (const target of ["bpfel", "bpfeb"] as const) {
    for (const [name, source] of Object.entries(SOURCES)) {
      test(`${name}, ${target}`, () => {
        const { section, file } = compile(source, target);
        const { endian, types } = parseBtf(section);
        expect(endian).toBe(target === "bpfel" ? "little" : "big");
        expect(types.length).toBeGreaterThan(10);
        expect(types).toEqual(bpftoolTypes(dumpBtf(file)));
      });
    }
  }

  const VMLINUX = "/sys/kernel/btf/vmlinux";
  test.skipIf(!existsSync(VMLINUX))(`${VMLINUX} (skipped where the kernel has no BTF)`, () => {
    const section = readFileSync(VMLINUX);
    const { types } = parseBtf(section);
    const expected = bpftoolTypes(dumpBtf(VMLINUX));
    expect(types.length).toBe(expected.length);
    // One deep comparison of 100,000 types would take vitest minutes.
    const differ = types.findIndex((type, id) => JSON.stringify(type) !== JSON.stringify(expected[id]));
    expect(differ === -1 ? undefined : [types[differ], expected[differ]]).toBeUndefined();
  });
});

describe("damaged sections give a graph or a SkelError, and nothing else", () => {
  const { section } = compile(SOURCES["sections, externs and tags"]!, "bpfel");

  function survive(bytes: Uint8Array): "graph" | "error" {
    let types: readonly BtfType[];
    try {
      types = parseBtf(bytes).types;
    } catch (e) {
      if (!isSkelError(e, "ERR_BTF_FORMAT")) throw e;
      return "error";
    }
    declTags(types);
    types.forEach((_, id) => {
      spellType(types, id);
      try {
        sizeOf(types, id);
      } catch (e) {
        if (!isSkelError(e, "ERR_TYPE")) throw e;
      }
    });
    return "graph";
  }

  test("truncated at every byte", () => {
    for (let length = 0; length < section.length; length++) {
      expect(survive(section.subarray(0, length)), `${length} bytes`).toBe("error");
    }
  });

  test("every bit flipped", () => {
    const seen = { graph: 0, error: 0 };
    for (let bit = 0; bit < 8 * section.length; bit++) {
      const bytes = section.slice();
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      seen[survive(bytes)]++;
    }
    expect(seen.graph).toBeGreaterThan(0);
    expect(seen.error).toBeGreaterThan(0);
  });

  test("every word replaced by an extreme", () => {
    for (const word of [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff]) {
      for (let at = 0; at + 4 <= section.length; at += 4) {
        const bytes = section.slice();
        new DataView(bytes.buffer).setUint32(at, word, true);
        survive(bytes);
      }
    }
  });
});
