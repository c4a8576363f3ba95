// The table of a struct's codec, for whatever walks values by name: error paths, flyweights, sections, layout checks.

import type { Codec } from "./codec.ts";

/** The enumerators of an enum, as generated modules have them. */
export type Enumeration = Readonly<Record<string, number | bigint>>;

/** One field of a struct: where it is and what reads and writes it. */
export interface Field {
  readonly name: string;
  /** In bytes, from the struct's start. */
  readonly offset: number;
  readonly codec: Codec<unknown, unknown>;
  /** Of a field that is an enum or an array of one. */
  readonly enumeration?: Enumeration | undefined;
}

/** The elements of an array. */
export interface Elements {
  readonly length: number;
  readonly codec: Codec<unknown, unknown>;
  /** The same array with another number of elements. */
  readonly resized: (length: number) => Codec<unknown, unknown>;
}

/** What this package's codecs have beside the contract. Asked by name, so that two installed copies agree. */
export interface Details {
  /** The byte order of decode and encode; reading and writing follow the memory. */
  readonly bigEndian: boolean;
  /** Where the paths of encode's and decode's errors start: a struct's name, else "". */
  readonly root: string;
  /** Whether a `char[N]` is in it, whose text has another rule in keys. */
  readonly hasText: () => boolean;
  /** Of a bitfield: its first bit, as BTF counts them, and how many there are. */
  readonly bitfield?: { readonly bit: number; readonly width: number } | undefined;
  /** What an array is made of. */
  readonly elements?: Elements | undefined;
  /** What in it is the kernel's own and reset by an update, as C declares it; of elements too. */
  readonly kernelFields?: (() => readonly string[]) | undefined;
  /** Bytes that `value` takes with its tail, where the type has one: a flexible array, or a struct that ends in it. */
  readonly recordSize?: ((value: unknown) => number) | undefined;
  /** A struct's table, in order. */
  readonly fields?: (() => readonly Field[]) | undefined;
}

/** The fields of a struct's codec, in the order of its table; undefined for a codec of any other type. */
export function fieldsOf(codec: Codec<unknown, never>): readonly Field[] | undefined {
  return detailsOf(codec).fields?.();
}

/** What the codec of an array is made of; undefined for a codec of any other type. */
export function elementsOf(codec: Codec<unknown, never>): Elements | undefined {
  return detailsOf(codec).elements;
}

/** What of a codec's type is the kernel's own and reset by an update. */
export function kernelFieldsOf(codec: Codec<unknown, never>): readonly string[] {
  return detailsOf(codec).kernelFields?.() ?? [];
}

/** The details of any codec; one written by a user has none and may contain text. */
export function detailsOf(codec: Codec<unknown, never>): Partial<Details> {
  return codec as Partial<Details>;
}

/** Sets an own property, also where `target.__proto__ = value` would not. */
export function setOwn(target: object, name: string, value: unknown): void {
  if (name === "__proto__") {
    Object.defineProperty(target, name, { value, writable: true, enumerable: true, configurable: true });
  } else (target as Record<string, unknown>)[name] = value;
}
