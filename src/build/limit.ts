// Work that is started at once and runs a few at a time.

import { availableParallelism } from "node:os";

/** `work` on each of `items`, as many at a time as there are CPUs, in their order; a promise for each. */
export function eachInParallel<T, R>(items: readonly T[], work: (item: T, i: number) => Promise<R>): Promise<R>[] {
  const ends: Promise<unknown>[] = [];
  const limit = availableParallelism();
  const results = items.map((item, i) => {
    // A lane for each CPU: an item waits for the one before it in its lane.
    const before = ends[i - limit] ?? Promise.resolve();
    const result = before.then(() => work(item, i));
    ends.push(result.catch(() => undefined));
    return result;
  });
  // Whoever awaits them in order must not be told of a rejection that nobody awaited yet.
  for (const result of results) result.catch(() => undefined);
  return results;
}
