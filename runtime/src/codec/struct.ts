// The codecs of structs: a table of fields, which is the truth, and for speed a straight-line fast part that generated
// code brings along.

import { ValueError } from "../errors.ts";
import type { ByteOrder, Memory } from "../memory.ts";
import { refuse } from "../memory/refuse.ts";
import { makeCodec } from "./base.ts";
import { join, refuseAt } from "./checked.ts";
import type { Codec } from "./codec.ts";
import { detailsOf, type Field, setOwn } from "./fields.ts";

/** The offset and the codec of every field of a struct whose value is `T`. */
export type FieldTable<T, Init = T> = {
  readonly [K in keyof T]-?: readonly [offset: number, codec: Codec<T[K], InitOf<Init, K>>];
};

// Over each member of a union: what may be written of a type with a union in it is one.
type InitOf<Init, K> = Init extends unknown ? (K extends keyof Init ? Exclude<Init[K], undefined> : never) : never;

/** Reads and writes without the table. It must do exactly what the table says. */
export interface FastPart<T, Init = T> extends ByteOrder {
  read(m: Memory, at: number): T;
  write(m: Memory, at: number, value: Init): void;
}

type AnyTable = { readonly [name: string]: readonly [offset: number, codec: Codec<unknown, never>] };

/** What a struct of the fields `F` reads as. */
export type Fields<F> = {
  -readonly [K in keyof F]: F[K] extends readonly [number, Codec<infer T, infer _>] ? T : never;
};
/** What a struct of the fields `F` is written from. */
export type FieldInits<F> = {
  -readonly [K in keyof F]: F[K] extends readonly [number, Codec<infer _, infer Init>] ? Init : never;
};

/** A struct of `size` bytes as generated code has it: `fields` is asked for when it is first needed. */
export function struct<T, Init = T>(
  name: string,
  size: number,
  fields: FieldTable<T, Init> | (() => FieldTable<T, Init>),
  fast?: FastPart<T, Init> | ByteOrder,
): Codec<T, Init>;
/**
 * A struct of `size` bytes, with the byte offset and the codec of each field.
 * @example
 * const Event = struct(16, { pid: [0, u32], ts: [8, u64] });
 * Event.decode(bytes).ts; // a bigint
 */
export function struct<const F extends AnyTable>(
  size: number,
  fields: F,
  order?: ByteOrder,
): Codec<Fields<F>, FieldInits<F>>;
export function struct(...args: unknown[]): Codec<unknown> {
  const [name, size, fields, fast] = typeof args[0] === "string" ? args : ["struct", ...args];
  return makeStruct(
    name as string,
    size as number,
    fields as AnyTable | (() => AnyTable),
    (fast ?? {}) as Partial<FastPart<unknown>>,
  );
}

function makeStruct(
  name: string,
  size: number,
  table: AnyTable | (() => AnyTable),
  fast: Partial<FastPart<unknown>>,
): Codec<unknown> {
  let known: readonly Field[] | undefined;
  const fields = (): readonly Field[] =>
    (known ??= readTable(name, size, typeof table === "function" ? table() : table));
  if (typeof table !== "function") fields(); // a wrong table is an error at once
  return makeCodec<unknown>({
    name,
    size,
    read: fast.read ?? ((m, at) => readFields(fields(), m, at)),
    write: fast.write ?? ((m, at, value) => writeFields(fields(), m, at, value as Record<string, unknown>)),
    check: (m, at, value, path) => checkFields(fields(), m, at, value, path),
    bigEndian: fast.bigEndian,
    root: name,
    hasText: () => fields().some(({ codec }) => detailsOf(codec).hasText?.() !== false),
    fields,
  });
}

function readTable(name: string, size: number, table: AnyTable): readonly Field[] {
  return Object.entries(table).map(([field, [offset, codec]]) => {
    if (!(Number.isInteger(offset) && offset >= 0 && offset + codec.size <= size)) {
      const place = `${codec.size} bytes at ${offset}`;
      throw new ValueError(
        `${join(name, field)}: expected a field inside ${size} bytes, got ${place}`,
        join(name, field),
      );
    }
    return { name: field, offset, codec: codec as Codec<unknown> };
  });
}

function readFields(fields: readonly Field[], m: Memory, at: number): unknown {
  const value = {};
  for (const { name, offset, codec } of fields) setOwn(value, name, codec.read(m, at + offset));
  return value;
}

function writeFields(fields: readonly Field[], m: Memory, at: number, value: Record<string, unknown>): void {
  for (const { name, offset, codec } of fields) {
    const part = value[name];
    if (part === undefined) refuse(codec.name, part, "missing");
    codec.write(m, at + offset, part);
  }
}

function checkFields(fields: readonly Field[], m: Memory, at: number, value: unknown, path: string): void {
  if (typeof value !== "object" || value === null) refuseAt(path, "an object", value);
  for (const { name, offset, codec } of fields) {
    const part = (value as Record<string, unknown>)[name];
    if (part === undefined) refuseAt(join(path, name), codec.name, part, "missing");
    codec.check(m, at + offset, part, join(path, name));
  }
}
