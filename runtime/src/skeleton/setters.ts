// What can be set of a map or a program before load. Each assignment goes to libbpf at once, so that its refusal points at
// the line that caused it.

import { ValueError } from "../errors.ts";
import { ENOENT, ESRCH } from "../library/errno.ts";
import { bpfError } from "../library/failure.ts";
import { hasKernelBtf } from "../library/host.ts";
import { type Log, withLog } from "../library/print.ts";
import { show } from "../memory/refuse.ts";
import type { BpfObject } from "../object.ts";
import type { OpenMap, OpenProgram } from "./types.ts";

function u32(value: unknown, path: string, least = 0): number {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= 0xffff_ffff) return value as number;
  throw new ValueError(
    `${path}: expected ${least === 0 ? "u32" : `a number of at least ${least}`}, got ${show(value)}`,
    path,
  );
}

function bool(value: unknown, path: string): boolean {
  if (typeof value === "boolean") return value;
  throw new ValueError(`${path}: expected a boolean, got ${show(value)}`, path);
}

/** The handle of the map at `pointer` (`struct bpf_map *`). */
export function openMap(object: BpfObject, name: string, pointer: number, type: string): OpenMap {
  const { library } = object;
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
      u32(entries, path("maxEntries"), 1);
      check(library.fn("bpf_map__set_max_entries")(pointer, entries), "bpf_map__set_max_entries", "maxEntries");
    },
    get flags() {
      object.useOpen();
      return library.fn("bpf_map__map_flags")(pointer);
    },
    set flags(flags) {
      object.useOpen();
      u32(flags, path("flags"));
      check(library.fn("bpf_map__set_map_flags")(pointer, flags), "bpf_map__set_map_flags", "flags");
    },
    get numaNode() {
      object.useOpen();
      return library.fn("bpf_map__numa_node")(pointer);
    },
    set numaNode(node) {
      object.useOpen();
      u32(node, path("numaNode"));
      check(library.fn("bpf_map__set_numa_node")(pointer, node), "bpf_map__set_numa_node", "numaNode");
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
      if (file !== undefined && (typeof file !== "string" || !file.startsWith("/") || file.includes("\0"))) {
        throw new ValueError(`${path("pinPath")}: expected an absolute path, got ${show(file)}`, path("pinPath"));
      }
      check(library.fn("bpf_map__set_pin_path")(pointer, file ?? null), "bpf_map__set_pin_path", "pinPath");
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
      u32(level, path("logLevel"));
      check(library.fn("bpf_program__set_log_level")(pointer, level), "bpf_program__set_log_level", "logLevel");
    },
    setAttachTarget(target, progFd = 0) {
      object.useOpen();
      if (target !== undefined && (typeof target !== "string" || target.includes("\0"))) {
        throw new ValueError(
          `${path("setAttachTarget")}: expected a function's name, got ${show(target)}`,
          path("name"),
        );
      }
      u32(progFd, path("progFd"));
      const set = library.fn("bpf_program__set_attach_target");
      const { result, log } = withLog(library, () => set(pointer, progFd, target ?? null));
      const hint = log.warning === undefined && isNotFound(-result) ? noTarget(target, progFd) : undefined;
      check(result, "bpf_program__set_attach_target", "setAttachTarget", hint, log);
    },
  });
}

function isNotFound(errno: number): boolean {
  return errno === ENOENT || errno === ESRCH;
}

function noTarget(target: string | undefined, progFd: number): string {
  if (progFd !== 0) return `descriptor ${progFd} is no program with a function ${target}`;
  if (!hasKernelBtf()) return "the kernel has no BTF, /sys/kernel/btf/vmlinux is missing";
  return `the kernel's BTF has no function ${target}`;
}
