// Files in a BPF file system that keep a link alive: made, removed, and opened by whoever comes later.

import { StateError, ValueError } from "../errors.ts";
import { type Library, openLibrary } from "../library.ts";
import { EINVAL, ENOENT } from "../library/errno.ts";
import { bpfError } from "../library/failure.ts";
import { idOf } from "../library/info.ts";
import { kindOfDescriptor } from "../library/mapinfo.ts";
import { pinHint, pinnedHint } from "../library/pinfile.ts";
import { type CloseFd, ownFd } from "../library/threadend.ts";
import { checkPath } from "../maps/checks.ts";
import type { Program } from "../program.ts";
import { coreOf, useProgram } from "../program/core.ts";
import { type LinkInfo, readLinkInfo, updateHint } from "./info.ts";

/** What errors name. */
type Where = { readonly object?: string; readonly program?: string; readonly where?: string };

/** Makes the pin (BPF_OBJ_PIN). */
export function pinLink(library: Library, fd: number, path: string, where: Where): void {
  checkPath(path, `${where.where ?? `program ${where.program}`}: pin`);
  const result = library.fn("bpf_obj_pin")(fd, path);
  if (result >= 0) return;
  const hint = pinHint(-result, path);
  throw bpfError(library, { ...where, errno: -result, syscall: "bpf_obj_pin", verb: "pin", hint });
}

/** Removes the pin; that it is gone already is as good. */
export function unpinLink(path: string, where: Where): void {
  try {
    process.getBuiltinModule("node:fs").unlinkSync(path);
  } catch (cause) {
    const { errno = -5 } = cause as NodeJS.ErrnoException;
    if (errno !== -ENOENT)
      throw bpfError(undefined, { ...where, errno: -errno, syscall: "unlink", verb: "unpin", hint: path });
  }
}

/** A link that somebody pinned. It belongs to whoever opened it. */
export interface PinnedLink extends Disposable {
  /** @throws StateError after close */
  readonly fd: number;
  /** The kernel's id, as `bpftool link show id` takes it. */
  readonly id: number;
  /** The pin; undefined once it is removed. */
  readonly pinPath: string | undefined;
  /** What it is attached to, as the kernel has it now. */
  readonly info: LinkInfo;
  /**
   * Puts another loaded program of the same type in place of the one attached, without a gap.
   * @throws BpfError EINVAL for kinds of links that the kernel cannot update
   */
  update(program: Program): void;
  /** Removes the pin; the attachment lasts until this is closed, and as long as another process has it open. */
  unpin(): void;
  /** Removes the pin and closes. */
  detach(): void;
  /** Closes this; the pin stays, and the attachment with it. Does nothing the second time. */
  close(): void;
}

class PinnedHandle implements PinnedLink {
  readonly #library: Library;
  readonly #path: string;
  #fd: number;
  readonly #close: CloseFd;
  #pinned = true;

  constructor(library: Library, path: string, fd: number, close: CloseFd) {
    this.#library = library;
    this.#path = path;
    this.#fd = fd;
    this.#close = close;
  }

  get fd(): number {
    if (this.#fd < 0) throw new StateError(`link ${this.#path}: closed`);
    return this.#fd;
  }

  get id(): number {
    return idOf(this.#library, this.fd) ?? 0;
  }

  get pinPath(): string | undefined {
    return this.#pinned ? this.#path : undefined;
  }

  get info(): LinkInfo {
    const info = readLinkInfo(this.#library, this.fd);
    if (typeof info === "number") throw this.#failure(info, "bpf_obj_get_info_by_fd", "info");
    return info;
  }

  update(program: Program): void {
    const { fd } = this;
    const core = coreOf(program);
    const path = `link ${this.#path}: update`;
    if (core === undefined) throw new ValueError(`${path}: expected a program of a loaded skeleton`, path);
    const result = this.#library.fn("bpf_link_update")(fd, useProgram(core), 0);
    if (result >= 0) return;
    const hint = result === -EINVAL ? updateHint(this.info.type) : undefined;
    throw this.#failure(result, "bpf_link_update", "update", hint);
  }

  unpin(): void {
    void this.fd;
    if (!this.#pinned) throw new StateError(`link ${this.#path}: not pinned any more`);
    unpinLink(this.#path, { where: `link ${this.#path}` });
    this.#pinned = false;
  }

  detach(): void {
    if (this.#fd >= 0 && this.#pinned) this.unpin();
    this.close();
  }

  close(): void {
    this.#fd = -1;
    this.#close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #failure(result: number, syscall: string, verb: string, hint?: string): Error {
    return bpfError(this.#library, { where: `link ${this.#path}`, errno: -result, syscall, verb, hint });
  }
}

/**
 * Opens a link that is pinned at `path`, which another process may have made; no skeleton is needed.
 * @throws BpfError ENOENT where nothing is pinned, EACCES where it may not be opened
 * @throws ValueError where something else than a link is pinned
 */
export function openLink(path: string): PinnedLink {
  checkPath(path, "openLink");
  const library = openLibrary();
  const fd = library.fn("bpf_obj_get")(path);
  const where = `link ${path}`;
  if (fd < 0) {
    const hint = pinnedHint(-fd, path);
    throw bpfError(library, { where, errno: -fd, syscall: "bpf_obj_get", verb: "openLink", hint });
  }
  const close = ownFd(library, fd);
  const kind = kindOfDescriptor(fd);
  // "bpf_link", or what the link is of where the kernel has a name for it: bpf_link_fops are the same.
  if (kind === "bpf-map" || kind === "bpf-prog") {
    close();
    throw new ValueError(`${where}: expected a link, got ${kind}`, where);
  }
  return new PinnedHandle(library, path, fd, close);
}
