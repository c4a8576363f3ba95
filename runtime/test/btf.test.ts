import { describe, expect, test } from "vitest";
import { struct, u32, u64 } from "../src/gen1.ts";
import { KernelBtf } from "../src/library/btf.ts";
import { differenceOf } from "../src/maps/compat.ts";
import { Memory } from "../src/memory.ts";
import { hostIsBigEndian } from "../src/memory/numbers.ts";

/** A type's record: name, kind, vlen, size or type, and the words behind. */
type Row = readonly [name: string, kind: number, vlen: number, value: number, ...words: (number | string)[]];

/** How long the types of a kind are, once and for each entry, as the BTF itself tells it. */
type Lengths = Readonly<Record<number, readonly [once: number, each: number]>>;

/** BTF as the kernel has it, with a header of 32 bytes where it tells lengths. */
function btfOf(rows: readonly Row[], lengths?: Lengths): Uint8Array {
  const strings = [0];
  const place = (word: number | string): number => {
    if (typeof word === "number") return word;
    if (word === "") return 0;
    const at = strings.length;
    strings.push(...new TextEncoder().encode(`${word}\0`));
    return at;
  };
  const words = rows.flatMap(([name, kind, vlen, value, ...rest]) =>
    [name, kind * 2 ** 24 + vlen, value, ...rest].map(place),
  );
  const header = lengths === undefined ? 24 : 32;
  const kinds = lengths === undefined ? 0 : Math.max(...Object.keys(lengths).map(Number)) + 1;
  const typesEnd = 4 * words.length;
  const layout = typesEnd + Math.ceil(strings.length / 4) * 4;
  const m = Memory.alloc(header + layout + 4 * kinds, { bigEndian: hostIsBigEndian });
  m.setU16(0, 0xeb9f);
  m.setU8(2, 1);
  const parts = [header, 0, typesEnd, typesEnd, strings.length, layout, 4 * kinds];
  parts.slice(0, header / 4 - 1).forEach((word, i) => m.setU32(4 + 4 * i, word));
  words.forEach((word, i) => m.setU32(header + 4 * i, word));
  m.u8s.set(strings, header + typesEnd);
  for (const [kind, [once, each]] of Object.entries(lengths ?? {})) {
    m.setU8(header + layout + 4 * Number(kind), once);
    m.setU8(header + layout + 4 * Number(kind) + 1, each);
  }
  return m.u8s;
}

const INT = 1;
const STRUCT = 4;
const NEWER = 20;

const int: Row = ["unsigned int", INT, 0, 4, 32];
const pair = struct("pair", 8, { a: [0, u32], b: [4, u32] });
/** `struct pair` behind the types before it, whose fields are of the types `a` and `b`. */
const pairOf = (a: number, b: number): Row => ["pair", STRUCT, 2, 8, "a", a, 0, "b", b, 32];

describe("the kernel's BTF of a map", () => {
  test("has structs of more members than 16 bits count", () => {
    const members = Array.from({ length: 70_000 }, (_, i) => [`m${i}`, 1, 32 * i] as const);
    const large: Row = ["large", STRUCT, members.length, 4 * members.length, ...members.flat()];
    const btf = KernelBtf.read(btfOf([int, large, pairOf(1, 1)]))!;
    expect(btf.members(2)).toHaveLength(70_000);
    expect(btf.members(2).at(-1)).toEqual({ name: "m69999", type: 1, bit: 32 * 69_999, width: 0 });
    expect(differenceOf(btf, 3, pair, "")).toBeUndefined();
  });

  test("has kinds that are not known, passed over by the length that it tells", () => {
    const newer: Row = ["new", NEWER, 3, 7, ...[1, 2], ...[3, 4, 5]];
    const once: Row = ["new", 127, 0, 7];
    const btf = KernelBtf.read(btfOf([newer, int, once, pairOf(2, 2)], { [NEWER]: [8, 4], 127: [0, 0] }))!;
    expect(differenceOf(btf, 4, pair, "")).toBeUndefined();
    expect(differenceOf(btf, 4, struct("pair", 8, { a: [0, u64] }), "")).toBe(
      "field a has 4 bytes in the kernel's map, 8 here",
    );
    expect([1, 2, 3, 4].map((id) => btf.isKnown(id))).toEqual([false, true, false, true]);
  });

  test("a field of a kind that is not known has a place and no size", () => {
    const newer: Row = ["new", NEWER, 0, 4];
    const btf = KernelBtf.read(btfOf([int, newer, pairOf(1, 2)], { [NEWER]: [0, 0] }))!;
    expect(btf.size(2)).toBeUndefined();
    expect(differenceOf(btf, 3, pair, "")).toBeUndefined();
    expect(differenceOf(btf, 2, pair, "")).toBeUndefined();
    expect(differenceOf(btf, 3, struct("pair", 8, { a: [0, u32] }), "")).toBe(
      "field b is in the kernel's map, not here",
    );
    const moved = struct("pair", 12, { a: [0, u32], b: [8, u32] });
    expect(differenceOf(btf, 3, moved, "")).toBe("field b is at 4 in the kernel's map, 8 here");
  });

  test.each<[string, Lengths | undefined]>([
    ["tells no lengths", undefined],
    ["tells those of other kinds", { 19: [0, 12] }],
  ])("is not read where it %s of a kind that is not known", (_, lengths) => {
    expect(KernelBtf.read(btfOf([int, ["new", NEWER, 0, 0], pairOf(1, 1)], lengths))).toBeUndefined();
  });
});
