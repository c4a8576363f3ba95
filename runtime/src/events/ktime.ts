// The kernel's monotonic clock as the time of day.

import { ValueError } from "../errors.ts";
import { clockOffset } from "../library/kernel.ts";
import { show } from "../memory/refuse.ts";

// Of the wall clock before the monotonic one, in milliseconds.
let offset = Number.NaN;
// Of this process's monotonic clock before the kernel's own.
let ahead: number | undefined;

/**
 * When it was `ns` on the clock of bpf_ktime_get_ns (CLOCK_MONOTONIC), to the millisecond, by what the clock on the wall
 * says now. That clock may be set, and time asleep counts for it only: times of before come out wrong by as much.
 * @example
 * console.log(ktimeToDate(event.ts).toISOString());
 * @throws ValueError for what is no number of nanoseconds
 */
export function ktimeToDate(ns: bigint | number): Date {
  if ((typeof ns !== "bigint" && typeof ns !== "number") || !(ns >= 0)) {
    throw new ValueError(`ktimeToDate: expected nanoseconds, got ${show(ns)}`, "ktimeToDate");
  }
  const now = difference();
  // Date.now() leaves out up to a millisecond: the largest difference is the true one, until the clock is set.
  if (!(now <= offset && now > offset - 1)) offset = now;
  ahead ??= clockOffset("monotonic");
  return new Date(offset + ahead + Number(ns) / 1e6);
}

/** The wall clock less the monotonic one now, in milliseconds. */
function difference(): number {
  let best = 0;
  // The process may have to wait between its looks at the two clocks: the closest pair of a few is the truest.
  for (let i = 0, narrowest = Infinity; i < 5 && narrowest > 0.1; i++) {
    const before = process.hrtime.bigint();
    const wall = Date.now();
    const after = process.hrtime.bigint();
    const width = Number(after - before) / 1e6;
    if (width >= narrowest) continue;
    narrowest = width;
    best = wall - Number(after) / 1e6;
  }
  return best;
}
