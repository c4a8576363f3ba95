// One element of an array variable, without the rest of it.

import { readChecked } from "../codec/checked.ts";
import type { Codec } from "../codec/codec.ts";
import { u8 } from "../codec/scalars.ts";
import { ValueError } from "../errors.ts";
import { Memory } from "../memory.ts";
import { show } from "../memory/refuse.ts";
import { type SectionBytes, Writer } from "./bytes.ts";
import type { Elements } from "./types.ts";

interface ArrayShape {
  readonly length: number;
  readonly element: Codec<unknown, unknown>;
}

/**
 * What an array's codec is made of; undefined for other types. The codec tells by what it asks of memory: `list` with its
 * length and its elements' codec, or `bytes` with its length.
 */
function shapeOf(codec: Codec<unknown, unknown>): ArrayShape | undefined {
  let shape: ArrayShape | undefined;
  const probe = Object.create(Memory.prototype, {
    list: {
      value: (_at: number, length: number, element: Codec<unknown, unknown>) => {
        shape = { length, element };
        return [];
      },
    },
    bytes: {
      value: (_at: number, length: number) => {
        shape = { length, element: u8 as Codec<unknown, unknown> };
        return new Uint8Array(0);
      },
    },
  }) as Memory;
  try {
    codec.read(probe, 0);
  } catch {
    return undefined;
  }
  return shape !== undefined && shape.length * shape.element.size === codec.size ? shape : undefined;
}

/**
 * The elements of the array variable `path` at byte offset `at`.
 * @throws ValueError when the variable is no array
 */
export function elementsOf(
  codec: Codec<unknown, unknown>,
  bytes: SectionBytes,
  at: number,
  path: string,
  refuseWrite: (() => never) | undefined,
): Elements<unknown> {
  const shape = shapeOf(codec);
  if (shape === undefined) throw new ValueError(`${path}: expected an array, got ${codec.name}`, path);
  const { length, element } = shape;
  const writer = new Writer(element);
  const place = (index: number): number => {
    if (Number.isInteger(index) && index >= 0 && index < length) return at + index * element.size;
    throw new ValueError(`${path}: index ${show(index)} is outside 0..${length - 1}`, path);
  };
  return {
    length,
    get: (index) => readChecked(element, bytes.read(), place(index), `${path}[${index}]`) as never,
    set(index, value) {
      if (refuseWrite !== undefined) refuseWrite();
      writer.write(bytes, place(index), value, `${path}[${index}]`);
    },
  };
}
