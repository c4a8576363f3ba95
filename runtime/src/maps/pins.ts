// Files in a BPF file system that keep a map alive: made and removed.

import { ValueError } from "../errors.ts";
import { EEXIST, ENOENT, EPERM } from "../library/errno.ts";
import { missingCapabilities, needsCapabilities } from "../library/host.ts";
import { readMapInfo } from "../library/mapinfo.ts";
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

// linux/magic.h
const BPF_FS_MAGIC = 0xcafe_4a11;

/** What to do where BPF_OBJ_PIN fails at `file`. */
export function pinHint(errno: number, file: string): string | undefined {
  switch (errno) {
    case EPERM:
      return notPermitted(file.replace(/\/[^/]*$/, "") || "/");
    case EEXIST:
      return `${file} is there already`;
    case ENOENT:
      return `the directory of ${file} does not exist`;
    default:
      return undefined;
  }
}

/** As far as it can be found out (kernel/bpf/inode.c, `bpf_obj_do_pin`). */
function notPermitted(folder: string): string | undefined {
  try {
    const { type } = process.getBuiltinModule("node:fs").statfsSync(folder);
    if (type !== BPF_FS_MAGIC) return `${folder} is in no BPF file system: use /sys/fs/bpf`;
  } catch {
    // Not to be looked at: the rights are what is left.
  }
  const missing = missingCapabilities(["CAP_BPF"]);
  return missing.length > 0 ? needsCapabilities(missing) : undefined;
}
