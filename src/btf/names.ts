// The string section of BTF: offsets in, names out.
// https://docs.kernel.org/bpf/btf.html#string-encoding

import { SkelError } from "../errors.ts";

/** The name that starts at an offset of the string section. */
export type NameAt = (offset: number) => string;

// Compilers store a name once and let none begin inside another; bytes that a million offsets share would otherwise be
// copied a million times.
const SHARED = 8;

const NOT_ASCII = /[^\0-\x7f]/;

/** Reads names from `section`, which begins and ends with NUL. Equal offsets give the same string. */
export function nameTable(section: Uint8Array): NameAt {
  // One character for each byte, so that most names are a slice of it: ten times faster than to decode one by one.
  const text = new TextDecoder("latin1").decode(section);
  const ascii = !NOT_ASCII.test(text);
  const known = new Map<number, string>([[0, ""]]);
  const budget = SHARED * section.length;
  let spent = 0;
  return (offset) => {
    let name = known.get(offset);
    if (name !== undefined) return name;
    if (offset >= section.length) throw bad(`name at ${offset} is outside the strings, got ${section.length} bytes`);
    const end = text.indexOf("\0", offset);
    spent += end - offset;
    if (spent > budget) throw bad(`names overlap, got more than ${budget} bytes of them in ${section.length}`);
    name = text.slice(offset, end);
    if (!ascii && NOT_ASCII.test(name)) name = decodeName(section.subarray(offset, end));
    known.set(offset, name);
    return name;
  };
}

/**
 * UTF-8 where it is valid; any other byte b becomes the lone surrogate U+DC00+b, so that distinct names stay distinct and
 * a name from Rust or C++ never stops the run.
 */
export function decodeName(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes, at);
    text +=
      length === 0 ? String.fromCharCode(0xdc00 + bytes[at]!) : String.fromCodePoint(codePoint(bytes, at, length));
    at += length || 1;
  }
  return text;
}

/** Bytes of the UTF-8 sequence at `at`; 0 when it is none (RFC 3629: no overlong forms, no surrogates, up to U+10FFFF). */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  for (let i = 1; i < length; i++) {
    if (((bytes[at + i] ?? 0) & 0xc0) !== 0x80) return 0;
  }
  if (length < 3) return length;
  const second = bytes[at + 1]!;
  if (first === 0xe0 && second < 0xa0) return 0;
  if (first === 0xed && second >= 0xa0) return 0;
  if (first === 0xf0 && second < 0x90) return 0;
  if (first === 0xf4 && second >= 0x90) return 0;
  return length;
}

function codePoint(bytes: Uint8Array, at: number, length: number): number {
  let point = length === 1 ? bytes[at]! : bytes[at]! & (0xff >> (length + 1));
  for (let i = 1; i < length; i++) point = (point << 6) | (bytes[at + i]! & 0x3f);
  return point;
}

function bad(what: string): SkelError {
  return new SkelError("ERR_BTF_FORMAT", what);
}
