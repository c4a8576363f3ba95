// The codecs of arrays: `char[n]` as text, `u8[n]` as bytes, any other as a list. Each is made once per length.

import { makeCodec } from "./base.ts";
import { refuseAt } from "./checked.ts";
import type { Codec } from "./codec.ts";
import { detailsOf, type Elements, kernelFieldsOf } from "./fields.ts";
import { u8 } from "./scalars.ts";

type Resized = Elements["resized"];

const texts: Map<number, Codec<string>> = /*@__PURE__*/ new Map();
const blobs: Map<number, Codec<Uint8Array>> = /*@__PURE__*/ new Map();
const lists: WeakMap<object, Map<number, unknown>> = /*@__PURE__*/ new WeakMap();

/** `char[n]` as a string: UTF-8 up to the first NUL (in keys: without trailing NULs); too long a text is a ValueError. */
export function chars(n: number): Codec<string> {
  let codec = texts.get(n);
  if (codec === undefined) {
    codec = makeCodec<string>({
      name: `char[${length(n)}]`,
      size: n,
      read: (m, at) => m.chars(at, n),
      write: (m, at, text) => m.setChars(at, n, text),
      hasText: () => true,
    });
    texts.set(n, codec);
  }
  return codec;
}

/** `u8[n]` as bytes; writing fewer zeroes the rest, writing more is a ValueError. */
export function bytes(n: number): Codec<Uint8Array> {
  let codec = blobs.get(n);
  if (codec === undefined) {
    codec = makeCodec<Uint8Array>({
      name: `u8[${length(n)}]`,
      size: n,
      read: (m, at) => m.bytes(at, n),
      write: (m, at, value) => m.setBytes(at, n, value),
      elements: { length: n, codec: u8 as Codec<unknown, unknown>, resized: bytes as Resized },
    });
    blobs.set(n, codec);
  }
  return codec;
}

/** An array of `n`; writing fewer zeroes the rest, writing more is a ValueError. */
export function list<T, Init = T>(n: number, codec: Codec<T, Init>): Codec<readonly T[], readonly Init[]> {
  let ofCodec = lists.get(codec) as Map<number, Codec<readonly T[], readonly Init[]>> | undefined;
  if (ofCodec === undefined) lists.set(codec, (ofCodec = new Map()));
  let made = ofCodec.get(n);
  if (made === undefined) ofCodec.set(n, (made = makeList(length(n), codec)));
  return made;
}

function makeList<T, Init>(n: number, codec: Codec<T, Init>): Codec<readonly T[], readonly Init[]> {
  const { size } = codec;
  const { bigEndian, hasText } = detailsOf(codec);
  // As in C, the outer length comes first: an array of 3 `u32[4]` is a `u32[3][4]`.
  const [, element, inner] = /^([^[]*)(.*)$/s.exec(codec.name) as unknown as [string, string, string];
  return makeCodec<readonly T[], readonly Init[]>({
    name: `${element}[${n}]${inner}`,
    size: n * size,
    read: (m, at) => m.list(at, n, codec),
    write: (m, at, values) => m.setList(at, n, codec, values),
    check(m, at, values, path) {
      if (!Array.isArray(values)) refuseAt(path, "an array", values);
      if (values.length > n) refuseAt(path, `at most ${n} elements`, values.length);
      for (let i = 0; i < values.length; i++) codec.check(m, at + i * size, values[i] as Init, `${path}[${i}]`);
      m.zero(at + values.length * size, (n - values.length) * size);
    },
    bigEndian,
    hasText: hasText ?? (() => true),
    elements: {
      length: n,
      codec: codec as Codec<unknown, unknown>,
      resized: (other) => list(other, codec) as Codec<unknown, unknown>,
    },
    kernelFields: () => kernelFieldsOf(codec),
  });
}

/** `n`, where it is the length of an array. */
export function length(n: number): number {
  if (!Number.isInteger(n) || n < 0 || n > 0x7fff_ffff) throw new RangeError(`expected an array length, got ${n}`);
  return n;
}
