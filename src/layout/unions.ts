// Which fields of a struct share memory.

import type { Part, Union } from "./layout.ts";

function namesIn(part: Part | Union[number]): readonly string[] {
  return typeof part === "string" ? [part] : part.flatMap(namesIn);
}

/** The names of the fields that are in one of `unions`, at any depth. */
export function sharedNames(unions: readonly Union[]): ReadonlySet<string> {
  return new Set(unions.flatMap(namesIn));
}
