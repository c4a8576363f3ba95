// Typed handles on maps that another process loaded, without opening the object: by pin, by id, by descriptor.

import { BpfError, ValueError } from "../errors.ts";
import { type Library, openLibrary } from "../library.ts";
import { EBADF, ENOENT, EPERM } from "../library/errno.ts";
import { bpfError } from "../library/failure.ts";
import { missingCapabilities } from "../library/host.ts";
import { kindOfDescriptor } from "../library/mapinfo.ts";
import { pinnedHint } from "../library/pinfile.ts";
import { ownFd } from "../library/threadend.ts";
import { checkPath, checkU32 } from "../maps/checks.ts";
import { checkMap } from "../maps/compat.ts";
import type { MapSpec } from "../maps/core.ts";
import { type OwnedMap, ownMap } from "../maps/closeable.ts";
import { duplicate } from "../native.ts";
import { checkAbi } from "./carried.ts";
import { record } from "../library/record.ts";
import type { MapOpener, SkeletonShape, SkeletonTable } from "./types.ts";

class Opener<H> implements MapOpener<H> {
  readonly #name: string;
  readonly #spec: MapSpec<H>;
  readonly #table: SkeletonTable<SkeletonShape>;

  constructor(name: string, spec: MapSpec<H>, table: SkeletonTable<SkeletonShape>) {
    this.#name = name;
    this.#spec = spec;
    this.#table = table;
  }

  openPinned(path: string): OwnedMap<H> {
    checkPath(path, `map ${this.#name}: openPinned`);
    const library = this.#enter();
    const fd = library.fn("bpf_obj_get")(path);
    if (fd >= 0) return this.#own(library, fd, path);
    throw this.#failure(library, -fd, "bpf_obj_get", "openPinned", pinnedHint(-fd, path));
  }

  fromId(id: number): OwnedMap<H> {
    checkU32(id, `map ${this.#name}: fromId`, 1);
    const library = this.#enter();
    const fd = library.fn("bpf_map_get_fd_by_id")(id);
    if (fd >= 0) return this.#own(library, fd, `id ${id}`);
    const lacks = fd === -EPERM && missingCapabilities(["CAP_SYS_ADMIN"]).length > 0;
    const hint = fd === -ENOENT ? `the kernel has no map ${id}` : lacks ? "needs CAP_SYS_ADMIN, or root" : undefined;
    throw this.#failure(library, -fd, "bpf_map_get_fd_by_id", "fromId", hint);
  }

  fromFd(fd: number): OwnedMap<H> {
    checkU32(fd, `map ${this.#name}: fromFd`);
    const library = this.#enter();
    const own = duplicate(fd);
    if (own >= 0) return this.#own(library, own, `descriptor ${fd}`);
    throw this.#failure(library, -own, "fcntl", "fromFd", own === -EBADF ? `${fd} is no open descriptor` : undefined);
  }

  #enter(): Library {
    checkAbi(this.#table);
    return openLibrary();
  }

  #own(library: Library, fd: number, from: string): OwnedMap<H> {
    const name = this.#name;
    const close = ownFd(library, fd);
    try {
      const kind = kindOfDescriptor(fd);
      if (kind !== undefined && kind !== "bpf-map") {
        throw new ValueError(`map ${name}: expected a map, got ${kind} (${from})`, `map ${name}`);
      }
      const { type, keySize, valueSize } = checkMap(library, fd, { ...this.#spec, name });
      const fields = { name, type: this.#spec.type || type, object: this.#table.name, keySize, valueSize, rawFd: fd };
      return ownMap(library, this.#spec, fields, close);
    } catch (e) {
      close();
      throw e;
    }
  }

  #failure(library: Library, errno: number, syscall: string, verb: string, hint: string | undefined): BpfError {
    return bpfError(library, { errno, syscall, verb, object: this.#table.name, map: this.#name, hint });
  }
}

/** What opens each map of `table`. */
export function mapOpeners(table: SkeletonTable<SkeletonShape>): object {
  return record(
    Object.entries(table.maps) as [string, MapSpec<unknown>][],
    ([name]) => name,
    ([name, spec]) => new Opener(name, spec, table),
  );
}
