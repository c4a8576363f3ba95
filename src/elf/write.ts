// The bytes of a .bpf.o in, the same without debug sections out, which are most of its bytes.

import { editElf } from "./edit.ts";
import { findDropped } from "./dropped.ts";
import { parseElf } from "./read.ts";
import { openView } from "./view.ts";

/**
 * The object without `.debug_*` and what only serves them; every other section keeps its bytes, but for the indexes of
 * sections in symbols and groups. Returns `bytes` itself when there is nothing to drop.
 */
export function stripDebug(bytes: Uint8Array): Uint8Array {
  const elf = parseElf(bytes);
  const dropped = findDropped(elf, openView(bytes, elf.endian));
  return dropped.size === 0 ? bytes : editElf(bytes, elf, { dropped });
}
