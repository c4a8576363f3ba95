// Maps of events whose definition says what the events are, `__type(value, struct event)`: libbpf takes that for the size of a
// value, which the kernel refuses. Before load it becomes the size that the kernel wants.

import { bpfError } from "../library/failure.ts";
import type { BpfObject } from "../object.ts";

/** `value_size` by `enum bpf_map_type`: PERF_EVENT_ARRAY, RINGBUF, USER_RINGBUF. */
const valueSizes: ReadonlyMap<number, number> = /*@__PURE__*/ new Map([
  [4, 4],
  [27, 0],
  [31, 0],
]);

/** Sets the value size of the map at `pointer` (`struct bpf_map *`) where it is of such a type. */
export function resetValueSize(object: BpfObject, map: string, pointer: number): void {
  const { library, name } = object;
  const wanted = valueSizes.get(library.fn("bpf_map__type")(pointer));
  if (wanted === undefined || library.fn("bpf_map__value_size")(pointer) === wanted) return;
  const syscall = "bpf_map__set_value_size";
  const result = library.fn(syscall)(pointer, wanted);
  if (result < 0) throw bpfError(library, { errno: -result, syscall, object: name, map });
  object.withoutBtf.add(map);
}
