// Values as people and other programs want to see them: enumerators' names, host byte order, JSON.

import { hostIsLittleEndian } from "../memory/numbers.ts";
import { isBytes } from "../memory/refuse.ts";
import type { Codec } from "./codec.ts";
import { elementsOf, type Enumeration, fieldsOf, setOwn } from "./fields.ts";

/**
 * The name of the enumerator with the value `n`, the first where several have it; undefined for an unknown value.
 * @example
 * nameOf(Verdict, event.verdict) ?? `verdict ${event.verdict}`
 */
export function nameOf<E extends Enumeration>(
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

/** How `toJson` shows a value. */
export interface JsonOptions {
  /** The enumerators' names in place of their numbers; a number that has none stays. */
  readonly enums: "names";
  /** The type of the value, or of the elements of an array or a Set: a value by itself does not tell what in it is an enum. */
  readonly codec: Codec<unknown, never>;
}

/**
 * `value` for JSON.stringify: a bigint as its decimal digits, bytes as hex digits, a Date as its ISO text, a Map as its
 * `[key, value]` entries, a Set as an array, all the way down. With `enums` the fields of structs that are enums, or
 * arrays of them, are names. A number in place of options, as `values.map(toJson)` passes one, is ignored.
 * @example
 * toJson(event, { enums: "names", codec: Event }); // { pid: 1, verdict: "VERDICT_DROP" }
 */
export function toJson(value: unknown, options?: JsonOptions | number): Json {
  const codec = typeof options === "object" && options.enums === "names" ? options.codec : undefined;
  const many = codec !== undefined && elementsOf(codec) === undefined && (Array.isArray(value) || isOf(value, "Set"));
  return many ? Array.from(value as Iterable<unknown>, (part) => jsonOf(part, codec)) : jsonOf(value, codec);
}

function jsonOf(value: unknown, codec: Codec<unknown, never> | undefined, enumeration?: Enumeration): Json {
  if (enumeration !== undefined && (typeof value === "number" || typeof value === "bigint")) {
    const name = nameOf(enumeration, value);
    if (name !== undefined) return name;
  }
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) {
    return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : null;
  }
  if (isBytes(value)) return Array.from(value, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (isOf(value, "Date")) return (value as Date).toJSON();
  if (Array.isArray(value) || isOf(value, "Map") || isOf(value, "Set")) {
    const element = codec && elementsOf(codec)?.codec;
    return Array.from(value as Iterable<unknown>, (part) => jsonOf(part, element, enumeration));
  }
  const fields = new Map((codec && fieldsOf(codec))?.map((field) => [field.name, field]));
  const json = {};
  for (const [name, part] of Object.entries(value)) {
    const field = fields.get(name);
    if (part !== undefined) setOwn(json, name, jsonOf(part, field?.codec, field?.enumeration));
  }
  return json;
}

// By its tag, since objects of another realm (node:vm, as test runners use it) are no instances of these classes.
function isOf(value: unknown, builtIn: "Date" | "Map" | "Set"): boolean {
  return Object.prototype.toString.call(value) === `[object ${builtIn}]`;
}
