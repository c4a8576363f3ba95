// One element of an array variable, without the rest of it.

import { readChecked } from "../codec/checked.ts";
import type { Codec } from "../codec/codec.ts";
import { elementsOf } from "../codec/fields.ts";
import { ValueError } from "../errors.ts";
import { show } from "../memory/refuse.ts";
import { type SectionBytes, Writer } from "./bytes.ts";
import type { Elements } from "./types.ts";

/**
 * The elements of the array variable `path` at byte offset `at`.
 * @throws ValueError when the variable is no array
 */
export function accessElements(
  codec: Codec<unknown, unknown>,
  bytes: SectionBytes,
  at: number,
  path: string,
  refuseWrite: (() => never) | undefined,
): Elements<unknown> {
  const elements = elementsOf(codec);
  if (elements === undefined) throw new ValueError(`${path}: expected an array, got ${codec.name}`, path);
  const { length, codec: element } = elements;
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
