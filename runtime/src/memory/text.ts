// The bytes of a `char[N]` to a string and back. A byte b that is not part of valid UTF-8 is the lone surrogate U+DC00+b
// in the string (Python's surrogateescape), so bytes -> string -> bytes is the identity.

import { ValueError } from "../errors.ts";
import { refuse } from "./refuse.ts";

// Not fatal, so that Node without ICU can run it; keeps a byte order mark, which is part of the text.
const decoder = /*@__PURE__*/ new TextDecoder("utf-8", { ignoreBOM: true });

/** The text of the `n` bytes at `at`: up to the first NUL, or with `keys` without the trailing NULs. */
export function decodeText(u8s: Uint8Array, at: number, n: number, keys: boolean): string {
  if (n <= 16) return decodeShort(u8s, at, n, keys);
  const bytes = u8s.subarray(at, at + n);
  let end = n;
  if (keys) while (end > 0 && bytes[end - 1] === 0) end--;
  else if ((end = bytes.indexOf(0)) < 0) end = n;
  return decodeUtf8(end === n ? bytes : bytes.subarray(0, end));
}

// One String.fromCharCode of 16 arguments takes a third of TextDecoder's time.
function decodeShort(u: Uint8Array, at: number, n: number, keys: boolean): string {
  let end = at + n;
  if (keys) while (end > at && u[end - 1] === 0) end--;
  let all = 0;
  let i = at;
  for (; i < end; i++) {
    const byte = u[i]!;
    if (byte === 0 && !keys) break;
    all |= byte;
  }
  if (all >= 0x80) return decodeUtf8(u.subarray(at, i));
  // prettier-ignore
  return String.fromCharCode(
    u[at]!, u[at + 1]!, u[at + 2]!, u[at + 3]!, u[at + 4]!, u[at + 5]!, u[at + 6]!, u[at + 7]!,
    u[at + 8]!, u[at + 9]!, u[at + 10]!, u[at + 11]!, u[at + 12]!, u[at + 13]!, u[at + 14]!, u[at + 15]!,
  ).slice(0, i - at);
}

function decodeUtf8(bytes: Uint8Array): string {
  const text = decoder.decode(bytes);
  return text.includes("\ufffd") ? decodeEscaped(bytes) : text;
}

function decodeEscaped(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length;) {
    const first = bytes[i]!;
    const length = sequenceLength(bytes, i);
    if (length === 0) text += String.fromCharCode(0xdc00 + first);
    else if (length === 1) text += String.fromCharCode(first);
    else {
      let code = first & (0xff >> (length + 1));
      for (let k = 1; k < length; k++) code = (code << 6) | (bytes[i + k]! & 0x3f);
      text += String.fromCodePoint(code);
    }
    i += length || 1;
  }
  return text;
}

// The length of the well-formed sequence at `i` (Unicode, table 3-7), or 0.
function sequenceLength(bytes: Uint8Array, i: number): number {
  const first = bytes[i]!;
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  const second = bytes[i + 1] ?? 0;
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < low || second > high) return 0;
  for (let k = 2; k < length; k++) if (((bytes[i + k] ?? 0) & 0xc0) !== 0x80) return 0;
  return length;
}

/** Writes `text` and zeroes the rest of the `n` bytes. A text that is refused may be written in part. */
export function encodeText(u8s: Uint8Array, at: number, n: number, text: string, keys: boolean): void {
  const nul = keys ? -1 : text.indexOf("\0");
  if (nul >= 0) refuse("no NUL inside", text, "a C string ends at its first NUL");
  const end = at + n;
  let p = at;
  for (let i = 0; i < text.length; i++) {
    const code = text.codePointAt(i)!;
    const length = encodedLength(code);
    if (length === 0) refuse("well-formed text", text, `a lone surrogate at ${i}`);
    if (p + length > end) refuseLength(n, text);
    if (length === 1) {
      u8s[p] = code; // an escaped byte too: storing U+DC00+b keeps b
    } else {
      for (let k = length - 1, rest = code; k > 0; k--, rest >>>= 6) u8s[p + k] = 0x80 | (rest & 0x3f);
      u8s[p] = ((0xf00 >> length) & 0xff) | (code >>> (6 * (length - 1)));
      if (length === 4) i++; // two code units
    }
    p += length;
  }
  u8s.fill(0, p, end);
}

// In bytes; 0 for a surrogate that stands for no byte.
function encodedLength(code: number): number {
  if (code < 0x80) return 1;
  if (code < 0x800) return 2;
  if (code >= 0xd800 && code < 0xe000) return code >= 0xdc80 && code < 0xdd00 ? 1 : 0;
  return code < 0x10000 ? 3 : 4;
}

function refuseLength(n: number, text: string): never {
  throw new ValueError(`expected at most ${n} bytes of UTF-8, got ${utf8Length(text)}`, "");
}

/** Bytes that `text` takes; a lone surrogate that stands for no byte takes none. */
export function utf8Length(text: string): number {
  let length = 0;
  for (const char of text) length += encodedLength(char.codePointAt(0)!);
  return length;
}
