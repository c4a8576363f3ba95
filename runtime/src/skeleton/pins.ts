// Maps that load takes from their pins (libbpf.c, `bpf_object__reuse_map`), held against what generated code says of them:
// libbpf compares sizes, and would take one with other fields in silence.

import { bpfError } from "../library/failure.ts";
import { checkMap } from "../maps/compat.ts";
import { libc } from "../native.ts";
import type { BpfObject } from "../object.ts";
import { expectedOf, type FoundMap } from "./found.ts";

function pinPathOf({ library }: BpfObject, { pointer }: FoundMap): string | null {
  return library.fn("bpf_map__autocreate")(pointer) ? library.fn("bpf_map__pin_path")(pointer) : null;
}

/**
 * After open: a BPF file system takes no dots in names, so that a map with dots in its name could not be pinned by it. Its pin
 * is where `bpf_object__pin_maps` puts it, with "_" in their place.
 */
export function respellPins({ library }: BpfObject, maps: readonly FoundMap[]): void {
  for (const { name, pointer } of maps) {
    if (!name.includes(".")) continue;
    const path = library.fn("bpf_map__pin_path")(pointer);
    if (path === null || !path.endsWith(`/${name}`)) continue;
    const syscall = "bpf_map__set_pin_path";
    const result = library.fn(syscall)(pointer, path.slice(0, -name.length) + name.replaceAll(".", "_"));
    if (result < 0) throw bpfError(library, { errno: -result, syscall, map: name });
  }
}

/**
 * Before load: what is at the pins now.
 * @throws StaleError
 */
export function checkPins(object: BpfObject, maps: readonly FoundMap[]): void {
  const { library } = object;
  for (const map of maps) {
    const path = pinPathOf(object, map);
    const fd = path === null ? -1 : library.fn("bpf_obj_get")(path);
    // Nothing there, or nothing that may be had: libbpf pins there, or says why not.
    if (fd < 0) continue;
    try {
      checkMap(library, fd, expectedOf(object, map), `or remove the pin ${path}`);
    } finally {
      libc().close(fd);
    }
  }
}

/**
 * After load: what it has taken, since another process may have pinned a map meanwhile.
 * @throws StaleError
 */
export function checkTaken(object: BpfObject, maps: readonly FoundMap[]): void {
  const { library } = object;
  for (const map of maps) {
    if (pinPathOf(object, map) === null) continue;
    checkMap(library, library.fn("bpf_map__fd")(map.pointer), expectedOf(object, map));
  }
}
