// The kernel's monotonic clock as the time of day.

import { ValueError } from "../errors.ts";
import { show } from "../memory/refuse.ts";

// Of the wall clock before the monotonic one, in milliseconds.
let offset = Number.NaN;

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
  const now = Date.now() - Number(process.hrtime.bigint()) / 1e6;
  // Date.now() leaves out up to a millisecond: the largest difference is the true one, until the clock is set.
  if (!(now <= offset && now > offset - 1)) offset = now;
  return new Date(offset + Number(ns) / 1e6);
}
