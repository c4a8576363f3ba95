// ARRAY_OF_MAPS and HASH_OF_MAPS: values are maps, written as descriptors and read as ids (kernel/bpf/map_in_map.c).

import type { Codec } from "../codec/codec.ts";
import type { BpfMap, MapCore, MapSpec } from "./core.ts";
import { reference } from "./descriptor.ts";
import { Inner, type InnerOptions, type InnerSpec } from "./inner.ts";
import { type Keyed, KeyedHandle } from "./kernelvalues.ts";
import type { OwnedMap } from "./closeable.ts";
import { type ModeOptions, type Slots, SlotsHandle } from "./slots.ts";

/** The words of maps of maps beyond those for slots. */
interface InnerWords<KInit, M> {
  /**
   * A handle on the map that is in the slot, which the caller closes: `using inner = outer.open(0)`. Undefined when
   * nothing is there.
   * @throws BpfError EPERM without CAP_SYS_ADMIN, which opening by id takes; not for maps that this skeleton or the
   * caller has put there and still has open
   */
  open(key: KInit): OwnedMap<M> | undefined;
  /**
   * A fresh map that fits the slots and is in none of them yet; the caller closes it, after `set` it lives on.
   * @throws BpfError when the kernel does not make it
   */
  createInner(options?: InnerOptions): OwnedMap<M>;
}

/** An array of maps of kind `M`: `get` gives a map's id, `open` the map. */
export interface ArrayOfMaps<M extends BpfMap> extends Slots<number, M>, InnerWords<number, M> {}

/** A hash of maps of kind `M`: `get` gives a map's id, `open` the map. */
export interface HashOfMaps<K, M extends BpfMap, KInit = K> extends Keyed<K, number, M, KInit>, InnerWords<KInit, M> {}

class ArrayOfMapsHandle<M extends BpfMap> extends SlotsHandle<number, M> implements ArrayOfMaps<M> {
  readonly #inner: Inner<M>;

  constructor(map: MapCore, inner: Inner<M>) {
    super(map, reference<M>("a map"));
    this.#inner = inner;
  }

  override set(index: number, map: M): void {
    super.set(index, map);
    this.#inner.remember(map);
  }

  open(index: number): OwnedMap<M> | undefined {
    return this.#inner.open(this.get(index));
  }

  createInner(options: InnerOptions = {}): OwnedMap<M> {
    return this.#inner.create(options);
  }
}

class HashOfMapsHandle<K, M extends BpfMap, KInit>
  extends KeyedHandle<K, number, M, KInit>
  implements HashOfMaps<K, M, KInit>
{
  readonly #inner: Inner<M>;

  constructor(map: MapCore, key: Codec<K, KInit>, inner: Inner<M>) {
    super(map, key, reference<M>("a map"));
    this.#inner = inner;
  }

  override set(key: KInit, map: M, options?: ModeOptions): void {
    super.set(key, map, options);
    this.#inner.remember(map);
  }

  open(key: KInit): OwnedMap<M> | undefined {
    return this.#inner.open(this.get(key));
  }

  createInner(options: InnerOptions = {}): OwnedMap<M> {
    return this.#inner.create(options);
  }
}

/** A map of type ARRAY_OF_MAPS; `inner` makes the handles of what is in it. For generated code. */
export function arrayOfMaps<M extends BpfMap>(inner: MapSpec<M>, definition: InnerSpec): MapSpec<ArrayOfMaps<M>> {
  const create = (map: MapCore): ArrayOfMaps<M> => new ArrayOfMapsHandle(map, new Inner(map, inner, definition));
  return { type: "array_of_maps", keySize: 4, valueSize: 4, create };
}

/** A map of type HASH_OF_MAPS; `inner` makes the handles of what is in it. For generated code. */
export function hashOfMaps<K, M extends BpfMap, KInit = K>(
  key: Codec<K, KInit>,
  inner: MapSpec<M>,
  definition: InnerSpec,
): MapSpec<HashOfMaps<K, M, KInit>> {
  const create = (map: MapCore): HashOfMaps<K, M, KInit> =>
    new HashOfMapsHandle(map, key, new Inner(map, inner, definition));
  return { type: "hash_of_maps", keySize: key.size, valueSize: 4, key, create };
}
