// The maps in the slots of one map of maps: making them by the inner definition, and opening them by id.

import { ValueError } from "../errors.ts";
import { EINVAL, ENOENT, EPERM } from "../library/errno.ts";
import { show } from "../memory/refuse.ts";
import { addressOf, duplicate, hostMemory } from "../native.ts";
import { checkU32 } from "./checks.ts";
import type { BpfMap, MapCore, MapSpec } from "./core.ts";
import type { OwnedMap } from "./closeable.ts";
import { own } from "./owned.ts";

/** How an inner map is made. */
export interface InnerOptions {
  /**
   * How many entries it holds; those of the inner definition when left out. Arrays must all have the same, unless the
   * definition has BPF_F_INNER_MAP.
   */
  readonly maxEntries?: number | undefined;
  /** Its name in the kernel, of which 15 bytes are kept; "outer.inner" when left out. */
  readonly name?: string | undefined;
}

/** The inner map's definition, as the object has it. For generated code. */
export interface InnerSpec {
  /** `enum bpf_map_type`. */
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags?: number;
  /** `map_extra`. */
  readonly extra?: bigint;
  readonly numaNode?: number;
  /** The object's BTF ids of the key's and the value's types. */
  readonly btf?: readonly [key: number, value: number];
}

// `struct bpf_map_create_opts` (bpf.h).
const createOpts = {
  btf_fd: 8,
  btf_key_type_id: 12,
  btf_value_type_id: 16,
  map_flags: 28,
  map_extra: 32,
  numa_node: 40,
  size: 48,
} as const;
const fewMaps = 16;
const refused =
  "the kernel does not make such a map: maxEntries must suit its type, and the name be of A-Z a-z 0-9 _ .";

/** What makes and opens the inner maps of one outer map, and knows which of them this process has open. */
export class Inner<M extends BpfMap> {
  readonly #outer: MapCore;
  readonly #spec: MapSpec<M>;
  readonly #definition: InnerSpec;
  readonly #name: string;
  /** Reachable while C has its address. */
  readonly #opts = hostMemory(new Uint8Array(createOpts.size));
  /** What was put into slots here, by id. */
  readonly #known = new Map<number, BpfMap>();
  /** How many are known before the closed ones are forgotten. */
  #limit = fewMaps;

  constructor(outer: MapCore, spec: MapSpec<M>, definition: InnerSpec) {
    this.#outer = outer;
    this.#spec = spec;
    this.#definition = definition;
    this.#name = `${outer.name}.inner`;
  }

  /** Remembers a map that was put into a slot. */
  remember(map: BpfMap): void {
    this.#known.set(map.id, map);
    if (this.#known.size < this.#limit) return;
    for (const [id, known] of this.#known) if (fdIfOpen(known) === undefined) this.#known.delete(id);
    this.#limit = 2 * this.#known.size + fewMaps;
  }

  open(id: number | undefined): OwnedMap<M> | undefined {
    if (id === undefined) return undefined;
    const fd = this.#outer.library.fn("bpf_map_get_fd_by_id")(id);
    if (fd >= 0) return this.#own(fd);
    // The map was replaced since its id was read, and is gone.
    if (fd === -ENOENT) return undefined;
    const copy = fd === -EPERM ? this.#duplicate(id) : undefined;
    if (copy !== undefined) return this.#own(copy);
    const hint = fd === -EPERM ? "needs CAP_SYS_ADMIN, or the map's own handle still open" : undefined;
    throw this.#outer.failure(fd, "bpf_map_get_fd_by_id", "open", hint);
  }

  create({ maxEntries, name = this.#name }: InnerOptions): OwnedMap<M> {
    const path = `map ${this.#name}`;
    if (typeof name !== "string" || name.includes("\0")) {
      throw new ValueError(`${path}: name: expected a string, got ${show(name)}`, `${path}: name`);
    }
    const entries = checkU32(maxEntries ?? this.#definition.maxEntries, `${path}: maxEntries`);
    this.#outer.use();
    const { btf } = this.#definition;
    let fd = btf === undefined ? -EINVAL : this.#create(name, entries, btf);
    // Types of maps without BTF, and kernels: libbpf tries again, too (`bpf_object__create_map`).
    if (fd < 0) fd = this.#create(name, entries, undefined);
    if (fd < 0) throw this.#outer.failure(fd, "bpf_map_create", "createInner", fd === -EINVAL ? refused : undefined);
    return this.#own(fd, name);
  }

  /** A descriptor, or a negative errno. */
  #create(name: string, entries: number, btf: InnerSpec["btf"]): number {
    const { type, keySize, valueSize, flags = 0, extra = 0n, numaNode = 0 } = this.#definition;
    const { library, btfFd } = this.#outer;
    const [key, value] = (btfFd !== undefined && btf) || [0, 0];
    const opts = this.#opts;
    opts.setU64(0, BigInt(createOpts.size));
    opts.setU32(createOpts.btf_fd, key === 0 ? 0 : btfFd!);
    opts.setU32(createOpts.btf_key_type_id, key);
    opts.setU32(createOpts.btf_value_type_id, value);
    opts.setU32(createOpts.map_flags, flags);
    opts.setU64(createOpts.map_extra, extra);
    opts.setU32(createOpts.numa_node, numaNode);
    return library.fn("bpf_map_create")(type, name, keySize, valueSize, entries, addressOf(opts.u8s));
  }

  #own(fd: number, name = this.#name): OwnedMap<M> {
    return own(this.#outer, name, fd, this.#spec);
  }

  /** A descriptor of the map with `id` made from one that is open here. */
  #duplicate(id: number): number | undefined {
    const candidates = [...this.#known.values(), ...(this.#outer.siblings ?? [])];
    for (const map of candidates) {
      const fd = fdIfOpen(map);
      if (fd === undefined || map.id !== id) continue;
      const copy = duplicate(fd);
      if (copy >= 0) return copy;
    }
    return undefined;
  }
}

/** The map's descriptor; undefined once its handle is closed. */
function fdIfOpen(map: Pick<BpfMap, "fd">): number | undefined {
  try {
    return map.fd;
  } catch {
    return undefined;
  }
}
