// What consumers call later is checked before anything starts.

import { ValueError } from "../errors.ts";
import { show } from "../memory/refuse.ts";

/** Options that any consumer may have. */
interface Callable {
  readonly signal?: unknown;
  readonly unknown?: unknown;
  readonly lost?: unknown;
}

/** @throws ValueError for options that could not be called; `where` starts its message: "map rb: subscribe" */
export function checkOptions(where: string, options: unknown): void {
  if (typeof options !== "object" || options === null) refuse(where, "an object of options", options);
  const { signal, unknown, lost } = options as Callable;
  if (signal !== undefined && !isSignal(signal)) refuse(`${where}: signal`, "an AbortSignal", signal);
  for (const [name, fn] of Object.entries({ unknown, lost })) {
    if (fn !== undefined && typeof fn !== "function") refuse(`${where}: ${name}`, "a function", fn);
  }
}

function isSignal(signal: unknown): boolean {
  const { addEventListener, removeEventListener } = Object(signal) as Record<string, unknown>;
  return typeof addEventListener === "function" && typeof removeEventListener === "function";
}

function refuse(path: string, expected: string, got: unknown): never {
  throw new ValueError(`${path}: expected ${expected}, got ${show(got)}`, path);
}
