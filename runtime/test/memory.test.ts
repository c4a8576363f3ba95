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

  const both = (v: DataView, at: number, x: bigint, littleEndian: boolean) => {
    v.setBigUint64(littleEndian ? at : at + 8, BigInt.asUintN(64, x), littleEndian);
    v.setBigUint64(littleEndian ? at + 8 : at, BigInt.asUintN(64, x >> 64n), littleEndian);
  };
  // The name, the bytes, the values, and what a DataView does with them.
  const rows = [
    ["u8", 1, small(unsigned(8)), "Uint8"],
    ["u16", 2, small(unsigned(16)), "Uint16"],
    ["u32", 4, small(unsigned(32)), "Uint32"],
    ["u64", 8, unsigned(64), "BigUint64"],
    ["u128", 16, unsigned(128), both],
    ["s8", 1, small(signed(8)), "Int8"],
    ["s16", 2, small(signed(16)), "Int16"],
    ["s32", 4, small(signed(32)), "Int32"],
    ["s64", 8, signed(64), "BigInt64"],
    ["s128", 16, signed(128), both],
    ["f32", 4, fc.float(), "Float32"],
    ["f64", 8, fc.double(), "Float64"],
    ["bool", 1, fc.boolean(), (v: DataView, at: number, x: boolean) => v.setUint8(at, x ? 1 : 0)],
    [
      "u64n",
      8,
      fc.maxSafeNat(),
      (v: DataView, at: number, x: number, le: boolean) => v.setBigUint64(at, BigInt(x), le),
    ],
    [
      "s64n",
      8,
      fc.maxSafeInteger(),
      (v: DataView, at: number, x: number, le: boolean) => v.setBigInt64(at, BigInt(x), le),
    ],
  ] as const;

  for (const [name, size, arbitrary, how] of rows) {
    const values = arbitrary as fc.Arbitrary<unknown>;
    const set = `set${name[0]!.toUpperCase()}${name.slice(1)}`;
    const methods = (m: Memory) => m as unknown as Record<string, (at: number, value?: unknown) => unknown>;
    const read = (m: Memory, at: number) => methods(m)[name]!(at);
    const write = (m: Memory, at: number, value: unknown) => methods(m)[set]!(at, value);
    const view = (v: DataView, at: number, value: unknown, littleEndian: boolean) =>
      typeof how === "string"
        ? v[`set${how}`](at, value as never, littleEndian)
        : how(v, at, value as never, littleEndian);

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
      expect(() => m.u64n(0)).toThrow(
        `expected u64 that a number holds exactly, got ${value}n (generate with --int64 bigint)`,
      );
    }
    for (const value of [2n ** 53n, -(2n ** 53n), -(2n ** 63n)]) {
      m.setS64(0, value);
      expect(() => m.s64n(0)).toThrow(
        `expected s64 that a number holds exactly, got ${value}n (generate with --int64 bigint)`,
      );
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
    [
      "s128 below",
      () => m.setS128(0, -(1n << 127n) - 1n),
      "expected s128, got -170141183460469231731687303715884105729n",
    ],
    ["u128 very long", () => m.setU128(0, 10n ** 60n), `expected u128, got 1${"0".repeat(47)}…`],
    ["bool number", () => m.setBool(0, 1 as never), "expected bool, got 1"],
    ["f64 string", () => m.setF64(0, "1" as never), 'expected f64, got "1"'],
    ["f32 bigint", () => m.setF32(0, 1n as never), "expected f32 as a number, got 1n (write 1)"],
    [
      "u64n above",
      () => m.setU64n(0, 2 ** 53),
      "expected u64 that a number holds exactly, got 9007199254740992 (generate with --int64 bigint)",
    ],
    ["u64n below", () => m.setU64n(0, -1), "expected u64, got -1"],
    ["s64n fraction", () => m.setS64n(0, 0.5), "expected s64, got 0.5"],
    ["u64n bigint", () => m.setU64n(0, 5n as never), "expected u64 as a number, got 5n (write 5)"],
    ["bits above", () => m.setBits(0, 0, 3, 8), "expected a 3-bit unsigned integer, got 8"],
    ["bits below", () => m.setBits(0, 0, 32, -1), "expected a 32-bit unsigned integer, got -1"],
    [
      "bits bigint",
      () => m.setBits(0, 0, 3, 1n as never),
      "expected a 3-bit unsigned integer as a number, got 1n (write 1)",
    ],
    [
      "bits undefined",
      () => m.setBits(0, 0, 3, undefined as never),
      "expected a 3-bit unsigned integer, got undefined",
    ],
    ["sbits above", () => m.setSbits(0, 0, 3, 4), "expected a 3-bit signed integer, got 4"],
    ["sbits below", () => m.setSbits(0, 0, 3, -5), "expected a 3-bit signed integer, got -5"],
    ["bits64 above", () => m.setBits64(0, 0, 40, 1n << 40n), "expected a 40-bit unsigned integer, got 1099511627776n"],
    [
      "bits64 number",
      () => m.setBits64(0, 0, 3, 5 as never),
      "expected a 3-bit unsigned integer as a bigint, got 5 (write 5n)",
    ],
    ["sbits64 below", () => m.setSbits64(0, 0, 3, -5n), "expected a 3-bit signed integer, got -5n"],
    ["wide bits above", () => m.setBits(0, 0, 40, 2 ** 40), "expected a 40-bit unsigned integer, got 1099511627776"],
    [
      "wide sbits below",
      () => m.setSbits(0, 0, 40, -(2 ** 39) - 1),
      "expected a 40-bit signed integer, got -549755813889",
    ],
    ["wide bits fraction", () => m.setBits(0, 0, 40, 0.5), "expected a 40-bit unsigned integer, got 0.5"],
    [
      "wide bits inexact",
      () => m.setBits(0, 0, 64, 2 ** 60),
      "expected a 64-bit unsigned integer that a number holds exactly, got 1152921504606847000 (generate with --int64 bigint)",
    ],
    ["flag number", () => m.setFlag(0, 0, 1, 1 as never), "expected bool, got 1"],
    ["chars number", () => m.setChars(0, 4, 5 as never), "expected a string, got 5"],
    ["chars too long", () => m.setChars(0, 4, "abcde"), "expected at most 4 bytes of UTF-8, got 5"],
    [
      "chars too long in UTF-8",
      () => m.setChars(0, 16, "ünïcödé ünïcödé"),
      "expected at most 16 bytes of UTF-8, got 23",
    ],
    ["chars split", () => m.setChars(0, 4, "abc€"), "expected at most 4 bytes of UTF-8, got 6"],
    [
      "chars NUL",
      () => m.setChars(0, 16, "a\0b"),
      'expected no NUL inside, got "a\\0b" (a C string ends at its first NUL)',
    ],
    [
      "chars trailing NUL",
      () => m.setChars(0, 16, "a\0"),
      'expected no NUL inside, got "a\\0" (a C string ends at its first NUL)',
    ],
    [
      "chars backslash",
      () => m.setChars(0, 16, "\\u0000\0"),
      'expected no NUL inside, got "\\\\u0000\\0" (a C string ends at its first NUL)',
    ],
    [
      "chars lone surrogate",
      () => m.setChars(0, 16, "ab\ud800c"),
      'expected well-formed text, got "ab\\ud800c" (a lone surrogate at 2)',
    ],
    [
      "chars escape of ASCII",
      () => m.setChars(0, 16, "\udc41"),
      'expected well-formed text, got "\\udc41" (a lone surrogate at 0)',
    ],
    [
      "chars escape of no byte",
      () => m.setChars(0, 16, "\udd00"),
      'expected well-formed text, got "\\udd00" (a lone surrogate at 0)',
    ],
    ["bytes list", () => m.setBytes(0, 4, [1, 2] as never), "expected a Uint8Array, got an array"],
    ["bytes words", () => m.setBytes(0, 4, new Uint16Array(2) as never), "expected a Uint8Array, got an object"],
    ["bytes too long", () => m.setBytes(0, 4, new Uint8Array(5)), "expected at most 4 bytes, got 5"],
    ["list object", () => m.setList(0, 4, u32, { length: 1 } as never), "expected an array, got an object"],
    ["list bytes", () => m.setList(0, 4, u32, new Uint8Array(1) as never), "expected an array, got a Uint8Array"],
    ["list function", () => m.setList(0, 4, u32, (() => 1) as never), "expected an array, got a function"],
    ["list too long", () => m.setList(0, 2, u32, [1, 2, 3]), "expected at most 2 elements, got 3"],
    ["long text", () => m.setU8(0, "x".repeat(49) as never), `expected u8, got "${"x".repeat(48)}"…`],
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

describe("text", () => {
  const read = (bytes: Uint8Array, n: number, keys: boolean, at = 0) => {
    const m = Memory.over(bytes);
    return (keys ? m.asKeys() : m).chars(at, n);
  };
  const ascii = (text: string) => new Uint8Array([...text].map((c) => c.charCodeAt(0)));

  // Few different bytes, so that sequences are often complete and NULs common.
  const byte = fc.oneof(
    fc.nat(255),
    fc.constantFrom(0, 0, 0x41, 0x7f, 0x80, 0x9f, 0xa0, 0xbf, 0xc1, 0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5),
  );
  const encoded = fc.string({ unit: "binary", maxLength: 20 }).map((text) => new TextEncoder().encode(text));
  const content = fc.oneof(
    fc.array(byte, { maxLength: 64 }).map((bytes) => new Uint8Array(bytes)),
    fc.array(encoded, { maxLength: 4 }).map((parts) => new Uint8Array(parts.flatMap((part) => [...part]).slice(0, 64))),
    fc.string({ unit: "binary-ascii", maxLength: 64 }).map(ascii),
  );

  it("brings every key's bytes back, at every length and offset", () => {
    fc.assert(
      fc.property(content, fc.nat(80), fc.nat(9), fc.boolean(), (bytes, more, at, bigEndian) => {
        const n = bytes.length + (more > 64 ? 0 : more);
        const m = Memory.alloc(160, { bigEndian }).asKeys();
        m.u8s.fill(0xee);
        m.zero(at, n);
        m.u8s.set(bytes, at);
        const before = bytesOf(m);
        const text = m.chars(at, n);
        expect(m.chars(at, n)).toBe(text); // from the cache
        m.u8s.fill(0xdd, at, at + n);
        m.setChars(at, n, text);
        expect(bytesOf(m)).toEqual(before);
      }),
      { numRuns: 1500 },
    );
  });

  it("reads a value up to its first NUL, and that part as a key would", () => {
    fc.assert(
      fc.property(content, fc.nat(9), (bytes, at) => {
        const m = Memory.alloc(96);
        m.u8s.set(bytes, at);
        const nul = bytes.indexOf(0);
        const end = nul < 0 ? bytes.length : nul;
        const text = m.chars(at, bytes.length);
        expect(text).toBe(m.asKeys().chars(at, bytes.length).split("\0")[0]);
        expect(text).toBe(m.chars(at, end));
        m.setChars(at, bytes.length, text);
        expect(bytesOf(m).slice(at, at + bytes.length)).toEqual([
          ...bytes.slice(0, end),
          ...new Array(bytes.length - end).fill(0),
        ]);
      }),
      { numRuns: 1500 },
    );
  });

  it("stores any text without NULs and lone surrogates as UTF-8", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 90 }), fc.nat(5), (any, more) => {
        const text = any.replaceAll("\0", "");
        const utf8 = new TextEncoder().encode(text);
        const n = utf8.length + more;
        const m = Memory.alloc(n + 2);
        m.setChars(1, n, text);
        expect(bytesOf(m)).toEqual([0, ...utf8, ...new Array(more + 1).fill(0)]);
        expect(m.chars(1, n)).toBe(text);
      }),
    );
  });

  const rows: [name: string, hex: string, text: string][] = [
    ["a whole char[16]", "31323334353637383930313233343536", "1234567890123456"],
    ["two, three and four bytes", "c3a9e282acf09f9880", "é€😀"],
    ["a byte order mark", "efbbbf61", "\ufeffa"],
    ["a real replacement character", "efbfbd", "\ufffd"],
    ["a replacement character beside a bad byte", "efbfbdff", "\ufffd\udcff"],
    ["a lone continuation", "6180", "a\udc80"],
    ["a cut sequence", "e28241", "\udce2\udc82A"],
    ["a sequence cut by the end", "61f09f98", "a\udcf0\udc9f\udc98"],
    ["an overlong slash", "c0af", "\udcc0\udcaf"],
    ["an overlong of three", "e09fbf", "\udce0\udc9f\udcbf"],
    ["a surrogate in UTF-8", "eda080", "\udced\udca0\udc80"],
    ["beyond U+10FFFF", "f4908080", "\udcf4\udc90\udc80\udc80"],
    ["latin1", "6dfc6c6c6572", "m\udcfcller"],
  ];
  for (const [name, hex, text] of rows) {
    it(`reads and writes ${name}`, () => {
      const bytes = new Uint8Array(Buffer.from(hex, "hex"));
      for (const n of [bytes.length, 16, 17, 64, 65, 200]) {
        const m = Memory.alloc(201);
        m.u8s.set(bytes, 1);
        expect(m.chars(1, n)).toBe(text);
        expect(m.asKeys().chars(1, n)).toBe(text);
        m.setChars(1, n, text);
        expect(Buffer.from(m.bytes(1, bytes.length)).toString("hex")).toBe(hex);
      }
    });
  }

  it("keeps a key's inner NULs and drops a value's rest", () => {
    const bytes = ascii("ab\0cd\0\0\0efghijkl");
    for (const [n, value, key] of [
      [8, "ab", "ab\0cd"],
      [16, "ab", "ab\0cd\0\0\0efghijkl"],
      [2, "ab", "ab"],
      [3, "ab", "ab"],
    ] as const) {
      for (let again = 0; again < 2; again++) {
        expect(read(bytes, n, false)).toBe(value);
        expect(read(bytes, n, true)).toBe(key);
      }
    }
  });

  it("does not mix up lengths that share their words", () => {
    const m = Memory.over(ascii("abcdefghijklmnopqrstuvwx".padEnd(72, "\0")));
    for (let round = 0; round < 2; round++) {
      for (let n = 0; n <= 72; n++) expect(m.chars(0, n)).toBe("abcdefghijklmnopqrstuvwx".slice(0, n));
      for (let n = 0; n <= 20; n++) expect(m.chars(3, n)).toBe("defghijklmnopqrstuvwx".slice(0, n));
    }
  });

  it("does not mix up byte orders", () => {
    for (const bigEndian of orders) {
      const m = Memory.over(ascii("abcdefghijklmnop"), { bigEndian });
      expect([m.chars(0, 16), m.chars(0, 8), m.chars(1, 4)]).toEqual(["abcdefghijklmnop", "abcdefgh", "bcde"]);
    }
  });

  it("does not depend on where the memory starts", () => {
    for (const skew of [0, 1, 2, 4, 7]) {
      for (const bigEndian of orders) {
        const m = shifted(80, skew, bigEndian);
        for (const n of [3, 4, 8, 15, 16, 20, 64, 70]) {
          const text = `${skew} ${n} abcdefghijklmnop`.slice(0, n);
          m.setChars(4, n, text);
          expect([m.chars(4, n), m.asKeys().chars(4, n)]).toEqual([text, text]);
          expect(Memory.alloc(n).chars(0, n)).toBe("");
        }
      }
    }
  });

  it("accepts a key's trailing NULs and refuses those that do not fit", () => {
    const m = Memory.alloc(4).asKeys();
    m.setChars(0, 4, "a\0b\0");
    expect(m.chars(0, 4)).toBe("a\0b");
    expect(() => m.setChars(0, 4, "a\0b\0\0")).toThrow("expected at most 4 bytes of UTF-8, got 5");
  });

  it("is a RangeError outside the region", () => {
    const m = Memory.alloc(80);
    for (const [at, n] of [
      [-1, 4],
      [-4, 4],
      [78, 4],
      [80, 16],
      [68, 16],
      [16, 65],
      [-8, 70],
    ] as const) {
      expect(() => m.chars(at, n)).toThrow(RangeError);
      expect(() => m.setChars(at, n, "")).toThrow(RangeError);
      expect(() => m.bytes(at, n)).toThrow(RangeError);
      expect(() => m.setBytes(at, n, new Uint8Array(1))).toThrow(RangeError);
      expect(() => m.zero(at, n)).toThrow(RangeError);
    }
    expect(m.chars(80, 0)).toBe("");
  });

  it("has one sibling for keys", () => {
    const m = Memory.alloc(8);
    expect(m.asKeys()).toBe(m.asKeys());
    expect(m.asKeys().asKeys()).toBe(m.asKeys());
    expect([m.keys, m.asKeys().keys]).toEqual([false, true]);
    m.asKeys().setU8(3, 7);
    expect(m.u8(3)).toBe(7);
  });
});

describe("bytes and lists", () => {
  it("copies bytes out", () => {
    const m = Memory.over(new Uint8Array([1, 2, 3]));
    const copy = m.bytes(0, 2);
    copy[0] = 9;
    expect([m.u8(0), copy.length]).toEqual([1, 2]);
  });

  it("zeroes what a shorter value leaves", () => {
    for (const n of [6, 80]) {
      const m = Memory.over(new Uint8Array(n + 2).fill(0xff));
      m.setBytes(1, n, new Uint8Array([1, 2]));
      expect(bytesOf(m)).toEqual([255, 1, 2, ...new Array(n - 2).fill(0), 255]);
    }
    const m = Memory.over(new Uint8Array(17).fill(0xff));
    m.setList(0, 4, u32, [1, 2]);
    expect(bytesOf(m)).toEqual([1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255]);
    expect(m.list(0, 4, u32)).toEqual([1, 2, 0, 0]);
  });

  it("takes bytes that overlap their place", () => {
    const m = Memory.over(new Uint8Array([1, 2, 3, 4, 5]));
    m.setBytes(1, 4, m.u8s.subarray(0, 3));
    expect(bytesOf(m)).toEqual([1, 1, 2, 3, 0]);
  });

  it("shares the bytes it is laid over, a Buffer's too", () => {
    const buffer = Buffer.from([1, 2, 3, 4]);
    Memory.over(buffer).setU16(2, 0xabcd);
    expect([...buffer]).toEqual([1, 2, 0xcd, 0xab]);
  });
});

describe("bitfields", () => {
  // The model: all the memory as one integer, the field cut out of it.
  const model = (bytes: readonly number[], bigEndian: boolean) =>
    (bigEndian ? bytes : [...bytes].reverse()).reduce((all, byte) => (all << 8n) | BigInt(byte), 0n);
  const shiftOf = (total: number, at: number, bit: number, width: number, bigEndian: boolean) =>
    BigInt(bigEndian ? total * 8 - (at * 8 + bit + width) : at * 8 + bit);

  const place = fc
    .tuple(fc.nat(6), fc.nat(20), fc.integer({ min: 1, max: 64 }), fc.boolean())
    .map(([at, bit, width, bigEndian]) => ({ at, bit, width, bigEndian }));
  const bytes = fc.array(fc.nat(255), { minLength: 20, maxLength: 20 });

  it("read as a slice of one big integer", () => {
    fc.assert(
      fc.property(place, bytes, ({ at, bit, width, bigEndian }, content) => {
        const m = Memory.over(new Uint8Array(content), { bigEndian });
        const field = BigInt.asUintN(width, model(content, bigEndian) >> shiftOf(20, at, bit, width, bigEndian));
        const signed = BigInt.asIntN(width, field);
        expect(m.bits64(at, bit, width)).toBe(field);
        expect(m.sbits64(at, bit, width)).toBe(signed);
        expect(m.flag(at, bit, width > 32 ? 32 : width)).toBe(m.bits(at, bit, width > 32 ? 32 : width) !== 0);
        for (const [value, read] of [
          [field, () => m.bits(at, bit, width)],
          [signed, () => m.sbits(at, bit, width)],
        ] as const) {
          if (Number.isSafeInteger(Number(value))) expect(read()).toBe(Number(value));
          else expect(read).toThrow(`that a number holds exactly, got ${value}n`);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it("write their own bits and no other", () => {
    fc.assert(
      fc.property(
        place,
        bytes,
        fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
        fc.boolean(),
        ({ at, bit, width, bigEndian }, content, any, narrow) => {
          const m = Memory.over(new Uint8Array(content), { bigEndian });
          const value = BigInt.asUintN(narrow ? Math.min(width, 53) : width, any);
          const signed = BigInt.asIntN(width, value);
          const shift = shiftOf(20, at, bit, width, bigEndian);
          const mask = ((1n << BigInt(width)) - 1n) << shift;
          const expected = (model(content, bigEndian) & ~mask) | (value << shift);
          const writes = [() => m.setBits64(at, bit, width, value), () => m.setSbits64(at, bit, width, signed)];
          if (Number.isSafeInteger(Number(value))) writes.push(() => m.setBits(at, bit, width, Number(value)));
          if (Number.isSafeInteger(Number(signed))) writes.push(() => m.setSbits(at, bit, width, Number(signed)));
          if (width === 1) writes.push(() => m.setFlag(at, bit, width, value === 1n));
          for (const write of writes) {
            m.u8s.set(content);
            write();
            expect(model(bytesOf(m), bigEndian)).toBe(expected);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  it("are a RangeError outside the region", () => {
    for (const bigEndian of orders) {
      const m = Memory.alloc(4, { bigEndian });
      expect(m.bits(3, 0, 8)).toBe(0);
      for (const [at, bit, width] of [
        [3, 1, 8],
        [0, 1, 32],
        [-1, 0, 8],
        [4, 0, 1],
        [0, 0, 33],
      ] as const) {
        expect(() => m.bits(at, bit, width)).toThrow(RangeError);
        expect(() => m.setBits(at, bit, width, 0)).toThrow(RangeError);
        expect(() => m.bits64(at, bit, width)).toThrow(RangeError);
        expect(() => m.setSbits64(at, bit, width, 0n)).toThrow(RangeError);
      }
    }
  });
});
