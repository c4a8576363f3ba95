// Reading and writing with an error that names the place: the fast way first, and only after a failure the slow way,
// which knows the path.

import { isValueError, ValueError } from "../errors.ts";
import type { Memory } from "../memory.ts";
import { show } from "../memory/refuse.ts";
import type { Codec } from "./codec.ts";
import { fieldsOf } from "./fields.ts";

/**
 * Writes `value` at byte offset `at` of `m`, whose padding must already be zero. What a getter of the user's throws
 * comes through as it is.
 * @throws ValueError with the path, which starts with `path`, of what does not fit
 */
export function writeChecked<Init>(
  codec: Codec<unknown, Init>,
  m: Memory,
  at: number,
  value: Init,
  path: string,
): void {
  try {
    codec.write(m, at, value);
  } catch (error) {
    // A TypeError is what reading a field of null gives.
    if (isValueError(error) || error instanceof TypeError) codec.check(m, at, value, path);
    throw error;
  }
}

/**
 * The value at byte offset `at` of `m`.
 * @throws ValueError with the path, which starts with `path`, of a 64-bit integer that no number holds
 */
export function readChecked<T>(codec: Codec<T, never>, m: Memory, at: number, path: string): T {
  try {
    return codec.read(m, at);
  } catch (error) {
    if (!isValueError(error) || error.path !== "") throw error;
    for (const field of fieldsOf(codec) ?? []) readChecked(field.codec, m, at + field.offset, join(path, field.name));
    throw within(path, error.message);
  }
}

/** A check that only has to write: for values without parts. */
export function checkWhole<Init>(
  write: (m: Memory, at: number, value: Init) => void,
): (m: Memory, at: number, value: Init, path: string) => void {
  return (m, at, value, path) => {
    try {
      write(m, at, value);
    } catch (error) {
      throw isValueError(error) && error.path === "" ? within(path, error.message) : error;
    }
  };
}

/** Throws `path: expected what, got value (remedy)`. */
export function refuseAt(path: string, what: string, value: unknown, remedy?: string): never {
  throw within(path, `expected ${what}, got ${show(value)}${remedy === undefined ? "" : ` (${remedy})`}`);
}

/** The path of a part: "event.pid". */
export function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}

function within(path: string, message: string): ValueError {
  return new ValueError(path === "" ? message : `${path}: ${message}`, path);
}
