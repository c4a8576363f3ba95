// A map's handle: its TypeScript type in the interface, and the call that makes it in the table.

import type { MapLayout, Use } from "../layout/layout.ts";
import type { MapModel } from "../object/model.ts";
import { codecOf, typeOf } from "./codec.ts";
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

/** BPF_F_MMAPABLE. */
const MMAPABLE = 1 << 10;

/** An array whose memory a process can map is read without system calls. */
const array: Emitter = (map, layout, context) =>
  valued("ArrayMap", (map.flags & MMAPABLE) === 0 ? "array" : "mmapableArray")(map, layout, context);

function generic(type: string, uses: readonly Use[], { names }: EmitContext): string {
  return `s.${type}<${uses.map(({ layout }) => typeOf(layout, names)).join(", ")}>`;
}

function call(make: string, uses: readonly Use[], { names }: EmitContext): string {
  return `s.${make}(${uses.map(({ layout }) => codecOf(layout, names)).join(", ")})`;
}

const emitters: ReadonlyMap<string, Emitter> = new Map([
  ["hash", keyed("HashMap", "hash")],
  ["lru_hash", keyed("HashMap", "lruHash")],
  ["percpu_hash", keyed("PerCpuHashMap", "percpuHash")],
  ["lru_percpu_hash", keyed("PerCpuHashMap", "lruPercpuHash")],
  ["lpm_trie", keyed("LpmTrieMap", "lpmTrie")],
  ["array", array],
  ["percpu_array", valued("PerCpuArrayMap", "percpuArray")],
  ["queue", valued("QueueMap", "queue")],
  ["stack", valued("StackMap", "stack")],
  ["bloom_filter", valued("BloomFilterMap", "bloomFilter")],
]);

/** The handle of `map`; a plain one where its kind has no typed verbs. */
export function mapHandle(map: MapModel, layout: MapLayout, context: EmitContext): MapHandle {
  const typed = emitters.get(map.type)?.(map, layout, context);
  return typed ?? { type: "s.BpfMap", table: `s.map(${literal(map.type)})` };
}
