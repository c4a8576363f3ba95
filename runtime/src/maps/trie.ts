// LPM_TRIE maps: keys are prefixes, and a lookup finds the longest one that contains what is looked up.

import type { Codec } from "../codec/codec.ts";
import { join, refuseAt } from "../codec/checked.ts";
import { fieldsOf } from "../codec/fields.ts";
import type { Memory } from "../memory.ts";
import type { Writes } from "./batches.ts";
import { cidrBytes, cidrText } from "./cidr.ts";
import type { MapCore, MapSpec } from "./core.ts";
import type { LockOptions, SetOptions } from "./flags.ts";
import { KeyedHandle } from "./hash.ts";
import type { KeyedMap } from "./keyed.ts";
import { rawBytes } from "./raw.ts";

/** A trie of prefixes. */
export interface LpmTrieMap<K, V, VInit = V, KInit = K> extends KeyedMap<K, V, VInit, KInit> {
  /** The value of the longest prefix that contains `key`, or undefined. */
  get(key: KInit, options?: LockOptions): V | undefined;
  /** Whether a prefix contains `key`. */
  has(key: KInit): boolean;
  /**
   * Stores the value of a prefix.
   * @throws ValueError when the prefix is longer than the bits after its length
   * @throws BpfError ENOSPC when the map is full
   */
  set(key: KInit, value: VInit, options?: SetOptions): void;
  /**
   * Deletes exactly this prefix; whether it was there.
   * @throws ValueError when the prefix is longer than the bits after its length
   */
  delete(key: KInit): boolean;
  /**
   * The key of a prefix of IP addresses, for maps whose key is a u32 of prefix length and 4 or 16 bytes of address:
   * "10.0.0.0/8", "2001:db8::/32". An address alone is its own prefix, as lookups want it: "10.1.2.3".
   * @throws ValueError when it is no such prefix, or of the other family, or has bits set after the prefix
   * @example
   * routes.set(routes.cidr("10.0.0.0/8"), 1);
   * routes.get(routes.cidr("10.1.2.3")); // 1
   */
  cidr(text: string): K;
  /** The prefix in a key, as {@link cidr} takes it. */
  cidrOf(key: KInit): string;
  /** The same map with keys and values as bytes of exactly its sizes. */
  readonly raw: LpmTrieMap<Uint8Array, Uint8Array>;
}

/**
 * `key` for what names an entry: a prefix is no longer than the bits that follow its length, a u32 (kernel/bpf/lpm_trie.c).
 * Lookups take any, and find nothing.
 */
function bounded<K, KInit>(key: Codec<K, KInit>): Writes<KInit> {
  const most = (key.size - 4) * 8;
  const where = fieldsOf(key)?.[0]?.name;
  const refuse = (m: Memory, at: number, path: string): void => {
    const place = where === undefined ? path : join(path, where);
    if (m.u32(at) > most) refuseAt(place, `a prefix length of at most ${most}`, m.u32(at));
  };
  return {
    size: key.size,
    write(m, at, value) {
      key.write(m, at, value);
      refuse(m, at, "");
    },
    check(m, at, value, path) {
      key.check(m, at, value, path);
      refuse(m, at, path);
    },
  };
}

class LpmTrieHandle<K, V, VInit, KInit>
  extends KeyedHandle<K, V, VInit, KInit>
  implements LpmTrieMap<K, V, VInit, KInit>
{
  readonly #map: MapCore;
  readonly #key: Codec<K, KInit>;
  #raw: LpmTrieMap<Uint8Array, Uint8Array> | undefined;

  constructor(map: MapCore, key: Codec<K, KInit>, value: Codec<V, VInit>) {
    super(map, key, value, bounded(key));
    this.#map = map;
    this.#key = key;
  }

  cidr(text: string): K {
    return this.#key.decode(cidrBytes(text, this.#map.keySize, `map ${this.#map.name}: cidr`));
  }

  cidrOf(key: KInit): string {
    return cidrText(this.#key.encode(key), `map ${this.#map.name}: cidrOf`);
  }

  get raw(): LpmTrieMap<Uint8Array, Uint8Array> {
    const { keySize, valueSize } = this.#map;
    return (this.#raw ??= new LpmTrieHandle(this.#map, rawBytes(keySize), rawBytes(valueSize)));
  }
}

/** A map of type LPM_TRIE. For generated code. */
export function lpmTrie<K, V, VInit = V, KInit = K>(
  key: Codec<K, KInit>,
  value: Codec<V, VInit>,
): MapSpec<LpmTrieMap<K, V, VInit, KInit>> {
  return {
    type: "lpm_trie",
    keySize: key.size,
    key,
    valueSize: value.size,
    value,
    create: (map) => new LpmTrieHandle(map, key, value),
  };
}
