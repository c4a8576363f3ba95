// SOCKMAP, SOCKHASH, REUSEPORT_SOCKARRAY and XSKMAP: values are sockets, written as descriptors and read as cookies
// (net/core/sock_map.c, kernel/bpf/reuseport_array.c, net/xdp/xskmap.c).

import { makeCodec } from "../codec/base.ts";
import type { Codec } from "../codec/codec.ts";
import { isBpfError } from "../errors.ts";
import type { MapSpec } from "./core.ts";
import { type SocketDescriptor, socketOf } from "./descriptor.ts";
import { type Keyed, KeyedHandle } from "./kernelvalues.ts";
import { type ModeOptions, type Slots, SlotsHandle, WriteOnlyHandle, type WriteOnlySlots } from "./slots.ts";

/**
 * Sockets by index: `set(0, socket)` takes a descriptor or a connected socket of node:net. `get` gives the socket's
 * cookie, as `bpf_get_socket_cookie` has it, where the definition has values of 8 bytes; with 4 reading is ENOSPC. A
 * socket that is closed leaves the map by itself.
 */
export interface SockMap extends Slots<bigint, SocketDescriptor> {
  /**
   * Puts a socket there.
   * @throws ValueError when `index` is outside, or `socket` is closed or none
   * @throws BpfError EOPNOTSUPP when its state or protocol does not fit: TCP connected or listening, UDP bound
   */
  set(index: number, socket: SocketDescriptor, options?: ModeOptions): void;
}

/** Sockets by key; otherwise as {@link SockMap}. */
export type SockHash<K, KInit = K> = Keyed<K, bigint, SocketDescriptor, KInit>;

/**
 * Sockets of one SO_REUSEPORT group, of which an sk_reuseport program selects. `set` takes sockets bound with
 * SO_REUSEPORT; `get` gives cookies where the definition has values of 8 bytes.
 */
export type ReuseportSockArray = SockMap;

/**
 * AF_XDP sockets by index, most often the receive queue's. The kernel does not tell which are in it, and `delete` is true
 * for an empty slot, too.
 */
export type XskMap = WriteOnlySlots<SocketDescriptor>;

/** A socket as a value of `size` bytes, 4 or 8. */
function socket(size: number): Codec<bigint, SocketDescriptor> {
  return makeCodec<bigint, SocketDescriptor>({
    name: "socket",
    size,
    read: (m, at) => (size === 8 ? m.u64(at) : BigInt(m.u32(at))),
    write(m, at, value) {
      const fd = socketOf(value);
      if (size === 8) m.setU64(at, BigInt(fd));
      else m.setU32(at, fd);
    },
  });
}

class SockMapHandle extends SlotsHandle<bigint, SocketDescriptor> implements SockMap {
  override delete(index: number): boolean {
    try {
      return super.delete(index);
    } catch (e) {
      // `__sock_map_delete` has it for an empty slot, where other maps have ENOENT.
      if (isBpfError(e, "EINVAL")) return false;
      throw e;
    }
  }
}

/** A map of type SOCKMAP. For generated code. */
export function sockMap(): MapSpec<SockMap> {
  return slots("sockmap");
}

/** A map of type REUSEPORT_SOCKARRAY. For generated code. */
export function reuseportSockArray(): MapSpec<ReuseportSockArray> {
  return slots("reuseport_sockarray");
}

function slots(type: string): MapSpec<SockMap> {
  // The kernel takes values of 4 and of 8 bytes.
  return {
    type,
    keySize: 4,
    valueSize: undefined,
    create: (map) => new SockMapHandle(map, socket(map.valueSize)),
  };
}

/** A map of type SOCKHASH. For generated code. */
export function sockHash<K, KInit = K>(key: Codec<K, KInit>): MapSpec<SockHash<K, KInit>> {
  return {
    type: "sockhash",
    keySize: key.size,
    key,
    valueSize: undefined,
    create: (map) => new KeyedHandle(map, key, socket(map.valueSize)),
  };
}

/** A map of type XSKMAP. For generated code. */
export function xskMap(): MapSpec<XskMap> {
  return { type: "xskmap", keySize: 4, valueSize: 4, create: (map) => new WriteOnlyHandle(map, socket(4)) };
}
