// The three doors through which text of an object enters generated code: as an identifier, as a literal, in a comment.

import { printable, SkelError, shown } from "../errors.ts";

const IDENTIFIER = /^[A-Za-z_$][A-Za-z0-9_$]*$/;

/** `name` as an identifier; never anything else, whatever the object says. */
export function ident(name: string): string {
  if (!IDENTIFIER.test(name)) throw new SkelError("ERR_NAME", `not an identifier, got ${shown(name)}`);
  return name;
}

/** `value` as a literal: a string with everything escaped that could end it or hide in it, or a number. */
export function literal(value: string | number | bigint | boolean): string {
  if (typeof value !== "string") return typeof value === "bigint" ? `${value}n` : String(value);
  return shown(value).replace(/<\//g, "<\\/");
}

/** `name` as a property name: bare where that is safe, else quoted; `__proto__` bare would set the prototype. */
export function property(name: string): string {
  if (name === "__proto__") return '["__proto__"]';
  return IDENTIFIER.test(name) ? name : literal(name);
}

/** The member `name` of `object`. */
export function access(object: string, name: string): string {
  return IDENTIFIER.test(name) ? `${object}.${name}` : `${object}[${literal(name)}]`;
}

/** `text` as it may stand in a comment: on one line, unable to end it, nothing invisible. */
export function comment(text: string): string {
  return printable(text).replace(/\*\//g, "*\\/");
}
