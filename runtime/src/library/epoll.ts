// epoll(7): descriptors that are waited for together.

import { addressOf, callAsync, hostMemory, lastErrno, libc } from "../native.ts";

// sys/epoll.h
const EPOLL_CLOEXEC = 0x8_0000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLLIN = 1;

// `struct epoll_event`: a u32, and eight bytes of one's own, which start unaligned on x86 alone.
const eventSize = 16;
const ownAt = (): number => (process.arch === "x64" || process.arch === "ia32" ? 4 : 8);

/** A new epoll descriptor, or a negative errno. */
export function epollCreate(): number {
  const fd = libc().epoll_create1(EPOLL_CLOEXEC);
  return fd < 0 ? -lastErrno() : fd;
}

/** Has `epoll` be readable while `fd` is; gives 0 or a negative errno. */
export function epollAdd(epoll: number, fd: number): number {
  const event = hostMemory(new Uint8Array(eventSize));
  event.setU32(0, EPOLLIN);
  event.setU32(ownAt(), fd);
  return libc().epoll_ctl(epoll, EPOLL_CTL_ADD, fd, addressOf(event.u8s)) < 0 ? -lastErrno() : 0;
}

/** Takes that back. */
export function epollRemove(epoll: number, fd: number): void {
  libc().epoll_ctl(epoll, EPOLL_CTL_DEL, fd, 0);
}

/**
 * The descriptor that is readable within so many milliseconds; undefined for none, and when the wait was interrupted. Waits
 * on another thread.
 */
export async function epollWait(epoll: number, milliseconds: number): Promise<number | undefined> {
  const event = hostMemory(new Uint8Array(eventSize));
  const at = addressOf(event.u8s);
  const found = await callAsync(libc().epoll_wait, epoll, at, 1, milliseconds);
  return found > 0 ? event.u32(ownAt()) : undefined;
}
