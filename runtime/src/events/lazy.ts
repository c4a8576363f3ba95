// Flyweights: one object for all events of a consumer, whose fields are read from the record under the cursor when they are
// asked for. Made from the codec's table.

import type { Codec } from "../codec/codec.ts";
import { fieldsOf } from "../codec/fields.ts";
import { bool, s16, s32, s64, s8, u16, u32, u64, u8 } from "../codec/scalars.ts";
import { StateError } from "../errors.ts";
import type { Memory } from "../memory.ts";
import type { Cursor, Flyweight } from "./loop.ts";

type Getter = (cursor: Cursor, offset: number) => () => unknown;

// Each a function of its own: V8 then sees one kind of read in it.
const getters: ReadonlyMap<unknown, Getter> = /*@__PURE__*/ new Map<unknown, Getter>([
  [bool, (c, offset) => () => memoryOf(c).bool(c.at + offset)],
  [u8, (c, offset) => () => memoryOf(c).u8(c.at + offset)],
  [u16, (c, offset) => () => memoryOf(c).u16(c.at + offset)],
  [u32, (c, offset) => () => memoryOf(c).u32(c.at + offset)],
  [u64, (c, offset) => () => memoryOf(c).u64(c.at + offset)],
  [s8, (c, offset) => () => memoryOf(c).s8(c.at + offset)],
  [s16, (c, offset) => () => memoryOf(c).s16(c.at + offset)],
  [s32, (c, offset) => () => memoryOf(c).s32(c.at + offset)],
  [s64, (c, offset) => () => memoryOf(c).s64(c.at + offset)],
]);

function getterOf(codec: Codec<unknown, never>, cursor: Cursor, offset: number): () => unknown {
  const text = /^char\[(\d+)\]$/.exec(codec.name);
  if (text === null) {
    const getter = getters.get(codec);
    return getter === undefined ? () => codec.read(bounded(cursor), cursor.at + offset) : getter(cursor, offset);
  }
  const length = Number(text[1]);
  return () => memoryOf(cursor).chars(cursor.at + offset, length);
}

function memoryOf({ m }: Cursor): Memory {
  return m === undefined ? outside() : m;
}

/** The memory, with the end of the record where a flexible array ends. */
function bounded(cursor: Cursor): Memory {
  const m = memoryOf(cursor);
  m.end = cursor.at + cursor.length;
  return m;
}

function outside(): never {
  throw new StateError("event: read outside of its handler (lazy events are there until the handler returns)");
}

/** Shows the records of `codec` under `cursor`, in the same object each; undefined for what is no struct, and has no fields to wait for. */
export function flyweight(codec: Codec<unknown, never>, cursor: Cursor): Flyweight | undefined {
  const fields = fieldsOf(codec);
  if (fields === undefined) return undefined;
  // Of a class of its own: V8 makes a dictionary of an object whose fields another has with other getters.
  const event = Object.setPrototypeOf(new (class {})(), Object.prototype) as object;
  for (const { name, offset, codec } of fields) {
    Object.defineProperty(event, name, { enumerable: true, get: getterOf(codec, cursor, offset) });
  }
  Object.freeze(event);
  return { event, cursor };
}
