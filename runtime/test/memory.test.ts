// Memory: numbers at every alignment in both byte orders, text, bitfields, and what happens outside the region.

import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { u32 } from "../src/codec/scalars.ts";
import { isValueError } from "../src/errors.ts";
import { Memory } from "../src/memory.ts";

const orders = [false, true];
const bytesOf = (m: Memory) => [...m.u8s];

/** A memory of `size` bytes whose start is `skew` bytes off an 8-byte boundary. */
const shifted = (size: number, skew: number, bigEndian: boolean) =>
  Memory.over(new Uint8Array(size + skew).subarray(skew), { bigEndian });

describe("numbers", () => {
  const signed = (bits: number) => fc.bigInt({ min: -(1n << BigInt(bits - 1)), max: (1n << BigInt(bits - 1)) - 1n });
  const unsigned = (bits: number) => fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n });
  const small = (arbitrary: fc.Arbitrary<bigint>) => arbitrary.map(Number);

  interface Kind<T> {
    name: string;
    size: number;
    values: fc.Arbitrary<T>;
    read(m: Memory, at: number): T;
    write(m: Memory, at: number, value: T): void;
    view(view: DataView, at: number, value: T, littleEndian: boolean): void;
  }
  const kind = <T>(kind: Kind<T>): Kind<unknown> => kind as Kind<unknown>;
  const halves = (v: DataView, at: number, x: bigint, le: boolean) => {
    v.setBigUint64(le ? at : at + 8, BigInt.asUintN(64, x), le);
    v.setBigUint64(le ? at + 8 : at, BigInt.asUintN(64, x >> 64n), le);
  };
  const kinds = [
    kind<number>({ name: "u8", size: 1, values: small(unsigned(8)), read: (m, a) => m.u8(a), write: (m, a, x) => m.setU8(a, x), view: (v, a, x) => v.setUint8(a, x) }),
    kind<number>({ name: "u16", size: 2, values: small(unsigned(16)), read: (m, a) => m.u16(a), write: (m, a, x) => m.setU16(a, x), view: (v, a, x, le) => v.setUint16(a, x, le) }),
    kind<number>({ name: "u32", size: 4, values: small(unsigned(32)), read: (m, a) => m.u32(a), write: (m, a, x) => m.setU32(a, x), view: (v, a, x, le) => v.setUint32(a, x, le) }),
    kind<bigint>({ name: "u64", size: 8, values: unsigned(64), read: (m, a) => m.u64(a), write: (m, a, x) => m.setU64(a, x), view: (v, a, x, le) => v.setBigUint64(a, x, le) }),
    kind<bigint>({ name: "u128", size: 16, values: unsigned(128), read: (m, a) => m.u128(a), write: (m, a, x) => m.setU128(a, x), view: halves }),
    kind<number>({ name: "s8", size: 1, values: small(signed(8)), read: (m, a) => m.s8(a), write: (m, a, x) => m.setS8(a, x), view: (v, a, x) => v.setInt8(a, x) }),
    kind<number>({ name: "s16", size: 2, values: small(signed(16)), read: (m, a) => m.s16(a), write: (m, a, x) => m.setS16(a, x), view: (v, a, x, le) => v.setInt16(a, x, le) }),
    kind<number>({ name: "s32", size: 4, values: small(signed(32)), read: (m, a) => m.s32(a), write: (m, a, x) => m.setS32(a, x), view: (v, a, x, le) => v.setInt32(a, x, le) }),
    kind<bigint>({ name: "s64", size: 8, values: signed(64), read: (m, a) => m.s64(a), write: (m, a, x) => m.setS64(a, x), view: (v, a, x, le) => v.setBigInt64(a, x, le) }),
    kind<bigint>({ name: "s128", size: 16, values: signed(128), read: (m, a) => m.s128(a), write: (m, a, x) => m.setS128(a, x), view: halves }),
    kind<number>({ name: "f32", size: 4, values: fc.float(), read: (m, a) => m.f32(a), write: (m, a, x) => m.setF32(a, x), view: (v, a, x, le) => v.setFloat32(a, x, le) }),
    kind<number>({ name: "f64", size: 8, values: fc.double(), read: (m, a) => m.f64(a), write: (m, a, x) => m.setF64(a, x), view: (v, a, x, le) => v.setFloat64(a, x, le) }),
    kind<boolean>({ name: "bool", size: 1, values: fc.boolean(), read: (m, a) => m.bool(a), write: (m, a, x) => m.setBool(a, x), view: (v, a, x) => v.setUint8(a, x ? 1 : 0) }),
    kind<number>({ name: "u64n", size: 8, values: fc.maxSafeNat(), read: (m, a) => m.u64n(a), write: (m, a, x) => m.setU64n(a, x), view: (v, a, x, le) => v.setBigUint64(a, BigInt(x), le) }),
    kind<number>({ name: "s64n", size: 8, values: fc.maxSafeInteger(), read: (m, a) => m.s64n(a), write: (m, a, x) => m.setS64n(a, x), view: (v, a, x, le) => v.setBigInt64(a, BigInt(x), le) }),
  ];

  for (const { name, size, values, read, write, view } of kinds) {
    it(`${name}: as a DataView, at every alignment, in both byte orders`, () => {
      fc.assert(
        fc.property(values, fc.nat(15), fc.nat(7), fc.boolean(), (value, at, skew, bigEndian) => {
          const m = shifted(33, skew, bigEndian);
          const expected = new DataView(new ArrayBuffer(33));
          m.u8s.fill(0xa5);
          new Uint8Array(expected.buffer).fill(0xa5);
          write(m, at, value);
          view(expected, at, value, !bigEndian);
          expect(bytesOf(m)).toEqual([...new Uint8Array(expected.buffer)]);
          expect(read(m, at)).toBe(value);
        }),
      );
    });

    it(`${name}: a RangeError outside the region`, () => {
      for (const bigEndian of orders) {
        for (const bytes of [size * 3, size * 3 + 1]) {
          const m = Memory.alloc(bytes, { bigEndian });
          const value = fc.sample(values, { numRuns: 1, seed: 1 })[0];
          for (const at of [-1, -size, -64, bytes - size + 1, bytes, bytes + 64]) {
            expect(() => read(m, at)).toThrow(RangeError);
            expect(() => write(m, at, value)).toThrow(RangeError);
          }
          expect(bytesOf(m).every((byte) => byte === 0)).toBe(true);
        }
      }
    });
  }

  it("reads any byte but 0 as true", () => {
    const m = Memory.over(new Uint8Array([0, 1, 2, 255]));
    expect([0, 1, 2, 3].map((at) => m.bool(at))).toEqual([false, true, true, true]);
  });

  it("refuses a number that a 64-bit integer cannot be", () => {
    const m = Memory.alloc(8);
    for (const value of [2n ** 53n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n]) {
      m.setU64(0, value);
      expect(() => m.u64n(0)).toThrow(`expected u64 that a number holds exactly, got ${value}n (generate with --int64 bigint)`);
    }
    for (const value of [2n ** 53n, -(2n ** 53n), -(2n ** 63n)]) {
      m.setS64(0, value);
      expect(() => m.s64n(0)).toThrow(`expected s64 that a number holds exactly, got ${value}n (generate with --int64 bigint)`);
    }
  });

  it("accepts -0 as 0", () => {
    const m = Memory.alloc(8);
    m.setU32(0, -0);
    m.setS64n(0, -0);
    m.setS8(0, -0);
    expect(bytesOf(m)).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  });
});

describe("refusals", () => {
  const m = Memory.alloc(64);
  const rows: [name: string, write: () => void, message: string][] = [
    ["u8 above", () => m.setU8(0, 256), "expected u8, got 256"],
    ["u16 below", () => m.setU16(0, -1), "expected u16, got -1"],
    ["u32 above", () => m.setU32(0, 2 ** 32), "expected u32, got 4294967296"],
    ["u32 fraction", () => m.setU32(0, 1.5), "expected u32, got 1.5"],
    ["u32 NaN", () => m.setU32(0, NaN), "expected u32, got NaN"],
    ["u32 string", () => m.setU32(0, "1" as never), 'expected u32, got "1"'],
    ["u32 bigint", () => m.setU32(0, 5n as never), "expected u32 as a number, got 5n (write 5)"],
    ["u32 huge bigint", () => m.setU32(0, (1n << 64n) as never), "expected u32 as a number, got 18446744073709551616n"],
    ["u32 undefined", () => m.setU32(0, undefined as never), "expected u32, got undefined"],
    ["u32 null", () => m.setU32(0, null as never), "expected u32, got null"],
    ["u32 symbol", () => m.setU32(0, Symbol("x") as never), "expected u32, got Symbol(x)"],
    ["u32 object", () => m.setU32(0, { valueOf: () => expect.fail("called") } as never), "expected u32, got an object"],
    ["s8 above", () => m.setS8(0, 128), "expected s8, got 128"],
    ["s16 below", () => m.setS16(0, -32769), "expected s16, got -32769"],
    ["s32 above", () => m.setS32(0, 2 ** 31), "expected s32, got 2147483648"],
    ["u64 number", () => m.setU64(0, 5 as never), "expected u64 as a bigint, got 5 (write 5n)"],
    ["u64 fraction", () => m.setU64(0, 0.5 as never), "expected u64 as a bigint, got 0.5"],
    ["u64 negative number", () => m.setU64(0, -5 as never), "expected u64 as a bigint, got -5"],
    ["s64 negative number", () => m.setS64(0, -5 as never), "expected s64 as a bigint, got -5 (write -5n)"],
    ["u64 below", () => m.setU64(0, -1n), "expected u64, got -1n"],
    ["u64 above", () => m.setU64(0, 1n << 64n), "expected u64, got 18446744073709551616n"],
    ["s64 above", () => m.setS64(0, 1n << 63n), "expected s64, got 9223372036854775808n"],
    ["u128 above", () => m.setU128(0, 1n << 128n), "expected u128, got 340282366920938463463374607431768211456n"],
    ["s128 below", () => m.setS128(0, -(1n << 127n) - 1n), "expected s128, got -170141183460469231731687303715884105729n"],
    ["u128 very long", () => m.setU128(0, 10n ** 60n), "expected u128, got 1000000000000000000000000000000000000000…"],
    ["bool number", () => m.setBool(0, 1 as never), "expected bool, got 1"],
    ["f64 string", () => m.setF64(0, "1" as never), 'expected f64, got "1"'],
    ["f32 bigint", () => m.setF32(0, 1n as never), "expected f32 as a number, got 1n (write 1)"],
    ["u64n above", () => m.setU64n(0, 2 ** 53), "expected u64 that a number holds exactly, got 9007199254740992 (generate with --int64 bigint)"],
    ["u64n below", () => m.setU64n(0, -1), "expected u64, got -1"],
    ["s64n fraction", () => m.setS64n(0, 0.5), "expected s64, got 0.5"],
    ["u64n bigint", () => m.setU64n(0, 5n as never), "expected u64 as a number, got 5n (write 5)"],
    ["bits above", () => m.setBits(0, 0, 3, 8), "expected a 3-bit unsigned integer, got 8"],
    ["bits below", () => m.setBits(0, 0, 32, -1), "expected a 32-bit unsigned integer, got -1"],
    ["bits bigint", () => m.setBits(0, 0, 3, 1n as never), "expected a 3-bit unsigned integer as a number, got 1n (write 1)"],
    ["bits undefined", () => m.setBits(0, 0, 3, undefined as never), "expected a 3-bit unsigned integer, got undefined"],
    ["sbits above", () => m.setSbits(0, 0, 3, 4), "expected a 3-bit signed integer, got 4"],
    ["sbits below", () => m.setSbits(0, 0, 3, -5), "expected a 3-bit signed integer, got -5"],
    ["bits64 above", () => m.setBits64(0, 0, 40, 1n << 40n), "expected a 40-bit unsigned integer, got 1099511627776n"],
    ["bits64 number", () => m.setBits64(0, 0, 3, 5 as never), "expected a 3-bit unsigned integer as a bigint, got 5 (write 5n)"],
    ["sbits64 below", () => m.setSbits64(0, 0, 3, -5n), "expected a 3-bit signed integer, got -5n"],
    ["wide bits above", () => m.setBits(0, 0, 40, 2 ** 40), "expected a 40-bit unsigned integer, got 1099511627776"],
    ["wide sbits below", () => m.setSbits(0, 0, 40, -(2 ** 39) - 1), "expected a 40-bit signed integer, got -549755813889"],
    ["wide bits fraction", () => m.setBits(0, 0, 40, 0.5), "expected a 40-bit unsigned integer, got 0.5"],
    ["wide bits inexact", () => m.setBits(0, 0, 64, 2 ** 60), "expected a 64-bit unsigned integer that a number holds exactly, got 1152921504606846976 (generate with --int64 bigint)"],
    ["flag number", () => m.setFlag(0, 0, 1, 1 as never), "expected bool, got 1"],
    ["chars number", () => m.setChars(0, 4, 5 as never), "expected a string, got 5"],
    ["chars too long", () => m.setChars(0, 4, "abcde"), "expected at most 4 bytes of UTF-8, got 5"],
    ["chars too long in UTF-8", () => m.setChars(0, 16, "ünïcödé ünïcödé"), "expected at most 16 bytes of UTF-8, got 23"],
    ["chars split", () => m.setChars(0, 4, "abc€"), "expected at most 4 bytes of UTF-8, got 6"],
    ["chars NUL", () => m.setChars(0, 16, "a\0b"), 'expected no NUL inside, got "a\\0b" (a C string ends at its first NUL)'],
    ["chars trailing NUL", () => m.setChars(0, 16, "a\0"), 'expected no NUL inside, got "a\\0" (a C string ends at its first NUL)'],
    ["chars backslash", () => m.setChars(0, 16, "\\u0000\0"), 'expected no NUL inside, got "\\\\u0000\\0" (a C string ends at its first NUL)'],
    ["chars lone surrogate", () => m.setChars(0, 16, "ab\ud800c"), 'expected well-formed text, got "ab\\ud800c" (a lone surrogate at 2)'],
    ["chars escape of ASCII", () => m.setChars(0, 16, "\udc41"), 'expected well-formed text, got "\\udc41" (a lone surrogate at 0)'],
    ["bytes list", () => m.setBytes(0, 4, [1, 2] as never), "expected a Uint8Array, got an array"],
    ["bytes words", () => m.setBytes(0, 4, new Uint16Array(2) as never), "expected a Uint8Array, got an object"],
    ["bytes too long", () => m.setBytes(0, 4, new Uint8Array(5)), "expected at most 4 bytes, got 5"],
    ["list object", () => m.setList(0, 4, u32, { length: 1 } as never), "expected an array, got an object"],
    ["list bytes", () => m.setList(0, 4, u32, new Uint8Array(1) as never), "expected an array, got a Uint8Array"],
    ["list function", () => m.setList(0, 4, u32, (() => 1) as never), "expected an array, got a function"],
    ["list too long", () => m.setList(0, 2, u32, [1, 2, 3]), "expected at most 2 elements, got 3"],
    ["long text", () => m.setU8(0, "x".repeat(41) as never), `expected u8, got "${"x".repeat(40)}"…`],
  ];
  for (const [name, write, message] of rows) {
    test(name, () => {
      let error: unknown;
      try {
        write();
      } catch (e) {
        error = e;
      }
      if (!isValueError(error)) throw error ?? new Error("nothing was thrown");
      expect([error.message, error.path]).toEqual([message, ""]);
    });
  }
});
