// The kernel's rule for names of maps, programs and variables: a C identifier of at most 127 bytes (KSYM_NAME_LEN - 1).

import { SkelError, shown } from "../errors.ts";

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]{0,126}$/;

/** Whether the kernel takes `name`. */
export function isIdentifier(name: string): boolean {
  return IDENTIFIER.test(name);
}

/** Throws ERR_NAME unless the kernel would take `name` for a `what` ("map", "program", "variable"). */
export function requireIdentifier(what: string, name: string): void {
  if (isIdentifier(name)) return;
  const got = name.length > 127 ? `${name.length} characters` : shown(name);
  throw new SkelError(
    "ERR_NAME",
    `${what} name is not a C identifier of at most 127 characters, got ${got} (the kernel refuses it too: rename it)`,
  );
}
