// The kernel's rules for names, at most 127 bytes (KSYM_NAME_LEN - 1): programs and variables are C identifiers, and names
// of maps may have dots in them (`asm("my.map")`).

import { SkelError, shown } from "../errors.ts";

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]{0,126}$/;
const DOTTED = /^[A-Za-z_][A-Za-z0-9_.]{0,126}$/;

function requireName(rule: RegExp, what: string, expected: string, name: string): void {
  if (rule.test(name)) return;
  const got = name.length > 127 ? `${name.length} characters` : shown(name);
  throw new SkelError(
    "ERR_NAME",
    `${what} name is not ${expected} of at most 127 characters, got ${got} (the kernel refuses it too: rename it)`,
  );
}

/** Throws ERR_NAME unless the kernel would take `name` for a `what` ("program", "variable"). */
export function requireIdentifier(what: string, name: string): void {
  requireName(IDENTIFIER, what, "a C identifier", name);
}

/** Throws ERR_NAME unless the kernel would take `name` for a map. */
export function requireMapName(name: string): void {
  requireName(DOTTED, "map", "a C identifier with or without dots", name);
}
