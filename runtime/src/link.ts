// A link: one attachment of one program. In: what libbpf's attach functions gave; out: its end, by the user's hand or
// when the object is closed.

import { StateError, UnsupportedError, ValueError } from "./errors.ts";
import { bpfError } from "./library/failure.ts";
import { idOf } from "./library/info.ts";
import { type Log, withLog, withoutLog } from "./library/print.ts";
import { libc, viewOf } from "./native.ts";
import type { Program } from "./program.ts";
import { coreOf, type LiveLink, type ProgramCore, useProgram } from "./program/core.ts";

/** One attachment of a program; ends with `detach`, or with its skeleton unless it is pinned. */
export interface Link extends Disposable, AsyncDisposable {
  /** The program's name, or the struct_ops map's. */
  readonly program: string;
  /** undefined for USDT probes; before Linux 5.15 that of the perf event, where there is one. */
  readonly fd: number | undefined;
  /** The kernel's id, as `bpftool link show id` takes it; undefined where the kernel has no link object. */
  readonly id: number | undefined;
  /** Where it is pinned. */
  readonly pinPath: string | undefined;
  /**
   * Ends the attachment, and removes its pin. Waits for the kernel, 70 to 120 ms for probes and tracepoints. Does nothing
   * the second time.
   */
  detach(): void;
  /** The same, waiting on another thread. */
  detachAsync(): Promise<void>;
  /**
   * Makes a file in a BPF file system that keeps the attachment alive after this process.
   * @throws BpfError EINVAL where the file system is none, EEXIST where the file is there
   * @throws UnsupportedError for a USDT probe
   */
  pin(path: string): void;
  /** Removes the pin; the attachment ends with its skeleton again. */
  unpin(): void;
  /** Puts another loaded program of the same type in place of this one, without a gap (BPF_LINK_UPDATE). */
  update(program: Program): void;
}

// Those whose link is libbpf's `struct bpf_link_perf`.
const perfKinds: ReadonlySet<string> = /*@__PURE__*/ new Set([
  "kprobe",
  "ksyscall",
  "uprobe",
  "tracepoint",
  "perf_event",
]);

class LinkHandle implements Link, LiveLink {
  readonly #core: ProgramCore<LinkHandle>;
  // `struct bpf_link *`, 0 once detached.
  #pointer: number;
  #pinPath: string | undefined;
  #ending: Promise<void> | undefined;

  constructor(core: ProgramCore<LinkHandle>, pointer: number) {
    this.#core = core;
    this.#pointer = pointer;
    core.links.push(this);
  }

  get program(): string {
    return this.#core.name;
  }

  get fd(): number | undefined {
    const pointer = this.#use();
    // A USDT link is many perf events; its own descriptor is a 0 that nobody set (usdt.c, `struct bpf_link_usdt`).
    if (this.#core.kind === "usdt") return undefined;
    // Here it is the map's (libbpf.c, `bpf_map__attach_struct_ops`).
    if (this.#core.section.endsWith(".struct_ops")) return undefined;
    const fd = this.#library.fn("bpf_link__fd")(pointer);
    return fd < 0 ? undefined : fd;
  }

  get id(): number | undefined {
    const { fd } = this;
    return fd === undefined ? undefined : idOf(this.#library, fd);
  }

  get pinPath(): string | undefined {
    return this.#pinPath;
  }

  detach(): void {
    if (this.#pointer === 0) return;
    if (this.#pinPath !== undefined) this.unpin();
    const pointer = this.#end();
    const { result, log } = withLog(this.#library, () => this.#library.fn("bpf_link__destroy")(pointer));
    this.#check(result, "bpf_link__destroy", "detach", log);
  }

  async detachAsync(): Promise<void> {
    if (this.#ending !== undefined) return this.#ending;
    // USDT links share state in their object that libbpf does not lock (usdt.c, `struct usdt_manager`).
    if (this.#pointer === 0 || this.#core.kind === "usdt") return this.detach();
    if (this.#pinPath !== undefined) this.unpin();
    const pointer = this.#end();
    this.#ending = withoutLog(this.#library.fn("bpf_link__destroy"), pointer).then((result) =>
      this.#check(result, "bpf_link__destroy", "detach"),
    );
    this.#core.owner.keepFor(this.#ending);
    return this.#ending;
  }

  release(): void {
    if (this.#pinPath === undefined) this.detach();
    else this.#letGo();
  }

  async releaseAsync(): Promise<void> {
    if (this.#pinPath === undefined) await this.detachAsync();
    else this.#letGo();
  }

  pin(path: string): void {
    const pointer = this.#use();
    if (this.fd === undefined) {
      throw new UnsupportedError(
        `program ${this.program}: the kernel has no link object to pin for ${this.#core.kind}`,
      );
    }
    if (this.#pinPath !== undefined) {
      throw new StateError(`program ${this.program}: link is pinned at ${this.#pinPath} already (unpin it first)`);
    }
    const { result, log } = withLog(this.#library, () => this.#library.fn("bpf_link__pin")(pointer, path));
    this.#check(result, "bpf_link__pin", "pin", log);
    this.#pinPath = path;
  }

  unpin(): void {
    const pointer = this.#use();
    if (this.#pinPath === undefined) throw new StateError(`program ${this.program}: link is not pinned`);
    const { result, log } = withLog(this.#library, () => this.#library.fn("bpf_link__unpin")(pointer));
    this.#check(result, "bpf_link__unpin", "unpin", log);
    this.#pinPath = undefined;
  }

  update(program: Program): void {
    const pointer = this.#use();
    const other = coreOf(program);
    const path = `program ${this.program}: update`;
    if (other === undefined) throw new ValueError(`${path}: expected a program of a loaded skeleton`, path);
    useProgram(other);
    const { result, log } = withLog(this.#library, () =>
      this.#library.fn("bpf_link__update_program")(pointer, other.pointer),
    );
    this.#check(result, "bpf_link__update_program", "update", log);
  }

  [Symbol.dispose](): void {
    this.detach();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.detachAsync();
  }

  get #library(): ProgramCore["owner"]["library"] {
    return this.#core.owner.library;
  }

  #use(): number {
    if (this.#pointer === 0) throw new StateError(`program ${this.program}: link is detached`);
    return this.#pointer;
  }

  /** From here on the link is libbpf's to destroy. */
  #end(): number {
    const pointer = this.#pointer;
    this.#pointer = 0;
    const { links } = this.#core;
    links.splice(links.indexOf(this), 1);
    return pointer;
  }

  /**
   * Frees a pinned link without detaching it. bpf_link__destroy would disable its perf event, pinned or not, and after
   * bpf_link__disconnect it leaves the descriptors open, so they are closed here.
   */
  #letGo(): void {
    const pointer = this.#end();
    this.#pinPath = undefined;
    const fd = this.#library.fn("bpf_link__fd")(pointer);
    const perfFd = perfKinds.has(this.#core.kind) ? perfEventFd(pointer, fd) : undefined;
    this.#library.fn("bpf_link__disconnect")(pointer);
    this.#library.fn("bpf_link__destroy")(pointer);
    const { close } = libc();
    if (fd >= 0) close(fd);
    if (perfFd !== undefined) close(perfFd);
  }

  #check(result: number, syscall: string, verb: string, log?: Log): void {
    if (result >= 0) return;
    const { name, owner } = this.#core;
    throw bpfError(owner.library, { errno: -result, syscall, verb, object: owner.name, program: name, log });
  }
}

// `struct bpf_link` (libbpf_internal.h, unchanged from 1.0 to 1.8) is two functions, a path, an int fd and a bool;
// `struct bpf_link_perf` goes on with an int perf_event_fd.
const linkFdOffset = 24;
const perfFdOffset = 32;

/** The perf event's descriptor, which libbpf has no function for; undefined unless it is surely that. */
function perfEventFd(pointer: number, linkFd: number): number | undefined {
  const view = new Int32Array(viewOf(pointer, perfFdOffset + 4));
  const fd = view[perfFdOffset / 4]!;
  if (view[linkFdOffset / 4] !== linkFd || fd === linkFd || fd < 0) return undefined;
  try {
    const target = process.getBuiltinModule("node:fs").readlinkSync(`/proc/self/fd/${fd}`);
    return target === "anon_inode:[perf_event]" ? fd : undefined;
  } catch {
    return undefined;
  }
}

/** The handle of a link that libbpf has just made; the program keeps it while it is alive. */
export function makeLink(core: ProgramCore, pointer: number): Link & LiveLink {
  return new LinkHandle(core as ProgramCore<LinkHandle>, pointer);
}
