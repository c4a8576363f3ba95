// Tests that are for one libbpf and not for another. Each suite runs with each: what is not for this one is no test here.

import { describe, test } from "vitest";

const nothing = Object.assign(() => {}, { each: () => () => {} });

/** vitest's `test` and `describe` where `condition` holds; elsewhere they register nothing. */
export function where(condition: boolean): { readonly test: typeof test; readonly describe: typeof describe } {
  return condition ? { test, describe } : ({ test: nothing, describe: nothing } as never);
}
