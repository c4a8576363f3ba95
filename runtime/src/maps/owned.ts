// Maps that no object owns: inner maps, made here or opened by id. Their holder closes them.

import { StaleError } from "../errors.ts";
import { readMapInfo } from "../library/mapinfo.ts";
import { ownFd } from "../library/threadend.ts";
import { type OwnedMap, ownMap } from "./closeable.ts";
import type { BpfMap, MapCore, MapSpec } from "./core.ts";

/**
 * The handle by `spec` of the map behind `fd`, which is the handle's from now on, after a failure too.
 * @throws StaleError when the map has other sizes than `spec`
 */
export function own<M extends BpfMap>(outer: MapCore, name: string, fd: number, spec: MapSpec<M>): OwnedMap<M> {
  const { library, object } = outer;
  const close = ownFd(library, fd);
  try {
    const info = readMapInfo(library, fd);
    if (typeof info === "number") throw outer.failure(-info, "bpf_obj_get_info_by_fd", "open");
    const { keySize, valueSize, type } = info;
    const fields = { name, type, object, keySize, valueSize, rawFd: fd };
    checkSizes(fields, spec);
    return ownMap(library, spec, fields, close);
  } catch (e) {
    close();
    throw e;
  }
}

// The kernel writes as much as the map's sizes say, and codecs read as much as theirs say.
function checkSizes(
  { name, keySize, valueSize }: Pick<MapCore, "name" | "keySize" | "valueSize">,
  spec: MapSpec<unknown>,
): void {
  if ((spec.keySize ?? keySize) === keySize && (spec.valueSize ?? valueSize) === valueSize) return;
  const expected = `${spec.keySize ?? "any"} and ${spec.valueSize ?? "any"}`;
  throw new StaleError(`map ${name}: expected key and value sizes ${expected}, got ${keySize} and ${valueSize}`);
}
