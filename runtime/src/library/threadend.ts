// What a worker thread holds of the kernel is let go when the thread ends, however it ends. A thread that is terminated
// runs no JavaScript any more, so C functions do it: the C library calls them at the thread's end, each with the address of
// something that was made when the thread began to need it, and that tells what is still open.

import type { Library } from "../library.ts";
import { bindOwn, isMainThread, libc, ownAddress, viewOf, writeTo } from "../native.ts";
import type { Disarm } from "../native/atexit.ts";

const nothing: Disarm = () => undefined;

// libbpf.h: `struct bpf_object_skeleton`, whose sizes the struct itself tells, and `struct bpf_prog_skeleton`.
const skeleton = { size: 72, obj: 32, prog_cnt: 56, prog_skel_sz: 60, progs: 64 };
const progSkeleton = { size: 24, link: 16 };
const linksEach = 64;
const cellsEach = 1 + linksEach;
// The kernel gives pages of it when they are used.
const cellsAtOnce = 2000 * cellsEach;

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
  readonly #destroy: number;
  readonly #free: number;
  // The C library calls for the newest first: a link is never in an older one than its object.
  readonly #frames: Frame[] = [];
  /** `struct btf *` without a descriptor, each of which can hold one. */
  readonly #idle: number[] = [];
  #cells: BigUint64Array = new BigUint64Array();
  #address = 0;

  constructor(library: Library, atEnd: AtEnd) {
    this.#library = library;
    this.#atEnd = atEnd;
    this.#destroy = library.addressOf("bpf_object__destroy_skeleton");
    this.#free = library.addressOf("btf__free");
    this.#addCells();
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
    const holder = this.#idle.pop() ?? this.#addHolder();
    if (holder === 0) return nothing;
    setFd(holder, fd);
    return () => {
      setFd(holder, -1);
      this.#idle.push(holder);
    };
  }

  #addFrame(): Frame {
    if (this.#cells.length < cellsEach) this.#addCells();
    const { calloc } = libc();
    // It frees both.
    const own = calloc(1, skeleton.size);
    const programs = calloc(linksEach, progSkeleton.size);
    const address = this.#address;
    const fields = new DataView(new ArrayBuffer(skeleton.size));
    setHost(fields, 0, skeleton.size);
    setHost(fields, skeleton.obj, address);
    new Int32Array(fields.buffer, skeleton.prog_cnt, 2).set([linksEach, progSkeleton.size]);
    setHost(fields, skeleton.progs, programs);
    writeTo(own, new Uint8Array(fields.buffer));
    const each = new DataView(new ArrayBuffer(linksEach * progSkeleton.size));
    for (let i = 0; i < linksEach; i++) setHost(each, i * progSkeleton.size + progSkeleton.link, address + 8 * (1 + i));
    writeTo(programs, new Uint8Array(each.buffer));
    this.#call(this.#destroy, own);
    const frame = { object: this.#cells.subarray(0, 1), links: this.#cells.subarray(1, cellsEach) };
    this.#cells = this.#cells.subarray(cellsEach);
    this.#address = address + 8 * cellsEach;
    this.#frames.push(frame);
    return frame;
  }

  // A view for all that most workers ever need: to make one while the worker is terminated ends the process.
  #addCells(): void {
    this.#address = libc().calloc(cellsAtOnce, 8);
    this.#cells = new BigUint64Array(viewOf(this.#address, 8 * cellsAtOnce));
    // After all that looks into it.
    this.#atEnd(ownAddress("free"), this.#address, this.#free);
  }

  #addHolder(): number {
    const holder = this.#library.fn("btf__new_empty")();
    if (holder !== 0) this.#call(this.#free, holder);
    return holder;
  }

  #call(address: number, argument: number): void {
    // An address of the library keeps that loaded until then.
    this.#atEnd(address, argument, address);
  }
}

function setHost(view: DataView, at: number, address: number): void {
  new BigUint64Array(view.buffer, at, 1)[0] = BigInt(address);
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

/** Closes a descriptor, the first time it is called; gives what close(2) does. */
export type CloseFd = () => number;

/** The same for whoever owns `fd` from now on, and closes it by what this gives. */
export function ownFd(library: Library, fd: number): CloseFd {
  const disarm = closeFdAtEnd(library, fd);
  let open = true;
  return () => {
    if (!open) return 0;
    open = false;
    // First, for the number is somebody else's as soon as it is closed.
    disarm();
    return libc().close(fd);
  };
}
