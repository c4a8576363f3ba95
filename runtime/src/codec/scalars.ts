// The codecs of numbers and `bool`, by the kernel's words for them.

import type { Memory } from "../memory.ts";
import { makeCodec } from "./base.ts";
import type { Codec } from "./codec.ts";

function scalar<T>(
  name: string,
  size: number,
  read: (m: Memory, at: number) => T,
  write: (m: Memory, at: number, value: T) => void,
): Codec<T> {
  return makeCodec({ name, size, read, write });
}

/** `bool`, one byte; any byte but 0 reads as true. */
export const bool: Codec<boolean> = /*@__PURE__*/ scalar(
  "bool",
  1,
  (m, at) => m.bool(at),
  (m, at, v) => m.setBool(at, v),
);
/** `u8`: one byte, unsigned; writing a value out of range is a ValueError. */
export const u8: Codec<number> = /*@__PURE__*/ scalar(
  "u8",
  1,
  (m, at) => m.u8(at),
  (m, at, v) => m.setU8(at, v),
);
/** `u16`: 2 bytes, unsigned; writing a value out of range is a ValueError. */
export const u16: Codec<number> = /*@__PURE__*/ scalar(
  "u16",
  2,
  (m, at) => m.u16(at),
  (m, at, v) => m.setU16(at, v),
);
/** `u32`: 4 bytes, unsigned; writing a value out of range is a ValueError. */
export const u32: Codec<number> = /*@__PURE__*/ scalar(
  "u32",
  4,
  (m, at) => m.u32(at),
  (m, at, v) => m.setU32(at, v),
);
/** `u64`: 8 bytes, unsigned, as a `bigint`; writing a value out of range is a ValueError. */
export const u64: Codec<bigint> = /*@__PURE__*/ scalar(
  "u64",
  8,
  (m, at) => m.u64(at),
  (m, at, v) => m.setU64(at, v),
);
/** `u128`: 16 bytes, unsigned, as a `bigint`; writing a value out of range is a ValueError. */
export const u128: Codec<bigint> = /*@__PURE__*/ scalar(
  "u128",
  16,
  (m, at) => m.u128(at),
  (m, at, v) => m.setU128(at, v),
);
/** `s8`: one byte, signed; writing a value out of range is a ValueError. */
export const s8: Codec<number> = /*@__PURE__*/ scalar(
  "s8",
  1,
  (m, at) => m.s8(at),
  (m, at, v) => m.setS8(at, v),
);
/** `s16`: 2 bytes, signed; writing a value out of range is a ValueError. */
export const s16: Codec<number> = /*@__PURE__*/ scalar(
  "s16",
  2,
  (m, at) => m.s16(at),
  (m, at, v) => m.setS16(at, v),
);
/** `s32`: 4 bytes, signed; writing a value out of range is a ValueError. */
export const s32: Codec<number> = /*@__PURE__*/ scalar(
  "s32",
  4,
  (m, at) => m.s32(at),
  (m, at, v) => m.setS32(at, v),
);
/** `s64`: 8 bytes, signed, as a `bigint`; writing a value out of range is a ValueError. */
export const s64: Codec<bigint> = /*@__PURE__*/ scalar(
  "s64",
  8,
  (m, at) => m.s64(at),
  (m, at, v) => m.setS64(at, v),
);
/** `s128`: 16 bytes, signed, as a `bigint`; writing a value out of range is a ValueError. */
export const s128: Codec<bigint> = /*@__PURE__*/ scalar(
  "s128",
  16,
  (m, at) => m.s128(at),
  (m, at, v) => m.setS128(at, v),
);
/** `float`; writing rounds to it. */
export const f32: Codec<number> = /*@__PURE__*/ scalar(
  "f32",
  4,
  (m, at) => m.f32(at),
  (m, at, v) => m.setF32(at, v),
);
/** `double`. */
export const f64: Codec<number> = /*@__PURE__*/ scalar(
  "f64",
  8,
  (m, at) => m.f64(at),
  (m, at, v) => m.setF64(at, v),
);
/** `u64` as a number, for `--int64 number`; reading a value past 2^53 - 1 is a ValueError. */
export const u64n: Codec<number> = /*@__PURE__*/ scalar(
  "u64",
  8,
  (m, at) => m.u64n(at),
  (m, at, v) => m.setU64n(at, v),
);
/** `s64` as a number, for `--int64 number`; reading a value outside 2^53 - 1 either way is a ValueError. */
export const s64n: Codec<number> = /*@__PURE__*/ scalar(
  "s64",
  8,
  (m, at) => m.s64n(at),
  (m, at, v) => m.setS64n(at, v),
);
