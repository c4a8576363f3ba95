// Hearing of a descriptor on the event loop, in the main thread and in workers.

import { openLibrary } from "../library.ts";
import { type CloseFd, ownFd } from "../library/threadend.ts";
import { epollAdd, epollCreate, epollRemove, epollWait } from "../library/epoll.ts";
import { bpfError } from "../library/failure.ts";
import { isMainThread } from "../native.ts";
import { guarded, type Poll, pollReadable } from "../native/poll.ts";

// A worker that ends waits this long for a call under way, in milliseconds.
const longestWait = 100;
// How often one looks that must not keep the worker alive, and after a wait that failed.
const glance = 20;

/**
 * Calls `ready` again and again while `fd` is readable and the watch is started; it is not at first. What `ready` throws is
 * an uncaught exception, and the watch goes on.
 * @throws BpfError where the event loop does not take the descriptor
 */
export function watchReadable(fd: number, ready: () => void): Poll {
  if (!isMainThread()) return new WorkerWatch(fd, ready);
  const poll = pollReadable(fd, ready);
  if (typeof poll !== "number") return poll;
  throw bpfError(undefined, { where: "events", errno: -poll, syscall: "uv_poll_init" });
}

// A poll handle in a worker would end the whole process with the worker. A call that waits on another thread does not.
class WorkerWatch implements Poll {
  readonly fd: number;
  readonly ready: () => void;
  held = true;

  constructor(fd: number, ready: () => void) {
    this.fd = fd;
    this.ready = ready;
  }

  /** @throws BpfError where there is no descriptor left to wait with */
  start(): void {
    watches.start(this);
  }

  stop(): void {
    watches.stop(this);
  }

  unref(): void {
    this.held = false;
  }

  ref(): void {
    this.held = true;
  }

  close(): void {
    this.stop();
  }
}

// libuv has few threads to wait on, four for the whole process, which files and names need as well: a worker takes one.
class Watches {
  /** Those that are started, by their descriptors. */
  readonly #started = new Map<number, WorkerWatch>();
  #epoll = -1;
  #closeEpoll: CloseFd | undefined;
  #running = false;

  start(watch: WorkerWatch): void {
    if (this.#started.has(watch.fd)) return;
    if (this.#epoll < 0) {
      this.#epoll = orThrow(epollCreate(), "epoll_create1");
      this.#closeEpoll = ownFd(openLibrary(), this.#epoll);
    }
    try {
      orThrow(epollAdd(this.#epoll, watch.fd), "epoll_ctl");
    } catch (e) {
      this.#closeUnused();
      throw e;
    }
    this.#started.set(watch.fd, watch);
    if (!this.#running) void this.#run();
  }

  stop(watch: WorkerWatch): void {
    if (this.#started.get(watch.fd) !== watch) return;
    this.#started.delete(watch.fd);
    epollRemove(this.#epoll, watch.fd);
    this.#closeUnused();
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#started.size > 0) {
      const held = [...this.#started.values()].some((watch) => watch.held);
      if (!held) await new Promise((resolve) => setTimeout(resolve, glance).unref());
      try {
        const watch = this.#started.get((await epollWait(this.#epoll, held ? longestWait : 0)) ?? -1);
        if (watch !== undefined) guarded(watch.ready);
      } catch {
        // koffi has so many calls under way at most.
        await new Promise((resolve) => setTimeout(resolve, glance));
      }
    }
    this.#running = false;
    this.#closeUnused();
  }

  // A call under way has the descriptor: it is closed behind it.
  #closeUnused(): void {
    if (this.#running || this.#started.size > 0 || this.#epoll < 0) return;
    this.#closeEpoll?.();
    this.#epoll = -1;
  }
}

const watches: Watches = /*@__PURE__*/ new Watches();

function orThrow(result: number, syscall: string): number {
  if (result >= 0) return result;
  throw bpfError(undefined, { where: "events", errno: -result, syscall });
}
