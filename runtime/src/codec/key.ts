// The codec of the same type as a map's key: in its text only trailing NULs are dropped, so that every key's bytes
// survive the way to a string and back.

import { makeCodec } from "./base.ts";
import type { Codec } from "./codec.ts";
import { detailsOf, type Field } from "./fields.ts";

const keys: WeakMap<object, unknown> = /*@__PURE__*/ new WeakMap();

/** The codec of `codec`'s type in keys; `codec` itself where no text is in it. */
export function key<T, Init = T>(codec: Codec<T, Init>): Codec<T, Init> {
  let found = keys.get(codec) as Codec<T, Init> | undefined;
  if (found === undefined) {
    found = detailsOf(codec).hasText?.() === false ? codec : makeKey(codec);
    keys.set(codec, found);
    keys.set(found, found);
  }
  return found;
}

function makeKey<T, Init>(codec: Codec<T, Init>): Codec<T, Init> {
  const { bigEndian, root, hasText, fields } = detailsOf(codec);
  return makeCodec<T, Init>({
    name: codec.name,
    size: codec.size,
    read: (m, at) => codec.read(m.asKeys(), at),
    write: (m, at, value) => codec.write(m.asKeys(), at, value),
    check: (m, at, value, path) => codec.check(m.asKeys(), at, value, path),
    bigEndian,
    root,
    hasText: hasText ?? (() => true),
    fields: fields && (() => fields().map((field): Field => ({ ...field, codec: key(field.codec) }))),
  });
}
