// `--watch`: a command again and again, each time that one of its files changes, until a signal ends the program.

import { openWatcher } from "../build/watch.ts";
import { displayPath } from "../errors.ts";

/** What one run of a command tells. */
export interface Pass {
  /** The exit status. */
  readonly status: number;
  /** Every file that it read, or would have read. */
  readonly inputs: readonly string[];
}

/**
 * Runs `pass` now and after each change of its inputs, `files` to begin with; never settles. `first` is false from the second
 * time on.
 */
export async function repeat(files: readonly string[], pass: (first: boolean) => Promise<Pass>): Promise<never> {
  let wake = (): void => undefined;
  const watcher = openWatcher(() => wake());
  watcher.watch(files);
  for (let first = true; ; first = false) {
    // Set before the run: what changes meanwhile is a change too.
    const changed = new Promise<void>((done) => (wake = done));
    const { inputs } = await pass(first);
    watcher.watch(inputs);
    if (first) console.log(`watching ${describe(inputs)} (Ctrl-C ends)`);
    await changed;
  }
}

function describe(inputs: readonly string[]): string {
  return inputs.length === 1 ? displayPath(inputs[0]!) : `${inputs.length} files`;
}
