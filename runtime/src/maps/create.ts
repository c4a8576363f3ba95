// Making a map with no object at all (BPF_MAP_CREATE).

import type { Codec } from "../codec/codec.ts";
import { UnsupportedError, ValueError } from "../errors.ts";
import { openLibrary } from "../library.ts";
import { E2BIG, EINVAL, ENOMEM, EPERM } from "../library/errno.ts";
import { bpfError, possible } from "../library/failure.ts";
import { mapCapabilities, missingCapabilities, needsCapabilities } from "../library/host.ts";
import { mapTypeNumber } from "../library/mapinfo.ts";
import { withLog } from "../library/print.ts";
import { show } from "../memory/refuse.ts";
import { addressOf, hostMemory } from "../native.ts";
import { checkU32, numaNodeFlag } from "./checks.ts";
import type { MapSpec } from "./core.ts";
import { ownMap, type OwnedMap } from "./closeable.ts";

/** What every map is made with. */
export interface CreateOptions {
  readonly maxEntries: number;
  /** BPF_F_* of `enum` in linux/bpf.h. */
  readonly flags?: number | undefined;
  /** As `bpftool map show` tells it: at most 15 letters, digits, `_` and `.`; nameless when left out. */
  readonly name?: string | undefined;
  /** Where its memory is. */
  readonly numaNode?: number | undefined;
}

/** What a map of keys and values is made with. */
export interface KeyedOptions<K, V, VInit = V, KInit = K> extends CreateOptions {
  readonly key: Codec<K, KInit>;
  readonly value: Codec<V, VInit>;
}

/** What a hash map is made with. */
export interface HashOptions<K, V, VInit = V, KInit = K> extends KeyedOptions<K, V, VInit, KInit> {
  readonly type?: "hash" | "lru_hash" | undefined;
}

/** What a map of values by index is made with. */
export interface IndexedOptions<V, VInit = V> extends CreateOptions {
  readonly value: Codec<V, VInit>;
}

// `struct bpf_map_create_opts` (bpf.h), as libbpf 1.0 has it.
const createOpts = { inner_map_fd: 24, map_flags: 28, numa_node: 40, size: 48 } as const;

const longestName = 15;

/** Makes the map that `spec` describes (BPF_MAP_CREATE); a map of maps for such as `innerFd` is one. */
export function createMap<H>(spec: MapSpec<H>, options: CreateOptions, innerFd = 0): OwnedMap<H> {
  const { name = "", flags = 0, numaNode } = options;
  const { type, keySize = 0, valueSize = 0 } = spec;
  const where = `map ${typeof name === "string" && name !== "" ? name : type}`;
  if (typeof name !== "string" || name.length > longestName || /[^A-Za-z0-9_.]/.test(name)) {
    const what = `expected at most ${longestName} letters, digits, "_" and "."`;
    throw new ValueError(`map: name: ${what}, got ${show(name)}`, "map: name");
  }
  const entries = checkU32(options.maxEntries, `${where}: maxEntries`);
  const opts = hostMemory(new Uint8Array(createOpts.size));
  opts.setU64(0, BigInt(createOpts.size));
  opts.setU32(createOpts.inner_map_fd, innerFd);
  const onNode = numaNode === undefined ? 0 : numaNodeFlag;
  opts.setU32(createOpts.map_flags, (checkU32(flags, `${where}: flags`) | onNode) >>> 0);
  opts.setU32(createOpts.numa_node, numaNode === undefined ? 0 : checkU32(numaNode, `${where}: numaNode`));

  const library = openLibrary();
  const number = mapTypeNumber(library, type);
  if (number === undefined) throw new UnsupportedError(`${where}: libbpf ${library.version} knows no type ${type}`);
  const syscall = "bpf_map_create";
  const create = library.fn(syscall);
  const run = (): number => create(number, name, keySize, valueSize, entries, addressOf(opts.u8s));
  const { result, log } = withLog(library, run, opts);
  if (result < 0) {
    const map = where.slice("map ".length);
    throw bpfError(library, { errno: -result, syscall, verb: "create", map, hint: hintOf(-result, type), log });
  }
  const fields = { name: name === "" ? type : name, type, object: undefined, keySize, valueSize, rawFd: result };
  return ownMap(library, spec, fields);
}

function hintOf(errno: number, type: string): string | undefined {
  switch (errno) {
    case EPERM: {
      const missing = missingCapabilities(mapCapabilities(type));
      return missing.length > 0 ? needsCapabilities(missing) : undefined;
    }
    case EINVAL:
      return `the kernel refuses these sizes, this number of entries or these flags for a map of type ${type}`;
    case E2BIG:
      return "the map is larger than the kernel allows";
    case ENOMEM:
      return possible("the memory limit of this process's cgroup", "the map is too large");
    default:
      return undefined;
  }
}
