// Where a long run is: one line at the bottom of a terminal, gone before anything else is written. No line for pipes and files.

import { displayPath } from "../errors.ts";

/** Tells which of several things is being worked on. */
export interface Progress {
  /** The `i`th of all, counted from 0, is `name`. */
  at(i: number, name: string): void;
  /** Takes the line away. */
  clear(): void;
}

/** For `total` things; silent for one, which needs no counting. */
export function openProgress(total: number): Progress {
  const { stderr } = process;
  if (!stderr.isTTY || total < 2 || process.env["TERM"] === "dumb")
    return { at: () => undefined, clear: () => undefined };
  return {
    at(i, name) {
      const line = `(${i + 1}/${total}) ${displayPath(name)}`;
      stderr.write(`\r\x1b[K${line.slice(0, (stderr.columns || 80) - 1)}`);
    },
    clear: () => void stderr.write("\r\x1b[K"),
  };
}
