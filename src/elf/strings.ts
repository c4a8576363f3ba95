// A string table section in, names out: NUL-terminated UTF-8 inside the table, or an error.

import { hex, malformed, quotedBytes } from "./report.ts";

/** Names may share bytes (linkers merge tails), but honest ones do not exceed the file many times over. */
const MAX_REUSE = 4;

/** A byte order mark is part of a name like any other character. */
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads the name at an offset of the table; `owner` ("symbol 3") says whose it is. */
export type ReadName = (at: number, owner: string) => string;

/** `table` are the bytes of the string table, `where` what messages call it. */
export function openStrings(table: Uint8Array, where: string, fileSize: number): ReadName {
  if (table[0] !== 0) throw malformed(`string table must begin with a NUL byte, got ${table[0] ?? "none"}`, where);
  let budget = fileSize * MAX_REUSE;
  return (at, owner) => {
    if (at >= table.length) {
      throw malformed(`${owner}: name must lie in ${where}, got offset ${hex(at)} of ${hex(table.length)}`);
    }
    const end = table.indexOf(0, at);
    if (end < 0) throw malformed(`${owner}: name must end in ${where}, got no NUL byte from offset ${hex(at)} on`);
    budget -= end - at;
    if (budget < 0) throw malformed(`${owner}: names must not overlap, got more than ${MAX_REUSE} times the file`);
    const name = table.subarray(at, end);
    try {
      return decoder.decode(name);
    } catch {
      throw malformed(`${owner}: name must be UTF-8, got ${quotedBytes(name)} at offset ${hex(at)} of ${where}`);
    }
  };
}
