// What libbpf fills a map with (libbpf.c, `bpf_map__initial_value`): a copy of the section before load; of an arena its own
// mapping after it.

import type { Library } from "../library.ts";
import { addressOf } from "../native.ts";

/** Where the initial value of the map at `pointer` is, and its bytes; 0 where it has none. */
export function initialValue(library: Library, pointer: number): { address: number; size: number } {
  const size = new BigUint64Array(1);
  const address = library.fn("bpf_map__initial_value")(pointer, addressOf(size.buffer as ArrayBuffer));
  return { address, size: address === 0 ? 0 : Number(size[0]) };
}
