/// <reference lib="esnext.disposable" preserve="true" />
// The public API of @ebpf-skel/runtime: errors and their guards, codecs, types of handles, libbpf's log.

export * from "./errors.ts";

export { bytes, chars, list } from "./codec/arrays.ts";
export { bits } from "./codec/bits.ts";
export type { Codec, FieldBytes } from "./codec/codec.ts";
export { key } from "./codec/key.ts";
export { be16, be32, be64, ipv4, ipv4Text, ipv6, ipv6Text, mac, macText } from "./codec/network.ts";
export { nameOf, ntohl, ntohll, ntohs, toJson, type Json, type JsonOptions } from "./codec/present.ts";
export { bool, f32, f64, s128, s16, s32, s64, s64n, s8, u128, u16, u32, u64, u64n, u8 } from "./codec/scalars.ts";
export { strings } from "./codec/strings.ts";
export {
  struct,
  type FastPart,
  type FieldInits,
  type Fields,
  type FieldTable,
  type StructOptions,
} from "./codec/struct.ts";
export { fixed, tail, tailBytes, tailText } from "./codec/tail.ts";
export type { Init, Part, Union } from "./codec/union.ts";
export { Memory, type ByteOrder } from "./memory.ts";

export type { ProgramKind, ProgramSpec } from "./abi.ts";
export type { IterLink } from "./attach/iter.ts";
export type {
  Anchor,
  AttachArguments,
  AttachOptions,
  CgroupOptions,
  CookieOptions,
  DeviceOptions,
  FreplaceOptions,
  IterOptions,
  KprobeMultiOptions,
  KprobeOptions,
  KsyscallOptions,
  LinkOf,
  LircOptions,
  NetfilterOptions,
  NetnsOptions,
  OrderOptions,
  PerfEventOptions,
  PerfEventSource,
  RawTracepointOptions,
  SocketOptions,
  SockmapOptions,
  TcOptions,
  TcxOptions,
  TracepointOptions,
  UprobeMultiOptions,
  UprobeOptions,
  UsdtOptions,
  XdpOptions,
} from "./attach/options.ts";
export { ktimeToDate } from "./events/ktime.ts";
export type { LostOptions, PerfEventArray } from "./events/perf.ts";
export type { PerfOptions } from "./events/perfbuffers.ts";
export type { EagerOptions, LazyOptions, RingBuf } from "./events/ringbuf.ts";
export type { LostLines, TraceLine } from "./events/traceline.ts";
export { tracePipe, type TracePipe, type TracePipeOptions } from "./events/tracepipe.ts";
export type {
  ConsumeOptions,
  EventsOptions,
  Signal,
  SubscribeOptions,
  Subscription,
  UnknownOptions,
  UnknownRecord,
} from "./events/types.ts";
export type { Reservation, UserRingBuf } from "./events/userringbuf.ts";
export type { Link } from "./link.ts";
export type { LinkDetails, LinkInfo } from "./link/info.ts";
export { openLink, type PinnedLink } from "./link/pins.ts";
export type { Arena } from "./maps/arena.ts";
export type { CgroupStorage, PercpuCgroupStorage } from "./maps/cgroupstorage.ts";
export type { BpfMap, MapSpec } from "./maps/core.ts";
export type { Descriptor, NodeSocket, PathDescriptor, SocketDescriptor } from "./maps/descriptor.ts";
export type { InnerOptions, InnerSpec } from "./maps/inner.ts";
export type { Keyed, KeyedReader } from "./maps/kernelvalues.ts";
export { ksym, type KernelSymbol } from "./maps/ksym.ts";
export { pidfd, type Pidfd } from "./maps/pidfd.ts";
export type { CpuEntry, CpuInit, DeviceEntry, DeviceInit } from "./maps/redirect.ts";
export type { ModeOptions, Slots, WriteOnlySlots } from "./maps/slots.ts";
export type { StackTraceMap } from "./maps/stacktrace.ts";
export type { CgrpStorage, InodeStorage, LocalStorage, SkStorage, TaskStorage } from "./maps/storage.ts";
export type { CreateOptions, HashOptions, IndexedOptions, KeyedOptions } from "./maps/create.ts";
export {
  ArrayOfMaps,
  type ArrayOfMapsConstructor,
  CgroupArray,
  CpuMap,
  type DescriptorMapConstructor,
  DevMap,
  DevMapHash,
  HashOfMaps,
  type HashOfMapsConstructor,
  type HashOfMapsOptions,
  type MapOfMapsOptions,
  ProgArray,
  ReuseportSockArray,
  SockHash,
  type SockHashConstructor,
  SockMap,
  XskMap,
} from "./maps/fdmakers.ts";
export {
  ArrayMap,
  type ArrayMapConstructor,
  BloomFilterMap,
  type BloomFilterMapConstructor,
  HashMap,
  type HashMapConstructor,
  LpmTrieMap,
  type LpmTrieMapConstructor,
  PerCpuArrayMap,
  type PerCpuArrayMapConstructor,
  PerCpuHashMap,
  type PerCpuHashMapConstructor,
  QueueMap,
  type QueueMapConstructor,
  StackMap,
  type StackMapConstructor,
} from "./maps/makers.ts";
export type { Closeable, OwnedMap } from "./maps/closeable.ts";
export type { LockOptions, SetOptions } from "./maps/flags.ts";
export type { ResetOptions } from "./maps/guard.ts";
export type { ArraySetOptions, IndexedMap } from "./maps/indexed.ts";
export type { MapInfo } from "./maps/info.ts";
export type { KeyedMap } from "./maps/keyed.ts";
export type { PerCpuMap } from "./maps/percpu.ts";
export type { PushOptions } from "./maps/queue.ts";
export type { ObjectOptions } from "./object/open.ts";
export type { Capability } from "./library/host.ts";
export { machine, type Machine } from "./library/machine.ts";
export { setLogger, type Logger, type LogLevel } from "./library/print.ts";
export type { BpfProgram, ContextOf, Program } from "./program.ts";
export type { ProgramInfo, ProgramStats } from "./program/info.ts";
export type { RunOptions, RunResult } from "./program/run.ts";
export { enableStats, type Stats } from "./program/stats.ts";
export type { OpenStructOps, StructOps, StructOpsFunc, StructOpsMembers, StructOpsSpec } from "./structops.ts";
export type {
  DeepReadonly,
  Elements,
  OpenSection,
  ReadonlyElements,
  ReadonlySection,
  Section,
  SectionSpec,
  Variables,
} from "./sections/types.ts";
export type {
  AttachAllOptions,
  AttachResult,
  AttachTarget,
  Loaded,
  LoadedHandle,
  MapOpener,
  Open,
  OpenHandle,
  OpenMap,
  OpenOptions,
  OpenProgram,
  OwnedProgram,
  ProgramEntry,
  ProgramNames,
  ProgramOpener,
  Skeleton,
  SkeletonShape,
  SkeletonTable,
} from "./skeleton/types.ts";
