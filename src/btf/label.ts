// How messages name a type: id, kind and name in, "type 12 (struct event)" out.

import { shown, SkelError } from "../errors.ts";
import type { BtfKind, TypeId } from "./types.ts";

const LONGEST = 80;

interface Named {
  readonly kind: BtfKind;
  readonly name?: string;
}

/** The place of a type in an error's path. */
export function label(id: TypeId, type: Named): string {
  return `type ${id} (${type.kind}${type.name ? ` ${brief(type.name)}` : ""})`;
}

/** The place of the `index`-th entry of a type: "member 3 (pid)". */
export function entry(word: string, index: number, name: string): string {
  return `${word} ${index}${name ? ` (${brief(name)})` : ""}`;
}

/** An error at a type. */
export function typeError(id: TypeId, type: Named, what: string): SkelError {
  return new SkelError("ERR_BTF_FORMAT", what, [label(id, type)]);
}

function brief(name: string): string {
  const start = name.length > LONGEST ? `${name.slice(0, LONGEST)}…` : name;
  return /^\w[\w ]*…?$/.test(start) ? start : shown(start);
}
