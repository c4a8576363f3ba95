// The proof that a link is one: its program runs while it is there, and not any more when it is gone.

import { setTimeout } from "node:timers/promises";
import { expect } from "vitest";
import type { Link } from "../../src/index.ts";

/**
 * Holds that `poke` makes the program run, as `count` shows, until the link is detached. `settle` says how long what
 * `poke` has begun may still run for.
 */
export async function expectRuns(
  link: Link,
  count: () => bigint,
  poke: () => unknown,
  { settle = 20 }: { settle?: number } = {},
): Promise<void> {
  const before = count();
  await poke();
  await expect.poll(count, { timeout: 5000, interval: 10 }).toBeGreaterThan(before);
  await setTimeout(settle);
  link.detach();
  const after = count();
  await poke();
  await setTimeout(settle);
  expect(count()).toBe(after);
}
