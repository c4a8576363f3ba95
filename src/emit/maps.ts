// A map's handle: its TypeScript type in the interface, and the call that makes it in the table.

import type { MapLayout, Use } from "../layout/layout.ts";
import { valueSizeOf } from "../object/events.ts";
import type { MapModel } from "../object/model.ts";
import { codecOf, initOf, typeOf } from "./codec.ts";
import { literal } from "./text.ts";
import type { EmitContext } from "./types.ts";

/** How one map is declared and made. */
export interface MapHandle {
  readonly type: string;
  readonly table: string;
}

/** What makes the handle of one kind of map; undefined where this map has not what the kind needs. */
type Emitter = (map: MapModel, layout: MapLayout, context: EmitContext) => MapHandle | undefined;

/** A kind with keys and values: `s.HashMap<K, V>`, `s.hash(K, V)`. */
function keyed(type: string, make: string): Emitter {
  return (_map, { key, value }, context) =>
    key && value && { type: generic(type, [key, value], context), table: call(make, [key, value], context) };
}

/** A kind with values and no keys of its own: `s.ArrayMap<V>`, `s.array(V)`. */
function valued(type: string, make: string): Emitter {
  return (_map, { value }, context) =>
    value && { type: generic(type, [value], context), table: call(make, [value], context) };
}

/** A kind with records of these types, told apart by their length: `s.RingBuf<A | B>`, `s.ringbuf(A, B)`; of bytes `s.RingBuf`. */
function ofEvents(type: string, make: string): Emitter {
  return (_map, { events = [] }, context) => {
    const types = new Set(events.map(({ layout }) => typeOf(layout, context.names)));
    return {
      type: types.size === 0 ? `s.${type}` : `s.${type}<${[...types].join(" | ")}>`,
      table: call(make, events, context),
    };
  };
}

/** Records that are written. */
const userRingbuf: Emitter = (_map, { events = [] }, context) => ({
  type: events.length === 0 ? "s.UserRingBuf" : generic("UserRingBuf", events, context),
  table: call("userRingbuf", events, context),
});

/** BPF_F_MMAPABLE. */
const MMAPABLE = 1 << 10;

/** An array whose memory a process can map is read without system calls. */
const array: Emitter = (map, layout, context) =>
  valued("ArrayMap", (map.flags & MMAPABLE) === 0 ? "array" : "mmapableArray")(map, layout, context);

/** A set that is asked for values and never gives any. */
const bloomFilter: Emitter = (_map, { value }, context) =>
  value && {
    type: `s.BloomFilterMap<${initOf(value.layout, context.names)}>`,
    table: call("bloomFilter", [value], context),
  };

/**
 * `s.HashMap<K, V>`: what `uses`, keys before values, are read as. What they are written from follows where it is another
 * type: the value's, then the key's.
 */
function generic(type: string, uses: readonly Use[], { names }: EmitContext): string {
  const read = uses.map(({ layout }) => typeOf(layout, names));
  const inits = uses.map(({ layout }) => initOf(layout, names)).reverse();
  const plain = [...read].reverse();
  while (inits.length > 0 && inits.at(-1) === plain[inits.length - 1]) inits.pop();
  return `s.${type}<${[...read, ...inits].join(", ")}>`;
}

function call(make: string, uses: readonly Use[], { names }: EmitContext): string {
  return `s.${make}(${uses.map(({ layout }) => codecOf(layout, names)).join(", ")})`;
}

/** A kind whose keys and values are the kernel's own, values of one of `sizes`: `s.ProgArray`, `s.progArray()`. */
function fixed(type: string, make: string, sizes: readonly number[] = [4]): Emitter {
  return ({ keySize, valueSize }) =>
    keySize === 4 && sizes.includes(valueSize) ? { type: `s.${type}`, table: `s.${make}()` } : undefined;
}

/** A kind with keys, whose values are the kernel's own. */
function keyedOnly(type: string, make: string): Emitter {
  return (_map, { key }, context) => key && { type: generic(type, [key], context), table: call(make, [key], context) };
}

/** A kind with maps by index or key: `s.ArrayOfMaps<s.HashMap<K, V>>`, `s.arrayOfMaps(s.hash(K, V), { type: 1, ... })`. */
function ofMaps(type: string, make: string, hasKey: boolean): Emitter {
  return (map, { key, inner }, context) => {
    if (map.inner === undefined || inner === undefined || (hasKey && key === undefined)) return undefined;
    const handle = mapHandle(map.inner, inner, context);
    const types = hasKey ? [typeOf(key!.layout, context.names), handle.type] : [handle.type];
    const init = hasKey ? initOf(key!.layout, context.names) : types[0]!;
    if (init !== types[0]) types.push(init);
    const parts = [...(hasKey ? [codecOf(key!.layout, context.names)] : []), handle.table, definition(map.inner)];
    return { type: `s.${type}<${types.join(", ")}>`, table: `s.${make}(${parts.join(", ")})` };
  };
}

/** What the runtime makes an inner map of. */
function definition(map: MapModel): string {
  const { typeId, keySize, maxEntries, flags, extra, numaNode, keyType, valueType } = map;
  const valueSize = valueSizeOf(map);
  const always = `type: ${typeId}, keySize: ${keySize}, valueSize: ${valueSize}, maxEntries: ${maxEntries}`;
  const some = [
    ...(flags !== 0 ? [`flags: ${flags}`] : []),
    // The text is a checked decimal; round it through BigInt so that nothing else can come of it.
    ...(BigInt(extra) !== 0n ? [`extra: ${literal(BigInt(extra))}`] : []),
    ...(numaNode !== 0 ? [`numaNode: ${numaNode}`] : []),
    ...(keyType !== undefined && valueType !== undefined ? [`btf: [${keyType}, ${valueType}]`] : []),
  ];
  return `{ ${[always, ...some].join(", ")} }`;
}

/** BPF_F_STACK_BUILD_ID: its values are `struct bpf_stack_build_id`, not addresses. */
const STACK_BUILD_ID = 1 << 5;

const stackTrace: Emitter = ({ flags, keySize, valueSize }) =>
  (flags & STACK_BUILD_ID) === 0 && keySize === 4 && valueSize % 8 === 0
    ? { type: "s.StackTraceMap", table: "s.stackTrace()" }
    : undefined;

const emitters: ReadonlyMap<string, Emitter> = new Map([
  ["hash", keyed("HashMap", "hash")],
  ["lru_hash", keyed("HashMap", "lruHash")],
  ["array", array],
  ["arena", () => ({ type: "s.Arena", table: "s.arena()" })],
  ["array_of_maps", ofMaps("ArrayOfMaps", "arrayOfMaps", false)],
  ["hash_of_maps", ofMaps("HashOfMaps", "hashOfMaps", true)],
  ["prog_array", fixed("ProgArray", "progArray")],
  ["sockmap", fixed("SockMap", "sockMap", [4, 8])],
  ["sockhash", keyedOnly("SockHash", "sockHash")],
  ["reuseport_sockarray", fixed("ReuseportSockArray", "reuseportSockArray", [4, 8])],
  ["xskmap", fixed("XskMap", "xskMap")],
  ["devmap", fixed("DevMap", "devMap", [4, 8])],
  ["devmap_hash", fixed("DevMapHash", "devMapHash", [4, 8])],
  ["cpumap", fixed("CpuMap", "cpuMap", [4, 8])],
  ["cgroup_array", fixed("CgroupArray", "cgroupArray")],
  ["stack_trace", stackTrace],
  ["sk_storage", valued("SkStorage", "skStorage")],
  ["inode_storage", valued("InodeStorage", "inodeStorage")],
  ["task_storage", valued("TaskStorage", "taskStorage")],
  ["cgrp_storage", valued("CgrpStorage", "cgrpStorage")],
  ["cgroup_storage", keyed("CgroupStorage", "cgroupStorage")],
  ["percpu_cgroup_storage", keyed("PercpuCgroupStorage", "percpuCgroupStorage")],
  ["percpu_hash", keyed("PerCpuHashMap", "percpuHash")],
  ["lru_percpu_hash", keyed("PerCpuHashMap", "lruPercpuHash")],
  ["lpm_trie", keyed("LpmTrieMap", "lpmTrie")],
  ["percpu_array", valued("PerCpuArrayMap", "percpuArray")],
  ["queue", valued("QueueMap", "queue")],
  ["stack", valued("StackMap", "stack")],
  ["bloom_filter", bloomFilter],
  ["ringbuf", ofEvents("RingBuf", "ringbuf")],
  ["perf_event_array", ofEvents("PerfEventArray", "perfEventArray")],
  ["user_ringbuf", userRingbuf],
]);

/** The handle of `map`; a plain one where its kind has no typed verbs. */
export function mapHandle(map: MapModel, layout: MapLayout, context: EmitContext): MapHandle {
  const typed = emitters.get(map.type)?.(map, layout, context);
  return typed ?? { type: "s.BpfMap", table: `s.map(${literal(map.type)})` };
}
