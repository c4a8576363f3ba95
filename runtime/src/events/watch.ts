// Hearing of a descriptor on the event loop, in the main thread and in workers.

import { addressOf, callAsync, hostMemory, isMainThread, libc, type Poll, pollReadable } from "../native.ts";

// sys/epoll.h
const EPOLL_CLOEXEC = 0x8_0000;
const EPOLL_CTL_ADD = 1;
const EPOLLIN = 1;
const epollEventSize = 16;

// A worker that ends waits this long for a call under way, in milliseconds.
const longestWait = 100;
// How often one looks that must not keep the worker alive.
const glance = 20;

/** Calls `ready` again and again while `fd` is readable and the watch is started; it is not at first. */
export function watchReadable(fd: number, ready: () => void): Poll {
  return isMainThread() ? pollReadable(fd, ready) : new WorkerWatch(fd, ready);
}

// A poll handle in a worker would end the whole process with the worker. A call that waits on another thread does not.
class WorkerWatch implements Poll {
  readonly #ready: () => void;
  readonly #epoll: number;
  readonly #events = new Uint8Array(epollEventSize);
  #started = false;
  #running = false;
  #closed = false;
  #held = true;

  constructor(fd: number, ready: () => void) {
    this.#ready = ready;
    this.#epoll = libc().epoll_create1(EPOLL_CLOEXEC);
    const event = hostMemory(new Uint8Array(epollEventSize));
    event.setU32(0, EPOLLIN);
    libc().epoll_ctl(this.#epoll, EPOLL_CTL_ADD, fd, addressOf(event.u8s));
  }

  start(): void {
    this.#started = true;
    if (!this.#running && !this.#closed) void this.#run();
  }

  stop(): void {
    this.#started = false;
  }

  unref(): void {
    this.#held = false;
  }

  ref(): void {
    this.#held = true;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // A call under way has the descriptor: it is closed behind it.
    if (!this.#running) libc().close(this.#epoll);
  }

  async #run(): Promise<void> {
    this.#running = true;
    try {
      while (this.#started && !this.#closed) {
        const found = this.#held ? await this.#wait(longestWait) : (await later(glance), await this.#wait(0));
        if (found > 0 && this.#started && !this.#closed) this.#ready();
      }
    } finally {
      this.#running = false;
      if (this.#closed) libc().close(this.#epoll);
    }
  }

  #wait(milliseconds: number): Promise<number> | number {
    const at = addressOf(this.#events);
    if (milliseconds === 0) return libc().epoll_wait(this.#epoll, at, 1, 0);
    return callAsync(libc().epoll_wait, this.#epoll, at, 1, milliseconds);
  }
}

function later(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds).unref());
}
