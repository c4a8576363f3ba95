// What an errno means that the kernel gives for one kind of map: each kind has its own conditions (linux/kernel/bpf/).

import { EBADF, EINVAL, ENOENT, ENOMEM, ENOSPC } from "../library/errno.ts";
import { possible } from "../library/failure.ts";

const ENODEV = 19;
const EOVERFLOW = 75;
const ENOTSOCK = 88;
const EOPNOTSUPP = 95;

type Hints = Readonly<Record<number, string>>;

const badDescriptor = /*@__PURE__*/ possible("the descriptor is not open", "it is not of this kind");

const sockets: Hints = {
  [EBADF]: badDescriptor,
  [ENOTSOCK]: "the descriptor is not a socket's",
  [ENOSPC]: "its value has 4 bytes and cannot hold a cookie: write __type(value, u64)",
  [EOPNOTSUPP]: /*@__PURE__*/ possible(
    "the socket's protocol has no place in such maps",
    "its state: TCP must be connected or listening, UDP bound",
  ),
  [EINVAL]: /*@__PURE__*/ possible(
    "the socket does not fit this map",
    "it has a user of its own, as kTLS, or another map's program",
  ),
};

const mapsOfMaps: Hints = {
  [EBADF]: badDescriptor,
  [EINVAL]:
    "the map differs from the inner definition in type, sizes or flags, or an array in max_entries (BPF_F_INNER_MAP lets those differ)",
};

const devices: Hints = {
  [EINVAL]: /*@__PURE__*/ possible(
    "there is no network device with this ifindex",
    'the program is not SEC("xdp/devmap")',
  ),
};

const storage: Hints = {
  [EBADF]: badDescriptor,
  [ENOENT]: /*@__PURE__*/ possible("nothing is stored for it", "it is gone"),
};

const attachments: Hints = { [ENOENT]: "no program that uses the map was ever attached to that cgroup" };

const hints: Readonly<Record<string, Hints>> = {
  array_of_maps: mapsOfMaps,
  hash_of_maps: mapsOfMaps,
  prog_array: {
    [EBADF]: badDescriptor,
    [EINVAL]: "the program's kind, GPL or JIT setting differs from that of the programs which use the array",
  },
  sockmap: sockets,
  sockhash: sockets,
  reuseport_sockarray: {
    ...sockets,
    [EINVAL]: "the socket must be bound with SO_REUSEPORT, of TCP or UDP, and in no other such map",
  },
  xskmap: {
    [ENOTSOCK]: "the descriptor is not a socket's",
    [EOPNOTSUPP]: "only AF_XDP sockets fit, and the kernel does not tell which are in it",
  },
  devmap: devices,
  devmap_hash: devices,
  cpumap: {
    [ENODEV]: "there is no such CPU",
    // `__cpu_map_entry_alloc` has this for everything that goes wrong.
    [ENOMEM]: /*@__PURE__*/ possible('the program is not SEC("xdp/cpumap")', "memory is short"),
    [EOVERFLOW]: "the queue is longer than 16384 packets",
  },
  cgroup_array: { [EBADF]: "not a cgroup of version 2" },
  sk_storage: storage,
  inode_storage: { ...storage, [EOPNOTSUPP]: "the kernel keeps no storage for inodes: lsm= must name bpf at boot" },
  task_storage: storage,
  cgrp_storage: { ...storage, [EBADF]: "not a cgroup" },
  cgroup_storage: attachments,
  percpu_cgroup_storage: attachments,
};

/** What to do about `errno` from a map of `type`; undefined where it means the same for all maps. */
export function hintFor(type: string, errno: number): string | undefined {
  return Object.hasOwn(hints, type) ? hints[type]![errno] : undefined;
}
