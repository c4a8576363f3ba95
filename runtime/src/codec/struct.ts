// The codecs of structs: a table of fields, which is the truth, and for speed a straight-line fast part that generated
// code brings along.

import { ValueError } from "../errors.ts";
import type { ByteOrder, Memory } from "../memory.ts";
import { refuse } from "../memory/refuse.ts";
import { makeCodec } from "./base.ts";
import { join, refuseAt } from "./checked.ts";
import type { Codec } from "./codec.ts";
import { detailsOf, type Enumeration, type Field, kernelFieldsOf, setOwn } from "./fields.ts";
import { type Overlay, readUnions, type Union, writeOverlay } from "./union.ts";

/** The offset and the codec of every field of a struct whose value is `T`, and of an enum, or an array of one, its enumerators. */
export type FieldTable<T, Init = T> = {
  readonly [K in keyof T]-?: readonly [offset: number, codec: Codec<T[K], InitOf<Init, K>>, enumeration?: Enumeration];
};

// Over each member of a union: what may be written of a type with a union in it is one.
type InitOf<Init, K> = Init extends unknown ? (K extends keyof Init ? Exclude<Init[K], undefined> : never) : never;

/** What a struct has beside its fields. */
export interface StructOptions extends ByteOrder {
  /** Which of the fields share memory; the outer list names the struct's unions. */
  readonly unions?: readonly Union[] | undefined;
  /** Its last field, where that is a flexible array or a struct that ends in one. */
  readonly tail?: string | undefined;
  /** What else is in it and the kernel's own, so that writing the whole value resets it. */
  readonly kernelFields?: readonly string[] | undefined;
}

/** Reads and writes without the table. It must do exactly what the table says, but for unions, which it does not write. */
export interface FastPart<T, Init = T> extends StructOptions {
  read(m: Memory, at: number): T;
  write?(m: Memory, at: number, value: Init): void;
}

type AnyTable = {
  readonly [name: string]: readonly [offset: number, codec: Codec<unknown, never>, enumeration?: Enumeration];
};

/** What a struct of the fields `F` reads as. */
export type Fields<F> = {
  -readonly [K in keyof F]: F[K] extends readonly [number, Codec<infer T, infer _>, Enumeration?] ? T : never;
};
/** What a struct of the fields `F` is written from. */
export type FieldInits<F> = {
  -readonly [K in keyof F]: F[K] extends readonly [number, Codec<infer _, infer Init>, Enumeration?] ? Init : never;
};

/** A struct of `size` bytes as generated code has it: `fields` is asked for when it is first needed. */
export function struct<T, Init = T>(
  name: string,
  size: number,
  fields: FieldTable<T, Init> | (() => FieldTable<T, Init>),
  fast?: FastPart<T, Init> | StructOptions,
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
  options?: StructOptions,
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
  const { tail } = fast;
  let known: Known | undefined;
  const all = (): Known => (known ??= know(name, size, typeof table === "function" ? table() : table, fast.unions));
  const fields = (): readonly Field[] => all().fields;
  if (typeof table !== "function") all(); // a wrong table is an error at once
  return makeCodec<unknown>({
    name,
    size,
    read: fast.read ?? ((m, at) => readFields(fields(), m, at)),
    write: writerOf(all, fast),
    check: (m, at, value, path) => checkFields(all(), m, at, value, path),
    bigEndian: fast.bigEndian,
    root: name,
    hasText: () => fields().some(({ codec }) => detailsOf(codec).hasText?.() !== false),
    fields,
    recordSize: tail === undefined ? undefined : (value) => recordSizeOf(fields(), tail, value),
    kernelFields: () =>
      fields().reduce((found, { codec }) => [...found, ...kernelFieldsOf(codec)], fast.kernelFields ?? []),
  });
}

function recordSizeOf(fields: readonly Field[], tail: string, value: unknown): number {
  const field = fields.find(({ name }) => name === tail);
  const part = (value as Record<string, unknown> | null | undefined)?.[tail];
  return field === undefined ? 0 : field.offset + (detailsOf(field.codec).recordSize?.(part) ?? 0);
}

/** The fields of a struct: all of them, those in no union, and the unions. */
interface Known {
  readonly fields: readonly Field[];
  readonly plain: readonly Field[];
  readonly overlays: readonly Overlay[];
}

function know(name: string, size: number, table: AnyTable, unions: readonly Union[] = []): Known {
  const fields = readTable(name, size, table);
  return { fields, ...readUnions(fields, unions) };
}

function writerOf(all: () => Known, fast: Partial<FastPart<unknown>>): (m: Memory, at: number, value: unknown) => void {
  if (fast.unions === undefined) {
    return fast.write ?? ((m, at, value) => writeFields(all().plain, m, at, value as Record<string, unknown>));
  }
  return (m, at, value) => {
    if (fast.write === undefined) writeFields(all().plain, m, at, value as Record<string, unknown>);
    else fast.write(m, at, value);
    for (const overlay of all().overlays) writeOverlay(overlay, m, at, value as Record<string, unknown>);
  };
}

function readTable(name: string, size: number, table: AnyTable): readonly Field[] {
  return Object.entries(table).map(([field, [offset, codec, enumeration]]) => {
    if (!(Number.isInteger(offset) && offset >= 0 && offset + codec.size <= size)) {
      const place = `${codec.size} bytes at ${offset}`;
      throw new ValueError(
        `${join(name, field)}: expected a field inside ${size} bytes, got ${place}`,
        join(name, field),
      );
    }
    return { name: field, offset, codec: codec as Codec<unknown>, enumeration };
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

function checkFields({ plain, overlays }: Known, m: Memory, at: number, value: unknown, path: string): void {
  if (typeof value !== "object" || value === null) refuseAt(path, "an object", value);
  const values = value as Record<string, unknown>;
  for (const { name, offset, codec } of plain) {
    const part = values[name];
    if (part === undefined) refuseAt(join(path, name), codec.name, part, "missing");
    codec.check(m, at + offset, part, join(path, name));
  }
  for (const overlay of overlays) writeOverlay(overlay, m, at, values, path);
}
