// Maps that no object owns: inner maps, made here or opened by id. Their holder closes them.

import { StateError, StaleError } from "../errors.ts";
import type { Library } from "../library.ts";
import { mapInfo } from "../library/info.ts";
import { libc } from "../native.ts";
import { type BpfMap, LoadedMap, type MapCore, type MapSpec } from "./core.ts";

/** A map that its holder closes; the kernel keeps it for as long as anything refers to it. */
export type Owned<M> = M &
  Disposable & {
    /** Closes the descriptor; what is in the map stays while a slot or a program holds it. Does nothing the second time. */
    close(): void;
  };

class OwnedMap extends LoadedMap {
  override use(): number {
    if (this.rawFd >= 0) return this.rawFd;
    throw new StateError(`map ${this.name}: closed`);
  }

  override close(): void {
    if (this.rawFd < 0) return;
    libc().close(this.rawFd);
    super.close();
  }
}

/**
 * The handle by `spec` of the map behind `fd`, which is the handle's from now on, after a failure too.
 * @throws StaleError when the map has other sizes than `spec`
 */
export function own<M extends BpfMap>(outer: MapCore, name: string, fd: number, spec: MapSpec<M>): Owned<M> {
  const { library, object } = outer;
  const { errno, info } = mapInfo(library, fd);
  if (info === undefined) {
    libc().close(fd);
    throw outer.failure(-errno, "bpf_obj_get_info_by_fd", "open");
  }
  const { keySize, valueSize, typeId } = info;
  const type = typeName(library, typeId);
  const map = new OwnedMap(library, { name, type, object, keySize, valueSize, rawFd: fd });
  try {
    checkSizes(map, spec);
    const handle = spec.create(map);
    const close = (): void => map.close();
    return Object.assign(handle, { close, [Symbol.dispose]: close });
  } catch (e) {
    map.close();
    throw e;
  }
}

/** The kernel's word for a map type, as far as this libbpf knows it. */
function typeName(library: Library, typeId: number): string {
  return library.fn("libbpf_bpf_map_type_str")(typeId) ?? `type_${typeId}`;
}

// The kernel writes as much as the map's sizes say, and codecs read as much as theirs say.
function checkSizes({ name, keySize, valueSize }: MapCore, spec: MapSpec<unknown>): void {
  if ((spec.keySize ?? keySize) === keySize && (spec.valueSize ?? valueSize) === valueSize) return;
  const expected = `${spec.keySize ?? "any"} and ${spec.valueSize ?? "any"}`;
  throw new StaleError(`map ${name}: expected key and value sizes ${expected}, got ${keySize} and ${valueSize}`);
}
