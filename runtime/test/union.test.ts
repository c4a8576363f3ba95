// Unions: what one member writes, what several must agree on, and that a value that was read stores the same bytes.

import fc from "fast-check";
import { describe, expect, expectTypeOf, test } from "vitest";
import { bytes, chars, list } from "../src/codec/arrays.ts";
import type { Codec } from "../src/codec/codec.ts";
import { key } from "../src/codec/key.ts";
import { bool, f32, u16, u32, u64, u64n, u8 } from "../src/codec/scalars.ts";
import { struct } from "../src/codec/struct.ts";
import type { Init } from "../src/codec/union.ts";
import { isValueError } from "../src/errors.ts";

const hexOf = (value: Uint8Array): string => Buffer.from(value).toString("hex");
const fromHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));

interface Address {
  v4: number;
  v6: Uint8Array;
}
type AddressInit = Init<Address, [["v4", "v6"]]>;
const Address = struct<Address, AddressInit>("address", 16, () => ({ v4: [0, u32], v6: [0, bytes(16)] }), {
  unions: [["v4", "v6"]],
});

interface Endpoint {
  port: number;
  id: bigint;
  tag: string;
  from: Address;
}
type EndpointInit = Init<Endpoint, [["id", "tag"]], { from: AddressInit }>;
const Endpoint = struct<Endpoint, EndpointInit>(
  "endpoint",
  32,
  () => ({ port: [0, u16], id: [8, u64], tag: [8, chars(8)], from: [16, Address] }),
  {
    unions: [["id", "tag"]],
    read: (m, at) => ({
      port: m.u16(at),
      id: m.u64(at + 8),
      tag: m.chars(at + 8, 8),
      from: Address.read(m, at + 16),
    }),
    write(m, at, v) {
      m.setU16(at, v.port);
      Address.write(m, at + 16, v.from);
    },
  },
);

// union { struct { u8 a; u32 b; }; u64 whole; struct { u16 c; union { u16 d; char e[2]; }; }; }
interface Nested {
  a: number;
  b: number;
  whole: bigint;
  c: number;
  d: number;
  e: string;
}
type NestedUnions = [[["a", "b"], "whole", ["c", ["d", "e"]]]];
const Nested = struct<Nested, Init<Nested, NestedUnions>>(
  "nested",
  8,
  () => ({ a: [0, u8], b: [4, u32], whole: [0, u64], c: [0, u16], d: [2, u16], e: [2, chars(2)] }),
  { unions: [[["a", "b"], "whole", ["c", ["d", "e"]]]] },
);

const messageOf = (run: () => unknown): string => {
  try {
    run();
  } catch (e) {
    if (!isValueError(e)) throw e;
    expect(e.message.startsWith(e.path)).toBe(true);
    return e.message;
  }
  throw new Error("nothing was thrown");
};

test("types take the whole value or one member", () => {
  expectTypeOf<Address>().toExtend<AddressInit>();
  expectTypeOf<{ v4: number }>().toExtend<AddressInit>();
  expectTypeOf<{ v6: Uint8Array }>().toExtend<AddressInit>();
  expectTypeOf<object>().not.toExtend<AddressInit>();
  expectTypeOf<{ port: number; from: { v4: number }; tag: string }>().toExtend<EndpointInit>();
  expectTypeOf<{ port: number; from: { v4: number } }>().not.toExtend<EndpointInit>();
  expectTypeOf<{ a: number; b: number }>().toExtend<Init<Nested, NestedUnions>>();
  expectTypeOf<{ a: number }>().not.toExtend<Init<Nested, NestedUnions>>();
  expectTypeOf<{ c: number; e: string }>().toExtend<Init<Nested, NestedUnions>>();
  expectTypeOf<{ c: number; d: number; whole: bigint }>().not.toExtend<Init<Nested, NestedUnions>>();
});

describe("one member", () => {
  test("is written, and the rest of the union is zero whatever was there before", () => {
    expect(hexOf(Address.encode({ v6: new Uint8Array(16).fill(0xff) }))).toBe("ff".repeat(16));
    expect(hexOf(Address.encode({ v4: 0x0100007f }))).toBe(`7f000001${"00".repeat(12)}`);
    expect(hexOf(Address.encode({ v6: Uint8Array.of(1, 2) }))).toBe(`0102${"00".repeat(14)}`);
  });
  test("of a union inside a struct, beside fast code", () => {
    const encoded = Endpoint.encode({ port: 0x1234, tag: "ab", from: { v4: 1 } });
    expect(hexOf(encoded)).toBe(`3412000000000000616200000000000001${"00".repeat(15)}`);
    expect(Endpoint.decode(encoded).id).toBe(0x6261n);
  });
  test("that is an anonymous struct, with a union of its own", () => {
    expect(hexOf(Nested.encode({ a: 1, b: 2 }))).toBe("0100000002000000");
    expect(hexOf(Nested.encode({ c: 1, e: "xy" }))).toBe("0100787900000000");
    expect(hexOf(Nested.encode({ c: 1, d: 2 }))).toBe("0100020000000000");
  });
});

describe("several members", () => {
  test("that agree are the value that was read, its spread or its clone", () => {
    const stored = fromHex(`7f000001${"11".repeat(12)}`);
    const value = Address.decode(stored);
    expect(value).toEqual({ v4: 0x0100007f, v6: stored });
    for (const same of [value, { ...value }, structuredClone(value)]) expect(Address.encode(same)).toEqual(stored);
  });
  test("that share padding are merged", () => {
    const all = fromHex("ffeeddccbbaa9988");
    expect(Nested.encode(Nested.decode(all))).toEqual(all);
  });
  test.each<[string, () => unknown, string]>([
    [
      "disagree",
      () => Address.encode({ v4: 1, v6: new Uint8Array(16) }),
      "address: members v4 and v6 disagree (write one)",
    ],
    [
      "disagree below",
      () => Endpoint.encode({ port: 1, id: 1n, from: { v4: 1, v6: Uint8Array.of(2) } }),
      "endpoint.from: members v4 and v6 disagree (write one)",
    ],
    [
      "disagree inside an anonymous struct",
      () => Nested.encode({ c: 1, d: 2, e: "xy" } as never),
      "nested: members d and e disagree (write one)",
    ],
    [
      "are of a wrong type",
      () => Address.encode({ v4: -1, v6: new Uint8Array(16) }),
      "address.v4: expected u32, got -1",
    ],
  ])("%s", (_, run, message) => expect(messageOf(run)).toBe(message));
});

test.each<[string, () => unknown, string]>([
  ["no member", () => Address.encode({} as never), "address: expected one of v4, v6, got none"],
  [
    "no member, below",
    () => Endpoint.encode({ port: 1, id: 1n, from: {} as never }),
    "endpoint.from: expected one of v4, v6, got none",
  ],
  [
    "a member too large",
    () => Address.encode({ v6: new Uint8Array(17) }),
    "address.v6: expected at most 16 bytes, got 17",
  ],
  [
    "half an anonymous struct",
    () => Nested.encode({ a: 1 } as never),
    "nested.b: expected u32, got undefined (missing)",
  ],
  ["no object", () => Address.encode(null as never), "address: expected an object, got null"],
])("%s is a ValueError", (_, run, message) => expect(messageOf(run)).toBe(message));

test("a table that names what is no field is refused", () => {
  expect(() => struct(4, { a: [0, u32] }, { unions: [["a", "b"]] })).toThrow("got b (it is none)");
});

test("text in a union of a key keeps inner NULs", () => {
  const Name = struct(8, { name: [0, chars(8)], id: [0, u64] }, { unions: [["name", "id"]] });
  const stored = fromHex("6100620000000000");
  expect(key(Name).decode(stored)).toEqual({ name: "a\0b", id: 0x62_0061n });
  expect(key(Name).encode(key(Name).decode(stored))).toEqual(stored);
  expect(Name.encode(Name.decode(stored))).toEqual(stored);
});

test("a number that is no exact u64 makes members disagree, not crash", () => {
  const Wide = struct(8, { n: [0, u64n], raw: [0, bytes(8)] }, { unions: [["n", "raw"]] });
  expect(messageOf(() => Wide.encode({ n: 1, raw: new Uint8Array(8).fill(0xff) }))).toContain("disagree");
});

type AnyCodec = Codec<never>;
const codecs = (...list: readonly unknown[]): readonly AnyCodec[] => list as readonly AnyCodec[];
// What reading loses nothing of, and what loses: text after its NUL, a bool's other bits, the bits of a NaN.
const exact = codecs(u8, u16, u32, u64, bytes(3), list(2, u16), Address);
const lossy = codecs(f32, bool, chars(5), Nested);

const unionOf = (members: readonly AnyCodec[]) =>
  fc.array(fc.tuple(fc.nat(4), fc.constantFrom(...members)), { minLength: 2, maxLength: 5 }).map((members) => {
    const fields = Object.fromEntries(members.map(([at, codec], i) => [`m${i}`, [at, codec] as const]));
    const size = Math.max(...members.map(([at, codec]) => at + codec.size));
    return struct(size, fields, { unions: [Object.keys(fields)] });
  });
const stored = fc.uint8Array({ minLength: 24, maxLength: 24 });

// V8 keeps the bits of a NaN that was read in some code and not in other: enough rounds for both.
test("a NaN agrees with its bits, whatever they are", () => {
  const codec = struct(8, { f: [0, f32], i: [0, u32], n: [4, f32] }, { unions: [["f", "i"]] });
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < 20000; i++) {
    const bits = ((i % 2 === 0 ? 0x7f800001 : 0xff800001) + i * 131) >>> 0;
    view.setUint32(0, bits, true);
    view.setUint32(4, bits, true);
    const stored = codec.encode(structuredClone(codec.decode(bytes)));
    expect([...stored.subarray(0, 4)]).toEqual([...bytes.subarray(0, 4)]);
    expect([...stored.subarray(4)]).toEqual([0, 0, 0xc0, 0x7f]);
  }
});

describe("of any members at any offsets", () => {
  test("each alone comes back", () => {
    fc.assert(
      fc.property(unionOf([...exact, ...lossy]), stored, (codec, bytes) => {
        const value = codec.decode(bytes) as Record<string, never>;
        for (const name of Object.keys(value)) {
          const again = codec.decode(codec.encode({ [name]: value[name] } as never)) as Record<string, never>;
          expect(again[name]).toEqual(value[name]);
        }
      }),
    );
  });
  test("what was read stores the same bytes", () => {
    fc.assert(
      fc.property(unionOf(exact), stored, (codec, bytes) => {
        const value = codec.decode(bytes);
        expect(codec.decode(codec.encode(value as never))).toEqual(value);
      }),
    );
  });
  test("what was read stores the same value, or says what disagrees", () => {
    fc.assert(
      fc.property(unionOf([...exact, ...lossy]), stored, (codec, bytes) => {
        const value = codec.decode(bytes);
        let again: unknown;
        try {
          again = codec.decode(codec.encode(value as never));
        } catch (e) {
          if (!isValueError(e)) throw e;
          expect(e.message).toContain("disagree");
          return;
        }
        expect(again).toEqual(value);
      }),
    );
  });
});
