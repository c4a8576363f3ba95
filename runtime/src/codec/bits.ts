// The codecs of bitfields, each of the type it was declared with: `u64 x:3` is a bigint, `bool b:1` a boolean.

import type { Memory } from "../memory.ts";
import { makeCodec } from "./base.ts";
import type { Codec } from "./codec.ts";
import { bool, s16, s32, s64, s64n, s8, u16, u32, u64, u64n, u8 } from "./scalars.ts";

interface Way<T> {
  read(m: Memory, at: number, bit: number, width: number): T;
  write(m: Memory, at: number, bit: number, width: number, value: T): void;
}

const flag: Way<boolean> = {
  read: (m, at, bit, width) => m.flag(at, bit, width),
  write: (m, at, bit, width, value) => m.setFlag(at, bit, width, value),
};
const unsigned: Way<number> = {
  read: (m, at, bit, width) => m.bits(at, bit, width),
  write: (m, at, bit, width, value) => m.setBits(at, bit, width, value),
};
const signed: Way<number> = {
  read: (m, at, bit, width) => m.sbits(at, bit, width),
  write: (m, at, bit, width, value) => m.setSbits(at, bit, width, value),
};
const unsigned64: Way<bigint> = {
  read: (m, at, bit, width) => m.bits64(at, bit, width),
  write: (m, at, bit, width, value) => m.setBits64(at, bit, width, value),
};
const signed64: Way<bigint> = {
  read: (m, at, bit, width) => m.sbits64(at, bit, width),
  write: (m, at, bit, width, value) => m.setSbits64(at, bit, width, value),
};

function wayOf(codec: unknown): unknown {
  switch (codec) {
    case bool:
      return flag;
    case u8:
    case u16:
    case u32:
    case u64n:
      return unsigned;
    case s8:
    case s16:
    case s32:
    case s64n:
      return signed;
    case u64:
      return unsigned64;
    case s64:
      return signed64;
    default:
      return undefined;
  }
}

const made: WeakMap<object, Map<number, unknown>> = /*@__PURE__*/ new WeakMap();

/**
 * A bitfield: `width` bits, `bit` bits after its first byte as BTF counts them, which is from the lowest bit in
 * little-endian memory and from the highest in big-endian memory. `codec` is the declared type's.
 */
export function bits<T extends number | bigint | boolean>(bit: number, width: number, codec: Codec<T>): Codec<T> {
  let ofCodec = made.get(codec) as Map<number, Codec<T>> | undefined;
  if (ofCodec === undefined) made.set(codec, (ofCodec = new Map<number, Codec<T>>()));
  const id = bit * 128 + width;
  let field = ofCodec.get(id);
  if (field === undefined) ofCodec.set(id, (field = makeBits(bit, width, codec)));
  return field;
}

function makeBits<T>(bit: number, width: number, codec: Codec<T>): Codec<T> {
  const way = wayOf(codec) as Way<T> | undefined;
  if (way === undefined)
    throw new TypeError(`expected an integer's or bool's codec for a bitfield, got ${codec.name}'s`);
  if (!(Number.isInteger(width) && width > 0 && width <= codec.size * 8 && Number.isInteger(bit) && bit >= 0)) {
    throw new RangeError(`expected a bitfield inside a ${codec.name}, got ${width} bits at bit ${bit}`);
  }
  return makeCodec<T>({
    name: `${codec.name}:${width}`,
    size: (bit + width + 7) >> 3,
    read: (m, at) => way.read(m, at, bit, width),
    write: (m, at, value) => way.write(m, at, bit, width, value),
    bitfield: { bit, width },
  });
}
