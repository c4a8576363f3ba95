// Which scalar codec stands for a BTF int, float, enum or pointer.

import type { BtfEnum, BtfFloat, BtfInt } from "../btf/types.ts";
import type { Scalar } from "./layout.ts";

const UNSIGNED: Readonly<Record<number, Scalar>> = { 1: "u8", 2: "u16", 4: "u32", 8: "u64", 16: "u128" };
const SIGNED: Readonly<Record<number, Scalar>> = { 1: "s8", 2: "s16", 4: "s32", 8: "s64", 16: "s128" };

/** The codec for an integer of `size` bytes; undefined for a size the runtime has no codec for. */
export function integerScalar(size: number, signed: boolean): Scalar | undefined {
  return (signed ? SIGNED : UNSIGNED)[size];
}

/**
 * Whether an integer is signed. Of CHAR only the name tells: gcc gives it to `unsigned char` as well. clang encodes `char`
 * as SIGNED and `unsigned char` without a flag.
 */
export function isSigned({ encoding, name }: BtfInt): boolean {
  return encoding === "signed" || (encoding === "char" && !/\bunsigned\b/.test(name));
}

/** The codec for `type`. */
export function scalarOf(type: BtfInt | BtfFloat | BtfEnum): Scalar | undefined {
  switch (type.kind) {
    case "int":
      if (type.encoding === "bool" && type.size === 1) return "bool";
      return integerScalar(type.size, isSigned(type));
    case "float":
      return type.size === 4 ? "f32" : type.size === 8 ? "f64" : undefined;
    case "enum":
    case "enum64":
      return integerScalar(type.size, type.signed);
  }
}
