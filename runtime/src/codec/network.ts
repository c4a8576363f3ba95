// Network data as people write it: addresses as text, integers in network byte order as numbers. For `--as` and its
// declaration tag; bytes lie in network order whatever the object's is.

import { ValueError } from "../errors.ts";
import type { Memory } from "../memory.ts";
import { isBytes, refuse, show } from "../memory/refuse.ts";
import { makeCodec } from "./base.ts";
import type { Codec } from "./codec.ts";
import { formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from "./ip.ts";

function parseMac(text: string): number[] | undefined {
  return /^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text)
    ? text.split(/[:-]/).map((part) => parseInt(part, 16))
    : undefined;
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
  const bytes = typeof address === "number" ? new Uint8Array(Uint32Array.of(address).buffer) : address;
  return formatIpv4(ofSize(bytes, 4, "ipv4"));
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
  formatIpv4,
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
