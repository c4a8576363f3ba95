// Descriptors on the event loop. On the main thread libuv polls them itself; in a worker thread, whose end would abort the
// process while libuv still polls, one of libuv's threads waits in epoll_wait instead, never for long.

import { addressOf, callAsync, hostMemory, isMainThread, libc, type PollHandle, pollReadable } from "../native.ts";

/** A descriptor that is watched; created stopped. After `close` all of it does nothing. */
export interface Watch {
  start(): void;
  stop(): void;
  /** To be called before the descriptor is closed. */
  close(): void;
  /** Started, it keeps the process alive; so it is at first. */
  ref(): void;
  unref(): void;
}

/**
 * Has `ready` called on the event loop again and again for as long as `fd` is readable, and once more in the next turn
 * where it returns true. What it throws becomes an uncaughtException and the watch goes on. A call without cause is possible.
 */
export function watchReadable(fd: number, ready: () => boolean | void): Watch {
  let open = true;
  const run = (): void => {
    if (!open) return;
    let again = true;
    try {
      again = ready() === true;
    } catch (e) {
      // libuv's caller would swallow it.
      process.nextTick(() => {
        throw e;
      });
    }
    if (again && open) setImmediate(run);
  };
  const watch = isMainThread() ? pollWatch(fd, run) : new ThreadWatch(fd, run);
  const close = (): void => {
    if (!open) return;
    open = false;
    watch.close();
  };
  return {
    start: () => void (open && watch.start()),
    stop: () => void (open && watch.stop()),
    close,
    ref: () => void (open && watch.ref()),
    unref: () => void (open && watch.unref()),
  };
}

// Also keeps the handles reachable: one that is collected stops polling.
const polled: Set<PollHandle> = /*@__PURE__*/ new Set();
let closesAtExit = false;

function pollWatch(fd: number, run: () => void): Watch {
  // libuv aborts the process that exits with an open handle on a readable descriptor.
  if (!closesAtExit) process.on("exit", closeAll);
  closesAtExit = true;
  const handle = pollReadable(fd, run);
  polled.add(handle);
  const close = (): void => {
    if (polled.delete(handle)) handle.close();
  };
  const ifOpen = (act: () => void) => (): void => {
    if (polled.has(handle)) act();
  };
  return {
    start: ifOpen(handle.start),
    stop: ifOpen(handle.stop),
    close,
    ref: ifOpen(handle.ref),
    unref: ifOpen(handle.unref),
  };
}

function closeAll(): void {
  for (const handle of polled) handle.close();
  polled.clear();
}

// sys/epoll.h
const EPOLL_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLLIN = 1;
const eventSize = 16;

// A wait that began holds its thread, and the process, for this many milliseconds at most.
const longestWait = 100;

const started: Set<ThreadWatch> = /*@__PURE__*/ new Set();
let epoll = -1;

class ThreadWatch implements Watch {
  readonly run: () => void;
  readonly #fd: number;
  referenced = true;

  constructor(fd: number, run: () => void) {
    this.#fd = fd;
    this.run = run;
  }

  start(): void {
    if (started.has(this)) return;
    started.add(this);
    const idle = epoll < 0;
    if (idle) epoll = libc().epoll_create1(EPOLL_CLOEXEC);
    this.#control(EPOLL_CTL_ADD);
    if (idle) void waitForAny();
  }
  stop(): void {
    if (started.delete(this)) this.#control(EPOLL_CTL_DEL);
  }
  close(): void {
    this.stop();
  }
  ref(): void {
    this.referenced = true;
  }
  unref(): void {
    this.referenced = false;
  }

  #control(operation: number): void {
    const event = hostMemory(new Uint8Array(eventSize));
    event.setU32(0, EPOLLIN);
    libc().epoll_ctl(epoll, operation, this.#fd, addressOf(event.u8s));
  }
}

// One wait for all watches of this thread. Which of them is ready they find out themselves, that costs less than to ask.
async function waitForAny(): Promise<void> {
  const { epoll_wait, close } = libc();
  const event = new Uint8Array(eventSize);
  while (started.size > 0) {
    const found = await callAsync(epoll_wait, epoll, addressOf(event), 1, longestWait).catch(() => 0);
    if (found > 0) for (const watch of [...started]) watch.run();
    if (![...started].some(({ referenced }) => referenced)) await turnUnreferenced();
  }
  close(epoll);
  epoll = -1;
}

/** Resolves in another turn of the loop, if there is one: it does not keep the process alive. */
function turnUnreferenced(): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, 1).unref());
}
