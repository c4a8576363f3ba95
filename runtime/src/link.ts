// A link: one attachment of one program. In: what attaching gave; out: its end, by the user's hand or when the object is
// closed.

import { StateError, UnsupportedError, ValueError } from "./errors.ts";
import { EINVAL } from "./library/errno.ts";
import { bpfError } from "./library/failure.ts";
import { idOf } from "./library/info.ts";
import type { Ended, Held } from "./link/held.ts";
import { type LinkInfo, readLinkInfo, updateHint } from "./link/info.ts";
import { pinLink, unpinLink } from "./link/pins.ts";
import type { Program } from "./program.ts";
import type { StructOps } from "./structops.ts";
import { coreOf, type LiveLink, type ProgramCore, useProgram } from "./program/core.ts";

/** One attachment of a program; ends with `detach`, or with its skeleton unless it is pinned. */
export interface Link extends Disposable, AsyncDisposable {
  /** The program's name, or the struct_ops map's. */
  readonly program: string;
  /**
   * undefined where the kernel has no link object: USDT probes, filters of clsact and sockets; before Linux 5.15 that of
   * the perf event, where there is one.
   */
  readonly fd: number | undefined;
  /** The kernel's id, as `bpftool link show id` takes it; undefined where the kernel has no link object. */
  readonly id: number | undefined;
  /** Where it is pinned. */
  readonly pinPath: string | undefined;
  /** What it is attached to, as the kernel has it now. */
  readonly info: LinkInfo;
  /**
   * Ends the attachment, and removes its pin. Waits for the kernel, 70 to 120 ms for probes and tracepoints. Does nothing
   * the second time.
   */
  detach(): void;
  /** The same, waiting on another thread. */
  detachAsync(): Promise<void>;
  /**
   * Makes a file in a BPF file system that keeps the attachment alive after this process; `openLink` opens it.
   * @throws BpfError EPERM where the file system is none, EEXIST where the file is there
   * @throws UnsupportedError where the kernel has no link object
   */
  pin(path: string): void;
  /** Removes the pin; the attachment ends with its skeleton again. */
  unpin(): void;
  /**
   * Puts another loaded program of the same type in place of this one, without a gap (BPF_LINK_UPDATE). A struct_ops map in
   * `.struct_ops.link` takes another such map of the same interface.
   * @throws BpfError EINVAL for kinds of links that the kernel cannot update
   * @throws UnsupportedError where the kernel has no link object that could be updated
   */
  update(other: Program | StructOps): void;
}

let made = 0;

class LinkHandle implements Link, LiveLink {
  readonly serial = ++made;
  readonly #core: ProgramCore<LinkHandle>;
  // undefined once detached.
  #held: Held | undefined;
  #pinPath: string | undefined;
  #ending: Promise<void> | undefined;

  constructor(core: ProgramCore<LinkHandle>, held: Held) {
    this.#core = core;
    this.#held = held;
    core.links.push(this);
  }

  get program(): string {
    return this.#core.name;
  }

  get fd(): number | undefined {
    return this.#use().fd;
  }

  get id(): number | undefined {
    const { fd } = this;
    return fd === undefined ? undefined : idOf(this.#library, fd);
  }

  get pinPath(): string | undefined {
    return this.#pinPath;
  }

  get info(): LinkInfo {
    const { fd, info } = this.#use();
    if (info !== undefined || fd === undefined) return info ?? { type: "usdt" };
    const read = readLinkInfo(this.#library, fd);
    if (typeof read !== "number") return read;
    throw this.#failure({ result: read, syscall: "bpf_obj_get_info_by_fd" }, "info");
  }

  detach(): void {
    if (this.#held === undefined) return;
    this.#check(this.#end().detach(), "detach");
  }

  async detachAsync(): Promise<void> {
    if (this.#ending !== undefined) return this.#ending;
    if (this.#held === undefined) return;
    this.#ending = this.#end()
      .detachAsync()
      .then((ended) => this.#check(ended, "detach"));
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
    const { fd } = this.#use();
    if (fd === undefined) throw this.#noLink("pin");
    if (this.#pinPath !== undefined) {
      throw new StateError(`program ${this.program}: link is pinned at ${this.#pinPath} already (unpin it first)`);
    }
    pinLink(this.#library, fd, path, this.#where());
    this.#pinPath = path;
    this.#use().pinned?.(true);
  }

  unpin(): void {
    this.#use();
    if (this.#pinPath === undefined) throw new StateError(`program ${this.program}: link is not pinned`);
    unpinLink(this.#pinPath, this.#where());
    this.#pinPath = undefined;
    this.#use().pinned?.(false);
  }

  update(program: Program | StructOps): void {
    const held = this.#use();
    if (held.replaceMap !== undefined) return held.replaceMap(program);
    const other = coreOf(program);
    const path = `program ${this.program}: update`;
    if (other === undefined) throw new ValueError(`${path}: expected a program of a loaded skeleton`, path);
    const programFd = useProgram(other);
    if (held.fd === undefined && held.replace === undefined) throw this.#noLink("update");
    const ended = held.replace?.(other) ?? {
      result: this.#library.fn("bpf_link_update")(held.fd!, programFd, 0),
      syscall: "bpf_link_update",
    };
    this.#check(ended, "update");
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

  #use(): Held {
    if (this.#held === undefined) throw new StateError(`program ${this.program}: link is detached`);
    return this.#held;
  }

  #where(): { object: string; program: string } {
    return { object: this.#core.owner.name, program: this.#core.name };
  }

  /** From here on it is the caller's to end; the pin is gone. */
  #end(): Held {
    if (this.#pinPath !== undefined) this.unpin();
    return this.#forget();
  }

  #forget(): Held {
    const held = this.#use();
    this.#held = undefined;
    const { links } = this.#core;
    links.splice(links.indexOf(this), 1);
    return held;
  }

  /** Frees a pinned link without detaching it. */
  #letGo(): void {
    this.#pinPath = undefined;
    this.#forget().letGo();
  }

  #noLink(verb: string): UnsupportedError {
    const { name, kind } = this.#core;
    return new UnsupportedError(`program ${name}: the kernel has no link object to ${verb} for ${kind}`);
  }

  #check(ended: Ended, verb: string): void {
    if (ended.result < 0) throw this.#failure(ended, verb);
  }

  #failure({ result, syscall, log }: Ended, verb: string): Error {
    const errno = -result;
    const hint = verb === "update" && errno === EINVAL ? updateHint(this.info.type) : undefined;
    return bpfError(this.#library, { ...this.#where(), errno, syscall, verb, hint, log });
  }
}

/** The handle of an attachment that has just been made; the program keeps it while it is alive. */
export function makeLink(core: ProgramCore, held: Held): Link & LiveLink {
  return new LinkHandle(core as ProgramCore<LinkHandle>, held);
}
