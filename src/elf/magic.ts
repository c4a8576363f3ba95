// The first bytes of a file that is no ELF object in, the error that says what it is instead and what to do out.

import type { SkelError } from "../errors.ts";
import { COMPILE, malformed, quoted } from "./report.ts";

const ELF_MAGIC = "7f454c46";

/** What people hand over by mistake: first bytes in hex, name, remedy. */
const MISTAKES = [
  ["4243c0de", "LLVM bitcode", "compile without -flto and -emit-llvm"],
  ["dec0170b", "LLVM bitcode", "compile without -flto and -emit-llvm"],
  ["213c617263683e0a", "an ar archive", "take the object out with ar x"],
  ["213c7468696e3e0a", "a thin ar archive", "give the object that it names"],
  ["1f8b", "gzip data", "decompress it with gunzip"],
  ["28b52ffd", "zstd data", "decompress it with unzstd"],
  ["fd377a585a00", "xz data", "decompress it with unxz"],
  ["9feb01", "bare BTF", "give the object that contains it"],
  ["eb9f01", "bare BTF", "give the object that contains it"],
] as const;

export function isElf(bytes: Uint8Array): boolean {
  return hexOf(bytes, 4) === ELF_MAGIC;
}

/** The error for `bytes` that do not start with the ELF magic. */
export function explainNotElf(bytes: Uint8Array): SkelError {
  if (bytes.length === 0) return malformed(`file is empty, got 0 bytes (compile with ${COMPILE})`);
  const start = hexOf(bytes, 8);
  for (const [magic, what, remedy] of MISTAKES) {
    if (start.startsWith(magic)) return malformed(`not an ELF object, got ${what} (${remedy})`);
  }
  if (isText(bytes.subarray(0, 256))) {
    const text = quoted(new TextDecoder().decode(bytes.subarray(0, 20)));
    return malformed(`not an ELF object, got text that begins ${text} (compile it with ${COMPILE})`);
  }
  return malformed(`not an ELF object, got bytes ${hexOf(bytes, 4)} at offset 0 (compile with ${COMPILE})`);
}

function isText(bytes: Uint8Array): boolean {
  return bytes.every((byte) => (byte >= 0x20 && byte !== 0x7f) || (byte >= 0x09 && byte <= 0x0d));
}

function hexOf(bytes: Uint8Array, count: number): string {
  return Array.from(bytes.subarray(0, count), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
