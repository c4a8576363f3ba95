// Flyweights: one object for all events of a consumer, whose fields are read from the record under the cursor when they are
// asked for. Made from the codec's table.

import type { Codec } from "../codec/codec.ts";
import { fieldsOf } from "../codec/fields.ts";
import { bool, s16, s32, s64, s8, u16, u32, u64, u8 } from "../codec/scalars.ts";
import { StateError } from "../errors.ts";
import type { Memory } from "../memory.ts";
import type { View } from "./loop.ts";

/** The record that flyweights show; none outside of the handler. */
export interface Cursor {
  m: Memory | undefined;
  at: number;
}

type Getter = (cursor: Cursor, offset: number) => () => unknown;

// Each a function of its own: V8 then sees one kind of read in it.
const getters: ReadonlyMap<unknown, Getter> = /*@__PURE__*/ new Map<unknown, Getter>([
  [bool, (c, offset) => () => (c.m ?? outside()).bool(c.at + offset)],
  [u8, (c, offset) => () => (c.m ?? outside()).u8(c.at + offset)],
  [u16, (c, offset) => () => (c.m ?? outside()).u16(c.at + offset)],
  [u32, (c, offset) => () => (c.m ?? outside()).u32(c.at + offset)],
  [u64, (c, offset) => () => (c.m ?? outside()).u64(c.at + offset)],
  [s8, (c, offset) => () => (c.m ?? outside()).s8(c.at + offset)],
  [s16, (c, offset) => () => (c.m ?? outside()).s16(c.at + offset)],
  [s32, (c, offset) => () => (c.m ?? outside()).s32(c.at + offset)],
  [s64, (c, offset) => () => (c.m ?? outside()).s64(c.at + offset)],
]);

function getterOf(codec: Codec<unknown, never>, cursor: Cursor, offset: number): () => unknown {
  const text = /^char\[(\d+)\]$/.exec(codec.name);
  if (text === null) {
    const getter = getters.get(codec);
    return getter === undefined ? () => codec.read(cursor.m ?? outside(), cursor.at + offset) : getter(cursor, offset);
  }
  const length = Number(text[1]);
  return () => (cursor.m ?? outside()).chars(cursor.at + offset, length);
}

function outside(): never {
  throw new StateError("event: read outside of its handler (lazy events are there until the handler returns)");
}

/** Shows the records of `codec` under `cursor`, in the same object each; undefined for what is no struct, and has no fields to wait for. */
export function flyweight(codec: Codec<unknown, never>, cursor: Cursor): View | undefined {
  const fields = fieldsOf(codec);
  if (fields === undefined) return undefined;
  const event = {};
  for (const { name, offset, codec } of fields) {
    Object.defineProperty(event, name, { enumerable: true, get: getterOf(codec, cursor, offset) });
  }
  Object.freeze(event);
  return {
    read(m, at) {
      cursor.m = m;
      cursor.at = at;
      return event;
    },
  };
}
