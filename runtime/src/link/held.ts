// What this process holds of an attachment, and how it lets go: a link of libbpf's, a bare descriptor of the kernel's, or
// only the knowledge of how to undo it.

import type { Library } from "../library.ts";
import { type Log, withLog, withoutLog } from "../library/print.ts";
import { libc, readFrom } from "../native.ts";
import { closeFdAtEnd, destroyLinkAtEnd } from "../library/threadend.ts";
import type { ProgramCore } from "../program/core.ts";
import type { LinkInfo } from "./info.ts";

/** How a call ended; `result` is a negative errno when it failed. */
export interface Ended {
  readonly result: number;
  readonly syscall: string;
  readonly log?: Log | undefined;
}

/** An attachment as its handle works on it. After `detach`, `detachAsync` or `letGo` it is not used any more. */
export interface Held {
  /** Of the kernel's link; undefined where there is none that is one. */
  readonly fd: number | undefined;
  detach(): Ended;
  detachAsync(): Promise<Ended>;
  /** Frees what this process has of a pinned link, which stays attached. */
  letGo(): void;
  /** Hears that the link is pinned now, and so outlives this process, or is no more. */
  pinned?(isPinned: boolean): void;
  /** Puts another program in its place where there is no link that could. */
  replace?(program: ProgramCore): Ended;
  /**
   * Of a struct_ops map: puts another in its place, whose handle is `other`.
   * @throws BpfError, ValueError or UnsupportedError when it does not
   */
  replaceMap?(other: unknown): void;
  /** What is known where there is no link to ask. */
  readonly info?: LinkInfo;
}

const destroy = "bpf_link__destroy";

/** A `struct bpf_link *`. `perf` says that it may be a `struct bpf_link_perf`. */
export function libbpfLink(library: Library, pointer: number, perf: boolean): Held {
  const fd = library.fn("bpf_link__fd")(pointer);
  let disarm = destroyLinkAtEnd(library, pointer);
  return {
    fd: fd < 0 ? undefined : fd,
    detach() {
      disarm();
      const { result, log } = withLog(library, () => library.fn(destroy)(pointer));
      return { result, syscall: destroy, log };
    },
    async detachAsync() {
      disarm();
      return { result: await withoutLog(library.fn(destroy), pointer), syscall: destroy };
    },
    // Destroying it would end a perf event, although it is pinned.
    pinned(isPinned) {
      disarm();
      if (!isPinned) {
        disarm = destroyLinkAtEnd(library, pointer);
        return;
      }
      const perfFd = perf ? perfEventFd(pointer, fd) : undefined;
      const each = [fd, perfFd].flatMap((fd) => (fd === undefined ? [] : [closeFdAtEnd(library, fd)]));
      disarm = () => each.forEach((disarm) => disarm());
    },
    // bpf_link__destroy would disable its perf event, pinned or not, and after bpf_link__disconnect it leaves the
    // descriptors open, so they are closed here.
    letGo() {
      disarm();
      const perfFd = perf ? perfEventFd(pointer, fd) : undefined;
      library.fn("bpf_link__disconnect")(pointer);
      library.fn(destroy)(pointer);
      const { close } = libc();
      if (fd >= 0) close(fd);
      if (perfFd !== undefined) close(perfFd);
    },
  };
}

/** A USDT link is many perf events; its own descriptor is a 0 that nobody set (usdt.c, `struct bpf_link_usdt`). */
export function usdtLink(library: Library, pointer: number): Held {
  const link = libbpfLink(library, pointer, false);
  // Such links share state in their object that libbpf does not lock (usdt.c, `struct usdt_manager`).
  return { ...link, fd: undefined, detachAsync: async () => link.detach() };
}

/** A link's descriptor, which keeps it alive. */
export function kernelLink(library: Library, fd: number): Held {
  const disarm = closeFdAtEnd(library, fd);
  const close = (): number => {
    disarm();
    return libc().close(fd);
  };
  return {
    fd,
    detach: () => ({ result: close(), syscall: "close" }),
    // The last reference waits for whoever runs the program now.
    async detachAsync() {
      disarm();
      return { result: await withoutLog(libc().close, fd), syscall: "close" };
    },
    letGo: () => void close(),
  };
}

/** What the kernel has no link for: `undo` is how it ends. */
export function withoutLink(info: LinkInfo, undo: () => Ended, replace?: (program: ProgramCore) => Ended): Held {
  const held: Held = { fd: undefined, info, detach: undo, detachAsync: async () => undo(), letGo: () => void undo() };
  return replace === undefined ? held : { ...held, replace };
}

// `struct bpf_link` (libbpf_internal.h, unchanged from 1.0 to 1.8) is two functions, a path, an int fd and a bool;
// `struct bpf_link_perf` goes on with an int perf_event_fd.
const linkFdOffset = 24;
const perfFdOffset = 32;

/** The perf event's descriptor, which libbpf has no function for; undefined unless it is surely that. */
function perfEventFd(pointer: number, linkFd: number): number | undefined {
  const view = new Int32Array(readFrom(pointer, perfFdOffset + 4).buffer);
  const fd = view[perfFdOffset / 4]!;
  if (view[linkFdOffset / 4] !== linkFd || fd === linkFd || fd < 0) return undefined;
  try {
    const target = process.getBuiltinModule("node:fs").readlinkSync(`/proc/self/fd/${fd}`);
    return target === "anon_inode:[perf_event]" ? fd : undefined;
  } catch {
    return undefined;
  }
}
