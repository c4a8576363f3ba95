// Flexible arrays: as long as the record, nothing in a value of fixed size.

import { describe, expect, test } from "vitest";
import { Envelope, Line, Packet, Route } from "../../fixtures/tails.skel.ts";
import { key, struct, tail, u16, u32 } from "../src/index.ts";

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
const fromHex = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));

describe("the record's length is the tail's", () => {
  test("bytes, which begin in the struct's padding", () => {
    const packet = { length: 4, kind: 1, payload: Uint8Array.of(1, 2, 3, 4) };
    expect(hexOf(Packet.encode(packet))).toBe("040000000101020304");
    expect(Packet.decode(fromHex("040000000101020304"))).toEqual(packet);
    expect(Packet.decode(fromHex("0400000001010203"))).toEqual({ ...packet, payload: Uint8Array.of(1, 2, 3) });
  });
  test("text, without a NUL", () => {
    expect(hexOf(Line.encode({ at: 1n, text: "hé" }))).toBe("010000000000000068c3a9");
    expect(Line.decode(fromHex("010000000000000068c3a900ff")).text).toBe("hé");
    expect(Line.decode(fromHex("010000000000000068c3a9")).text).toBe("hé");
    expect(Line.encode({ at: 1n, text: "" })).toHaveLength(8);
  });
  test("structs, at the end of a member; half of one is nothing", () => {
    const points = [
      { x: 1, y: -1 },
      { x: 2, y: -2 },
    ];
    const envelope = { from: 7, track: { id: 9, points } };
    const encoded = Envelope.encode(envelope);
    expect(hexOf(encoded)).toBe("070000000900000001000000ffffffff02000000feffffff");
    expect(Envelope.decode(encoded)).toEqual(envelope);
    expect(Envelope.decode(encoded.slice(0, -1)).track.points).toEqual(points.slice(0, 1));
  });
  test("but for one in the middle, which is empty there", () => {
    const track = (id: number): { id: number; points: [] } => ({ id, points: [] });
    const route = { from: track(1), via: [track(2), track(3)], hops: 4, mark: 0x60005, marks: [5, 6] };
    const record = { ...route, rest: new Uint8Array(20).fill(7) };
    const bytes = Route.encode(record);
    expect(hexOf(bytes)).toBe(`010000000200000003000000${"04000000"}05000600${"07".repeat(20)}`);
    expect(Route.decode(bytes)).toEqual(record);
    const full = { ...record, from: { id: 1, points: [{ x: 1, y: 2 }] } };
    expect(() => Route.encode(full)).toThrow("route.from.points: expected at most 0 elements, got 1");
  });
  test("of the runtime's own codecs", () => {
    const Ports = struct(4, { count: [0, u32], ports: [4, tail(u16)] }, { tail: "ports" });
    expect(Ports.decode(fromHex("0200000050005100")).ports).toEqual([80, 81]);
    expect(hexOf(Ports.encode({ count: 1, ports: [443] }))).toBe("01000000bb01");
    expect(key(Ports).encode({ count: 1, ports: [] })).toHaveLength(4);
  });
});

test("errors name the place", () => {
  expect(() =>
    Envelope.encode({
      from: 1,
      track: {
        id: 1,
        points: [
          { x: 0, y: 0 },
          { x: 2 ** 31, y: 0 },
        ],
      },
    }),
  ).toThrow("envelope.track.points[1].x: expected s32, got 2147483648");
  expect(() => Packet.encode({ length: 0, kind: 0, payload: "x" as never })).toThrow(
    "packet.payload: expected a Uint8Array",
  );
  expect(() => Packet.encode(null as never)).toThrow("packet: expected an object, got null");
  expect(() => Packet.encode({ length: 0, kind: 0 } as never)).toThrow("packet.payload: expected");
  expect(() => Packet.decode(new Uint8Array(7))).toThrow("packet: expected at least 8 bytes, got 7");
});

test("zero has none, and nothing is left of a longer record", () => {
  expect(Packet.zero()).toEqual({ length: 0, kind: 0, payload: new Uint8Array(0) });
  Packet.encode({ length: 0, kind: 0, payload: new Uint8Array(100).fill(0xff) });
  expect(hexOf(Packet.encode({ length: 0, kind: 0, payload: Uint8Array.of(1) }))).toBe("0000000000010000");
  expect(Line.zero().text).toBe("");
});
