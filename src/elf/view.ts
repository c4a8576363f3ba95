// Bytes in, numbers out: unsigned reads and writes in the object's byte order. Callers have checked the bounds.

import type { Endian } from "./elf.ts";

export interface View {
  u8(at: number): number;
  u16(at: number): number;
  u32(at: number): number;
  /** A bigint, since a hostile object holds values above 2^53. */
  u64(at: number): bigint;
  /** The two halves of a u64. */
  halves(at: number): { readonly low: number; readonly high: number };
  setU16(at: number, value: number): void;
  setU32(at: number, value: number): void;
  setU64(at: number, value: number): void;
}

export function openView(bytes: Uint8Array, endian: Endian): View {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = endian === "little";
  return {
    u8: (at) => data.getUint8(at),
    u16: (at) => data.getUint16(at, little),
    u32: (at) => data.getUint32(at, little),
    u64: (at) => data.getBigUint64(at, little),
    halves: (at) => {
      const [first, second] = [data.getUint32(at, little), data.getUint32(at + 4, little)];
      return little ? { low: first, high: second } : { low: second, high: first };
    },
    setU16: (at, value) => data.setUint16(at, value, little),
    setU32: (at, value) => data.setUint32(at, value, little),
    setU64: (at, value) => data.setBigUint64(at, BigInt(value), little),
  };
}
