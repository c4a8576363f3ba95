// The words of this folder's errors: what is wrong and in which section, with names safe to print.

import { SkelError, shown } from "../errors.ts";

/** What to type to get an object that this reader takes. */
export const COMPILE = "clang -g -O2 -target bpf -c";

/** `ERR_ELF_FORMAT`, in the section `place` when given. */
export function malformed(what: string, place?: string): SkelError {
  return new SkelError("ERR_ELF_FORMAT", what, place === undefined ? [] : [place]);
}

/** `ERR_ELF_MACHINE`: well-formed as far as one can tell, but for something else than 64-bit BPF. */
export function foreign(what: string): SkelError {
  return new SkelError("ERR_ELF_MACHINE", what);
}

/** How messages call a section: `section 5 ".BTF"`. */
export function placeOf(section: { readonly index: number; readonly name: string }): string {
  return `section ${section.index} ${quoted(section.name)}`;
}

/** `name` in quotes, escaped, and cut where a hostile one would fill the screen. */
export function quoted(name: string): string {
  return shown(name.length > 100 ? `${name.slice(0, 100)}...` : name);
}

/** Bytes that are no text, for a message: printable ASCII as it is, the rest as `\xff`. */
export function quotedBytes(bytes: Uint8Array): string {
  const text = Array.from(bytes.subarray(0, 100), (byte) =>
    byte < 0x20 || byte > 0x7e || byte === 0x22 || byte === 0x5c
      ? `\\x${byte.toString(16).padStart(2, "0")}`
      : String.fromCharCode(byte),
  );
  return `"${text.join("")}${bytes.length > 100 ? "..." : ""}"`;
}

export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
