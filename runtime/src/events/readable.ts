// Waiting for a descriptor on the event loop.

import { isMainThread, pollReadable } from "../native.ts";

/** A wait that is under way. */
export interface Waiting {
  /** Resolves at its end; never rejects. */
  readonly done: Promise<void>;
  /** Ends it now. */
  end(): void;
}

// In a worker a poll handle would end the whole process when the worker is terminated: there it is looked up.
const glance = 20;

/** Waits until `fd` is readable, or `longest` milliseconds have passed. */
export function readable(fd: number, longest: number): Waiting {
  let end = (): void => {};
  const done = new Promise<void>((resolve) => {
    const timer = setTimeout(() => end(), isMainThread() ? longest : glance);
    const stop = isMainThread() ? pollReadable(fd, () => end()) : undefined;
    end = () => {
      clearTimeout(timer);
      stop?.();
      resolve();
    };
  });
  return { done, end: () => end() };
}
