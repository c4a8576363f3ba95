// Maps of descriptors with no object at all: `ArrayOfMaps.create({ inner: { key: u32, value: u64, maxEntries: 8 }, maxEntries: 2 })`.

import type { Codec } from "../codec/codec.ts";
import { ValueError } from "../errors.ts";
import { openLibrary } from "../library.ts";
import { mapTypeNumber } from "../library/mapinfo.ts";
import { show } from "../memory/refuse.ts";
import { array, type ArrayMap } from "./array.ts";
import { cgroupArray, type CgroupArray as CgroupArrayHandle } from "./cgrouparray.ts";
import { numaNodeFlag } from "./checks.ts";
import type { OwnedMap } from "./closeable.ts";
import type { BpfMap, MapSpec } from "./core.ts";
import { createMap, type CreateOptions, type HashOptions, type IndexedOptions } from "./create.ts";
import { hash, type HashMap, lruHash } from "./hash.ts";
import type { InnerSpec } from "./inner.ts";
import {
  arrayOfMaps,
  type ArrayOfMaps as ArrayOfMapsHandle,
  hashOfMaps,
  type HashOfMaps as HashOfMapsHandle,
} from "./mapofmaps.ts";
import { progArray, type ProgArray as ProgArrayHandle } from "./progarray.ts";
import {
  cpuMap,
  type CpuMap as CpuMapHandle,
  devMap,
  type DevMap as DevMapHandle,
  devMapHash,
  type DevMapHash as DevMapHashHandle,
} from "./redirect.ts";
import {
  reuseportSockArray,
  type ReuseportSockArray as ReuseportSockArrayHandle,
  sockHash,
  type SockHash as SockHashHandle,
  sockMap,
  type SockMap as SockMapHandle,
  xskMap,
  type XskMap as XskMapHandle,
} from "./socket.ts";

/** What a map of maps is made with; `inner` is what the maps in it are: with a key hash maps, without one arrays. */
export interface MapOfMapsOptions<I> extends CreateOptions {
  readonly inner: I;
}

/** What a hash of maps is made with. */
export interface HashOfMapsOptions<K, I, KInit = K> extends MapOfMapsOptions<I> {
  readonly key: Codec<K, KInit>;
}

type InnerWords = IndexedOptions<unknown> & Partial<HashOptions<unknown, unknown>>;

function innerSpec({ key, value, type }: InnerWords): MapSpec<BpfMap> {
  if (key === undefined) return array(value);
  return (type === "lru_hash" ? lruHash : hash)(key, value);
}

/** Makes the outer map; the kernel reads what fits into it from an inner map, which is needed no longer than that. */
function createOuter<H>(
  make: (inner: MapSpec<BpfMap>, definition: InnerSpec) => MapSpec<H>,
  options: MapOfMapsOptions<unknown>,
): OwnedMap<H> {
  const inner = options.inner as InnerWords;
  if (typeof inner !== "object" || inner === null) {
    throw new ValueError(`map: inner: expected the options of a map, got ${show(inner)}`, "map: inner");
  }
  const spec = innerSpec(inner);
  const template = createMap(spec, inner);
  try {
    const { keySize, valueSize, maxEntries } = template;
    const { numaNode, flags: own = 0 } = inner;
    const type = mapTypeNumber(openLibrary(), spec.type)!;
    const flags = (own | (numaNode === undefined ? 0 : numaNodeFlag)) >>> 0;
    const definition = { type, keySize, valueSize, maxEntries, flags, numaNode: numaNode ?? 0 };
    return createMap(make(spec, definition), options, template.fd);
  } finally {
    template.close();
  }
}

/** Makes arrays of maps. */
export interface ArrayOfMapsConstructor {
  /**
   * Makes a map of type ARRAY_OF_MAPS, which belongs to the caller, for hash maps or arrays.
   * @example
   * using outer = ArrayOfMaps.create({ inner: { key: u32, value: u64, maxEntries: 8 }, maxEntries: 2 });
   * using inner = outer.createInner();
   * outer.set(0, inner);
   * @throws ValueError for an option of the wrong type or range
   * @throws BpfError when the kernel refuses it
   */
  create<K, V, VInit = V, KInit = K>(
    options: MapOfMapsOptions<HashOptions<K, V, VInit, KInit>>,
  ): OwnedMap<ArrayOfMapsHandle<HashMap<K, V, VInit, KInit>>>;
  create<V, VInit = V>(
    options: MapOfMapsOptions<IndexedOptions<V, VInit>>,
  ): OwnedMap<ArrayOfMapsHandle<ArrayMap<V, VInit>>>;
}

/** An array of maps in the kernel; `ArrayOfMaps.create` makes one. */
export type ArrayOfMaps<M extends BpfMap> = ArrayOfMapsHandle<M>;
export const ArrayOfMaps: ArrayOfMapsConstructor = {
  create: (options: MapOfMapsOptions<unknown>): never => createOuter(arrayOfMaps, options) as never,
};

/** Makes hashes of maps. */
export interface HashOfMapsConstructor {
  /** Makes a map of type HASH_OF_MAPS, which belongs to the caller, for hash maps or arrays. */
  create<O, K, V, VInit = V, KInit = K, OInit = O>(
    options: HashOfMapsOptions<O, HashOptions<K, V, VInit, KInit>, OInit>,
  ): OwnedMap<HashOfMapsHandle<O, HashMap<K, V, VInit, KInit>, OInit>>;
  create<O, V, VInit = V, OInit = O>(
    options: HashOfMapsOptions<O, IndexedOptions<V, VInit>, OInit>,
  ): OwnedMap<HashOfMapsHandle<O, ArrayMap<V, VInit>, OInit>>;
}

/** A hash of maps in the kernel; `HashOfMaps.create` makes one. */
export type HashOfMaps<K, M extends BpfMap, KInit = K> = HashOfMapsHandle<K, M, KInit>;
export const HashOfMaps: HashOfMapsConstructor = {
  create: (options: HashOfMapsOptions<unknown, unknown>): never =>
    createOuter((inner, definition) => hashOfMaps(options.key, inner, definition), options) as never,
};

/** Makes maps of one kind whose keys and values are the kernel's own. */
export interface DescriptorMapConstructor<H> {
  /**
   * Makes a map of this kind, which belongs to the caller.
   * @throws ValueError for an option of the wrong type or range
   * @throws BpfError when the kernel refuses it
   */
  create(options: CreateOptions): OwnedMap<H>;
}

/** With `valueSize` where the kernel takes values of several. */
function maker<H>(make: () => MapSpec<H>, valueSize?: number): DescriptorMapConstructor<H> {
  return {
    create(options) {
      const spec = make();
      return createMap(valueSize === undefined ? spec : { ...spec, valueSize }, options);
    },
  };
}

// A socket's value is its cookie, a device's or CPU's has a program beside it.
const wide = 8;

/** A program array in the kernel; `ProgArray.create` makes one. */
export type ProgArray = ProgArrayHandle;
export const ProgArray: DescriptorMapConstructor<ProgArrayHandle> = /*@__PURE__*/ maker(progArray);

/** An array of sockets in the kernel; `SockMap.create` makes one. */
export type SockMap = SockMapHandle;
export const SockMap: DescriptorMapConstructor<SockMapHandle> = /*@__PURE__*/ maker(sockMap, wide);

/** An array of listening sockets in the kernel; `ReuseportSockArray.create` makes one. */
export type ReuseportSockArray = ReuseportSockArrayHandle;
export const ReuseportSockArray: DescriptorMapConstructor<ReuseportSockArrayHandle> = /*@__PURE__*/ maker(
  reuseportSockArray,
  wide,
);

/** An array of AF_XDP sockets in the kernel; `XskMap.create` makes one. */
export type XskMap = XskMapHandle;
export const XskMap: DescriptorMapConstructor<XskMapHandle> = /*@__PURE__*/ maker(xskMap);

/** An array of cgroups in the kernel; `CgroupArray.create` makes one. */
export type CgroupArray = CgroupArrayHandle;
export const CgroupArray: DescriptorMapConstructor<CgroupArrayHandle> = /*@__PURE__*/ maker(cgroupArray);

/** An array of network devices in the kernel; `DevMap.create` makes one. */
export type DevMap = DevMapHandle;
export const DevMap: DescriptorMapConstructor<DevMapHandle> = /*@__PURE__*/ maker(devMap, wide);

/** Network devices by a number of the user's, in the kernel; `DevMapHash.create` makes one. */
export type DevMapHash = DevMapHashHandle;
export const DevMapHash: DescriptorMapConstructor<DevMapHashHandle> = /*@__PURE__*/ maker(devMapHash, wide);

/** An array of CPUs in the kernel; `CpuMap.create` makes one. */
export type CpuMap = CpuMapHandle;
export const CpuMap: DescriptorMapConstructor<CpuMapHandle> = /*@__PURE__*/ maker(cpuMap, wide);

/** Makes hashes of sockets. */
export interface SockHashConstructor {
  /** Makes a map of type SOCKHASH, which belongs to the caller. */
  create<K, KInit = K>(options: CreateOptions & { readonly key: Codec<K, KInit> }): OwnedMap<SockHashHandle<K, KInit>>;
}

/** A hash of sockets in the kernel; `SockHash.create` makes one. */
export type SockHash<K, KInit = K> = SockHashHandle<K, KInit>;
export const SockHash: SockHashConstructor = {
  create: (options) => createMap({ ...sockHash(options.key), valueSize: wide }, options),
};
