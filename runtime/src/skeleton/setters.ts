// What can be set of a map or a program before load. Each assignment goes to libbpf at once, so that its refusal points at
// the line that caused it.

import { ValueError } from "../errors.ts";
import { ENOENT, ESRCH } from "../library/errno.ts";
import { bpfError } from "../library/failure.ts";
import { hasKernelBtf } from "../library/host.ts";
import { kindOfDescriptor } from "../library/mapinfo.ts";
import { type Log, withLog } from "../library/print.ts";
import { checkPath, checkU32, numaNodeFlag } from "../maps/checks.ts";
import { checkMap } from "../maps/compat.ts";
import type { BpfMap } from "../maps/core.ts";
import { show } from "../memory/refuse.ts";
import type { BpfObject } from "../object.ts";
import { expectedOf, type FoundMap } from "./found.ts";
import type { AttachTarget, OpenMap, OpenProgram } from "./types.ts";

function bool(value: unknown, path: string): boolean {
  if (typeof value === "boolean") return value;
  throw new ValueError(`${path}: expected a boolean, got ${show(value)}`, path);
}

/** The descriptor of a map that exists; its handle may be another copy's of this package. */
function fdOf(map: Partial<BpfMap> | undefined | null, path: string): number {
  const fd = map?.fd;
  const kind = fd === undefined ? undefined : kindOfDescriptor(fd);
  if (Number.isInteger(fd) && (kind ?? "bpf-map") === "bpf-map") return fd!;
  throw new ValueError(`${path}: expected the handle of a map in the kernel, got ${kind ?? show(map)}`, path);
}

/** The handle of the map at `pointer` (`struct bpf_map *`). */
export function openMap(object: BpfObject, found: FoundMap): OpenMap {
  const { library } = object;
  const { name, pointer, type } = found;
  const check = (result: number, syscall: string, verb: string): void => {
    if (result < 0) throw bpfError(library, { errno: -result, syscall, verb, object: object.name, map: name });
  };
  const path = (property: string): string => `map ${name}: ${property}`;
  return Object.freeze<OpenMap>({
    name,
    type,
    get keySize() {
      object.useOpen();
      return library.fn("bpf_map__key_size")(pointer);
    },
    get valueSize() {
      object.useOpen();
      return library.fn("bpf_map__value_size")(pointer);
    },
    get maxEntries() {
      object.useOpen();
      return library.fn("bpf_map__max_entries")(pointer);
    },
    set maxEntries(entries) {
      object.useOpen();
      checkU32(entries, path("maxEntries"), 1);
      check(library.fn("bpf_map__set_max_entries")(pointer, entries), "bpf_map__set_max_entries", "maxEntries");
    },
    get flags() {
      object.useOpen();
      return library.fn("bpf_map__map_flags")(pointer);
    },
    set flags(flags) {
      object.useOpen();
      checkU32(flags, path("flags"));
      check(library.fn("bpf_map__set_map_flags")(pointer, flags), "bpf_map__set_map_flags", "flags");
    },
    get numaNode() {
      object.useOpen();
      return library.fn("bpf_map__numa_node")(pointer);
    },
    set numaNode(node) {
      object.useOpen();
      checkU32(node, path("numaNode"));
      check(library.fn("bpf_map__set_numa_node")(pointer, node), "bpf_map__set_numa_node", "numaNode");
      const flags = (library.fn("bpf_map__map_flags")(pointer) | numaNodeFlag) >>> 0;
      check(library.fn("bpf_map__set_map_flags")(pointer, flags), "bpf_map__set_map_flags", "numaNode");
    },
    get autocreate() {
      object.useOpen();
      return library.fn("bpf_map__autocreate")(pointer);
    },
    set autocreate(on) {
      object.useOpen();
      bool(on, path("autocreate"));
      check(library.fn("bpf_map__set_autocreate")(pointer, on), "bpf_map__set_autocreate", "autocreate");
    },
    get pinPath() {
      object.useOpen();
      return library.fn("bpf_map__pin_path")(pointer) ?? undefined;
    },
    set pinPath(file) {
      object.useOpen();
      if (file !== undefined) checkPath(file, path("pinPath"));
      check(library.fn("bpf_map__set_pin_path")(pointer, file ?? null), "bpf_map__set_pin_path", "pinPath");
    },
    reuse(map) {
      object.useOpen();
      const fd = fdOf(map, path("reuse"));
      checkMap(library, fd, expectedOf(object, found));
      check(library.fn("bpf_map__reuse_fd")(pointer, fd), "bpf_map__reuse_fd", "reuse");
    },
  });
}

/** The handle of the program at `pointer` (`struct bpf_program *`). */
export function openProgram(object: BpfObject, name: string, pointer: number, section: string): OpenProgram {
  const { library } = object;
  const check = (result: number, syscall: string, verb: string, hint?: string, log?: Log): void => {
    if (result >= 0) return;
    throw bpfError(library, { errno: -result, syscall, verb, object: object.name, program: name, hint, log });
  };
  const path = (property: string): string => `program ${name}: ${property}`;
  return Object.freeze<OpenProgram>({
    name,
    section,
    get type() {
      object.useOpen();
      const type = library.fn("bpf_program__type")(pointer);
      return library.fn("libbpf_bpf_prog_type_str")(type) ?? `type_${type}`;
    },
    get autoload() {
      object.useOpen();
      return library.fn("bpf_program__autoload")(pointer);
    },
    set autoload(on) {
      object.useOpen();
      bool(on, path("autoload"));
      check(library.fn("bpf_program__set_autoload")(pointer, on), "bpf_program__set_autoload", "autoload");
    },
    get autoattach() {
      object.useOpen();
      return library.fn("bpf_program__autoattach")(pointer);
    },
    set autoattach(on) {
      object.useOpen();
      library.fn("bpf_program__set_autoattach")(pointer, bool(on, path("autoattach")));
    },
    get logLevel() {
      object.useOpen();
      return library.fn("bpf_program__log_level")(pointer);
    },
    set logLevel(level) {
      object.useOpen();
      checkU32(level, path("logLevel"));
      check(library.fn("bpf_program__set_log_level")(pointer, level), "bpf_program__set_log_level", "logLevel");
    },
    setAttachTarget(target) {
      object.useOpen();
      const { func, progFd } = checkTarget(target, path("setAttachTarget"));
      const set = library.fn("bpf_program__set_attach_target");
      const { result, log } = withLog(library, () => set(pointer, progFd, func));
      const hint = isNotFound(-result) ? noTarget(func, progFd) : undefined;
      check(result, "bpf_program__set_attach_target", "setAttachTarget", hint, log);
    },
  });
}

function checkTarget(target: AttachTarget, path: string): { func: string; progFd: number } {
  const { func, prog, fd } = target;
  if (typeof func !== "string" || func === "" || func.includes("\0")) {
    throw new ValueError(`${path}: func: expected a function's name, got ${show(func)}`, `${path}: func`);
  }
  if (prog !== undefined && fd !== undefined) {
    throw new ValueError(`${path}: expected prog or fd, got both`, path);
  }
  // Of a program that does not stay open, libbpf needs the descriptor until load.
  return { func, progFd: prog?.fd ?? (fd === undefined ? 0 : checkU32(fd, `${path}: fd`, 1)) };
}

function isNotFound(errno: number): boolean {
  return errno === ENOENT || errno === ESRCH;
}

function noTarget(target: string, progFd: number): string {
  if (progFd !== 0) return `descriptor ${progFd} is no program with a function ${target}`;
  if (!hasKernelBtf()) return "the kernel has no BTF, /sys/kernel/btf/vmlinux is missing";
  return `the kernel's BTF has no function ${target}`;
}
