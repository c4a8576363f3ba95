// Values as people and other programs want to see them: enumerators' names, host byte order, JSON.

import { ValueError } from "../errors.ts";
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
 * `[key, value]` entries, a Set or a typed array as an array, what has a method toJSON as what that gives, all the way
 * down. With `enums` the fields of structs that are enums, or arrays of them, are names. A number in place of options, as
 * `values.map(toJson)` passes one, is ignored. Throws a {@link ValueError} for an object that is in itself.
 * @example
 * toJson(event, { enums: "names", codec: Event }); // { pid: 1, verdict: "VERDICT_DROP" }
 */
export function toJson(value: unknown, options?: JsonOptions | number): Json {
  const codec = typeof options === "object" && options.enums === "names" ? options.codec : undefined;
  const many = codec !== undefined && elementsOf(codec) === undefined && (Array.isArray(value) || isOf(value, "Set"));
  const within: unknown[] = [];
  return many
    ? Array.from(value as Iterable<unknown>, (part) => jsonOf(part, within, codec))
    : jsonOf(value, within, codec);
}

/** `within` are the objects that `value` is in. */
function jsonOf(
  value: unknown,
  within: unknown[],
  codec: Codec<unknown, never> | undefined,
  enumeration?: Enumeration,
): Json {
  if (enumeration !== undefined && (typeof value === "number" || typeof value === "bigint")) {
    const name = nameOf(enumeration, value);
    if (name !== undefined) return name;
  }
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) {
    return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : null;
  }
  const bytes = bytesOf(value);
  if (bytes !== undefined) return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (within.includes(value))
    throw new ValueError("expected a value that JSON can carry, got an object that is in itself", "");
  within.push(value);
  const json = partsOf(value, within, codec, enumeration);
  within.pop();
  return json;
}

function partsOf(
  value: object,
  within: unknown[],
  codec: Codec<unknown, never> | undefined,
  enumeration: Enumeration | undefined,
): Json {
  const { toJSON } = value as { readonly toJSON?: unknown };
  if (typeof toJSON === "function") return jsonOf(toJSON.call(value), within, undefined);
  if (Array.isArray(value) || ArrayBuffer.isView(value) || isOf(value, "Map") || isOf(value, "Set")) {
    const element = codec && elementsOf(codec)?.codec;
    return Array.from(value as unknown as Iterable<unknown>, (part) => jsonOf(part, within, element, enumeration));
  }
  const fields = new Map((codec && fieldsOf(codec))?.map((field) => [field.name, field]));
  const json = {};
  for (const [name, part] of Object.entries(value)) {
    const field = fields.get(name);
    if (part !== undefined) setOwn(json, name, jsonOf(part, within, field?.codec, field?.enumeration));
  }
  return json;
}

/** The bytes of what is bytes, a DataView and an ArrayBuffer too; other views have elements. */
function bytesOf(value: object): Uint8Array | undefined {
  if (isBytes(value)) return value;
  if (isOf(value, "ArrayBuffer") || isOf(value, "SharedArrayBuffer")) return new Uint8Array(value as ArrayBuffer);
  if (!isOf(value, "DataView")) return undefined;
  const { buffer, byteOffset, byteLength } = value as DataView;
  return new Uint8Array(buffer, byteOffset, byteLength);
}

// By its tag, since objects of another realm (node:vm, as test runners use it) are no instances of these classes.
function isOf(value: unknown, builtIn: "Map" | "Set" | "ArrayBuffer" | "SharedArrayBuffer" | "DataView"): boolean {
  return Object.prototype.toString.call(value) === `[object ${builtIn}]`;
}
