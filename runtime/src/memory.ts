// Bytes in, C values out, and back: numbers (memory/numbers.ts), text, raw bytes, lists and bitfields at byte offsets of
// one region of memory. A value that does not fit is a ValueError without a path; codec/checked.ts finds the path.

import type { Codec } from "./codec/codec.ts";
import { getBits, putBits } from "./memory/bits.ts";
import { Numbers, within } from "./memory/numbers.ts";
import { isBytes, refuse, refuseBigint, refuseInexact, refuseInt64, refuseNumber } from "./memory/refuse.ts";
import { keepText16, longestCached, putText16, text16, textOf } from "./memory/strings.ts";
import { decodeText, encodeText } from "./memory/text.ts";

/** The byte order of new memory; little-endian when nothing is said. */
export interface ByteOrder {
  readonly bigEndian?: boolean | undefined;
}

/** A view of one region of memory, without a cursor: every access names its byte offset. */
export class Memory extends Numbers {
  /** Whether `chars` follows the rule of keys: only trailing NULs end the text. */
  readonly keys: boolean;
  /** Where the record ends that is read or written, in bytes; -1 where it ends with its struct. */
  end: number;
  /** The region in key mode, once asked for. */
  sibling: Memory | undefined;

  /** Over `bytes`, which stay shared with the caller. */
  static over(bytes: Uint8Array, order?: ByteOrder): Memory {
    return new Memory(bytes, order?.bigEndian !== true, false);
  }

  /** Over `size` fresh zero bytes. */
  static alloc(size: number, order?: ByteOrder): Memory {
    return Memory.over(new Uint8Array(size), order);
  }

  private constructor(bytes: Uint8Array, littleEndian: boolean, keys: boolean) {
    super(bytes, littleEndian);
    this.keys = keys;
    this.end = -1;
    this.sibling = undefined;
  }

  /** The same bytes in key mode. */
  asKeys(): Memory {
    return this.keys ? this : (this.sibling ??= new Memory(this.u8s, this.littleEndian, true));
  }

  /** The text of a `char[n]`. */
  chars(at: number, n: number): string {
    // What every `comm` is; the other cases stand elsewhere, so that V8 still inlines this one into a struct's read.
    return isText16(this, at, n) ? text16(this.u32s, at >>> 2, this.keys) : textOfAny(this, at, n);
  }
  /** Writes `text` and zeroes the rest of the `char[n]`. */
  setChars(at: number, n: number, text: string): void {
    // Most comms were written before.
    if (!isText16(this, at, n) || !putText16(this.u32s, at >>> 2, text)) putText(this, at, n, text);
  }

  /** A copy of `n` bytes. */
  bytes(at: number, n: number): ReturnType<Uint8Array["slice"]> {
    within(this, at, n);
    return this.u8s.slice(at, at + n);
  }
  /** Writes `value` and zeroes the rest of the `n` bytes. */
  setBytes(at: number, n: number, value: Uint8Array): void {
    if (!isBytes(value)) refuse("a Uint8Array", value);
    if (value.length > n) refuse(`at most ${n} bytes`, value.length);
    within(this, at, n);
    this.u8s.set(value, at);
    clear(this.u8s, at + value.length, at + n);
  }
  /** Makes `n` bytes zero. */
  zero(at: number, n: number): void {
    within(this, at, n);
    clear(this.u8s, at, at + n);
  }

  /** The `n` values of an array. */
  list<T>(at: number, n: number, codec: Codec<T, never>): T[] {
    const values: T[] = [];
    for (let i = 0, p = at; i < n; i++, p += codec.size) values.push(codec.read(this, p));
    return values;
  }
  /** Writes `values` and zeroes the rest of the array of `n`. */
  setList<Init>(at: number, n: number, codec: Codec<unknown, Init>, values: readonly Init[]): void {
    if (!Array.isArray(values)) refuse("an array", values);
    const length = values.length;
    if (length > n) refuse(`at most ${n} elements`, length);
    const size = codec.size;
    for (let i = 0; i < length; i++) codec.write(this, at + i * size, values[i] as Init);
    this.zero(at + length * size, (n - length) * size);
  }

  /** An unsigned bitfield as a number; past 2^53 - 1 a ValueError. */
  bits(at: number, bit: number, width: number): number {
    withinBits(this, at, bit, width);
    return width <= 32
      ? getBits(this.u8s, at, bit, width, this.littleEndian)
      : exact(unsigned(width), this.bits64(at, bit, width));
  }
  /** A signed bitfield as a number; outside 2^53 - 1 either way a ValueError. */
  sbits(at: number, bit: number, width: number): number {
    withinBits(this, at, bit, width);
    if (width > 32) return exact(signed(width), this.sbits64(at, bit, width));
    const spare = 32 - width;
    return (getBits(this.u8s, at, bit, width, this.littleEndian) << spare) >> spare;
  }
  /** An unsigned bitfield of up to 64 bits as a bigint. */
  bits64(at: number, bit: number, width: number): bigint {
    withinBits(this, at, bit, width);
    const { u8s, littleEndian } = this;
    if (width <= 32) return BigInt(getBits(u8s, at, bit, width, littleEndian));
    const lower = getBits(u8s, at, littleEndian ? bit : bit + width - 32, 32, littleEndian);
    const upper = getBits(u8s, at, littleEndian ? bit + 32 : bit, width - 32, littleEndian);
    return (BigInt(upper) << 32n) | BigInt(lower);
  }
  /** A signed bitfield of up to 64 bits as a bigint. */
  sbits64(at: number, bit: number, width: number): bigint {
    return BigInt.asIntN(width, this.bits64(at, bit, width));
  }
  /** A `bool` bitfield. */
  flag(at: number, bit: number, width: number): boolean {
    return this.bits(at, bit, width) !== 0;
  }

  setBits(at: number, bit: number, width: number, value: number): void {
    withinBits(this, at, bit, width);
    if (width > 32) {
      if (!Number.isSafeInteger(value) || value < 0 || value >= 2 ** width) refuseInt64(unsigned(width), value);
      return this.setBits64(at, bit, width, BigInt(value));
    }
    if (typeof value !== "number" || value >>> 0 !== value || (width < 32 && value >>> width !== 0)) {
      refuseNumber(unsigned(width), value);
    }
    putBits(this.u8s, at, bit, width, value, this.littleEndian);
  }
  setSbits(at: number, bit: number, width: number, value: number): void {
    withinBits(this, at, bit, width);
    if (width > 32) {
      const limit = 2 ** (width - 1);
      if (!Number.isSafeInteger(value) || value < -limit || value >= limit) refuseInt64(signed(width), value);
      return this.setSbits64(at, bit, width, BigInt(value));
    }
    const spare = 32 - width;
    if (typeof value !== "number" || (value << spare) >> spare !== value) refuseNumber(signed(width), value);
    putBits(this.u8s, at, bit, width, value, this.littleEndian);
  }
  setBits64(at: number, bit: number, width: number, value: bigint): void {
    if (typeof value !== "bigint" || BigInt.asUintN(width, value) !== value) {
      refuseBigint(unsigned(width), value, false);
    }
    putBits64(this, at, bit, width, value);
  }
  setSbits64(at: number, bit: number, width: number, value: bigint): void {
    if (typeof value !== "bigint" || BigInt.asIntN(width, value) !== value) refuseBigint(signed(width), value, true);
    putBits64(this, at, bit, width, value);
  }
  setFlag(at: number, bit: number, width: number, value: boolean): void {
    if (typeof value !== "boolean") refuse("bool", value);
    this.setBits(at, bit, width, value ? 1 : 0);
  }
}

// Whether `char[n]` at `at` is four words of the memory's typed array.
function isText16(m: Memory, at: number, n: number): boolean {
  return n === 16 && (at & 3) === 0 && at >>> 2 <= m.u32s.length - 4;
}

function textOfAny(m: Memory, at: number, n: number): string {
  within(m, at, n);
  return n > longestCached ? decodeText(m.u8s, at, n, m.keys) : textOf(m.view, at, n, m.keys);
}

function putText(m: Memory, at: number, n: number, text: string): void {
  if (typeof text !== "string") refuse("a string", text);
  within(m, at, n);
  if (!putAscii(m.u8s, at, n, text)) encodeText(m.u8s, at, n, text, m.keys);
  else if (isText16(m, at, n)) keepText16(m.u32s, at >>> 2, text);
}

function putAscii(u8s: Uint8Array, at: number, n: number, text: string): boolean {
  const { length } = text;
  if (length > n) return false;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0 || code >= 0x80) return false;
    u8s[at + i] = code;
  }
  clear(u8s, at + length, at + n);
  return true;
}

function withinBits(m: Memory, at: number, bit: number, width: number): void {
  within(m, at, (bit + width + 7) >> 3);
}

// TypedArray.fill costs more than a loop over the few bytes that short fields leave.
function clear(u8s: Uint8Array, start: number, end: number): void {
  if (end - start > 32) u8s.fill(0, start, end);
  else for (let p = start; p < end; p++) u8s[p] = 0;
}

function putBits64(m: Memory, at: number, bit: number, width: number, value: bigint): void {
  withinBits(m, at, bit, width);
  const { u8s, littleEndian } = m;
  const lower = Number(BigInt.asUintN(32, value));
  if (width <= 32) return putBits(u8s, at, bit, width, lower, littleEndian);
  const upper = Number(BigInt.asUintN(32, value >> 32n));
  putBits(u8s, at, littleEndian ? bit : bit + width - 32, 32, lower, littleEndian);
  putBits(u8s, at, littleEndian ? bit + 32 : bit, width - 32, upper, littleEndian);
}

function unsigned(width: number): string {
  return `a ${width}-bit unsigned integer`;
}

function signed(width: number): string {
  return `a ${width}-bit signed integer`;
}

function exact(what: string, value: bigint): number {
  if (!Number.isSafeInteger(Number(value))) refuseInexact(what, value);
  return Number(value);
}
