// Hand-built objects with legacy maps: what the reader makes of each definition, what it answers to wrong ones, and the
// objects that the upgrade makes of them.

import { describe, expect, test } from "vitest";
import type { BtfType } from "../src/btf/types.ts";
import { parseElf, sectionData } from "../src/elf/read.ts";
import { inspectObject } from "../src/inspect.ts";
import { carry } from "../src/upgrade/carry.ts";
import { upgradeMaps } from "../src/upgrade/upgrade.ts";
import { array, buildBtf, datasec, declTag, int, ptr, struct, variable } from "./support/btf-builder.ts";
import { buildElf, type ElfSpec, type SymbolSpec } from "./support/elf-builder.ts";

function words(numbers: readonly number[], little = true): Uint8Array {
  const bytes = new Uint8Array(4 * numbers.length);
  numbers.forEach((number, i) => new DataView(bytes.buffer).setUint32(4 * i, number, little));
  return bytes;
}

const map = (name: string, value = 0, fields: SymbolSpec = {}): SymbolSpec => ({
  ...{ name, section: "maps", value, kind: 1, bind: 1 },
  ...fields,
});

/** An object whose section `maps` has these words. */
function object(numbers: readonly number[], symbols: readonly SymbolSpec[], spec: ElfSpec = {}): Uint8Array {
  const { sections = [], endian = "little" } = spec;
  const data = words(numbers, endian === "little");
  return buildElf({ ...spec, sections: [{ name: "maps", flags: 3, addralign: 4, data }, ...sections], symbols });
}

const HASH = [1, 4, 8, 16, 1];

describe("definitions", () => {
  const NONE = { extra: "0", numaNode: 0, pinning: "none", legacy: true };

  test.each<[string, Uint8Array, object[]]>([
    [
      "one",
      object(HASH, [map("a")]),
      [{ ...NONE, name: "a", type: "hash", typeId: 1, keySize: 4, valueSize: 8, maxEntries: 16, flags: 1 }],
    ],
    [
      "big-endian",
      object(HASH, [map("a")], { endian: "big" }),
      [{ ...NONE, name: "a", type: "hash", typeId: 1, keySize: 4, valueSize: 8, maxEntries: 16, flags: 1 }],
    ],
    [
      "two, by place, with less than libbpf's fields",
      object([1, 4, 8, 16, 2, 4, 12, 1], [map("b", 16), map("a", 0, { kind: 0 })]),
      [
        { ...NONE, name: "a", type: "hash", typeId: 1, keySize: 4, valueSize: 8, maxEntries: 16, flags: 0 },
        { ...NONE, name: "b", type: "array", typeId: 2, keySize: 4, valueSize: 12, maxEntries: 1, flags: 0 },
      ],
    ],
    [
      "more fields than libbpf's, all 0, of a type that is newer than the table",
      object([99, 4, 8, 16, 0, 0, 0], [map("a")]),
      [{ ...NONE, name: "a", type: "type_99", typeId: 99, keySize: 4, valueSize: 8, maxEntries: 16, flags: 0 }],
    ],
    ["none in an empty section", object([], []), []],
    ["a name with dots", object(HASH, [map("my.map")]), [expect.objectContaining({ name: "my.map", type: "hash" })]],
  ])("%s", (_, bytes, maps) => {
    const model = inspectObject(bytes);
    expect(model.maps).toEqual(maps);
    expect(model.warnings.filter(({ what }) => !what.includes("shown as bytes"))).toEqual([]);
  });

  test.each<[string, Uint8Array, string, string]>([
    [
      "no symbol",
      object(HASH, []),
      "ERR_MAP_DEF",
      'section "maps": legacy definitions must all have one size, got 20 bytes for 0 maps',
    ],
    [
      "sizes that differ",
      object([...HASH, 1], [map("a"), map("b", 4), map("c", 8), map("d", 12), map("e", 16)]),
      "ERR_MAP_DEF",
      'section "maps": legacy definitions must all have one size, got 24 bytes for 5 maps',
    ],
    [
      "a definition that does not fit",
      object([...HASH, ...HASH], [map("a"), map("b", 24)]),
      "ERR_MAP_DEF",
      'section "maps": map b: definition ends at byte 44, got 40 bytes',
    ],
    [
      "a name that is no identifier",
      object(HASH, [map("a b")]),
      "ERR_NAME",
      'section "maps": map name is not a C identifier with or without dots of at most 127 characters, got "a b" (the kernel refuses it too: rename it)',
    ],
    ["a name of two maps", object([...HASH, ...HASH], [map("a"), map("a", 20)]), "ERR_MAP_DEF", "map a: defined twice"],
    [
      ".maps that BTF does not describe",
      object(HASH, [map("a")], { sections: [{ name: ".maps", flags: 3, data: [0, 0, 0, 0] }] }),
      "ERR_BTF_MISSING",
      "no .BTF section (compile with clang -g -target bpf)",
    ],
  ])("%s is refused", (_, bytes, code, message) => {
    expect(() => inspectObject(bytes)).toThrow(expect.objectContaining({ code, message }));
    if (message !== "map a: defined twice") expect(() => carry(bytes)).toThrow();
  });

  test.each<[string, Uint8Array, string]>([
    [
      "fields of another loader",
      object([...HASH, 0, 0x100], [map("a")]),
      "what its definition says beyond map_flags, from byte 25 on, is left aside: libbpf has no such fields (set pinning and inner maps before load)",
    ],
    ["a static map", object(HASH, [map("a", 0, { bind: 0 })]), "libbpf refuses static maps (remove static)"],
  ])("%s is warned of", (_, bytes, what) => {
    // Of both maps the types are told nowhere, which is said in the same line.
    expect(inspectObject(bytes).warnings).toEqual([
      {
        where: "map a",
        what: `${what}; key and value shown as bytes, its legacy definition names no type, see gen --map`,
      },
    ]);
  });
});

test("a .BTF.ext without records, as clang 9 wrote it, is not carried along: libbpf would refuse the maps for it", () => {
  // magic and version, length of the header, offset and length of the records of functions and of lines, their sizes
  const ext = words([0x0001eb9f, 24, 0, 4, 4, 4, 8, 16]);
  const carried = carry(object(HASH, [map("a")], { sections: [{ name: ".BTF.ext", data: ext, addralign: 4 }] }));
  const names = parseElf(carried).sections.map(({ name }) => name);
  expect(names).toContain(".maps");
  expect(names).not.toContain(".BTF.ext");
  expect(carry(carried)).toEqual(carried);
});

describe("the upgrade", () => {
  /** 1 u32, 2 the annotation, 3 its variable and 4 the map's, 5 and 6 their sections, 7 a tag. */
  const TYPES: readonly BtfType[] = [
    int("u32", 4, "unsigned"),
    struct("____btf_map_a", 12, [
      ["key", 1, 0],
      ["value", 8, 32],
    ]),
    variable("____btf_map_a", 2),
    variable("a", 1),
    datasec(".maps.a", 0, [[3, 0, 12]]),
    datasec("maps", 0, [[4, 0, 20]]),
    declTag("tagged", 4),
    array(1, 1, 2),
  ];
  const btf = (endian: "little" | "big"): Uint8Array => buildBtf(TYPES, { endian });
  const described = (endian: "little" | "big" = "little"): Uint8Array =>
    object(HASH, [map("a")], {
      endian,
      sections: [
        { name: "license", flags: 3, data: [0x47, 0x50, 0x4c, 0] },
        { name: ".BTF", data: btf(endian), addralign: 4 },
        { name: "socket", flags: 6, data: new Uint8Array(16), addralign: 8 },
      ],
      relocations: [
        { section: "socket", offset: 0, type: 1, symbol: "a" },
        { section: ".BTF", offset: 100, type: 4, symbol: "a" },
      ],
    });

  test.each(["little", "big"] as const)("keeps the ids of types and symbols, %s-endian", (endian) => {
    const { types, maps, warnings } = inspectObject(upgradeMaps(described(endian)));
    expect(warnings).toEqual([]);
    expect(maps).toMatchObject([
      { name: "a", keySize: 4, valueSize: 8, keyType: 1, valueType: 8, maxEntries: 16, flags: 1 },
    ]);
    const uint = (id: number, length: number): BtfType[] => [array(9, 9, length), ptr(id)];
    expect(types.slice(1)).toEqual([
      ...TYPES.slice(0, 3),
      variable("a", 16),
      TYPES[4],
      struct("", 1, [["", 9, 0]]),
      ...TYPES.slice(6),
      int("unsigned char", 1, "unsigned"),
      ...uint(10, 1),
      ptr(1),
      ptr(8),
      ...uint(14, 16), // map_flags is 1 as type is: they share
      struct("", 40, [
        ["type", 11, 0],
        ["key", 12, 64],
        ["value", 13, 128],
        ["map_flags", 11, 192],
        ["max_entries", 15, 256],
      ]),
      datasec(".maps", 0, [[4, 0, 40]]),
    ]);
  });

  test("takes the section's place in symbols, and leaves code alone", () => {
    const carried = upgradeMaps(described());
    const elf = parseElf(carried);
    expect(elf.sections.map(({ name }) => name)).toEqual([
      ...["", "license", ".BTF", "socket", ".relsocket", ".symtab", ".strtab", ".maps"],
    ]);
    expect(elf.symbols[1]).toMatchObject({ name: "a", kind: "object", bind: "global", value: 0, size: 40, section: 7 });
    expect(elf.relocations).toEqual([{ section: 3, offset: 0, type: 1, symbol: 1 }]);
    expect(sectionData(carried, elf.sections[7]!)).toEqual(new Uint8Array(40));
    expect(elf.sections[7]).toMatchObject({ type: 1, flags: 3, addralign: 8, entsize: 0, link: 0, info: 0 });
  });

  test("makes BTF where there is none, and drops a section without maps", () => {
    const made = inspectObject(carry(object([1, 4, 8, 0, 0], [map("a")])));
    expect(made.types.filter(({ kind }) => kind === "datasec")).toEqual([datasec(".maps", 0, [[9, 0, 24]])]);
    const empty = carry(object([], []));
    expect(parseElf(empty).sections.map(({ name }) => name)).toEqual(["", ".strtab"]);
    expect(carry(empty)).toBe(empty);
  });

  test("returns other objects as they are", () => {
    const bytes = buildElf({
      sections: [
        { name: "maps.x", data: [1] },
        { name: ".maps.x", data: [1] },
      ],
    });
    expect(carry(bytes)).toBe(bytes);
  });
});
