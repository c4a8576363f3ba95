// Bytes of a data section and a layout in, the value as C would have it written out, shortened where it is long.

import { printable, shown } from "../errors.ts";
import type { TypeId } from "../btf/types.ts";
import type { Layout, NamedLayout, Scalar } from "../layout/layout.ts";

export interface Memory {
  readonly bytes: Uint8Array;
  readonly littleEndian: boolean;
  readonly types: ReadonlyMap<TypeId, NamedLayout>;
}

/** Elements, members and bytes of each that are shown. */
const MANY = 8;
const LONG = 120;

/** The value at `offset`. */
export function showValue(memory: Memory, layout: Layout, offset: number, size: number): string {
  const text = show(memory, layout, offset, size, 0);
  return text.length <= LONG ? text : `${text.slice(0, LONG)}…`;
}

function show(memory: Memory, layout: Layout, offset: number, size: number, depth: number): string {
  const bytes = memory.bytes.subarray(offset, offset + size);
  if (bytes.length < size) return "";
  switch (layout.kind) {
    case "scalar":
      return showScalar(memory, layout.scalar, offset);
    case "pointer":
      return hexOf(memory, bytes);
    case "enum":
      return showEnum(memory, layout.type, readInteger(memory, offset, size, isSigned(layout.scalar)));
    case "bits":
      return showBits(memory, layout, offset, size);
    case "chars": {
      const end = bytes.indexOf(0);
      return shown(new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end)));
    }
    case "strings": {
      const texts = new TextDecoder().decode(bytes).replace(/\0+$/, "");
      return texts === "" ? "[]" : `[${texts.split("\0").map(shown).join(", ")}]`;
    }
    case "list":
      return showList(memory, layout.element, layout.length, offset, size, depth);
    case "struct":
      return showStruct(memory, layout.type, offset, depth);
    case "tail":
      return "";
    default:
      return Array.from(bytes.subarray(0, 4 * MANY), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  }
}

const isSigned = (scalar: Scalar): boolean => scalar.startsWith("s");

function showScalar(memory: Memory, scalar: Scalar, offset: number): string {
  const { bytes, littleEndian } = memory;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (scalar === "f32") return String(view.getFloat32(offset, littleEndian));
  if (scalar === "f64") return String(view.getFloat64(offset, littleEndian));
  if (scalar === "bool") return view.getUint8(offset) === 0 ? "false" : "true";
  return String(readInteger(memory, offset, parseInt(scalar.slice(1), 10) / 8, isSigned(scalar)));
}

function readInteger({ bytes, littleEndian }: Memory, offset: number, size: number, signed: boolean): bigint {
  const ordered = bytes.slice(offset, offset + size);
  if (littleEndian) ordered.reverse();
  const value = ordered.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return signed ? BigInt.asIntN(8 * size, value) : value;
}

function hexOf(memory: Memory, bytes: Uint8Array): string {
  return `0x${readInteger({ ...memory, bytes }, 0, bytes.length, false).toString(16)}`;
}

function showEnum({ types }: Memory, id: TypeId, value: bigint): string {
  const type = types.get(id);
  const found = type?.kind === "enum" ? type.values.find((one) => one.value === String(value)) : undefined;
  return found === undefined ? String(value) : printable(found.name);
}

function showBits(memory: Memory, layout: Layout & { readonly kind: "bits" }, offset: number, size: number): string {
  const { bit, width, base } = layout;
  const whole = readInteger(memory, offset, size, false);
  // BTF counts from the most significant bit on big-endian machines.
  const shift = memory.littleEndian ? bit : 8 * size - bit - width;
  const value = BigInt.asUintN(width, whole >> BigInt(shift));
  if (base.kind === "enum") return showEnum(memory, base.type, value);
  if (base.kind !== "scalar") return String(value);
  if (base.scalar === "bool") return value === 0n ? "false" : "true";
  return String(isSigned(base.scalar) ? BigInt.asIntN(width, value) : value);
}

/** Deeper values than a reader would follow. */
const DEEP = 6;

function showList(memory: Memory, element: Layout, length: number, at: number, size: number, depth: number): string {
  const bytes = memory.bytes.subarray(at, at + size);
  if (length > 0 && bytes.every((byte) => byte === 0)) return "{0}";
  if (depth >= DEEP || length === 0) return "{…}";
  const stride = size / length;
  const elements = Array.from({ length: Math.min(length, MANY) }, (_, i) =>
    show(memory, element, at + i * stride, stride, depth + 1),
  );
  return `{${[...elements, ...(length > MANY ? ["…"] : [])].join(", ")}}`;
}

function showStruct(memory: Memory, id: TypeId, at: number, depth: number): string {
  const type = memory.types.get(id);
  if (type?.kind !== "struct" || depth >= DEEP) return "{…}";
  const members = type.fields
    .slice(0, MANY)
    .map(
      ({ name, offset, size, layout }) => `.${printable(name)} = ${show(memory, layout, at + offset, size, depth + 1)}`,
    );
  return `{${[...members, ...(type.fields.length > MANY ? ["…"] : [])].join(", ")}}`;
}
