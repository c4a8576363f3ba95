// Network data as people write it: addresses as text, integers in network byte order as numbers. For `--as` and its
// declaration tag; bytes lie in network order whatever the object's is.

import { ValueError } from "../errors.ts";
import type { Memory } from "../memory.ts";
import { isBytes, refuse, show } from "../memory/refuse.ts";
import { makeCodec } from "./base.ts";
import type { Codec } from "./codec.ts";

/** The bytes of an IPv4 address in dotted decimal; undefined for any other text. */
export function parseIpv4(text: string): number[] | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  const parts = match?.slice(1).map(Number);
  return parts?.every((part, i) => part <= 255 && String(part) === match![i + 1]) ? parts : undefined;
}

/** The bytes of an IPv6 address in any form of RFC 4291, section 2.2; undefined for any other text. */
export function parseIpv6(text: string): number[] | undefined {
  const v4 = /:(\d+\.\d+\.\d+\.\d+)$/.exec(text)?.[1];
  if (v4 !== undefined) {
    const tail = parseIpv4(v4);
    if (tail === undefined) return undefined;
    const [a, b, c, d] = tail as [number, number, number, number];
    text = `${text.slice(0, -v4.length)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  }
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half) => (half === "" ? [] : half.split(":"))) as [string[], string[]?];
  const missing = 8 - head.length - (tail?.length ?? 0);
  // "::" stands for one group at least.
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...Array<string>(missing).fill("0"), ...(tail ?? [])];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return groups.flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 0xff]);
}

function parseMac(text: string): number[] | undefined {
  return /^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text)
    ? text.split(/[:-]/).map((part) => parseInt(part, 16))
    : undefined;
}

function formatIpv6(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!);
  // RFC 5952: the first of the longest runs of two zero groups or more becomes "::".
  let start = 0;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && groups[i + n] === 0) n++;
    if (n > length) [start, length] = [i, n];
  }
  const text = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(":");
  // Section 5: an IPv4-mapped address shows the IPv4 address.
  if (start === 0 && length === 5 && groups[5] === 0xffff) return `::ffff:${bytes.slice(12).join(".")}`;
  return length < 2 ? text(groups) : `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}

function formatMac(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}

function ofSize(bytes: unknown, size: number, what: string): Uint8Array {
  if (isBytes(bytes) && bytes.length === size) return bytes;
  throw new ValueError(`${what}: expected ${size} bytes, got ${isBytes(bytes) ? bytes.length : show(bytes)}`, what);
}

/**
 * An IPv4 address as text: of its four bytes, or of the number that a `__be32` holds on this machine.
 * @example
 * ipv4(event.saddr); // "127.0.0.1"
 */
export function ipv4(address: number | Uint8Array): string {
  if (typeof address !== "number") return ofSize(address, 4, "ipv4").join(".");
  return new Uint8Array(Uint32Array.of(address).buffer).join(".");
}

/** An IPv6 address as text (RFC 5952), of its sixteen bytes. */
export function ipv6(address: Uint8Array): string {
  return formatIpv6(ofSize(address, 16, "ipv6"));
}

/** A hardware address as text, of its six bytes: "02:42:ac:11:00:02". */
export function mac(address: Uint8Array): string {
  return formatMac(ofSize(address, 6, "mac"));
}

function textCodec(
  name: string,
  size: number,
  what: string,
  format: (bytes: Uint8Array) => string,
  parse: (text: string) => number[] | undefined,
): Codec<string> {
  return makeCodec<string>({
    name,
    size,
    read: (m, at) => format(m.bytes(at, size)),
    write(m, at, text) {
      const bytes = typeof text === "string" ? parse(text) : undefined;
      if (bytes === undefined) refuse(what, text);
      m.setBytes(at, size, Uint8Array.from(bytes));
    },
  });
}

/** Four bytes as "127.0.0.1". */
export const ipv4Text: Codec<string> = /*@__PURE__*/ textCodec(
  "ipv4",
  4,
  'an IPv4 address like "10.0.0.1"',
  (bytes) => bytes.join("."),
  parseIpv4,
);
/** Sixteen bytes as "2001:db8::1". */
export const ipv6Text: Codec<string> = /*@__PURE__*/ textCodec(
  "ipv6",
  16,
  'an IPv6 address like "2001:db8::1"',
  formatIpv6,
  parseIpv6,
);
/** Six bytes as "02:42:ac:11:00:02". */
export const macText: Codec<string> = /*@__PURE__*/ textCodec(
  "mac",
  6,
  'a hardware address like "02:42:ac:11:00:02"',
  formatMac,
  parseMac,
);

function numberCodec<T>(
  name: string,
  size: number,
  read: (view: DataView, at: number) => T,
  // Of the same size in the memory's own order: it knows the range.
  write: (m: Memory, at: number, value: T) => void,
): Codec<T> {
  return makeCodec<T>({
    name,
    size,
    read: (m, at) => read(m.view, at),
    write(m, at, value) {
      write(m, at, value);
      if (m.littleEndian) m.setBytes(at, size, m.bytes(at, size).reverse());
    },
  });
}

/** A `__be16` as the number it means. */
export const be16: Codec<number> = /*@__PURE__*/ numberCodec(
  "be16",
  2,
  (view, at) => view.getUint16(at),
  (m, at, v) => m.setU16(at, v),
);
/** A `__be32` as the number it means. */
export const be32: Codec<number> = /*@__PURE__*/ numberCodec(
  "be32",
  4,
  (view, at) => view.getUint32(at),
  (m, at, v) => m.setU32(at, v),
);
/** A `__be64` as the number it means. */
export const be64: Codec<bigint> = /*@__PURE__*/ numberCodec(
  "be64",
  8,
  (view, at) => view.getBigUint64(at),
  (m, at, v) => m.setU64(at, v),
);
