// The codec behind `raw`: bytes in, the same bytes out, of exactly the map's size.

import type { Codec, FieldBytes } from "../codec/codec.ts";
import { ValueError } from "../errors.ts";
import type { Memory } from "../memory.ts";
import { isBytes, show } from "../memory/refuse.ts";

function checkLength(value: unknown, size: number, path: string): void {
  const where = path === "" ? "" : `${path}: `;
  if (!isBytes(value)) throw new ValueError(`${where}expected a Uint8Array of ${size} bytes, got ${show(value)}`, path);
  if (value.length !== size) throw new ValueError(`${where}expected ${size} bytes, got ${value.length}`, path);
}

/** Bytes of exactly `size`. */
export function rawBytes(size: number): Codec<Uint8Array> {
  return {
    name: `u8[${size}]`,
    size,
    decode(bytes) {
      if (bytes.length < size) checkLength(bytes, size, "");
      return bytes.slice(0, size);
    },
    encode(value) {
      checkLength(value, size, "");
      return value.slice();
    },
    bytes: (bytes) => bytes.subarray(0, size) as FieldBytes<Uint8Array>,
    zero: () => new Uint8Array(size),
    read: (m: Memory, at) => m.bytes(at, size),
    write(m: Memory, at, value) {
      checkLength(value, size, "");
      m.setBytes(at, size, value);
    },
    check(m: Memory, at, value, path) {
      checkLength(value, size, path);
      m.setBytes(at, size, value);
    },
  };
}
