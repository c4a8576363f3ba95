// What a worker thread that ends by itself closes at last. One that is terminated runs no JavaScript any more: for that see
// library/threadend.ts.

import { isMainThread } from "../native.ts";

/** Takes back that something is closed at the thread's end. */
export type Disarm = () => void;

const nothing: Disarm = () => undefined;

const open = new Set<{ close(): void }>();
let listening = false;

/** Closes `it` when this worker ends by itself: what only JavaScript can undo. Gives how to take that back. */
export function closeAtExit(it: { close(): void }): Disarm {
  if (isMainThread()) return nothing;
  open.add(it);
  if (!listening) process.on("exit", closeAll);
  listening = true;
  return () => void open.delete(it);
}

function closeAll(): void {
  for (const it of [...open].reverse()) {
    try {
      it.close();
    } catch {
      // Nobody is left to hear of it, and the others are to be closed too.
    }
  }
}
