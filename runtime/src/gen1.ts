/// <reference lib="esnext.disposable" preserve="true" />
// What generated modules import (ABI 1), and nothing else. Importing it loads neither koffi nor libbpf nor any module of
// Node; names here are never removed.

export { bytes, chars, list } from "./codec/arrays.ts";
export { bits } from "./codec/bits.ts";
export type { Codec, FieldBytes } from "./codec/codec.ts";
export { key } from "./codec/key.ts";
export { be16, be32, be64, ipv4Text as ipv4, ipv6Text as ipv6, macText as mac } from "./codec/network.ts";
export { bool, f32, f64, s128, s16, s32, s64, s64n, s8, u128, u16, u32, u64, u64n, u8 } from "./codec/scalars.ts";
export { hostIsBigEndian } from "./memory/numbers.ts";
export { strings } from "./codec/strings.ts";
export { struct } from "./codec/struct.ts";
export { fixed, tail, tailBytes, tailText } from "./codec/tail.ts";
export type { Init } from "./codec/union.ts";
export type { Memory } from "./memory.ts";

export type { ProgramKind, ProgramSpec } from "./abi.ts";
export type { AttachOptions } from "./attach/options.ts";
export { perfEventArray, type PerfEventArray } from "./events/perf.ts";
export { ringbuf, type RingBuf } from "./events/ringbuf.ts";
export { userRingbuf, type UserRingBuf } from "./events/userringbuf.ts";
export type { Link } from "./link.ts";
export { arena, type Arena } from "./maps/arena.ts";
export { array, type ArrayMap } from "./maps/array.ts";
export { cgroupArray, type CgroupArray } from "./maps/cgrouparray.ts";
export {
  cgroupStorage,
  type CgroupStorage,
  percpuCgroupStorage,
  type PercpuCgroupStorage,
} from "./maps/cgroupstorage.ts";
export type { BpfMap, MapSpec } from "./maps/core.ts";
export { hash, lruHash, type HashMap } from "./maps/hash.ts";
export { arrayOfMaps, type ArrayOfMaps, hashOfMaps, type HashOfMaps } from "./maps/mapofmaps.ts";
export { map } from "./maps/plain.ts";
export { progArray, type ProgArray } from "./maps/progarray.ts";
export { cpuMap, type CpuMap, devMap, type DevMap, devMapHash, type DevMapHash } from "./maps/redirect.ts";
export {
  reuseportSockArray,
  type ReuseportSockArray,
  sockHash,
  type SockHash,
  sockMap,
  type SockMap,
  xskMap,
  type XskMap,
} from "./maps/socket.ts";
export { stackTrace, type StackTraceMap } from "./maps/stacktrace.ts";
export {
  cgrpStorage,
  type CgrpStorage,
  inodeStorage,
  type InodeStorage,
  skStorage,
  type SkStorage,
  taskStorage,
  type TaskStorage,
} from "./maps/storage.ts";
export { bloomFilter, type BloomFilterMap } from "./maps/bloom.ts";
export { mmapableArray } from "./maps/mapped.ts";
export { lruPercpuHash, percpuArray, percpuHash, type PerCpuArrayMap, type PerCpuHashMap } from "./maps/percpu.ts";
export { queue, type QueueMap, stack, type StackMap } from "./maps/queue.ts";
export { lpmTrie, type LpmTrieMap } from "./maps/trie.ts";
export type { Program } from "./program.ts";
export { section } from "./sections.ts";
export type { DeepReadonly, Elements, ReadonlySection, Section, SectionSpec } from "./sections/types.ts";
export { structOps, type StructOpsFunc } from "./structops.ts";
export { skeleton } from "./skeleton.ts";
export { base64, file } from "./skeleton/carried.ts";
export type { Loaded, Open, OpenOptions, Skeleton, SkeletonShape, SkeletonTable } from "./skeleton/types.ts";
