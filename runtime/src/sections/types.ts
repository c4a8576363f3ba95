// The types of global data: what generated code says of a section, and what its variables look like to a user.

import type { Codec } from "../codec/codec.ts";

/** `T` as reading a global gives it: a copy, so that no write to a part of it can look as if it reached the program. */
export type DeepReadonly<T> = T extends string | number | bigint | boolean | null | undefined
  ? T
  : T extends Uint8Array
    ? Readonly<Uint8Array>
    : T extends readonly (infer E)[]
      ? readonly DeepReadonly<E>[]
      : { readonly [K in keyof T]: DeepReadonly<T[K]> };

/**
 * The variables of a section: where each is and what reads and writes it, from whatever that is made of. For generated code.
 */
export type Variables<S> = { readonly [K in keyof S]: readonly [offset: number, codec: Codec<S[K], never>] };

/**
 * The variables of `S` that are written from other than what they are read as: those with a union in them. Only accessors
 * can say that, and no type makes accessors of others, so generated code has them ready in `$unions` (`$` cannot occur in a
 * name of C), with the `$at` of those that are arrays.
 */
type UnionsOf<S> = S extends { readonly $unions: infer U } ? U : unknown;

/** The other variables of `S`. */
type PlainOf<S> = S extends { readonly $unions: unknown } ? Omit<S, "$unions"> : S;

/** All variables of `S`, as they are read. */
export type VariablesOf<S> = S extends { readonly $unions: infer U } ? Omit<S, "$unions"> & Omit<U, "$at"> : S;

/** What generated code says of a section. */
export interface SectionSpec<S> {
  /** Its ELF name: ".data.foo". */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  readonly variables: Variables<S>;
}

type ArrayNames<S> = { [K in keyof S]: S[K] extends readonly unknown[] | Uint8Array ? K : never }[keyof S];

type ElementOf<A> = A extends Uint8Array ? number : A extends readonly (infer E)[] ? E : never;

/** The elements of an array variable, read one by one. */
export interface ReadonlyElements<T> {
  readonly length: number;
  /** @throws ValueError when `index` is outside */
  get(index: number): DeepReadonly<T>;
}

/** The elements of an array variable, read and written one by one. */
export interface Elements<T, Init = T> extends ReadonlyElements<T> {
  /** @throws ValueError when `index` is outside, or the value does not fit its C type */
  set(index: number, value: Init): void;
}

/**
 * The variables of a section, each a value: reading copies it out, assigning writes all of it and nothing beside it.
 * `$at("counters")` reads and writes single elements of an array.
 */
export type Section<S> = { -readonly [K in keyof PlainOf<S>]: DeepReadonly<PlainOf<S>[K]> } & UnionsOf<S> & {
    $at<K extends ArrayNames<PlainOf<S>>>(variable: K): Elements<ElementOf<PlainOf<S>[K]>>;
  };

/** The variables of a section before load. */
export type OpenSection<S> = Section<S> & {
  /**
   * Gives the array `variable` another number of elements: those it has keep their values, new ones are zero, and the program
   * sees them all. It must be the section's last variable. Needs libbpf >= 1.3.
   * @throws ValueError when `length` is no positive integer, or something stands behind the array
   * @throws UnsupportedError when libbpf is older
   */
  $resize<K extends ArrayNames<VariablesOf<S>>>(variable: K, length: number): void;
};

/** The variables of a section that is constant: `.rodata` after load, `.kconfig`. */
export type ReadonlySection<S> = { readonly [K in keyof VariablesOf<S>]: DeepReadonly<VariablesOf<S>[K]> } & {
  $at<K extends ArrayNames<VariablesOf<S>>>(variable: K): ReadonlyElements<ElementOf<VariablesOf<S>[K]>>;
};
