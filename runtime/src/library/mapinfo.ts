// All that the kernel tells of a map (BPF_OBJ_GET_INFO_BY_FD), after `struct bpf_map_info` in linux/bpf.h.

import type { Library } from "../library.ts";
import { addressOf, hostMemory } from "../native.ts";
import { missingForAnyCall } from "./host.ts";
import { readText } from "./kernel.ts";

/** A map as the kernel has it. */
export interface KernelMapInfo {
  /** The kernel's word without BPF_MAP_TYPE_, in lower case; "type_40" where libbpf has none. */
  readonly type: string;
  readonly id: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly name: string;
  /** The kernel's id of the BTF that describes it; 0: none. */
  readonly btfId: number;
  /** Types of that BTF; 0: none. */
  readonly keyType: number;
  readonly valueType: number;
  readonly extra: bigint;
}

// What an older kernel does not know stays zero.
const at = {
  type: 0,
  id: 4,
  key_size: 8,
  value_size: 12,
  max_entries: 16,
  map_flags: 20,
  name: 24,
  btf_id: 64,
  btf_key_type_id: 68,
  btf_value_type_id: 72,
  map_extra: 80,
  size: 88,
} as const;

const nameSize = 16;

/** The kernel's word for a number of `enum bpf_map_type`. */
export function mapTypeName(library: Library, type: number): string {
  return library.fn("libbpf_bpf_map_type_str")(type) ?? `type_${type}`;
}

/** The number of a map type; undefined where this libbpf has no such word. */
export function mapTypeNumber(library: Library, name: string): number | undefined {
  const word = library.fn("libbpf_bpf_map_type_str");
  for (let type = 1; ; type++) {
    const known = word(type);
    if (known === null || known === name) return known === null ? undefined : type;
  }
}

/** What the kernel says of the map behind `fd`, or the positive errno. */
export function readMapInfo(library: Library, fd: number): KernelMapInfo | number {
  const info = hostMemory(new Uint8Array(at.size));
  const size = new Uint32Array([at.size]);
  const call = library.fn("bpf_obj_get_info_by_fd");
  const result = call(fd, addressOf(info.u8s), addressOf(size.buffer as ArrayBuffer));
  if (result < 0) return -result;
  return {
    type: mapTypeName(library, info.u32(at.type)),
    id: info.u32(at.id),
    keySize: info.u32(at.key_size),
    valueSize: info.u32(at.value_size),
    maxEntries: info.u32(at.max_entries),
    flags: info.u32(at.map_flags),
    name: info.chars(at.name, nameSize),
    btfId: info.u32(at.btf_id),
    keyType: info.u32(at.btf_key_type_id),
    valueType: info.u32(at.btf_value_type_id),
    extra: info.u64(at.map_extra),
  };
}

/** What forbids a call for the map behind `fd`, which is not permitted (kernel/bpf/syscall.c, `map_get_sys_perms`). */
export function accessHint(fd: number): string | undefined {
  const info = readText(`/proc/thread-self/fdinfo/${fd}`);
  const flags = Number.parseInt(/^flags:\s*([0-7]+)/m.exec(info ?? "")?.[1] ?? "2", 8);
  switch (flags & O_ACCMODE) {
    case O_WRONLY:
      return "the map can only be written by system calls, BPF_F_WRONLY";
    case O_RDONLY:
      return "the map can only be read by system calls, BPF_F_RDONLY";
  }
  return isFrozen(fd) ? "the map is frozen" : missingForAnyCall();
}

// asm-generic/fcntl.h
const O_ACCMODE = 3;
const O_RDONLY = 0;
const O_WRONLY = 1;

/** Whether no system call may change the map behind `fd` any more. */
export function isFrozen(fd: number): boolean {
  return /^frozen:\s*1$/m.test(readText(`/proc/thread-self/fdinfo/${fd}`) ?? "");
}

/** What a descriptor is, as /proc tells it: "bpf-map"; undefined where it tells nothing. */
export function kindOfDescriptor(fd: number): string | undefined {
  try {
    const link = process.getBuiltinModule("node:fs").readlinkSync(`/proc/self/fd/${fd}`);
    return link.replace(/^anon_inode:/, "").replace(/^\[(.*)\]$/, "$1");
  } catch {
    return undefined;
  }
}
