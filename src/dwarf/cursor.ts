// Bytes in, numbers of DWARF out, each read checked against the end of what it may read.

import { SkelError } from "../errors.ts";
import { decodeName } from "../btf/names.ts";

/** The error for damaged debug information. */
export function bad(what: string, place?: string): SkelError {
  return new SkelError("ERR_DWARF_FORMAT", what, place === undefined ? [] : [place]);
}

/** Bytes of the longest name: names that tools write are shorter, mangled ones of C++ and Rust too. */
const LONGEST_NAME = 1 << 16;

/** Reads at a place that moves on. */
export class Cursor {
  at: number;
  readonly end: number;
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #little: boolean;

  constructor(bytes: Uint8Array, little: boolean, at: number = 0, end: number = bytes.length) {
    if (at > end || end > bytes.length) throw bad(`reads at ${at}, got ${Math.min(end, bytes.length)} bytes`);
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#little = little;
    this.at = at;
    this.end = end;
  }

  /** Moves past `count` bytes and gives where they begin. */
  skip(count: number): number {
    const from = this.at;
    if (!(count <= this.end - from)) throw bad(`needs ${count} bytes at ${from}, got ${this.end - from}`);
    this.at = from + count;
    return from;
  }

  u8(): number {
    return this.#view.getUint8(this.skip(1));
  }

  u16(): number {
    return this.#view.getUint16(this.skip(2), this.#little);
  }

  u24(): number {
    const from = this.skip(3);
    const [a, b, c] = [this.bytes[from]!, this.bytes[from + 1]!, this.bytes[from + 2]!];
    return this.#little ? a | (b << 8) | (c << 16) : (a << 16) | (b << 8) | c;
  }

  u32(): number {
    return this.#view.getUint32(this.skip(4), this.#little);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.skip(8), this.#little);
  }

  /** An unsigned number of `size` bytes, exact up to 2^53: what is larger is no size and no offset. */
  unsigned(size: 1 | 2 | 4 | 8): number {
    return size === 1 ? this.u8() : size === 2 ? this.u16() : size === 4 ? this.u32() : Number(this.u64());
  }

  /** Unsigned LEB128; inexact past 2^53. */
  uleb(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.u8();
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      if (factor > 2 ** 63) throw bad(`a number has more than 64 bits at ${this.at}`);
    }
  }

  /** Signed LEB128. */
  sleb(): bigint {
    let value = 0n;
    for (let shift = 0n; ;) {
      const byte = this.u8();
      value |= BigInt(byte & 127) << shift;
      shift += 7n;
      if (byte < 128) return (byte & 64) === 0 ? value : value - (1n << shift);
      if (shift > 63n) throw bad(`a number has more than 64 bits at ${this.at}`);
    }
  }

  /** A text that ends in NUL; what is not UTF-8 as `decodeName` has it. */
  text(): string {
    const from = this.at;
    return decodeName(this.bytes.subarray(from, this.skipText()));
  }

  /** Moves past a text and gives where it ends. */
  skipText(): number {
    const end = this.bytes.indexOf(0, this.at);
    if (end < 0 || end >= this.end) throw bad(`a text at ${this.at} has no end`);
    if (end - this.at > LONGEST_NAME) throw bad(`a text at ${this.at} has more than ${LONGEST_NAME} bytes`);
    this.at = end + 1;
    return end;
  }
}
