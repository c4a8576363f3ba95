// One variable of a section: where it is, what reads and writes it, and how many elements it has if it is an array.

import type { Codec } from "../codec/codec.ts";
import { type Elements, elementsOf } from "../codec/fields.ts";
import { ValueError } from "../errors.ts";
import { show } from "../memory/refuse.ts";
import type { SectionSpec } from "./types.ts";

/** A variable of a section. */
export interface Variable {
  readonly offset: number;
  /** Of an array that is resized another one. */
  codec: Codec<unknown, unknown>;
}

/** The variables of a section by name, in a record of their own. */
export function variablesOf(spec: SectionSpec<unknown>): ReadonlyMap<string, Variable> {
  const entries = Object.entries(spec.variables) as [string, readonly [number, Codec<unknown, unknown>]][];
  return new Map(entries.map(([name, [offset, codec]]) => [name, { offset, codec }]));
}

/**
 * The variable of that name; `ident` is the section's.
 * @throws ValueError where there is none
 */
export function findVariable(variables: ReadonlyMap<string, Variable>, ident: string, name: string): Variable {
  const variable = variables.get(name);
  if (variable !== undefined) return variable;
  throw new ValueError(`${ident}: has no variable ${show(name)}`, ident);
}

/**
 * What the array `path` is made of.
 * @throws ValueError when the variable is no array
 */
export function requireElements({ codec }: Variable, path: string): Elements {
  const elements = elementsOf(codec);
  if (elements === undefined) throw new ValueError(`${path}: expected an array, got ${codec.name}`, path);
  return elements;
}
