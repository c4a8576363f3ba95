// Addresses as text and integers in network order; Node's own parser of addresses says what is one.

import fc from "fast-check";
import { isIPv4, isIPv6 } from "node:net";
import { describe, expect, test } from "vitest";
import { be16, be32, be64, ipv4, ipv4Text, ipv6, ipv6Text, mac, macText } from "../src/codec/network.ts";
import { parseIpv4, parseIpv6 } from "../src/codec/ip.ts";
import { isValueError } from "../src/errors.ts";
import { Memory } from "../src/memory.ts";

const hexOf = (value: Uint8Array): string => Buffer.from(value).toString("hex");

describe("text", () => {
  test.each([
    [ipv4Text, "127.0.0.1", "7f000001"],
    [ipv4Text, "255.255.255.255", "ffffffff"],
    [ipv6Text, "2001:db8::1", "20010db8000000000000000000000001"],
    [ipv6Text, "::", "00".repeat(16)],
    [ipv6Text, "::1", `${"00".repeat(15)}01`],
    [ipv6Text, "fe80::", `fe80${"00".repeat(14)}`],
    [ipv6Text, "1:0:0:2::3", "00010000000000020000000000000003"],
    [ipv6Text, "1:2:3:4:5:6:7:8", "00010002000300040005000600070008"],
    [ipv6Text, "1:0:3:4:5:6:7:8", "00010000000300040005000600070008"],
    [ipv6Text, "::ffff:10.0.0.1", `${"00".repeat(10)}ffff0a000001`],
    [macText, "02:42:ac:11:00:02", "0242ac110002"],
  ])("$name %s", (codec, text, hex) => {
    expect(hexOf(codec.encode(text))).toBe(hex);
    expect(codec.decode(new Uint8Array(Buffer.from(hex, "hex")))).toBe(text);
  });

  test.each([
    [ipv6Text, "2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
    [ipv6Text, "::ffff:a00:1", "::ffff:10.0.0.1"],
    [ipv6Text, "64:ff9b::10.0.0.1", "64:ff9b::a00:1"],
    [macText, "02-42-AC-11-00-02", "02:42:ac:11:00:02"],
  ])("$name %s is %s", (codec, text, short) => expect(codec.decode(codec.encode(text))).toBe(short));

  test.each([
    [ipv4Text, "1.2.3", 'expected an IPv4 address like "10.0.0.1", got "1.2.3"'],
    [ipv4Text, 5, 'expected an IPv4 address like "10.0.0.1", got 5'],
    [ipv6Text, ":::", 'expected an IPv6 address like "2001:db8::1", got ":::"'],
    [macText, "02:42", 'expected a hardware address like "02:42:ac:11:00:02", got "02:42"'],
  ])("$name refuses %s", (codec, text, message) => {
    expect(() => codec.encode(text as never)).toThrow(expect.objectContaining({ name: "ValueError", message }));
  });

  const loose = fc.stringMatching(/^[0-9a-fA-F:.]{0,24}$/);
  const address = fc.oneof(loose, fc.ipV4(), fc.ipV6(), fc.ipV4Extended());
  test("Node's parser agrees on what is an address", () => {
    fc.assert(
      fc.property(address, (text) => {
        expect(parseIpv4(text) !== undefined).toBe(isIPv4(text));
        expect(parseIpv6(text) !== undefined).toBe(isIPv6(text));
      }),
      { numRuns: 5000 },
    );
  });
  test("every address comes back", () => {
    for (const codec of [ipv4Text, ipv6Text, macText]) {
      const { size } = codec;
      fc.assert(
        fc.property(fc.uint8Array({ minLength: size, maxLength: size }), (bytes) => {
          expect(codec.encode(codec.decode(bytes))).toEqual(bytes);
        }),
      );
    }
    fc.assert(fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (b) => isIPv6(ipv6Text.decode(b))));
  });
});

describe("numbers in network order", () => {
  test.each([
    [be16, 80, "0050"],
    [be32, 0x7f000001, "7f000001"],
    [be64, 1n, "0000000000000001"],
  ])("$name %s", (codec, value, hex) => {
    for (const bigEndian of [false, true]) {
      const m = Memory.alloc(16, { bigEndian });
      codec.write(m, 3, value as never);
      expect(hexOf(m.bytes(3, codec.size))).toBe(hex);
      expect(codec.read(m, 3)).toBe(value);
    }
  });
  test("are checked for their range", () => {
    try {
      be16.encode(65536);
    } catch (e) {
      expect(isValueError(e)).toBe(true);
      return;
    }
    throw new Error("nothing was thrown");
  });
});

test("helpers make text of numbers and bytes", () => {
  expect(ipv4(new Uint32Array(Uint8Array.of(10, 0, 0, 1).buffer)[0]!)).toBe("10.0.0.1");
  expect(ipv4(Uint8Array.of(10, 0, 0, 1))).toBe("10.0.0.1");
  expect(ipv6(new Uint8Array(16))).toBe("::");
  expect(mac(Uint8Array.of(1, 2, 3, 4, 5, 6))).toBe("01:02:03:04:05:06");
  expect(() => mac(new Uint8Array(5))).toThrow("mac: expected 6 bytes, got 5");
  expect(() => ipv6("::" as never)).toThrow('ipv6: expected 16 bytes, got "::"');
});
