// The BTF header: bytes of the .BTF section in, its type records and names out.
// https://docs.kernel.org/bpf/btf.html#btf-type-and-string-encoding, libbpf btf_parse_hdr

import { SkelError } from "../errors.ts";
import { nameTable, type NameAt } from "./names.ts";

const MAGIC = 0xeb9f;
const SIZE = 24;

/** What the header delimits. */
export interface BtfParts {
  readonly endian: "little" | "big";
  /** The type records, 4-aligned in the section. */
  readonly records: DataView;
  readonly nameAt: NameAt;
  /** What `nameAt` reads from. */
  readonly strings: Uint8Array;
}

/** Reads the header and checks that what it delimits lies in `bytes`. */
export function parseHeader(bytes: Uint8Array): BtfParts {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < SIZE) throw bad(`needs ${SIZE} bytes, got ${bytes.length}`);
  const magic = view.getUint16(0, true);
  const little = magic === MAGIC;
  if (!little && view.getUint16(0, false) !== MAGIC) {
    throw bad(`expected magic 0xeb9f in either byte order, got 0x${magic.toString(16).padStart(4, "0")}`);
  }
  const version = view.getUint8(2);
  if (version !== 1) throw bad(`expected version 1, got ${version} (newer than this reader)`);
  const flags = view.getUint8(3);
  if (flags !== 0) throw bad(`expected no flags, got 0x${flags.toString(16)} (newer than this reader)`);
  // A longer header is a newer one; what it adds can be skipped (libbpf 1.8 describes unknown kinds there).
  const length = view.getUint32(4, little);
  if (length < SIZE || length > bytes.length) {
    throw bad(`header length must lie between ${SIZE} and the section's ${bytes.length} bytes, got ${length}`);
  }

  // Sums of two u32 are exact in a double, so nothing wraps.
  const part = (name: string, at: number): { start: number; end: number } => {
    const start = length + view.getUint32(at, little);
    const end = start + view.getUint32(at + 4, little);
    if (end > bytes.length) throw bad(`${name} end at byte ${end}, got a section of ${bytes.length} bytes`);
    return { start, end };
  };
  const types = part("types", 8);
  const strings = part("strings", 16);
  if (types.start % 4 !== 0 || (types.end - types.start) % 4 !== 0) {
    throw bad(`types must be 4-aligned, got bytes ${types.start} to ${types.end}`);
  }
  if (types.end > strings.start) {
    throw bad(`types must end before the strings begin, got ${types.end} and ${strings.start}`);
  }
  if (strings.start === strings.end || bytes[strings.start] !== 0 || bytes[strings.end - 1] !== 0) {
    throw bad("strings must begin and end with NUL");
  }
  const names = bytes.subarray(strings.start, strings.end);
  return {
    endian: little ? "little" : "big",
    records: new DataView(bytes.buffer, bytes.byteOffset + types.start, types.end - types.start),
    nameAt: nameTable(names),
    strings: names,
  };
}

function bad(what: string): SkelError {
  return new SkelError("ERR_BTF_FORMAT", what, ["BTF header"]);
}
