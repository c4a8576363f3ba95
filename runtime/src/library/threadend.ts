// What a worker thread holds of the kernel is let go when the thread ends, however it ends. A thread that is terminated
// runs no JavaScript any more, so C functions do it: the C library calls them at the thread's end, each with the address of
// something that was made when the thread began to need it, and that tells what is still open.

import type { Library } from "../library.ts";
import { bindOwn, isMainThread, libc, viewOf } from "../native.ts";
import type { Disarm } from "../native/atexit.ts";

const nothing: Disarm = () => undefined;

// libbpf.h: `struct bpf_object_skeleton`, whose sizes the struct itself tells, and `struct bpf_prog_skeleton`.
const skeleton = { size: 72, obj: 32, prog_cnt: 56, prog_skel_sz: 60, progs: 64 };
const progSkeleton = { size: 24, link: 16 };
const linksEach = 64;

/** A skeleton of libbpf's of no programs: what bpf_object__destroy_skeleton destroys is in these cells, 0 is nothing. */
interface Frame {
  readonly object: BigUint64Array;
  readonly links: BigUint64Array;
}

/** __cxa_thread_atexit_impl: calls `fn` with `argument`; the library of the third is not unloaded before. */
type AtEnd = (fn: number, argument: number, inLibrary: number) => number;

class ThreadEnd {
  readonly #library: Library;
  readonly #atEnd: AtEnd;
  // The C library calls for the newest first: a link is never in an older one than its object.
  readonly #frames: Frame[] = [];
  /** `struct btf *` without a descriptor, each of which can hold one. */
  readonly #free: number[] = [];

  constructor(library: Library, atEnd: AtEnd) {
    this.#library = library;
    this.#atEnd = atEnd;
  }

  object(pointer: number): Disarm {
    const frame = this.#frames.find(({ object }) => object[0] === 0n) ?? this.#addFrame();
    frame.object[0] = BigInt(pointer);
    return () => void (frame.object[0] = 0n);
  }

  link(pointer: number): Disarm {
    const newest = this.#frames.at(-1);
    const { links } = newest?.links.includes(0n) ? newest : this.#addFrame();
    const at = links.indexOf(0n);
    links[at] = BigInt(pointer);
    return () => void (links[at] = 0n);
  }

  descriptor(fd: number): Disarm {
    const setFd = this.#library.fn("btf__set_fd");
    const holder = this.#free.pop() ?? this.#addHolder();
    if (holder === 0) return nothing;
    setFd(holder, fd);
    return () => {
      setFd(holder, -1);
      this.#free.push(holder);
    };
  }

  #addFrame(): Frame {
    const { calloc } = libc();
    const own = calloc(1, skeleton.size + 8 * (1 + linksEach));
    const programs = calloc(linksEach, progSkeleton.size);
    const cells = own + skeleton.size;
    const fields = new DataView(viewOf(own, skeleton.size));
    const set = (view: DataView, at: number, address: number): void => {
      new BigUint64Array(view.buffer, at, 1)[0] = BigInt(address);
    };
    set(fields, 0, skeleton.size);
    set(fields, skeleton.obj, cells);
    new Int32Array(fields.buffer, skeleton.prog_cnt, 2).set([linksEach, progSkeleton.size]);
    set(fields, skeleton.progs, programs);
    const each = new DataView(viewOf(programs, linksEach * progSkeleton.size));
    for (let i = 0; i < linksEach; i++) set(each, i * progSkeleton.size + progSkeleton.link, cells + 8 * (1 + i));
    this.#call("bpf_object__destroy_skeleton", own);
    const memory = viewOf(cells, 8 * (1 + linksEach));
    const frame = { object: new BigUint64Array(memory, 0, 1), links: new BigUint64Array(memory, 8, linksEach) };
    this.#frames.push(frame);
    return frame;
  }

  #addHolder(): number {
    const holder = this.#library.fn("btf__new_empty")();
    if (holder !== 0) this.#call("btf__free", holder);
    return holder;
  }

  #call(name: "bpf_object__destroy_skeleton" | "btf__free", argument: number): void {
    const address = this.#library.addressOf(name);
    // An address of the library keeps that loaded until then.
    this.#atEnd(address, argument, address);
  }
}

let known: { readonly end: ThreadEnd | undefined } | undefined;

// The main thread's end is the process's. musl has no such function, there only what native/atexit.ts says is done.
function threadEnd(library: Library): ThreadEnd | undefined {
  if (known !== undefined) return known.end;
  const own = isMainThread() ? "" : bindOwn({ __cxa_thread_atexit_impl: ["int", ["ptr", "ptr", "ptr"]] });
  const end = typeof own === "string" ? undefined : new ThreadEnd(library, own.__cxa_thread_atexit_impl);
  known = { end };
  return end;
}

/** Binds what the others call; a worker does so before anybody can know that it is up. */
export function prepareThreadEnd(library: Library): void {
  threadEnd(library);
}

/** Has a `struct bpf_object *` closed when this worker ends. */
export function closeObjectAtEnd(library: Library, pointer: number): Disarm {
  return threadEnd(library)?.object(pointer) ?? nothing;
}

/** Has a `struct bpf_link *` destroyed when this worker ends, before its object is. */
export function destroyLinkAtEnd(library: Library, pointer: number): Disarm {
  return threadEnd(library)?.link(pointer) ?? nothing;
}

/** Has a descriptor closed when this worker ends. */
export function closeFdAtEnd(library: Library, fd: number): Disarm {
  return threadEnd(library)?.descriptor(fd) ?? nothing;
}
