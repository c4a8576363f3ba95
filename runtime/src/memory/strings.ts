// The cache that makes a repeated `char[N]` of up to 64 bytes cheap to read: direct-mapped tables keyed on the bytes'
// words. It keeps only strings without a NUL inside, which read the same in values and in keys and at every N.

import { hostIsLittleEndian } from "./numbers.ts";
import { decodeText } from "./text.ts";

/** The longest `char[N]` that is looked up here. */
export const longestCached = 64;

// Enough that the few hundred names of a busy host seldom share a slot.
const slots = 1024;
const shift = 22; // a 32-bit hash to a slot

// A slot that was never filled is right as it is: zero words are "".
const first: Uint32Array = /*@__PURE__*/ new Uint32Array(slots);
const second: Uint32Array = /*@__PURE__*/ new Uint32Array(slots);
const third: Uint32Array = /*@__PURE__*/ new Uint32Array(slots);
const fourth: Uint32Array = /*@__PURE__*/ new Uint32Array(slots);
const texts: string[] = /*@__PURE__*/ new Array<string>(slots).fill("");

// What is looked up is decoded from here, not from the memory again: BPF may be writing to that meanwhile.
const copied: ArrayBuffer = /*@__PURE__*/ new ArrayBuffer(longestCached);
const copy: Uint8Array = /*@__PURE__*/ new Uint8Array(copied);
const copyWords: Uint32Array = /*@__PURE__*/ new Uint32Array(copied);

/** The text of a `char[16]` (every `comm` is one) at word `i`, which the caller knows to be in range. */
export function text16(u32s: Uint32Array, i: number, keys: boolean): string {
  const a = u32s[i]!;
  const b = u32s[i + 1]!;
  const c = u32s[i + 2]!;
  const d = u32s[i + 3]!;
  const mixed = a ^ Math.imul(b, 0x9e3779b1) ^ Math.imul(c, 0x85ebca6b) ^ Math.imul(d, 0xc2b2ae35);
  const slot = Math.imul(mixed, 0x27d4eb2f) >>> shift;
  return first[slot] === a && second[slot] === b && third[slot] === c && fourth[slot] === d
    ? texts[slot]!
    : miss16(a, b, c, d, keys, slot);
}

function miss16(a: number, b: number, c: number, d: number, keys: boolean, slot: number): string {
  copyWords[0] = a;
  copyWords[1] = b;
  copyWords[2] = c;
  copyWords[3] = d;
  const text = decodeText(copy, 0, 16, true);
  const nul = text.indexOf("\0");
  if (nul >= 0) return keys ? text : text.slice(0, nul);
  first[slot] = a;
  second[slot] = b;
  third[slot] = c;
  fourth[slot] = d;
  texts[slot] = text;
  return text;
}

interface Table {
  readonly words: Uint32Array;
  readonly texts: string[];
}

const tables: Table[] = [];

/** The text of `n` bytes, at most {@link longestCached}. */
export function textOf(view: DataView, at: number, n: number, keys: boolean): string {
  let k = 0;
  for (; k + 4 <= n; k += 4) copyWords[k >>> 2] = view.getUint32(at + k, hostIsLittleEndian);
  for (; k < n; k++) copy[k] = view.getUint8(at + k);
  for (; (k & 3) !== 0; k++) copy[k] = 0;
  const count = k >>> 2;
  let hash = 0;
  for (let i = 0; i < count; i++) hash = Math.imul(hash ^ copyWords[i]!, 0x9e3779b1) ^ (hash >>> 15);
  const slot = Math.imul(hash ^ (hash >>> 16), 0x27d4eb2f) >>> shift;
  const { words, texts } = tables[count] ?? addTable(count);
  const from = slot * count;
  let same = 0;
  while (same < count && words[from + same] === copyWords[same]) same++;
  if (same === count) return texts[slot]!;
  const text = decodeText(copy, 0, n, true);
  const nul = text.indexOf("\0");
  if (nul >= 0) return keys ? text : text.slice(0, nul);
  for (let i = 0; i < count; i++) words[from + i] = copyWords[i]!;
  texts[slot] = text;
  return text;
}

function addTable(count: number): Table {
  while (tables.length <= count) {
    tables.push({ words: new Uint32Array(slots * tables.length), texts: new Array<string>(slots).fill("") });
  }
  return tables[count]!;
}

// The other way: the words of texts that were written lately. A text without a NUL is written alike in values and keys.
const written: string[] = /*@__PURE__*/ new Array<string>(slots).fill("");
const writtenWords: Uint32Array = /*@__PURE__*/ new Uint32Array(4 * slots);

function slotOf(text: string): number {
  const { length } = text;
  // NaN for "", which `&` takes as 0.
  return (text.charCodeAt(length - 1) * 31 + text.charCodeAt(length >> 1) * 7 + length) & (slots - 1);
}

/** Writes `text` as a `char[16]` at word `i`; false when it is not known here and has to be encoded. */
export function putText16(u32s: Uint32Array, i: number, text: string): boolean {
  if (typeof text !== "string") return false;
  const slot = slotOf(text);
  if (written[slot] !== text) return false;
  const from = slot * 4;
  u32s[i] = writtenWords[from]!;
  u32s[i + 1] = writtenWords[from + 1]!;
  u32s[i + 2] = writtenWords[from + 2]!;
  u32s[i + 3] = writtenWords[from + 3]!;
  return true;
}

/** Remembers that `text`, which has no NUL, is the `char[16]` at word `i`. */
export function keepText16(u32s: Uint32Array, i: number, text: string): void {
  const slot = slotOf(text);
  written[slot] = text;
  writtenWords.set(u32s.subarray(i, i + 4), slot * 4);
}
