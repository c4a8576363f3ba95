// What every map handle works on: the kernel's map behind a file descriptor, until the skeleton closes it. A MapSpec is
// what generated code says of a map; it makes the handle, so that a kind nobody uses is left out of a bundle.

import type { Codec } from "../codec/codec.ts";
import { type BpfError, StateError } from "../errors.ts";
import type { Library } from "../library.ts";
import { callAll } from "../library/callall.ts";
import { E2BIG, EBUSY, EEXIST, EINVAL, ENOENT, ENOMEM, ENOSPC, ENOTSUPP, EPERM } from "../library/errno.ts";
import { bpfError, possible } from "../library/failure.ts";
import { possibleCpus, strideOf } from "../library/cpus.ts";
import { accessHint, readMapInfo } from "../library/mapinfo.ts";
import { hintFor } from "./hints.ts";
import type { MapInfo } from "./info.ts";

/** What is known of a loaded map of any kind. */
export interface BpfMap {
  /** As in C. */
  readonly name: string;
  /** The kernel's word without BPF_MAP_TYPE_, in lower case: "hash". */
  readonly type: string;
  /** @throws StateError after close */
  readonly fd: number;
  /** The kernel's id, as `bpftool map show id` takes it. */
  readonly id: number;
  /** In bytes. */
  readonly keySize: number;
  /** In bytes; of one CPU's value for per-CPU maps. */
  readonly valueSize: number;
  readonly maxEntries: number;
  /** What the kernel says of the map now. */
  readonly info: MapInfo;
  /**
   * Makes the map constant: from now on no process can write to it by system calls, programs still can. There is no way
   * back.
   * @throws BpfError EBUSY while a process has it mapped for writing; EPERM, on older kernels EBUSY, when it is frozen already
   */
  freeze(): void;
  /**
   * Makes a file in a BPF file system that keeps the map alive after this process.
   * @throws BpfError EPERM where the file system is none, EEXIST where the file is there, ENOENT without the directory
   */
  pin(path: string): void;
  /**
   * Removes the pin at `path`.
   * @throws ValueError when another map, or none, is pinned there
   */
  unpin(path: string): void;
}

/** A loaded map, as the handle of its kind receives it. */
export interface MapCore extends Omit<BpfMap, "info" | "freeze" | "pin" | "unpin"> {
  readonly library: Library;
  /** The skeleton's object name; undefined for a map without one. */
  readonly object: string | undefined;
  /** The descriptor as a handle's hot path takes it: -1 once closed. */
  readonly rawFd: number;
  /** The maps that were loaded together with it. */
  readonly siblings?: readonly Pick<BpfMap, "id" | "fd">[] | undefined;
  /** A descriptor of the object's BTF; undefined where the kernel took none. */
  readonly btfFd?: number | undefined;
  /** An address within libbpf's own mapping of it, which it makes of arenas: of their variables; undefined without. */
  readonly mappedAt?: number | undefined;
  /**
   * What a value takes in a call, in bytes: of a per-CPU map one value for each possible CPU, each rounded up to 8
   * (kernel/bpf/syscall.c, `bpf_map_value_size`).
   */
  readonly wholeSize: number;
  /** @throws StateError once closed */
  use(): number;
  /** Has `close` called when the map is closed. */
  onClose(close: () => void): void;
  /**
   * The error for a call on this map that gave `result` (negative errno).
   * @throws StateError once closed, which is why the call failed
   */
  failure(result: number, syscall: string, verb: string, hint?: string): BpfError;
}

/** What generated code says of a map, and how its handle is made. For generated code. */
export interface MapSpec<H> {
  /** The kernel's word for its type; "" for any. */
  readonly type: string;
  /** In bytes; undefined where the generated code does not depend on it. */
  readonly keySize: number | undefined;
  readonly valueSize: number | undefined;
  /** What keys and values are made of, to be compared with a map that somebody else made; left out: their sizes are all. */
  readonly key?: Codec<unknown, never> | undefined;
  readonly value?: Codec<unknown, never> | undefined;
  create(map: MapCore): H;
}

const elementCalls = /^bpf_map_(lookup|update|delete|get_next_key)/;

/** What else takes the right to read or write the map. */
const ownCalls: ReadonlySet<string> = /*@__PURE__*/ new Set(["mmap", "bpf_map_freeze"]);

type LoadedFields = Pick<
  MapCore,
  "name" | "type" | "object" | "keySize" | "valueSize" | "rawFd" | "siblings" | "btfFd" | "mappedAt"
>;

/** A map that libbpf has created, or taken from a pin. */
export class LoadedMap implements MapCore {
  readonly name: string;
  readonly type: string;
  readonly object: string | undefined;
  readonly keySize: number;
  readonly valueSize: number;
  readonly library: Library;
  readonly siblings: readonly Pick<BpfMap, "id" | "fd">[] | undefined;
  readonly btfFd: number | undefined;
  readonly mappedAt: number | undefined;
  rawFd: number;
  /** What the map is a part of: whoever has the map has that as well. */
  readonly owner: object | undefined;
  readonly #created: boolean;
  readonly #closers: (() => void)[] = [];
  #wholeSize: number | undefined;
  #known: { id: number; maxEntries: number } | undefined;

  constructor(library: Library, fields: LoadedFields, owner?: object) {
    this.library = library;
    this.owner = owner;
    this.name = fields.name;
    this.type = fields.type;
    this.object = fields.object;
    this.keySize = fields.keySize;
    this.valueSize = fields.valueSize;
    this.rawFd = fields.rawFd;
    this.siblings = fields.siblings;
    this.btfFd = fields.btfFd;
    this.mappedAt = fields.mappedAt;
    this.#created = fields.rawFd >= 0;
  }

  get fd(): number {
    return this.use();
  }

  get id(): number {
    return this.#info().id;
  }

  get maxEntries(): number {
    return this.#info().maxEntries;
  }

  get wholeSize(): number {
    return (this.#wholeSize ??= this.type.includes("percpu")
      ? strideOf(this.valueSize) * possibleCpus(this.library)
      : this.valueSize);
  }

  use(): number {
    if (this.rawFd >= 0) return this.rawFd;
    const why = this.#created ? `closed with ${this.object}` : "not created, its autocreate is off";
    throw new StateError(`map ${this.name}: ${why}`);
  }

  /** The descriptor is libbpf's and its number is soon another file's: no handle may use it from now on. */
  close(): void {
    this.rawFd = -1;
    callAll(this.#closers.splice(0));
  }

  onClose(close: () => void): void {
    this.#closers.push(close);
  }

  failure(result: number, syscall: string, verb: string, hint?: string): BpfError {
    const fd = this.use();
    const errno = -result;
    const isElement = elementCalls.test(syscall);
    const access = errno === EPERM && (isElement || ownCalls.has(syscall)) ? accessHint(fd) : undefined;
    // An errno means what it means here in calls for elements alone.
    const element = isElement ? (hintFor(this.type, errno) ?? this.#elementHint(errno)) : undefined;
    const { library, object, name: map } = this;
    return bpfError(library, { errno, syscall, verb, object, map, hint: hint ?? access ?? element });
  }

  // max_entries as the kernel has it: libbpf rounds some, and a map from a pin has its own. Neither changes any more.
  #info(): { id: number; maxEntries: number } {
    if (this.#known !== undefined) return this.#known;
    const info = readMapInfo(this.library, this.use());
    if (typeof info === "number") throw this.failure(-info, "bpf_obj_get_info_by_fd", "info");
    return (this.#known = info);
  }

  #elementHint(errno: number): string | undefined {
    switch (errno) {
      case E2BIG:
      case ENOSPC: // of LPM tries
        return `the map is full, max_entries ${this.maxEntries}`;
      case EEXIST:
        return "the key is there already";
      case ENOENT:
        return "there is no such key";
      case EBUSY:
        return "the kernel is changing this part of the map, try again";
      case ENOMEM:
        // kernel/bpf/hashtab.c, `prealloc_lru_pop`
        return this.type.startsWith("lru")
          ? "the kernel found no entry to give up for it, try again"
          : possible("the memory limit of this process's cgroup", "the machine is short of memory");
      case EINVAL:
        return possible(
          `flags that a map of type ${this.type} does not take`,
          "a key or value that this map does not take",
        );
      case ENOTSUPP:
        return `the kernel cannot do this with a map of type ${this.type}`;
      default:
        return undefined;
    }
  }
}
