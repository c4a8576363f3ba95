// Values as people and other programs want to see them: enumerators' names, host byte order, JSON.

import { hostIsLittleEndian } from "../memory/numbers.ts";
import { isBytes } from "../memory/refuse.ts";
import { setOwn } from "./fields.ts";

/**
 * The name of the enumerator with the value `n`, the first where several have it; undefined for an unknown value.
 * @example
 * nameOf(Verdict, event.verdict) ?? `verdict ${event.verdict}`
 */
export function nameOf<E extends Readonly<Record<string, number | bigint>>>(
  enumeration: E,
  n: number | bigint,
): Extract<keyof E, string> | undefined {
  for (const name of Object.keys(enumeration)) if (enumeration[name] === n) return name as Extract<keyof E, string>;
  return undefined;
}

/** A 16-bit number as a `__be16` holds it, in the order of its value; the same way back. */
export function ntohs(n: number): number {
  return hostIsLittleEndian ? ((n & 0xff) << 8) | ((n >>> 8) & 0xff) : n;
}

/** A 32-bit number as a `__be32` holds it, in the order of its value; the same way back. */
export function ntohl(n: number): number {
  return hostIsLittleEndian ? ((ntohs(n) << 16) | ntohs(n >>> 16)) >>> 0 : n;
}

/** A 64-bit number as a `__be64` holds it, in the order of its value; the same way back. */
export function ntohll(n: bigint): bigint {
  if (!hostIsLittleEndian) return n;
  const lower = BigInt(ntohl(Number(BigInt.asUintN(32, n))));
  return (lower << 32n) | BigInt(ntohl(Number(BigInt.asUintN(32, n >> 32n))));
}

/** What JSON can carry. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/**
 * `value` for JSON.stringify: a bigint as its decimal digits, bytes as hex digits, a Date as its ISO text, a Map as its
 * `[key, value]` entries, a Set as an array, all the way down.
 */
export function toJson(value: unknown): Json {
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) {
    return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : null;
  }
  if (isBytes(value)) return Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (isOf(value, "Date")) return (value as Date).toJSON();
  if (Array.isArray(value) || isOf(value, "Map") || isOf(value, "Set")) {
    return Array.from(value as Iterable<unknown>, (part) => toJson(part));
  }
  const json = {};
  for (const [name, part] of Object.entries(value)) if (part !== undefined) setOwn(json, name, toJson(part));
  return json;
}

// By its tag, since objects of another realm (node:vm, as test runners use it) are no instances of these classes.
function isOf(value: object, builtIn: "Date" | "Map" | "Set"): boolean {
  return Object.prototype.toString.call(value) === `[object ${builtIn}]`;
}
