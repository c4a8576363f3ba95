// A section whose last array gets another length (libbpf.c, `map_btf_datasec_resize`): its table and sizes, before and after.

import { ValueError } from "../errors.ts";
import { show } from "../memory/refuse.ts";
import type { SectionSpec } from "./types.ts";
import { requireElements, type Variable } from "./variable.ts";

// kernel/bpf/arraymap.c, `array_map_alloc_check`: INT_MAX.
const largest = 0x7fff_ffff;

/**
 * `spec` with `length` elements in its array `name`, which errors call `path`.
 * @throws ValueError when it is no array, or not the section's end, or `length` is no length
 */
export function resizedSpec(
  spec: SectionSpec<unknown>,
  name: string,
  variable: Variable,
  length: number,
  path: string,
): SectionSpec<unknown> {
  const elements = requireElements(variable, path);
  const { offset, codec } = variable;
  // Behind it may also stand a static variable, which has no place in the table.
  if (offset + codec.size !== spec.size) {
    const what = `expected the last variable of ${spec.name}, got one that ends at ${offset + codec.size} of ${spec.size} bytes`;
    throw new ValueError(`${path}: ${what} (put it in a section of its own)`, path);
  }
  if (!Number.isInteger(length) || length < 1) {
    throw new ValueError(`${path}: expected a positive number of elements, got ${show(length)}`, path);
  }
  const size = offset + length * elements.codec.size;
  if (size > largest) {
    throw new ValueError(`${path}: expected at most ${largest} bytes in ${spec.name}, got ${size}`, path);
  }
  return { ...spec, size, variables: { ...(spec.variables as object), [name]: [offset, elements.resized(length)] } };
}
