// How a value that does not fit is refused: `expected what, got x (remedy)`, and `x` shortened to one printable line.

import { ValueError } from "../errors.ts";

const longest = 48;

/** `value` on one line, shortened: `-1`, `5n`, `"bash"`, `an array`. */
export function show(value: unknown): string {
  switch (typeof value) {
    case "string":
      return quote(value.slice(0, longest)) + (value.length > longest ? "…" : "");
    case "bigint": {
      const digits = `${value}n`;
      return digits.length > longest ? `${digits.slice(0, longest)}…` : digits;
    }
    case "number":
      return Object.is(value, -0) ? "-0" : String(value);
    case "object":
      if (value === null) return "null";
      if (Array.isArray(value)) return "an array";
      return isBytes(value) ? "a Uint8Array" : "an object";
    case "function":
      return "a function";
    default:
      return String(value);
  }
}

// JSON.stringify also escapes lone surrogates; a NUL reads better as C writes it.
function quote(text: string): string {
  return JSON.stringify(text).replace(/\\(u0000|.)/g, (escape) => (escape === "\\u0000" ? "\\0" : escape));
}

/** Whether `value` is a Uint8Array, of any realm. */
export function isBytes(value: unknown): value is Uint8Array {
  return (
    value instanceof Uint8Array ||
    (ArrayBuffer.isView(value) && Object.prototype.toString.call(value) === "[object Uint8Array]")
  );
}

/** Throws `expected what, got value (remedy)`. */
export function refuse(what: string, value: unknown, remedy?: string): never {
  throw new ValueError(`expected ${what}, got ${show(value)}${remedy === undefined ? "" : ` (${remedy})`}`, "");
}

/** Throws for a value that is no number, or out of the range of the C type `what`. */
export function refuseNumber(what: string, value: unknown): never {
  if (typeof value !== "bigint") refuse(what, value);
  refuse(`${what} as a number`, value, Number.isSafeInteger(Number(value)) ? `write ${value}` : undefined);
}

/** Throws for a value that is no bigint, or out of the range of the C type `what`. */
export function refuseBigint(what: string, value: unknown, signed: boolean): never {
  if (typeof value !== "number") refuse(what, value);
  const fits = Number.isSafeInteger(value) && (signed || value >= 0);
  refuse(`${what} as a bigint`, value, fits ? `write ${BigInt(value)}n` : undefined);
}

/** Throws for a number that is no 64-bit integer of the C type `what`, with `--int64 number`. */
export function refuseInt64(what: string, value: unknown): never {
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) refuseInexact(what, value);
  refuseNumber(what, value);
}

/** Throws for a 64-bit integer that `--int64 number` cannot carry. */
export function refuseInexact(what: string, value: unknown): never {
  refuse(`${what} that a number holds exactly`, value, "generate with --int64 bigint");
}
