// Files in a BPF file system that keep a map alive: made and removed.

import { ValueError } from "../errors.ts";
import { readMapInfo } from "../library/mapinfo.ts";
import { pinHint } from "../library/pinfile.ts";
import { show } from "../memory/refuse.ts";
import { libc } from "../native.ts";
import { checkPath } from "./checks.ts";
import type { MapCore } from "./core.ts";

/** Makes the pin (BPF_OBJ_PIN). */
export function pinMap(map: MapCore, file: string): void {
  const fd = map.use();
  checkPath(file, `map ${map.name}: pin`);
  const result = map.library.fn("bpf_obj_pin")(fd, file);
  if (result < 0) throw map.failure(result, "bpf_obj_pin", "pin", pinHint(-result, file));
}

/** Removes the pin, once the kernel has said that it is this map's. */
export function unpinMap(map: MapCore, file: string): void {
  map.use();
  checkPath(file, `map ${map.name}: unpin`);
  const other = map.library.fn("bpf_obj_get")(file);
  let id: number | undefined;
  if (other >= 0) {
    try {
      const info = readMapInfo(map.library, other);
      id = typeof info === "number" ? undefined : info.id;
    } finally {
      libc().close(other);
    }
  }
  if (id !== map.id) {
    const path = `map ${map.name}: unpin`;
    throw new ValueError(`${path}: expected a pin of this map, got ${show(file)}`, path);
  }
  process.getBuiltinModule("node:fs").unlinkSync(file);
}
