// The bytes of a .bpf.o in, the object that a skeleton carries out.

import { stripDebug } from "../elf/write.ts";
import { upgradeMaps } from "./upgrade.ts";

/**
 * The object with legacy maps upgraded and without debug sections; `bytes` itself when there is nothing to do, so that
 * `carry(carry(x))` equals `carry(x)`.
 */
export function carry(bytes: Uint8Array): Uint8Array {
  return stripDebug(upgradeMaps(bytes));
}
