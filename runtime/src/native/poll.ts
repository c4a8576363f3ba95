// Descriptors on the event loop. libuv is called directly, as koffi's own poll makes an object of three properties for each
// wake-up: that takes as long as all the rest between the kernel and the handler.

import { UnsupportedError } from "../errors.ts";
import { type Bound, bindOwn, callback, libc, ownAddress } from "../native.ts";

/** A descriptor that the event loop looks at while it is started. */
export interface Poll {
  start(): void;
  stop(): void;
  /** Lets the process end although it is started. */
  unref(): void;
  ref(): void;
  /** Before the descriptor is closed. */
  close(): void;
}

// uv.h
const UV_POLL = 8;
const UV_READABLE = 1;

const functions = {
  uv_default_loop: ["ptr", []],
  uv_handle_size: ["size", ["int"]],
  uv_poll_init: ["int", ["ptr", "ptr", "int"]],
  uv_poll_start: ["int", ["ptr", "int", "ptr"]],
  uv_poll_stop: ["int", ["ptr"]],
  uv_ref: ["void", ["ptr"]],
  uv_unref: ["void", ["ptr"]],
  uv_close: ["void", ["ptr", "ptr"]],
} as const;

interface Uv extends Bound<typeof functions> {
  /** Tells the poll whose handle is ready, as a `uv_poll_cb`. */
  readonly onReady: number;
  /** free(3), as a `uv_close_cb`. */
  readonly onClosed: number;
}

let bound: Uv | undefined;

// Node has libuv in its executable, or comes with it, and exports it to addons.
function uv(): Uv {
  if (bound !== undefined) return bound;
  const own = bindOwn(functions);
  if (typeof own === "string") {
    throw new UnsupportedError(
      `events: expected Node's event loop in this process, got no ${own} (consume() needs none)`,
    );
  }
  // It is passed a status and events as well, which say no more.
  const onReady = callback("void", ["ptr"], (handle) => {
    const poll = polls.get(handle);
    if (poll !== undefined) guarded(poll.ready);
    // Node 26 runs neither ticks nor promises after such a call; after an immediate every Node does.
    setImmediate(nothing).unref();
  });
  return (bound = { ...own, onReady, onClosed: ownAddress("free") });
}

const nothing = (): void => undefined;

// By their handles. One that is open when the process ends would call into what is no more.
const polls = new Map<number, UvPoll>();
let closesAtExit = false;

/**
 * Calls `ready` on the event loop whenever it finds `fd` readable; gives the negative errno where libuv does not take it. On
 * the main thread only: a handle in a worker ends the whole process when the worker is terminated.
 * @throws UnsupportedError where there is no libuv
 */
export function pollReadable(fd: number, ready: () => void): Poll | number {
  const { uv_default_loop, uv_handle_size, uv_poll_init } = uv();
  const handle = libc().calloc(1, uv_handle_size(UV_POLL));
  const error = uv_poll_init(uv_default_loop(), handle, fd);
  if (error < 0) {
    libc().free(handle);
    return error;
  }
  if (!closesAtExit) process.on("exit", () => polls.forEach((poll) => poll.close()));
  closesAtExit = true;
  return new UvPoll(handle, ready);
}

/** A `uv_poll_t`. One that was closed must not be touched. */
class UvPoll implements Poll {
  readonly #handle: number;
  readonly ready: () => void;

  constructor(handle: number, ready: () => void) {
    this.#handle = handle;
    this.ready = ready;
    polls.set(handle, this);
  }

  start(): void {
    const { uv_poll_start, onReady } = uv();
    if (this.#open) uv_poll_start(this.#handle, UV_READABLE, onReady);
  }

  stop(): void {
    if (this.#open) uv().uv_poll_stop(this.#handle);
  }

  unref(): void {
    if (this.#open) uv().uv_unref(this.#handle);
  }

  ref(): void {
    if (this.#open) uv().uv_ref(this.#handle);
  }

  close(): void {
    // The loop lets go of the handle in its next turn, and frees it then.
    if (this.#open && polls.delete(this.#handle)) uv().uv_close(this.#handle, uv().onClosed);
  }

  get #open(): boolean {
    return polls.get(this.#handle) === this;
  }
}

/** Calls `ready`; what it throws is an uncaught exception. In a call that C makes it would be lost. */
export function guarded(ready: () => void): void {
  try {
    ready();
  } catch (e) {
    process.nextTick(() => {
      throw e;
    });
  }
}
