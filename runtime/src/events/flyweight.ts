// One object that stands for one record after the other: its properties read the record where it lies.

import type { Codec } from "../codec/codec.ts";
import { fieldsOf } from "../codec/fields.ts";
import { StateError } from "../errors.ts";
import type { Memory } from "../memory.ts";

/** A reader whose values are all one object. */
export interface Flyweight<E> {
  /** The object, standing for what is at `at` from now on. */
  readonly read: (m: Memory, at: number) => E;
  /** From now on, to the next `read`, its properties throw a StateError. */
  release(): void;
}

/** The flyweight of a struct; a value of any other type is read whole. */
export function flyweight<E>(codec: Codec<E, never>): Flyweight<E> {
  const fields = fieldsOf(codec);
  if (fields === undefined) return { read: codec.read, release: () => undefined };
  let memory: Memory | undefined;
  let start = 0;
  // A prototype of its own: objects that got other getters under the same names would slow each other down in V8.
  const view = Object.create({}) as object;
  for (const { name, offset, codec: part } of fields) {
    const get = (): unknown => part.read(memory ?? gone(codec.name), start + offset);
    Object.defineProperty(view, name, { get, enumerable: true });
  }
  // console.log would print "[Getter]" for each.
  const inspect = (): unknown => (memory === undefined ? `[${codec.name}, read]` : { ...view });
  Object.defineProperty(view, Symbol.for("nodejs.util.inspect.custom"), { value: inspect });
  Object.freeze(view);
  return {
    read(m, at) {
      memory = m;
      start = at;
      return view as E;
    },
    release() {
      memory = undefined;
    },
  };
}

function gone(name: string): never {
  throw new StateError(`${name}: a lazy event is valid in its callback only (copy it there: { ...event })`);
}
