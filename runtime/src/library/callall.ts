// What has to be done to the end, whatever fails on the way.

/** Calls each of `steps`, then throws the first of what they threw. */
export function callAll(steps: Iterable<() => void>): void {
  const failures: unknown[] = [];
  for (const step of steps) {
    try {
      step();
    } catch (e) {
      failures.push(e);
    }
  }
  if (failures.length > 0) throw failures[0];
}
