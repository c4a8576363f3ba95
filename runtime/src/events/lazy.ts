// Flyweights: one object for all events of a consumer, whose fields are read from the record under the cursor when they are
// asked for. Made from the codec's table.

import type { Codec } from "../codec/codec.ts";
import { fieldsOf } from "../codec/fields.ts";
import { getterOf, memoryOf, Place } from "../codec/place.ts";
import { StateError } from "../errors.ts";
import { ofOwnClass } from "../library/record.ts";
import type { Memory } from "../memory.ts";

/** One event for all records, which shows the one under the cursor. */
export interface Flyweight {
  readonly event: object;
  readonly cursor: Place;
}

/** A cursor that is under no record yet. */
export function newCursor(): Place {
  return new Place(outside);
}

function outside(): never {
  const until = "lazy events are there until the handler returns or closes the map";
  throw new StateError(`event: read outside of its handler, or after close (${until})`);
}

/** Shows the records of `codec` under `cursor`, in the same object each; undefined for what is no struct, and has no fields to wait for. */
export function flyweight(codec: Codec<unknown, never>, cursor: Place): Flyweight | undefined {
  const fields = fieldsOf(codec);
  if (fields === undefined) return undefined;
  const event = ofOwnClass(Object.prototype);
  for (const { name, offset, codec } of fields) {
    const get =
      getterOf(codec, cursor, offset) ?? textGetter(codec, cursor, offset) ?? anyGetter(codec, cursor, offset);
    Object.defineProperty(event, name, { enumerable: true, get });
  }
  Object.freeze(event);
  return { event, cursor };
}

function textGetter({ name }: Codec<unknown, never>, cursor: Place, offset: number): (() => unknown) | undefined {
  const text = /^char\[(\d+)\]$/.exec(name);
  if (text === null) return undefined;
  const length = Number(text[1]);
  return () => memoryOf(cursor).chars(cursor.at + offset, length);
}

function anyGetter(codec: Codec<unknown, never>, cursor: Place, offset: number): () => unknown {
  return () => codec.read(bounded(cursor), cursor.at + offset);
}

/** The memory, with the end of the record where a flexible array ends. */
function bounded(cursor: Place): Memory {
  const m = memoryOf(cursor);
  m.end = cursor.at + cursor.length;
  return m;
}
