// Flexible array members, `T data[]`: what a record has beyond its struct. How long it is only the record's own length
// tells, so it is read and written where that is known (decode, encode, events), and empty in a value of fixed size.

import type { Memory } from "../memory.ts";
import { isBytes, refuse } from "../memory/refuse.ts";
import { utf8Length } from "../memory/text.ts";
import { makeCodec } from "./base.ts";
import { refuseAt } from "./checked.ts";
import type { Codec } from "./codec.ts";
import { detailsOf, type Elements } from "./fields.ts";
import { bytes, list } from "./arrays.ts";
import { u8 } from "./scalars.ts";

const tails: WeakMap<object, unknown> = /*@__PURE__*/ new WeakMap();

/** Bytes from `at` to the end of the record. */
function room(m: Memory, at: number): number {
  return Math.max(0, m.end - at);
}

/** `T[]` to the end of the record; what is left of half an element is ignored. */
export function tail<T, Init = T>(codec: Codec<T, Init>): Codec<readonly T[], readonly Init[]> {
  let made = tails.get(codec) as Codec<readonly T[], readonly Init[]> | undefined;
  if (made === undefined) tails.set(codec, (made = makeTail(codec)));
  return made;
}

function makeTail<T, Init>(codec: Codec<T, Init>): Codec<readonly T[], readonly Init[]> {
  const { size } = codec;
  const { bigEndian, hasText } = detailsOf(codec);
  const fit = (m: Memory, at: number): number => (size === 0 ? 0 : Math.floor(room(m, at) / size));
  return makeCodec<readonly T[], readonly Init[]>({
    name: `${codec.name}[]`,
    size: 0,
    read: (m, at) => m.list(at, fit(m, at), codec),
    write: (m, at, values) => m.setList(at, fit(m, at), codec, values),
    check(m, at, values, path) {
      if (!Array.isArray(values)) refuseAt(path, "an array", values);
      if (values.length > fit(m, at)) refuseAt(path, `at most ${fit(m, at)} elements`, values.length);
      for (let i = 0; i < values.length; i++) codec.check(m, at + i * size, values[i] as Init, `${path}[${i}]`);
    },
    bigEndian,
    hasText: hasText ?? (() => true),
    elements: {
      length: 0,
      codec: codec as Codec<unknown, unknown>,
      resized: (length) => list(length, codec) as Codec<unknown, unknown>,
    },
    recordSize: (values) => (Array.isArray(values) ? values.length * size : 0),
  });
}

/** `u8[]` to the end of the record. */
export const tailBytes: Codec<Uint8Array> = /*@__PURE__*/ makeCodec<Uint8Array>({
  name: "u8[]",
  size: 0,
  read: (m, at) => m.bytes(at, room(m, at)),
  write: (m, at, value) => m.setBytes(at, room(m, at), value),
  recordSize: (value) => (isBytes(value) ? value.length : 0),
  elements: { length: 0, codec: u8 as Codec<unknown, unknown>, resized: bytes as Elements["resized"] },
});

/** `char[]` to the end of the record, or to the first NUL; none is written, the record's length says where it ends. */
export const tailText: Codec<string> = /*@__PURE__*/ makeCodec<string>({
  name: "char[]",
  size: 0,
  read: (m, at) => m.chars(at, room(m, at)),
  write(m, at, text) {
    if (typeof text === "string" && text !== "" && room(m, at) === 0) refuse("no text, the record has no room", text);
    m.setChars(at, room(m, at), text);
  },
  hasText: () => true,
  recordSize: (text) => (typeof text === "string" ? utf8Length(text) : 0),
});

const fixedOnes: WeakMap<object, unknown> = /*@__PURE__*/ new WeakMap();

/**
 * The codec of `codec`'s type where something stands behind it, in the middle of a struct or in an array: its flexible array
 * is empty there, and the record's end is not its own.
 */
export function fixed<T, Init = T>(codec: Codec<T, Init>): Codec<T, Init> {
  let made = fixedOnes.get(codec) as Codec<T, Init> | undefined;
  if (made === undefined) fixedOnes.set(codec, (made = makeFixed(codec)));
  return made;
}

function makeFixed<T, Init>(codec: Codec<T, Init>): Codec<T, Init> {
  const { bigEndian, root, hasText, kernelFields, fields } = detailsOf(codec);
  return makeCodec<T, Init>({
    name: codec.name,
    size: codec.size,
    read: (m, at) => withoutEnd(m, () => codec.read(m, at)),
    write: (m, at, value) => withoutEnd(m, () => codec.write(m, at, value)),
    check: (m, at, value, path) => withoutEnd(m, () => codec.check(m, at, value, path)),
    bigEndian,
    root,
    hasText: hasText ?? (() => true),
    kernelFields,
    fields,
  });
}

function withoutEnd<T>(m: Memory, use: () => T): T {
  const { end } = m;
  m.end = -1;
  try {
    return use();
  } finally {
    m.end = end;
  }
}
