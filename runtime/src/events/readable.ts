// Waiting for a descriptor on the event loop.

import { watchReadable } from "./watch.ts";

/** A wait that is under way. */
export interface Waiting {
  /** Resolves at its end; never rejects. */
  readonly done: Promise<void>;
  /** Ends it now. */
  end(): void;
}

/** Waits until `fd` is readable, or `longest` milliseconds have passed. */
export function readable(fd: number, longest: number): Waiting {
  let end = (): void => {};
  const done = new Promise<void>((resolve) => {
    const poll = watchReadable(fd, () => end());
    const timer = setTimeout(() => end(), longest);
    end = () => {
      clearTimeout(timer);
      poll.close();
      resolve();
    };
    poll.start();
  });
  return { done, end: () => end() };
}
