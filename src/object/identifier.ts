// The kernel's rules for names, at most 127 bytes (KSYM_NAME_LEN - 1): letters, digits, _ and dots (`asm("3.map")`). Names of
// variables it sees in BTF alone, which objects load without, so those may be all that clang takes: with dollars too.

import { SkelError, shown } from "../errors.ts";

const DOTTED = /^[A-Za-z0-9_.]{1,127}$/;
const OF_VARIABLE = /^[A-Za-z_$][A-Za-z0-9_$.]{0,126}$/;

function requireName(rule: RegExp, what: string, expected: string, name: string, remedy: string): void {
  if (rule.test(name)) return;
  const got = name.length > 127 ? `${name.length} characters` : shown(name);
  throw new SkelError(
    "ERR_NAME",
    `${what} name is not a C identifier ${expected} of at most 127 characters, got ${got} (${remedy})`,
  );
}

/** Throws ERR_NAME unless the kernel would take `name` for a `what` ("program", "map"). */
export function requireKernelName(what: string, name: string): void {
  requireName(DOTTED, what, "with or without dots", name, "the kernel refuses it too: rename it");
}

/** Throws ERR_NAME unless `name` can be a variable's. */
export function requireVariableName(name: string): void {
  requireName(OF_VARIABLE, "variable", "with or without dots and dollars", name, "rename it");
}
