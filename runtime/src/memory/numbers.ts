// Bytes to numbers and back, at byte offsets of one region of memory, at any alignment, in the memory's byte order.
// A number that does not fit is a ValueError without a path, an offset outside the region a RangeError.

import { refuse, refuseBigint, refuseInexact, refuseInt64, refuseNumber } from "./refuse.ts";

/** The byte order of this machine. */
export const hostIsLittleEndian: boolean = /*@__PURE__*/ isLittleEndian();

/** The same for generated code that carries objects of both. */
export const hostIsBigEndian: boolean = !hostIsLittleEndian;

function isLittleEndian(): boolean {
  return new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
}

// Splits a 64-bit integer after its one load, and joins it before its one store: halves of a live counter could tear.
const shared: ArrayBuffer = /*@__PURE__*/ new ArrayBuffer(8);
const whole: BigUint64Array = /*@__PURE__*/ new BigUint64Array(shared);
const halves: Uint32Array = /*@__PURE__*/ new Uint32Array(shared);
const low: number = hostIsLittleEndian ? 0 : 1;
const high: number = hostIsLittleEndian ? 1 : 0;

/**
 * The numbers of a region. Each access takes a typed array where it can and a DataView elsewhere; an index outside a typed
 * array reads as undefined, and the DataView then reads or throws (V8 folds the comparison away).
 */
export abstract class Numbers {
  /** The region's bytes. */
  readonly u8s: Uint8Array;
  /** In bytes. */
  readonly size: number;
  readonly littleEndian: boolean;
  readonly view: DataView;
  // Those of more than a byte are empty where the region starts unaligned or its byte order is not the host's.
  readonly u16s: Uint16Array;
  readonly u32s: Uint32Array;
  readonly u64s: BigUint64Array;
  readonly s8s: Int8Array;
  readonly s16s: Int16Array;
  readonly s32s: Int32Array;
  readonly s64s: BigInt64Array;
  readonly f32s: Float32Array;
  readonly f64s: Float64Array;

  constructor(bytes: Uint8Array, littleEndian: boolean) {
    const { buffer, byteOffset, length } = bytes;
    // Offsets are cut to 32 bits on the way to a typed array's index.
    if (length > 0xffff_ffff) throw new RangeError(`expected less than 4 GiB of memory, got ${length} bytes`);
    const fits = byteOffset % 8 === 0 && littleEndian === hostIsLittleEndian;
    const home = fits ? buffer : new ArrayBuffer(0);
    const start = fits ? byteOffset : 0;
    const room = fits ? length : 0;
    this.u8s = new Uint8Array(buffer, byteOffset, length);
    this.size = length;
    this.littleEndian = littleEndian;
    this.view = new DataView(buffer, byteOffset, length);
    this.u16s = new Uint16Array(home, start, room >>> 1);
    this.u32s = new Uint32Array(home, start, room >>> 2);
    this.u64s = new BigUint64Array(home, start, room >>> 3);
    this.s8s = new Int8Array(buffer, byteOffset, length);
    this.s16s = new Int16Array(home, start, room >>> 1);
    this.s32s = new Int32Array(home, start, room >>> 2);
    this.s64s = new BigInt64Array(home, start, room >>> 3);
    this.f32s = new Float32Array(home, start, room >>> 2);
    this.f64s = new Float64Array(home, start, room >>> 3);
  }

  u8(at: number): number {
    return this.u8s[at] ?? this.view.getUint8(at);
  }
  u16(at: number): number {
    if ((at & 1) === 0) {
      const value = this.u16s[at >>> 1];
      if (value !== undefined) return value;
    }
    return this.view.getUint16(at, this.littleEndian);
  }
  u32(at: number): number {
    if ((at & 3) === 0) {
      const value = this.u32s[at >>> 2];
      if (value !== undefined) return value;
    }
    return this.view.getUint32(at, this.littleEndian);
  }
  u64(at: number): bigint {
    if ((at & 7) === 0) {
      const value = this.u64s[at >>> 3];
      if (value !== undefined) return value;
    }
    return this.view.getBigUint64(at, this.littleEndian);
  }
  s8(at: number): number {
    return this.s8s[at] ?? this.view.getInt8(at);
  }
  s16(at: number): number {
    if ((at & 1) === 0) {
      const value = this.s16s[at >>> 1];
      if (value !== undefined) return value;
    }
    return this.view.getInt16(at, this.littleEndian);
  }
  s32(at: number): number {
    if ((at & 3) === 0) {
      const value = this.s32s[at >>> 2];
      if (value !== undefined) return value;
    }
    return this.view.getInt32(at, this.littleEndian);
  }
  s64(at: number): bigint {
    if ((at & 7) === 0) {
      const value = this.s64s[at >>> 3];
      if (value !== undefined) return value;
    }
    return this.view.getBigInt64(at, this.littleEndian);
  }
  f32(at: number): number {
    if ((at & 3) === 0) {
      const value = this.f32s[at >>> 2];
      if (value !== undefined) return value;
    }
    return this.view.getFloat32(at, this.littleEndian);
  }
  f64(at: number): number {
    if ((at & 7) === 0) {
      const value = this.f64s[at >>> 3];
      if (value !== undefined) return value;
    }
    return this.view.getFloat64(at, this.littleEndian);
  }
  u128(at: number): bigint {
    const first = this.u64(at);
    const second = this.u64(at + 8);
    return this.littleEndian ? (second << 64n) | first : (first << 64n) | second;
  }
  s128(at: number): bigint {
    return BigInt.asIntN(128, this.u128(at));
  }
  bool(at: number): boolean {
    return this.u8(at) !== 0;
  }
  /** A `u64` as a number; a ValueError past 2^53 - 1. */
  u64n(at: number): number {
    split(this, at);
    const value = halves[high]! * 0x1_0000_0000 + halves[low]!;
    if (!Number.isSafeInteger(value)) refuseInexact("u64", this.u64(at));
    return value;
  }
  /** An `s64` as a number; a ValueError outside 2^53 - 1 either way. */
  s64n(at: number): number {
    split(this, at);
    const value = (halves[high]! | 0) * 0x1_0000_0000 + halves[low]!;
    if (!Number.isSafeInteger(value)) refuseInexact("s64", this.s64(at));
    return value;
  }

  setU8(at: number, value: number): void {
    if (typeof value !== "number" || (value & 0xff) !== value) refuseNumber("u8", value);
    this.view.setUint8(at, value);
  }
  setU16(at: number, value: number): void {
    if (typeof value !== "number" || (value & 0xffff) !== value) refuseNumber("u16", value);
    this.view.setUint16(at, value, this.littleEndian);
  }
  setU32(at: number, value: number): void {
    if (typeof value !== "number" || value >>> 0 !== value) refuseNumber("u32", value);
    this.view.setUint32(at, value, this.littleEndian);
  }
  setU64(at: number, value: bigint): void {
    if (typeof value !== "bigint" || BigInt.asUintN(64, value) !== value) refuseBigint("u64", value, false);
    const i = at >>> 3;
    if ((at & 7) === 0 && i < this.u64s.length) this.u64s[i] = value;
    else this.view.setBigUint64(at, value, this.littleEndian);
  }
  setS8(at: number, value: number): void {
    if (typeof value !== "number" || (value << 24) >> 24 !== value) refuseNumber("s8", value);
    this.view.setInt8(at, value);
  }
  setS16(at: number, value: number): void {
    if (typeof value !== "number" || (value << 16) >> 16 !== value) refuseNumber("s16", value);
    this.view.setInt16(at, value, this.littleEndian);
  }
  setS32(at: number, value: number): void {
    if (typeof value !== "number" || (value | 0) !== value) refuseNumber("s32", value);
    this.view.setInt32(at, value, this.littleEndian);
  }
  setS64(at: number, value: bigint): void {
    if (typeof value !== "bigint" || BigInt.asIntN(64, value) !== value) refuseBigint("s64", value, true);
    const i = at >>> 3;
    if ((at & 7) === 0 && i < this.s64s.length) this.s64s[i] = value;
    else this.view.setBigInt64(at, value, this.littleEndian);
  }
  setF32(at: number, value: number): void {
    if (typeof value !== "number") refuseNumber("f32", value);
    // Of a NaN that was read V8 may keep the bits or not: one value has one image, as of a key.
    if (value !== value) this.view.setUint32(at, 0x7fc00000, this.littleEndian);
    else this.view.setFloat32(at, value, this.littleEndian);
  }
  setF64(at: number, value: number): void {
    if (typeof value !== "number") refuseNumber("f64", value);
    if (value !== value) this.view.setBigUint64(at, 0x7ff80000_00000000n, this.littleEndian);
    else this.view.setFloat64(at, value, this.littleEndian);
  }
  setU128(at: number, value: bigint): void {
    if (typeof value !== "bigint" || BigInt.asUintN(128, value) !== value) refuseBigint("u128", value, false);
    put128(this, at, value);
  }
  setS128(at: number, value: bigint): void {
    if (typeof value !== "bigint" || BigInt.asIntN(128, value) !== value) refuseBigint("s128", value, true);
    put128(this, at, value);
  }
  setBool(at: number, value: boolean): void {
    if (typeof value !== "boolean") refuse("bool", value);
    this.setU8(at, value ? 1 : 0);
  }
  setU64n(at: number, value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) refuseInt64("u64", value);
    join(this, at, value);
  }
  setS64n(at: number, value: number): void {
    if (!Number.isSafeInteger(value)) refuseInt64("s64", value);
    join(this, at, value);
  }
}

function split(m: Numbers, at: number): void {
  if ((at & 7) === 0) {
    const value = m.u64s[at >>> 3];
    if (value !== undefined) {
      whole[0] = value;
      return;
    }
  }
  whole[0] = m.view.getBigUint64(at, m.littleEndian);
}

function join(m: Numbers, at: number, value: number): void {
  halves[low] = value;
  halves[high] = Math.floor(value / 0x1_0000_0000);
  const i = at >>> 3;
  if ((at & 7) === 0 && i < m.u64s.length) m.u64s[i] = whole[0]!;
  else m.view.setBigUint64(at, whole[0]!, m.littleEndian);
}

function put128(m: Numbers, at: number, value: bigint): void {
  within(m, at, 16); // or half of it would be written
  const lower = BigInt.asUintN(64, value);
  const upper = BigInt.asUintN(64, value >> 64n);
  m.setU64(at, m.littleEndian ? lower : upper);
  m.setU64(at + 8, m.littleEndian ? upper : lower);
}

/** Throws a RangeError unless the `n` bytes at `at` are inside the region. */
export function within(m: Numbers, at: number, n: number): void {
  if (!(at >= 0 && n >= 0 && at + n <= m.size)) {
    throw new RangeError(`expected ${n} bytes at ${at} inside ${m.size} bytes of memory`);
  }
}
