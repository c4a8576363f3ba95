// Waiting for a descriptor on the event loop, with a timer beside it for wake-ups that the kernel does not send.

import { isMainThread, pollReadable } from "../native.ts";

/** A wait that goes on until it is closed. */
export interface Watch {
  /** Does nothing the second time. The descriptor must not be closed before. */
  close(): void;
  /** Keeps the process alive, as at first. */
  ref(): void;
  /** Lets the process end. */
  unref(): void;
}

// A worker that is terminated while it has a poll handle takes the whole process along: there a timer looks instead.
const glance = 10;

/** Calls `wake` when `fd` is readable, and every `every` milliseconds. */
export function watch(fd: number, every: number, wake: () => void): Watch {
  const main = isMainThread();
  const timer = setInterval(wake, main ? every : Math.min(every, glance));
  const poll = main ? pollReadable(fd, wake) : undefined;
  return {
    close() {
      clearInterval(timer);
      poll?.close();
    },
    ref() {
      timer.ref();
      poll?.ref();
    },
    unref() {
      timer.unref();
      poll?.unref();
    },
  };
}
