// Typed handles on programs that another process loaded, without opening the object: by pin, by id, by descriptor.

import { programTypes } from "../abi/kernel.ts";
import { kindOf } from "../abi.ts";
import { type BpfError, StaleError, StateError, ValueError } from "../errors.ts";
import { type Library, openLibrary } from "../library.ts";
import { EBADF, ENOENT, EPERM } from "../library/errno.ts";
import { bpfError } from "../library/failure.ts";
import { missingCapabilities } from "../library/host.ts";
import { kindOfDescriptor } from "../library/mapinfo.ts";
import { pinnedHint } from "../library/pinfile.ts";
import { type CloseFd, ownFd } from "../library/threadend.ts";
import { unwatch, watch } from "../library/unreachable.ts";
import { checkPath, checkU32 } from "../maps/checks.ts";
import type { Closeable } from "../maps/closeable.ts";
import { addressOf, duplicate } from "../native.ts";
import { type BpfProgram, type Program, ProgramHandle } from "../program.ts";
import { programTypeName, readProgramInfo } from "../program/info.ts";
import { checkAbi } from "./carried.ts";
import { programEntry } from "./found.ts";
import { record } from "../library/record.ts";
import type { ProgramEntry, ProgramOpener, SkeletonShape, SkeletonTable } from "./types.ts";

class OwnedHandle extends ProgramHandle implements Closeable {
  readonly #token: object;
  readonly #close: () => void;

  constructor(
    library: Library,
    object: string,
    name: string,
    entry: ProgramEntry<BpfProgram>,
    fd: number,
    close: CloseFd,
  ) {
    const { section, ctx } = programEntry(entry);
    let open = true;
    const use = (): number => {
      if (open) return fd;
      throw new StateError(`program ${name}: closed`);
    };
    super({ library, object, name, section, kind: kindOf(section), ctx, use });
    this.#token = use;
    this.#close = () => {
      open = false;
      close();
    };
    watch(this, `program ${name}`, this.#token);
  }

  close(): void {
    unwatch(this.#token);
    this.#close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

class Opener implements ProgramOpener<Program> {
  readonly #name: string;
  readonly #entry: ProgramEntry<BpfProgram>;
  readonly #table: SkeletonTable<SkeletonShape>;

  constructor(name: string, entry: ProgramEntry<BpfProgram>, table: SkeletonTable<SkeletonShape>) {
    this.#name = name;
    this.#entry = entry;
    this.#table = table;
  }

  openPinned(path: string): OwnedHandle {
    checkPath(path, `program ${this.#name}: openPinned`);
    const library = this.#enter();
    const fd = library.fn("bpf_obj_get")(path);
    if (fd >= 0) return this.#own(library, fd, path);
    throw this.#failure(library, -fd, "bpf_obj_get", "openPinned", pinnedHint(-fd, path));
  }

  fromId(id: number): OwnedHandle {
    checkU32(id, `program ${this.#name}: fromId`, 1);
    const library = this.#enter();
    const fd = library.fn("bpf_prog_get_fd_by_id")(id);
    if (fd >= 0) return this.#own(library, fd, `id ${id}`);
    const lacks = fd === -EPERM && missingCapabilities(["CAP_SYS_ADMIN"]).length > 0;
    const hint =
      fd === -ENOENT ? `the kernel has no program ${id}` : lacks ? "needs CAP_SYS_ADMIN, or root" : undefined;
    throw this.#failure(library, -fd, "bpf_prog_get_fd_by_id", "fromId", hint);
  }

  fromFd(fd: number): OwnedHandle {
    checkU32(fd, `program ${this.#name}: fromFd`);
    const library = this.#enter();
    const own = duplicate(fd);
    if (own >= 0) return this.#own(library, own, `descriptor ${fd}`);
    throw this.#failure(library, -own, "fcntl", "fromFd", own === -EBADF ? `${fd} is no open descriptor` : undefined);
  }

  #enter(): Library {
    checkAbi(this.#table);
    return openLibrary();
  }

  #own(library: Library, fd: number, from: string): OwnedHandle {
    const close = ownFd(library, fd);
    try {
      this.#check(library, fd, from);
      return new OwnedHandle(library, this.#table.name, this.#name, this.#entry, fd, close);
    } catch (e) {
      close();
      throw e;
    }
  }

  #check(library: Library, fd: number, from: string): void {
    const where = `program ${this.#name}`;
    const kind = kindOfDescriptor(fd);
    if (kind !== undefined && kind !== "bpf-prog") {
      throw new ValueError(`${where}: expected a program, got ${kind} (${from})`, where);
    }
    const info = readProgramInfo(library, fd);
    if (typeof info === "number") throw this.#failure(library, info, "bpf_obj_get_info_by_fd", "open", from);
    const expected = expectedType(library, this.#entry);
    if (expected === undefined || info.type === expected) return;
    throw new StaleError(`${where}: expected type ${expected}, got ${info.type} ${info.name} (${from})`);
  }

  #failure(library: Library, errno: number, syscall: string, verb: string, hint: string | undefined): BpfError {
    return bpfError(library, { errno, syscall, verb, object: this.#table.name, program: this.#name, hint });
  }
}

/** The kernel's word for the type of programs in the entry's section; undefined for what neither side knows. */
function expectedType(library: Library, entry: ProgramEntry<BpfProgram>): string | undefined {
  const { section, type } = programEntry(entry);
  // By number, since libbpf has words of its own for some.
  if (type !== undefined) return programTypeName(library, programTypes.indexOf(type));
  const found = new Int32Array(2);
  const at = addressOf(found.buffer as ArrayBuffer);
  if (library.fn("libbpf_prog_type_by_name")(section, at, at + 4) < 0) return undefined;
  return programTypeName(library, found[0]!);
}

/** What opens each program of `table`. */
export function programOpeners(table: SkeletonTable<SkeletonShape>): object {
  return record(
    Object.entries(table.progs) as [string, ProgramEntry<BpfProgram>][],
    ([name]) => name,
    ([name, entry]) => new Opener(name, entry, table),
  );
}
