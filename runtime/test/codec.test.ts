// Codecs: bytes of every type in both byte orders, exact error texts, and the properties that callers rely on.

import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { bytes, chars, list } from "../src/codec/arrays.ts";
import { bits } from "../src/codec/bits.ts";
import { readChecked, writeChecked } from "../src/codec/checked.ts";
import type { Codec } from "../src/codec/codec.ts";
import { fieldsOf } from "../src/codec/fields.ts";
import { key } from "../src/codec/key.ts";
import { nameOf, ntohl, ntohll, ntohs, toJson } from "../src/codec/present.ts";
import * as scalars from "../src/codec/scalars.ts";
import { type FastPart, type FieldTable, struct } from "../src/codec/struct.ts";
import { fixed, tail } from "../src/codec/tail.ts";
import { isValueError, ValueError } from "../src/errors.ts";
import { Memory } from "../src/memory.ts";

const { bool, u8, u16, u32, u64, u128, s8, s16, s32, s64, s128, f32, f64, u64n, s64n } = scalars;
const hexOf = (value: Uint8Array) => Buffer.from(value).toString("hex");
const fromHex = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));

/** `value` is `little` (`big`) in memory: encoded, decoded, and written and read at an odd offset. */
function assertCodec<T>(codec: Codec<T>, value: T, little: string, big?: string): void {
  expect(hexOf(codec.encode(value))).toBe(little);
  expect(codec.decode(fromHex(little))).toEqual(value);
  expect(codec.decode(fromHex(`${little}ffff`))).toEqual(value);
  expect(codec.size).toBe(little.length / 2);
  for (const [hex, bigEndian] of [
    [little, false],
    [big, true],
  ] as const) {
    if (hex === undefined) continue;
    for (const at of [8, 3]) {
      const m = Memory.alloc(at + codec.size + 1, { bigEndian });
      codec.write(m, at, value);
      expect(hexOf(m.u8s)).toBe(`${"00".repeat(at)}${hex}00`);
      expect(codec.read(m, at)).toEqual(value);
      m.u8s.fill(0);
      codec.check(m, at, value, "x");
      expect(hexOf(m.u8s)).toBe(`${"00".repeat(at)}${hex}00`);
    }
  }
}

const messageOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (!isValueError(error)) throw error;
    // The message starts with the path, where there is one.
    expect(error.message.startsWith(error.path)).toBe(true);
    return error.message;
  }
  throw new Error("nothing was thrown");
};

interface Point {
  x: number;
  y: number;
}
const Point = struct<Point>("point", 8, () => ({ x: [0, s32], y: [4, s32] }), {
  read: (m, at) => ({ x: m.s32(at), y: m.s32(at + 4) }),
  write(m, at, v) {
    m.setS32(at, v.x);
    m.setS32(at + 4, v.y);
  },
});

interface Event {
  pid: number;
  ts: bigint;
  comm: string;
  list: readonly Point[];
  mac: Uint8Array;
  ok: boolean;
  kind: bigint;
}
const table = (): FieldTable<Event> => ({
  pid: [0, u32],
  ts: [8, u64],
  comm: [16, chars(16)],
  list: [32, list(2, Point)],
  mac: [48, bytes(6)],
  ok: [54, bool],
  kind: [55, bits(2, 3, u64)],
});
const fast: FastPart<Event> = {
  read: (m, at) => ({
    pid: m.u32(at),
    ts: m.u64(at + 8),
    comm: m.chars(at + 16, 16),
    list: m.list(at + 32, 2, Point),
    mac: m.bytes(at + 48, 6),
    ok: m.bool(at + 54),
    kind: m.bits64(at + 55, 2, 3),
  }),
  write(m, at, v) {
    m.setU32(at, v.pid);
    m.setU64(at + 8, v.ts);
    m.setChars(at + 16, 16, v.comm);
    m.setList(at + 32, 2, Point, v.list);
    m.setBytes(at + 48, 6, v.mac);
    m.setBool(at + 54, v.ok);
    m.setBits64(at + 55, 2, 3, v.kind);
  },
};
const Event = struct<Event>("event", 56, table, fast);
const EventByTable = struct<Event>("event", 56, table);
const event: Event = {
  pid: 42,
  ts: 5n,
  comm: "bash",
  list: [
    { x: 1, y: -2 },
    { x: 3, y: 4 },
  ],
  mac: new Uint8Array([1, 2, 3, 4, 5, 6]),
  ok: true,
  kind: 5n,
};
const eventHex =
  "2a00000000000000" +
  "0500000000000000" +
  "62617368000000000000000000000000" +
  "01000000feffffff" +
  "0300000004000000" +
  "010203040506" +
  "01" +
  "14";

describe("bytes of every type", () => {
  const rows: [name: string, check: () => void][] = [
    ["bool", () => assertCodec(bool, true, "01", "01")],
    ["u8", () => assertCodec(u8, 0xab, "ab", "ab")],
    ["u16", () => assertCodec(u16, 0x1234, "3412", "1234")],
    ["u32", () => assertCodec(u32, 0xdeadbeef, "efbeadde", "deadbeef")],
    ["u64", () => assertCodec(u64, 0x0123456789abcdefn, "efcdab8967452301", "0123456789abcdef")],
    [
      "u128",
      () =>
        assertCodec(
          u128,
          0x0102030405060708090a0b0c0d0e0f10n,
          "100f0e0d0c0b0a090807060504030201",
          "0102030405060708090a0b0c0d0e0f10",
        ),
    ],
    ["s8", () => assertCodec(s8, -2, "fe", "fe")],
    ["s16", () => assertCodec(s16, -2, "feff", "fffe")],
    ["s32", () => assertCodec(s32, -2, "feffffff", "fffffffe")],
    ["s64", () => assertCodec(s64, -2n, "feffffffffffffff", "fffffffffffffffe")],
    ["s128", () => assertCodec(s128, -2n, `fe${"ff".repeat(15)}`, `${"ff".repeat(15)}fe`)],
    ["f32", () => assertCodec(f32, 1.5, "0000c03f", "3fc00000")],
    ["f64", () => assertCodec(f64, -1.5, "000000000000f8bf", "bff8000000000000")],
    ["u64n", () => assertCodec(u64n, 2 ** 53 - 1, "ffffffffffff1f00", "001fffffffffffff")],
    ["s64n", () => assertCodec(s64n, -(2 ** 53) + 1, "010000000000e0ff", "ffe0000000000001")],
    ["chars", () => assertCodec(chars(6), "né", "6ec3a9000000", "6ec3a9000000")],
    ["chars(0)", () => assertCodec(chars(0), "", "", "")],
    ["bytes", () => assertCodec(bytes(3), new Uint8Array([1, 2, 3]), "010203", "010203")],
    ["list", () => assertCodec(list(3, u16), [1, 2, 3], "010002000300", "000100020003")],
    ["list(0)", () => assertCodec(list(0, u16), [], "", "")],
    [
      "nested list",
      () =>
        assertCodec(
          list(2, list(2, u8)),
          [
            [1, 2],
            [3, 4],
          ],
          "01020304",
          "01020304",
        ),
    ],
    ["bits", () => assertCodec(bits(2, 3, u32), 5, "14", "28")],
    ["signed bits", () => assertCodec(bits(6, 4, s16), -3, "4003", "0340")],
    ["bits of a u64", () => assertCodec(bits(0, 40, u64), 0x0102030405n, "0504030201", "0102030405")],
    ["signed bits of an s64", () => assertCodec(bits(4, 4, s64), -1n, "f0", "0f")],
    ["bits of a u64 as a number", () => assertCodec(bits(0, 40, u64n), 0x0102030405, "0504030201", "0102030405")],
    ["a bool bit", () => assertCodec(bits(7, 1, bool), true, "80", "01")],
    ["struct", () => assertCodec(Event, event, eventHex)],
    ["struct by its table", () => assertCodec(EventByTable, event, eventHex)],
    ["key", () => assertCodec(key(list(2, chars(4))), ["a\0b", "c"], "6100620063000000")],
  ];
  for (const [name, check] of rows) test(name, check);
});

describe("names and identity", () => {
  const nested = list(3, list(4, u32));
  const rows: [Codec<unknown, never>, string, number][] = [
    [u64n, "u64", 8],
    [chars(16), "char[16]", 16],
    [bytes(6), "u8[6]", 6],
    [list(4, u32), "u32[4]", 16],
    [nested, "u32[3][4]", 48],
    [list(2, nested), "u32[2][3][4]", 96],
    [list(3, chars(16)), "char[3][16]", 48],
    [list(2, Event), "event[2]", 112],
    [bits(3, 5, s64), "s64:5", 1],
    [bits(7, 64, u64), "u64:64", 9],
    [key(Event), "event", 56],
    [struct(4, { a: [0, u32] }), "struct", 4],
  ];
  for (const [codec, name, size] of rows) {
    test(name, () => expect([codec.name, codec.size, Object.isFrozen(codec)]).toEqual([name, size, true]));
  }

  it("makes each array and bitfield once", () => {
    expect(chars(16)).toBe(chars(16));
    expect(bytes(6)).toBe(bytes(6));
    expect(list(4, u32)).toBe(list(4, u32));
    expect(list(4, u32)).not.toBe(list(4, s32));
    expect(bits(1, 2, u32)).toBe(bits(1, 2, u32));
    expect(bits(1, 2, u32)).not.toBe(bits(2, 1, u32));
  });

  it("makes each key once, and none where no text is", () => {
    expect(key(Event)).toBe(key(Event));
    expect(key(key(Event))).toBe(key(Event));
    expect(key(Event)).not.toBe(Event);
    expect(key(list(2, chars(4)))).not.toBe(list(2, chars(4)));
    for (const codec of [u32, Point, bytes(4), list(2, Point), bits(0, 1, u8)] as Codec<unknown>[]) {
      expect(key(codec)).toBe(codec);
    }
  });

  it("asks for a table only when it is needed", () => {
    let asked = 0;
    const lazy = struct<Point>("point", 8, () => (asked++, { x: [0, s32], y: [4, s32] }), {
      read: (m, at) => ({ x: m.s32(at), y: 0 }),
      write: (m, at, v) => m.setS32(at, v.x),
    });
    lazy.decode(lazy.encode({ x: 1, y: 2 }));
    expect(asked).toBe(0);
    expect(fieldsOf(lazy)?.map(({ name, offset, codec }) => [name, offset, codec.name])).toEqual([
      ["x", 0, "s32"],
      ["y", 4, "s32"],
    ]);
    lazy.bytes(new Uint8Array(8));
    expect(asked).toBe(1);
    expect(fieldsOf(u32)).toBeUndefined();
    expect(fieldsOf(key(Event))?.find(({ name }) => name === "comm")?.codec).toBe(key(chars(16)));
  });

  it("refuses lengths, bitfields and tables that cannot be", () => {
    for (const n of [-1, 1.5, NaN, 2 ** 31]) {
      for (const make of [chars, bytes, (n: number) => list(n, u32)]) {
        expect(() => make(n)).toThrow(new RangeError(`expected an array length, got ${n}`));
      }
    }
    expect(() => bits(0, 9, u8)).toThrow("expected a bitfield inside a u8, got 9 bits at bit 0");
    expect(() => bits(-1, 3, u8)).toThrow("expected a bitfield inside a u8, got 3 bits at bit -1");
    expect(() => bits(0, 3, f32)).toThrow("expected an integer's or bool's codec for a bitfield, got f32's");
    expect(messageOf(() => struct(8, { a: [0, u32], b: [4, u64] }))).toBe(
      "struct.b: expected a field inside 8 bytes, got 8 bytes at 4",
    );
    const late = struct<{ a: number }>("late", 2, () => ({ a: [0, u32] }));
    expect(messageOf(() => late.zero())).toBe("late.a: expected a field inside 2 bytes, got 4 bytes at 0");
  });
});

describe("errors", () => {
  const wrong = (change: object) => ({ ...event, ...change }) as Event;
  const without = ({ pid: _, ...rest }: Event) => rest as Event;
  const encode =
    <Init>(codec: Codec<unknown, Init>, value: unknown) =>
    () =>
      codec.encode(value as Init);
  const structs: [value: unknown, message: string][] = [
    [wrong({ pid: -1 }), "event.pid: expected u32, got -1"],
    [without(event), "event.pid: expected u32, got undefined (missing)"],
    [wrong({ ts: 5 }), "event.ts: expected u64 as a bigint, got 5 (write 5n)"],
    [wrong({ pid: 5n }), "event.pid: expected u32 as a number, got 5n (write 5)"],
    [wrong({ comm: "x".repeat(20) }), "event.comm: expected at most 16 bytes of UTF-8, got 20"],
    [wrong({ comm: "a\0b" }), 'event.comm: expected no NUL inside, got "a\\0b" (a C string ends at its first NUL)'],
    [wrong({ comm: "\ud800" }), 'event.comm: expected well-formed text, got "\\ud800" (a lone surrogate at 0)'],
    [wrong({ comm: 5 }), "event.comm: expected a string, got 5"],
    [wrong({ list: [event.list[0], { x: 1, y: 0.5 }] }), "event.list[1].y: expected s32, got 0.5"],
    [wrong({ list: [{ x: 1 }] }), "event.list[0].y: expected s32, got undefined (missing)"],
    [wrong({ list: [event.list[0], undefined] }), "event.list[1]: expected an object, got undefined"],
    [wrong({ list: [null] }), "event.list[0]: expected an object, got null"],
    [wrong({ list: [...event.list, ...event.list] }), "event.list: expected at most 2 elements, got 4"],
    [wrong({ list: 5 }), "event.list: expected an array, got 5"],
    [wrong({ list: undefined }), "event.list: expected point[2], got undefined (missing)"],
    [wrong({ mac: new Uint8Array(7) }), "event.mac: expected at most 6 bytes, got 7"],
    [wrong({ mac: [1, 2, 3] }), "event.mac: expected a Uint8Array, got an array"],
    [wrong({ ok: 1 }), "event.ok: expected bool, got 1"],
    [wrong({ kind: 8n }), "event.kind: expected a 3-bit unsigned integer, got 8n"],
    [wrong({ kind: undefined }), "event.kind: expected u64:3, got undefined (missing)"],
    [null, "event: expected an object, got null"],
    [undefined, "event: expected an object, got undefined"],
    ["abc", 'event: expected an object, got "abc"'],
    [5, "event: expected an object, got 5"],
  ];
  for (const [value, message] of structs) {
    test(message, () => {
      expect(messageOf(encode(Event, value))).toBe(message);
      expect(messageOf(encode(EventByTable, value))).toBe(message);
      const inList = message.replace("event", "[0]");
      expect(messageOf(encode(list(1, Event), [value]))).toBe(inList);
    });
  }

  const others: [Codec<unknown, never>, unknown, message: string][] = [
    [u32, -1, "expected u32, got -1"],
    [list(4, u32), [1, -1], "[1]: expected u32, got -1"],
    [list(2, list(2, u32)), [[1], [1, 2, 3]], "[1]: expected at most 2 elements, got 3"],
    [list(2, list(2, u32)), [[1], [1, "2"]], '[1][1]: expected u32, got "2"'],
    // A hole is no value.
    [list(2, u32), new Array(2), "[0]: expected u32, got undefined"],
    [key(chars(4)), "abcde", "expected at most 4 bytes of UTF-8, got 5"],
    [key(Event), wrong({ comm: "x\0".repeat(9) }), "event.comm: expected at most 16 bytes of UTF-8, got 18"],
    [bits(0, 3, s32), 4, "expected a 3-bit signed integer, got 4"],
    [struct(4, { a: [0, u32] }), { a: "1" }, 'struct.a: expected u32, got "1"'],
  ];
  for (const [codec, value, message] of others) {
    test(`${codec.name}: ${message}`, () => expect(messageOf(encode(codec, value))).toBe(message));
  }

  it("has the path beside the message, and starts it where the caller says", () => {
    const m = Memory.alloc(56);
    try {
      writeChecked(Event, m, 0, wrong({ list: [{ x: "1" }] }), "rb value");
      expect.fail("nothing was thrown");
    } catch (error) {
      if (!isValueError(error)) throw error;
      expect([error.message, error.path]).toEqual(['rb value.list[0].x: expected s32, got "1"', "rb value.list[0].x"]);
    }
  });

  it("does not leave a missing field to its codec", () => {
    const lenient = { ...u32, write() {}, check() {} } as unknown as Codec<number>;
    const codec = struct(4, { a: [0, lenient] });
    expect(messageOf(encode(codec, {}))).toBe("struct.a: expected u32, got undefined (missing)");
    expect(() => codec.write(Memory.alloc(4), 0, {} as { a: number })).toThrow("expected u32, got undefined (missing)");
  });

  it("check zeroes what a shorter list leaves", () => {
    const m = Memory.over(new Uint8Array(7).fill(0xff));
    list(3, u16).check(m, 0, [1], "");
    expect(hexOf(m.u8s)).toBe("010000000000ff");
  });

  it("ignores a stray property", () => {
    expect(hexOf(Event.encode(wrong({ stray: 1 })))).toBe(eventHex);
  });

  it("says what decode needs", () => {
    expect(messageOf(() => Event.decode(new Uint8Array(55)))).toBe("event: expected at least 56 bytes, got 55");
    expect(messageOf(() => Event.bytes(new Uint8Array(55)))).toBe("event: expected at least 56 bytes, got 55");
    expect(messageOf(() => u32.decode(new Uint8Array(3)))).toBe("u32: expected at least 4 bytes, got 3");
    expect(messageOf(() => u32.decode([1, 2, 3, 4] as never))).toBe("u32: expected a Uint8Array, got an array");
    expect(messageOf(() => u32.decode(new Uint16Array(4) as never))).toBe("u32: expected a Uint8Array, got an object");
  });

  it("names the field that no number holds", () => {
    const Inner = struct<{ n: number }>("inner", 8, () => ({ n: [0, s64n] }));
    const table = (): FieldTable<{ a: number; inner: { n: number } }> => ({ a: [0, u64n], inner: [8, Inner] });
    const Outer = struct("outer", 16, table, {
      read: (m, at) => ({ a: m.u64n(at), inner: Inner.read(m, at + 8) }),
      write() {},
    });
    const hex = "0100000000000000" + "ffffffffffffff7f";
    const message =
      "inner.n: expected s64 that a number holds exactly, got 9223372036854775807n (generate with --int64 bigint)";
    expect(messageOf(() => Outer.decode(fromHex(hex)))).toBe(`outer.${message}`);
    expect(messageOf(() => readChecked(Outer, Memory.over(fromHex(hex)), 0, "m value"))).toBe(`m value.${message}`);
    expect(messageOf(() => u64n.decode(fromHex("ff".repeat(8))))).toContain("expected u64 that a number holds exactly");
  });
});

describe("the user's code inside a call", () => {
  it("may encode and decode itself, at any depth", () => {
    // The getter runs when x is already written.
    const nested = (depth: number): Point => ({
      x: depth,
      get y() {
        if (depth === 0) return 0;
        Event.decode(Event.encode(event));
        return Point.decode(Point.encode(nested(depth - 1))).x + 1;
      },
    });
    for (const depth of [30, 2, 0]) expect(Point.decode(Point.encode(nested(depth)))).toEqual({ x: depth, y: depth });
  });

  it("may decode in a codec of its own", () => {
    const Own = {
      name: "own",
      size: 8,
      read: (m: Memory, at: number) => Point.decode(m.bytes(at, 8)),
      write: (m: Memory, at: number, v: Point) => m.setBytes(at, 8, Point.encode(v)),
      check: (m: Memory, at: number, v: Point) => m.setBytes(at, 8, Point.encode(v)),
      decode: (input: Uint8Array) => Point.decode(input),
      encode: (v: Point) => Point.encode(v),
      bytes: (input: Uint8Array) => Point.bytes(input),
      zero: () => Point.zero(),
    } satisfies Codec<Point>;
    const Two = struct(16, { a: [0, Own], b: [8, Own] });
    const value = { a: { x: 1, y: 2 }, b: { x: 3, y: 4 } };
    expect(Two.decode(Two.encode(value))).toEqual(value);
    expect(Two.zero()).toEqual({ a: { x: 0, y: 0 }, b: { x: 0, y: 0 } });
    expect(key(Own)).not.toBe(Own); // it may contain text
  });

  it("throws its own errors through", () => {
    for (const own of [new Error("mine"), new TypeError("mine"), new RangeError("mine"), "mine"]) {
      const value = { ...event, get ts(): bigint { throw own; } }; // prettier-ignore
      for (const codec of [Event, EventByTable]) {
        let thrown: unknown;
        try {
          codec.encode(value);
        } catch (error) {
          thrown = error;
        }
        expect(thrown).toBe(own);
      }
    }
    expect(hexOf(Event.encode(event))).toBe(eventHex);
  });

  it("leaves no trace of a failed call", () => {
    expect(() => Event.encode({ ...event, kind: -1n })).toThrow();
    expect(
      hexOf(
        Event.encode({ ...event, pid: 0, ts: 0n, comm: "", list: [], mac: new Uint8Array(0), ok: false, kind: 0n }),
      ),
    ).toBe("00".repeat(56));
  });
});

describe("byte order", () => {
  const big = struct<Point>("point", 8, () => ({ x: [0, s32], y: [4, s32] }), { bigEndian: true });
  const bigFast = struct<Point>("point", 8, () => ({ x: [0, s32], y: [4, s32] }), {
    read: (m, at) => ({ x: m.s32(at), y: m.s32(at + 4) }),
    write: (m, at, v) => (m.setS32(at, v.x), m.setS32(at + 4, v.y)),
    bigEndian: true,
  });
  const unnamed = struct(8, { x: [0, s32], y: [4, s32] }, { bigEndian: true });
  for (const [name, codec] of [
    ["table", big],
    ["fast", bigFast],
    ["unnamed", unnamed],
  ] as const) {
    it(`is the struct's own: ${name}`, () => {
      expect(hexOf(codec.encode({ x: 1, y: -2 }))).toBe("00000001fffffffe");
      expect(codec.decode(fromHex("00000001fffffffe"))).toEqual({ x: 1, y: -2 });
      expect(hexOf(list(1, codec).encode([{ x: 1, y: -2 }]))).toBe("00000001fffffffe");
      const m = Memory.alloc(8);
      codec.write(m, 0, { x: 1, y: -2 }); // reading and writing follow the memory
      expect(hexOf(m.u8s)).toBe("01000000feffffff");
    });
  }
});

describe("fields of any name", () => {
  type Odd = { ["__proto__"]: number; constructor: number; then: number; toJSON: number; hasOwnProperty: number };
  const Odd = struct(5, {
    ["__proto__"]: [0, u8],
    constructor: [1, u8],
    then: [2, u8],
    toJSON: [3, u8],
    hasOwnProperty: [4, u8],
  });
  const value: Odd = { ["__proto__"]: 1, constructor: 2, then: 3, toJSON: 4, hasOwnProperty: 5 };

  it("are own properties of what is read", () => {
    assertCodec(Odd as Codec<Odd>, value, "0102030405");
    const read = Odd.decode(fromHex("0102030405"));
    expect(Object.entries(read)).toEqual(Object.entries(value));
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
    expect(Object.keys(Odd.bytes(new Uint8Array(5)))).toEqual(Object.keys(value));
    expect(JSON.stringify(toJson(read))).toBe('{"__proto__":1,"constructor":2,"then":3,"toJSON":4,"hasOwnProperty":5}');
  });

  it("are missing when they are only inherited", () => {
    expect(messageOf(() => Odd.encode({} as Odd))).toBe("struct.__proto__: expected u8, got an object");
  });
});

describe("decode, zero and bytes", () => {
  it("decode gives values that share nothing", () => {
    const input = fromHex(eventHex);
    const first = Event.decode(input);
    const second = Event.decode(input);
    input.fill(0xff);
    first.mac[0] = 99;
    expect(second).toEqual(event);
    expect(first.list).not.toBe(second.list);
  });

  it("decode takes any bytes: unaligned, a Buffer, longer than all its memory", () => {
    const long = new Uint8Array(100_001);
    long.set(fromHex(eventHex), 1);
    expect(Event.decode(long.subarray(1))).toEqual(event);
    expect(Event.decode(Buffer.from(eventHex, "hex"))).toEqual(event);
    expect(list(1 << 18, u64).decode(new Uint8Array(1 << 21)).length).toBe(1 << 18);
  });

  it("encode gives fresh bytes", () => {
    const first = Event.encode(event);
    Event.encode({ ...event, pid: 1 }).fill(7);
    expect(hexOf(first)).toBe(eventHex);
    expect(first.buffer.byteLength).toBe(56);
  });

  it("zero is what all-zero bytes are", () => {
    const zero = {
      pid: 0,
      ts: 0n,
      comm: "",
      list: [
        { x: 0, y: 0 },
        { x: 0, y: 0 },
      ],
      mac: new Uint8Array(6),
      ok: false,
      kind: 0n,
    };
    expect(Event.zero()).toEqual(zero);
    expect(EventByTable.zero()).toEqual(zero);
    expect(Event.zero()).not.toBe(Event.zero());
    expect([u64.zero(), f64.zero(), chars(4).zero(), bool.zero(), list(2, s8).zero()]).toEqual([
      0n,
      0,
      "",
      false,
      [0, 0],
    ]);
  });

  it("bytes are views of the input, of each field", () => {
    const input = Buffer.from(`ff${eventHex}`, "hex").subarray(1);
    const raw = Event.bytes(input);
    expect(Object.fromEntries(Object.entries(raw).map(([name, part]) => [name, hexOf(part)]))).toEqual({
      pid: "2a000000",
      ts: "0500000000000000",
      comm: "62617368000000000000000000000000",
      list: "01000000feffffff0300000004000000",
      mac: "010203040506",
      ok: "01",
      kind: "14",
    });
    raw.comm[0] = 0x42;
    expect(Event.decode(input).comm).toBe("Bash");
    expect(raw.comm.constructor).toBe(Uint8Array);
    expect(hexOf(u32.bytes(fromHex("0102030405")))).toBe("01020304");
    expect(Object.keys(key(Event).bytes(input))).toEqual(Object.keys(event));
  });
});

describe("keys", () => {
  it("keep inner NULs, nested too", () => {
    const Key = struct("k", 24, () => ({ id: [0, u32], names: [4, list(2, chars(8))] as const })) as Codec<{
      id: number;
      names: readonly string[];
    }>;
    const value = { id: 7, names: ["a\0b", "c"] };
    expect(() => Key.encode(value)).toThrow("k.names[0]: expected no NUL inside");
    const stored = key(Key).encode(value);
    expect(hexOf(stored)).toBe("07000000" + "6100620000000000" + "6300000000000000" + "00000000");
    expect(key(Key).decode(stored)).toEqual(value);
    expect(Key.decode(stored)).toEqual({ id: 7, names: ["a", "c"] });
  });

  it("read in a memory of either mode", () => {
    const m = Memory.over(fromHex("61006200"));
    for (const mode of [m, m.asKeys()]) expect(key(chars(4)).read(mode, 0)).toBe("a\0b");
    key(chars(4)).write(m, 0, "x\0y");
    expect(hexOf(m.u8s)).toBe("78007900");
  });
});

describe("properties", () => {
  interface Any {
    codec: Codec<unknown, unknown>;
    values: fc.Arbitrary<unknown>;
  }
  const any = <T>(codec: Codec<T>, values: fc.Arbitrary<T>): Any => ({ codec, values }) as unknown as Any;
  const text = (n: number) =>
    fc.string({ unit: "binary-ascii", maxLength: n }).map((text) => text.replaceAll("\0", ""));
  const width = fc.integer({ min: 1, max: 64 });
  const leaf: fc.Arbitrary<Any> = fc.oneof(
    fc.constantFrom(
      any(bool, fc.boolean()),
      any(u8, fc.nat(255)),
      any(s16, fc.integer({ min: -32768, max: 32767 })),
      any(u32, fc.nat(0xffff_ffff)),
      any(u64, fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })),
      any(s128, fc.bigInt({ min: -(1n << 127n), max: (1n << 127n) - 1n })),
      any(f32, fc.float({ noNaN: true })),
      any(f64, fc.double({ noNaN: true })),
      any(s64n, fc.maxSafeInteger()),
    ),
    fc.nat(40).map((n) => any(chars(n), text(n))),
    fc.nat(40).map((n) => any(bytes(n), fc.uint8Array({ minLength: n, maxLength: n }))),
    fc
      .tuple(fc.nat(12), width)
      .map(([bit, width]) => any(bits(bit, width, u64), fc.bigInt({ min: 0n, max: (1n << BigInt(width)) - 1n }))),
  );
  const part = fc.oneof(
    { weight: 4, arbitrary: leaf },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.nat(3), leaf)
        .map(([n, { codec, values }]) => any(list(n, codec), fc.array(values, { minLength: n, maxLength: n }))),
    },
  );
  // A struct of any parts with gaps between them, and two values of it.
  const layout = fc
    .tuple(fc.array(fc.tuple(fc.nat(9), part), { minLength: 1, maxLength: 6 }), fc.nat(9))
    .chain(([parts, rest]) => {
      const fields: Record<string, readonly [number, Codec<unknown, unknown>]> = {};
      const values: Record<string, fc.Arbitrary<unknown>> = {};
      let size = 0;
      for (const [i, [gap, { codec, values: own }]] of parts.entries()) {
        fields[`f${i}`] = [size + gap, codec];
        values[`f${i}`] = own;
        size += gap + codec.size;
      }
      const value = fc.record(values);
      return fc.record({ size: fc.constant(size + rest), fields: fc.constant(fields), first: value, second: value });
    });

  it("a value comes back, padding stays zero, and nothing of an earlier value stays", () => {
    fc.assert(
      fc.property(layout, fc.boolean(), fc.nat(7), ({ size, fields, first, second }, bigEndian, at) => {
        const codec = struct(size, fields, { bigEndian });
        expect(codec.decode(codec.encode(first))).toEqual(first);
        const m = Memory.alloc(at + size, { bigEndian });
        codec.write(m, at, first);
        codec.write(m, at, second);
        expect(hexOf(m.u8s)).toBe("00".repeat(at) + hexOf(codec.encode(second)));
        codec.check(m, at, first, "");
        expect(hexOf(m.u8s)).toBe("00".repeat(at) + hexOf(codec.encode(first)));

        const own = new Uint8Array(size); // ones where a field has bits
        const bit = Memory.over(own, { bigEndian });
        for (const [offset, field] of Object.values(fields)) {
          const [, bits] = /:(\d+)$/.exec(field.name) ?? [];
          if (bits === undefined) own.fill(0xff, offset, offset + field.size);
          else field.write(bit, offset, (1n << BigInt(bits)) - 1n);
        }
        expect(m.u8s.subarray(at).every((byte, i) => (byte & ~own[i]!) === 0)).toBe(true);
      }),
      { numRuns: 400 },
    );
  });

  it("fast and table agree on bytes, values and errors", () => {
    const point = fc.record({
      x: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      y: fc.integer({ min: -9, max: 9 }),
    });
    const events: fc.Arbitrary<Event> = fc.record({
      pid: fc.nat(0xffff_ffff),
      ts: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
      comm: text(16),
      list: fc.array(point, { maxLength: 2 }),
      mac: fc.uint8Array({ maxLength: 6 }),
      ok: fc.boolean(),
      kind: fc.bigInt({ min: 0n, max: 7n }),
    });
    fc.assert(
      fc.property(events, fc.uint8Array({ minLength: 56, maxLength: 56 }), (value, bytes) => {
        expect(hexOf(Event.encode(value))).toBe(hexOf(EventByTable.encode(value)));
        expect(Event.decode(bytes)).toEqual(EventByTable.decode(bytes));
        expect(key(Event).decode(bytes)).toEqual(key(EventByTable).decode(bytes));
      }),
    );
    fc.assert(
      fc.property(
        events,
        fc.constantFrom(...Object.keys(event)),
        fc.anything({ withBigInt: true }),
        (value, name, bad) => {
          const outcome = (codec: Codec<Event>) => {
            try {
              return hexOf(codec.encode({ ...value, [name]: bad }));
            } catch (error) {
              if (!isValueError(error)) throw error;
              return `${error.path} ${error.message}`;
            }
          };
          expect(outcome(Event)).toBe(outcome(EventByTable));
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe("presentation", () => {
  it("nameOf", () => {
    const Verdict = { Drop: 0, Pass: 1, Allow: 1, Huge: 1n << 40n } as const;
    expect([0, 1, 2, 1n << 40n, 1n].map((n) => nameOf(Verdict, n))).toEqual([
      "Drop",
      "Pass",
      undefined,
      "Huge",
      undefined,
    ]);
  });

  it("ntohs, ntohl, ntohll: what a big-endian DataView reads", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), (bytes) => {
        const view = new DataView(bytes.buffer, bytes.byteOffset);
        const host = <T extends ArrayLike<unknown>>(array: T) => array[0] as T[number];
        expect(ntohs(host(new Uint16Array(bytes.buffer)) as number)).toBe(view.getUint16(0));
        expect(ntohl(host(new Uint32Array(bytes.buffer)) as number)).toBe(view.getUint32(0));
        expect(ntohll(host(new BigUint64Array(bytes.buffer)) as bigint)).toBe(view.getBigUint64(0));
      }),
    );
  });

  it("toJson", () => {
    expect(toJson(event)).toEqual({ ...event, ts: "5", mac: "010203040506", kind: "5" });
    expect(toJson([1n, [new Uint8Array([255])], { a: undefined, b: null, c: () => 1 }])).toEqual([
      "1",
      ["ff"],
      { b: null, c: null },
    ]);
  });

  const day = new Date("2026-02-03T04:05:06.007Z");
  it.each<[string, unknown, unknown]>([
    ["a Date", { at: day }, { at: "2026-02-03T04:05:06.007Z" }],
    ["a Date that is none", [new Date(NaN)], [null]],
    [
      "a Map",
      new Map<unknown, unknown>([[{ id: 1n }, new Map([["a", day]])]]),
      [[{ id: "1" }, [["a", day.toISOString()]]]],
    ],
    [
      "typed arrays",
      [new Uint16Array([1, 2]), new BigInt64Array([-1n]), new Float64Array([0.5])],
      [[1, 2], ["-1"], [0.5]],
    ],
    ["other bytes", [new ArrayBuffer(2), new DataView(Uint8Array.of(1, 2, 3).buffer, 1)], ["0000", "0203"]],
    ["what has a toJSON", [new URL("http://a/b"), { toJSON: () => ({ n: 1n }) }], ["http://a/b", { n: "1" }]],
    [
      "an object that is in another twice",
      ((same) => ({ a: same, b: [same] }))({ n: 1n }),
      { a: { n: "1" }, b: [{ n: "1" }] },
    ],
    ["a Set", { all: new Set<unknown>([1n, new Set([new Uint8Array([1])])]) }, { all: ["1", ["01"]] }],
    [
      "those of another realm",
      runInNewContext("[new Date(0), new Map([[1, 2n]]), new Set([3n])]"),
      ["1970-01-01T00:00:00.000Z", [[1, "2"]], ["3"]],
    ],
  ])("toJson of %s", (_, value, json) => {
    expect(toJson(value)).toEqual(json);
    expect([value].map(toJson)).toEqual([json]);
  });
});

test.each<[string, () => unknown]>([
  ["an object", () => ((value: Record<string, unknown>) => (value["self"] = value))({})],
  ["an array", () => ((value: unknown[]) => (value.push([value]), value))([])],
  ["a Map", () => ((value: Map<string, unknown>) => value.set("a", value))(new Map())],
])("toJson refuses %s that is in itself", (_, make) => {
  expect(() => toJson(make())).toThrow(
    new ValueError("expected a value that JSON can carry, got an object that is in itself", ""),
  );
});

describe("toJson with enumerators' names", () => {
  const Color = { RED: 0, ROSE: 0, GREEN: 1 } as const;
  const Wide = { LOW: 1n, HIGH: 1n << 63n } as const;
  const Dot = struct(8, { color: [0, u32, Color], n: [4, u32] });
  const All = struct(
    "all",
    80,
    () => ({
      one: [0, u32, Color],
      wide: [8, u64, Wide],
      grid: [16, list(2, list(2, u8)), Color],
      few: [20, bits(0, 3, u8), Color],
      dots: [24, list(2, Dot)],
      dot: [40, Dot],
      either: [48, u32, Color],
      number: [48, u32],
      name: [56, chars(8)],
      rest: [80, tail(Dot)],
    }),
    { tail: "rest", unions: [["either", "number"]] },
  );
  const dot = { color: 1, n: 1 };
  const value = {
    one: 0,
    wide: 1n << 63n,
    grid: [
      [0, 1],
      [2, 1],
    ],
    few: 1,
    dots: [dot, { color: 7, n: 0 }],
    dot,
    either: 1,
    number: 1,
    name: "x",
    rest: [dot],
  };
  const named = { color: "GREEN", n: 1 };
  const json = {
    one: "RED",
    wide: "HIGH",
    grid: [
      ["RED", "GREEN"],
      [2, "GREEN"],
    ],
    few: "GREEN",
    dots: [named, { color: 7, n: 0 }],
    dot: named,
    either: "GREEN",
    number: 1,
    name: "x",
    rest: [named],
  };

  it.each<[string, unknown, Codec<unknown, never>, unknown]>([
    ["a struct", value, All as Codec<unknown, never>, json],
    ["a key", value, key(All as Codec<unknown, never>), json],
    [
      "a struct inside another",
      { all: value },
      struct(80, { all: [0, fixed(All as Codec<unknown, never>)] }),
      { all: json },
    ],
    ["an array of structs", [dot, dot], list(2, Dot), [named, named]],
    ["many values", [dot, dot], Dot, [named, named]],
    ["a set of values", new Set([dot]), Dot, [named]],
    ["a number without a name", { wide: 7n }, All as Codec<unknown, never>, { wide: "7" }],
    ["what the codec does not know", { other: 1 }, Dot, { other: 1 }],
    ["entries, which have two types", [[dot, dot]], Dot, [[dot, dot]]],
  ])("of %s", (_, what, codec, expected) => {
    expect(toJson(what, { enums: "names", codec })).toEqual(expected);
  });

  it("without them: numbers", () => {
    expect(toJson(value)).toEqual({ ...value, wide: String(1n << 63n) });
    expect(All.decode(All.encode(value))).toEqual(value);
  });
});

// tsc is the runner of these.
export function types(input: Uint8Array): unknown[] {
  // The fields of an unnamed struct give its type.
  const Unnamed = struct(16, { pid: [0, u32], ts: [8, u64], list: [8, list(2, Point)] });
  const read: { pid: number; ts: bigint; list: readonly { x: number; y: number }[] } = Unnamed.decode(input);
  // @ts-expect-error a u64 is a bigint
  Unnamed.encode({ pid: 1, ts: 1, list: [] });
  // @ts-expect-error a field is missing
  Unnamed.encode({ pid: 1 });

  // A table fits its type.
  const fits: FieldTable<Point> = { x: [0, s32], y: [4, s32] };
  // @ts-expect-error a codec of another type
  const other: FieldTable<Point> = { x: [0, s32], y: [4, s64] };
  // @ts-expect-error a field without an entry
  const missing: FieldTable<Point> = { x: [0, s32] };
  // @ts-expect-error an entry without a field
  const stray: FieldTable<Point> = { x: [0, s32], y: [4, s32], z: [8, s32] };
  // @ts-expect-error the same in a call
  struct<Point>("point", 8, () => ({ x: [0, s32], y: [4, s64] }));

  // What may be written can be more than what is read.
  interface Address {
    v4: number;
    v6: Uint8Array;
  }
  type AddressInit = Address | { v4: number } | { v6: Uint8Array };
  interface Peer {
    address: Address;
    port: number;
  }
  interface PeerInit {
    address: AddressInit;
    port: number;
  }
  const Address = struct<Address>("address", 16, () => ({ v4: [0, u32], v6: [0, bytes(16)] })) as Codec<
    Address,
    AddressInit
  >;
  const Peer = struct<Peer, PeerInit>("peer", 20, () => ({ address: [0, Address], port: [16, u16] }));
  const whole: Address = Peer.decode(input).address;
  const Peers = list(4, Peer);
  // @ts-expect-error neither member
  Peers.encode([{ address: {}, port: 1 }]);

  // Raw bytes have the struct's shape.
  const comm: Uint8Array = Event.bytes(input).comm;
  const all: Uint8Array = list(2, u32).bytes(input);
  // @ts-expect-error a bitfield is of its declared type
  const flag: Codec<number> = bits(0, 1, bool);
  // @ts-expect-error no bitfield is text
  bits(0, 1, chars(1));
  return [read, fits, other, missing, stray, Peers.encode([{ address: { v4: 1 }, port: 1 }]), whole, comm, all, flag];
}
