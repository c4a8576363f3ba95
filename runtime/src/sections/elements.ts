// One element of an array variable, without the rest of it.

import { readChecked } from "../codec/checked.ts";
import { ValueError } from "../errors.ts";
import { show } from "../memory/refuse.ts";
import { type SectionBytes, Writer } from "./bytes.ts";
import type { Elements } from "./types.ts";
import { requireElements, type Variable } from "./variable.ts";

/**
 * The elements of the array `variable`, which errors call `path`; as many as it has at the time.
 * @throws ValueError when the variable is no array
 */
export function accessElements(
  variable: Variable,
  bytes: SectionBytes,
  path: string,
  refuseWrite: (() => never) | undefined,
): Elements<unknown> {
  const { codec: element } = requireElements(variable, path);
  const { offset } = variable;
  const length = (): number => requireElements(variable, path).length;
  const writer = new Writer(element);
  const place = (index: number): number => {
    if (Number.isInteger(index) && index >= 0 && index < length()) return offset + index * element.size;
    throw new ValueError(`${path}: index ${show(index)} is outside 0..${length() - 1}`, path);
  };
  return {
    get length() {
      return length();
    },
    get: (index) => readChecked(element, bytes.read(), place(index), `${path}[${index}]`) as never,
    set(index, value) {
      if (refuseWrite !== undefined) refuseWrite();
      writer.write(bytes, place(index), value, `${path}[${index}]`);
    },
  };
}
