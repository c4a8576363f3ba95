// What the kernel says of a program: `struct bpf_prog_info` (linux/bpf.h, BPF_OBJ_GET_INFO_BY_FD).

import type { Library } from "../library.ts";
import { clockOffset } from "../library/kernel.ts";
import { addressOf, hostMemory } from "../native.ts";

/** How often a program ran, and how long. */
export interface ProgramStats {
  /** All runs together; 0n while nobody has statistics enabled, see `enableStats`. */
  readonly runTimeNs: bigint;
  readonly runCount: bigint;
}

/** What the kernel says of a program. */
export interface ProgramInfo extends ProgramStats {
  /** The kernel's word without BPF_PROG_TYPE_, in lower case: "tracepoint". */
  readonly type: string;
  readonly id: number;
  /** As the kernel has it: of a name in C the first 15 bytes. */
  readonly name: string;
  /** A hash of its instructions, in hex: equal programs have equal tags. */
  readonly tag: string;
  /** To about 10 ms. */
  readonly loadedAt: Date;
  /** Of the user who loaded it. */
  readonly uid: number;
  /** In bytes; 0 where the kernel hides it from this process. */
  readonly jitedSize: number;
  /** In bytes, of the instructions after verification. */
  readonly xlatedSize: number;
  /** The ids of the maps that it uses. */
  readonly mapIds: readonly number[];
  /** How many instructions the verifier looked at; 0 before Linux 5.16. */
  readonly verifiedInsns: number;
  /** How often it was left out because it ran already on that CPU; 0n before Linux 5.12. */
  readonly recursionMisses: bigint;
  /** The id of its BTF, 0 without one. */
  readonly btfId: number;
  readonly gplCompatible: boolean;
}

// Up to `verified_insns`; an older kernel fills in less of it.
const at = {
  type: 0,
  id: 4,
  tag: 8,
  jited_prog_len: 16,
  xlated_prog_len: 20,
  load_time: 40,
  created_by_uid: 48,
  nr_map_ids: 52,
  map_ids: 56,
  name: 64,
  gpl_compatible: 84,
  btf_id: 128,
  run_time_ns: 192,
  run_cnt: 200,
  recursion_misses: 208,
  verified_insns: 216,
  size: 224,
} as const;

const tagLength = 8;
const nameLength = 16;

type Fields = ReturnType<typeof hostMemory>;

/** The kernel's struct, and the map ids in a buffer of `room` ids; or the positive errno. */
function readFields(library: Library, fd: number, room: number): { fields: Fields; ids: Uint32Array } | number {
  const fields = hostMemory(new Uint8Array(at.size));
  const ids = new Uint32Array(room);
  const size = new Uint32Array([at.size]);
  fields.setU32(at.nr_map_ids, room);
  if (room > 0) fields.setU64(at.map_ids, BigInt(addressOf(ids.buffer as ArrayBuffer)));
  const call = library.fn("bpf_obj_get_info_by_fd");
  const result = call(fd, addressOf(fields.u8s), addressOf(size.buffer as ArrayBuffer));
  return result < 0 ? -result : { fields, ids };
}

/** The kernel's word for a number of `enum bpf_prog_type`. */
export function programTypeName(library: Library, type: number): string {
  return library.fn("libbpf_bpf_prog_type_str")(type) ?? `type_${type}`;
}

/** What the kernel says of the program behind `fd` now, or the positive errno. */
export function readProgramInfo(library: Library, fd: number): ProgramInfo | number {
  // The kernel's limit for maps of one program is 64, but BPF_PROG_BIND_MAP adds to them.
  for (let room = 64; ; room *= 2) {
    const read = readFields(library, fd, room);
    if (typeof read === "number") return read;
    const { fields, ids } = read;
    const maps = fields.u32(at.nr_map_ids);
    if (maps > room) continue;
    return {
      type: programTypeName(library, fields.u32(at.type)),
      id: fields.u32(at.id),
      name: fields.chars(at.name, nameLength),
      tag: hex(fields.u8s.subarray(at.tag, at.tag + tagLength)),
      loadedAt: sinceBoot(fields.u64(at.load_time)),
      uid: fields.u32(at.created_by_uid),
      jitedSize: fields.u32(at.jited_prog_len),
      xlatedSize: fields.u32(at.xlated_prog_len),
      mapIds: Array.from(ids.subarray(0, maps)),
      verifiedInsns: fields.u32(at.verified_insns),
      runTimeNs: fields.u64(at.run_time_ns),
      runCount: fields.u64(at.run_cnt),
      recursionMisses: fields.u64(at.recursion_misses),
      btfId: fields.u32(at.btf_id),
      gplCompatible: fields.bits(at.gpl_compatible, 0, 1) === 1,
    };
  }
}

/** How often and how long the program behind `fd` ran, or the positive errno. */
export function readProgramStats(library: Library, fd: number): ProgramStats | number {
  const read = readFields(library, fd, 0);
  if (typeof read === "number") return read;
  const { fields } = read;
  return { runTimeNs: fields.u64(at.run_time_ns), runCount: fields.u64(at.run_cnt) };
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The kernel counts from the boot, time asleep included (`ktime_get_boottime_ns`). */
function sinceBoot(nanoseconds: bigint): Date {
  const uptime = process.getBuiltinModule("node:os").uptime() * 1000 - clockOffset("boottime");
  const booted = Date.now() - uptime;
  return new Date(booted + Number(nanoseconds) / 1e6);
}
