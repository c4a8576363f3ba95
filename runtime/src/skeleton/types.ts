// The public types of a skeleton and its two phases, for an interface `X` that generated code declares.

import type { abi, ProgramSpec } from "../abi.ts";
import type { AttachOptions, LinkOf } from "../attach/options.ts";
import type { Link } from "../link.ts";
import type { BpfMap, MapSpec } from "../maps/core.ts";
import type { Closeable, OwnedMap } from "../maps/closeable.ts";
import type { ObjectOptions } from "../object/open.ts";
import type { BrokenRule } from "../object/rules.ts";
import type { Codec } from "../codec/codec.ts";
import type { BpfProgram, Program } from "../program.ts";
import type { OpenStructOps, StructOps, StructOpsSpec } from "../structops.ts";
import type { OpenSection, ReadonlySection, Section, SectionSpec, VariablesOf } from "../sections/types.ts";

/** What a generated interface looks like. */
export interface SkeletonShape {
  readonly maps: object;
  readonly progs: object;
  readonly sections: object;
  readonly structOps: object;
}

type CtxCodec<P> = P extends Program<infer _, infer C, infer CInit> ? Codec<C, CInit> : never;

/**
 * What generated code says of a program: its section, more where libbpf 1.0 does not know that, and the codec of the
 * struct that it takes where that is the author's own.
 */
export type ProgramEntry<P> =
  string | ProgramSpec | ((ProgramSpec | Pick<ProgramSpec, "section">) & { readonly ctx: CtxCodec<P> });

/** What generated code passes to `skeleton`. */
export interface SkeletonTable<X extends SkeletonShape> {
  readonly abi: typeof abi;
  /** The object's name: "execve_counter". */
  readonly name: string;
  readonly maps: { readonly [M in keyof X["maps"]]: MapSpec<X["maps"][M]> };
  readonly progs: { readonly [P in keyof X["progs"]]: ProgramEntry<X["progs"][P]> };
  readonly sections: { readonly [S in keyof X["sections"]]: SectionSpec<VariablesOf<X["sections"][S]>> };
  readonly structOps: { readonly [S in keyof X["structOps"]]: StructOpsSpec<X["structOps"][S]> };
  /** Of the carried object, in hex. */
  readonly sha256: string;
  /** The carried object, as it is or compressed by zlib. */
  readonly object: () => Uint8Array;
  /** The same for other machines, by `process.arch`. */
  readonly others?: Readonly<Record<string, CarriedObject>>;
  /** The rules of libbpf and the kernel that the object breaks, for the errors of open and load. */
  readonly broken?: readonly BrokenRule[];
}

/** A carried object in a table. */
export interface CarriedObject {
  /** In hex. */
  readonly sha256: string;
  readonly object: () => Uint8Array;
}

/** How an object is opened. */
export interface OpenOptions extends ObjectOptions {
  /** The carried object from elsewhere: its bytes or its file's URL. It must have the recorded hash. */
  readonly object?: Uint8Array | { readonly href: string } | undefined;
  /** libbpf.so.1 by its absolute path; `EBPF_SKEL_LIBBPF`, or what the system has, when left out. One per process. */
  readonly libbpf?: string | undefined;
}

/** A compiled BPF object that a program carries along; nothing is loaded before the first call. */
export interface Skeleton<X extends SkeletonShape> {
  readonly name: string;
  /**
   * Parses the object; constants and sizes can still change.
   * @throws UnsupportedError without libbpf >= 1.0, or on a machine of the other byte order
   * @throws StaleError when object and generated code do not fit each other
   * @throws BpfError when libbpf refuses the object
   */
  open(options?: OpenOptions): Open<X>;
  /** Opens and loads. */
  load(options?: OpenOptions): Loaded<X>;
  /** A copy of the carried object's bytes. */
  object(): ReturnType<Uint8Array["slice"]>;
  /** Maps like those of the object that are loaded already, by this process or another. */
  readonly maps: { readonly [M in keyof X["maps"]]: MapOpener<X["maps"][M]> };
  /** Programs like those of the object that are loaded already, by this process or another. */
  readonly progs: { readonly [P in keyof X["progs"]]: ProgramOpener<X["progs"][P]> };
}

/** `P` as it is opened: all but `attach`, which needs the object that it came from, and closed by hand. */
export type OwnedProgram<P> = (P extends Program<infer K, infer C, infer CInit> ? BpfProgram<K, C, CInit> : never) &
  Closeable;

/**
 * Opens a program that somebody else loaded, without the object. What comes out belongs to the caller, who closes it. It is
 * of this program's type, else it is a StaleError.
 */
export interface ProgramOpener<P> {
  /**
   * By its pin in a BPF file system.
   * @throws BpfError ENOENT where nothing is pinned
   */
  openPinned(path: string): OwnedProgram<P>;
  /**
   * By its id, as `bpftool prog show` tells it; needs CAP_SYS_ADMIN.
   * @throws BpfError ENOENT where there is no such program
   */
  fromId(id: number): OwnedProgram<P>;
  /** By a descriptor, which is duplicated and stays the caller's. */
  fromFd(fd: number): OwnedProgram<P>;
}

/**
 * Opens a map that somebody else loaded, without the object. What comes out belongs to the caller, who closes it. It is of
 * this map's type and sizes, and where the kernel has BTF for it that this process may see (CAP_SYS_ADMIN), its fields have
 * the same names, places and sizes: else it is a StaleError that names the first difference.
 */
export interface MapOpener<H> {
  /**
   * By its pin in a BPF file system.
   * @throws BpfError ENOENT where nothing is pinned
   */
  openPinned(path: string): OwnedMap<H>;
  /**
   * By its id, as `bpftool map show` tells it; needs CAP_SYS_ADMIN.
   * @throws BpfError ENOENT where there is no such map
   */
  fromId(id: number): OwnedMap<H>;
  /** By a descriptor, which is duplicated and stays the caller's. */
  fromFd(fd: number): OwnedMap<H>;
}

/** A map before load. */
export interface OpenMap<H = BpfMap> {
  readonly name: string;
  /** The kernel's word without BPF_MAP_TYPE_, in lower case. */
  readonly type: string;
  /** In bytes. */
  readonly keySize: number;
  /** In bytes; of a per-CPU map, for one CPU. */
  readonly valueSize: number;
  /** How many entries at most; how many bytes, of a ring buffer. */
  maxEntries: number;
  /** BPF_F_* of `enum` in linux/bpf.h. */
  flags: number;
  /** Where its memory is; setting it adds BPF_F_NUMA_NODE to the flags, without which the kernel ignores it. */
  numaNode: number;
  /** Whether load creates it; programs that use it anyway do not load. */
  autocreate: boolean;
  /** Where load pins it, or takes it from when something is there; undefined: nowhere. */
  pinPath: string | undefined;
  /**
   * Has load take a map that is there already, of a live skeleton or opened by hand, in place of a new one; the caller may
   * close it afterwards. Its max_entries and flags are what they are.
   * @throws StaleError when it is another type, has other sizes or, as far as the kernel tells, other fields
   */
  reuse(map: H): void;
}

/** A function of the kernel, or of a loaded program where `prog` or its descriptor `fd` is given. */
export interface AttachTarget {
  /** Its name. */
  readonly func: string;
  readonly prog?: BpfProgram | undefined;
  readonly fd?: number | undefined;
}

/** A program before load. */
export interface OpenProgram {
  readonly name: string;
  readonly section: string;
  /** The kernel's word without BPF_PROG_TYPE_, in lower case. */
  readonly type: string;
  /** Whether load loads it; false at first for SEC("?..."). */
  autoload: boolean;
  /** Whether `attach` of the skeleton attaches it. */
  autoattach: boolean;
  /** The verifier's log level for this program: 1 lists instructions, 2 more, 4 statistics. */
  logLevel: number;
  /**
   * The function that an fentry, fexit, fmod_ret, tp_btf, LSM or freplace program attaches to, in place of its section's.
   * @throws BpfError ENOENT or ESRCH where there is no such function
   */
  setAttachTarget(target: AttachTarget): void;
}

/** An opened object: constants, sizes and what to load can change. */
export interface OpenHandle<X extends SkeletonShape> extends Disposable, AsyncDisposable {
  readonly name: string;
  readonly maps: { readonly [M in keyof X["maps"]]: OpenMap<X["maps"][M]> };
  readonly progs: { readonly [P in keyof X["progs"]]: OpenProgram };
  readonly structOps: { readonly [S in keyof X["structOps"]]: OpenStructOps<X["structOps"][S]> };
  /**
   * Creates the maps and has the kernel verify the programs. Afterwards this handle owns nothing and cannot be used; a
   * failed load closes it, since libbpf's objects have one try.
   * @throws VerifierError when the verifier refuses a program
   * @throws BpfError when rights, memory or kernel features are missing
   */
  load(): Loaded<X>;
  /** The same on another thread, for programs that the verifier needs long for. */
  loadAsync(): Promise<Loaded<X>>;
  /** Frees the object. Does nothing the second time, or after load. */
  close(): void;
  closeAsync(): Promise<void>;
}

/** An opened object with its sections: `open.rodata.target_pid = 42`. */
export type Open<X extends SkeletonShape> = OpenHandle<X> & {
  readonly [S in Exclude<keyof X["sections"], "kconfig">]: OpenSection<X["sections"][S]>;
};

type Constant = "rodata" | `rodata_${string}` | "kconfig";

/** The names of what `attach` attaches: programs and struct_ops maps. */
export type ProgramNames<X extends SkeletonShape> = (keyof X["progs"] | keyof X["structOps"]) & string;

type TargetOf<P> = P extends Program<infer K, infer _, infer _> ? AttachOptions<K> : never;
type LinkOfProgram<P> = P extends Program<infer K, infer _, infer _> ? LinkOf<K> : Link;

/** What `attach` of a skeleton attaches, and where. */
export interface AttachAllOptions<X extends SkeletonShape> {
  /** Where programs go that their section does not place: `{ count_packets: { ifindex: 2 } }`. */
  readonly targets?: { readonly [P in keyof X["progs"]]?: TargetOf<X["progs"][P]> | undefined } | undefined;
  /** Programs that may fail; they end up in `failed` of the result. */
  readonly optional?: readonly ProgramNames<X>[] | undefined;
  /** Only these programs. */
  readonly only?: readonly ProgramNames<X>[] | undefined;
}

/** What `attach` of a skeleton did, program by program. */
export interface AttachResult<X extends SkeletonShape> {
  readonly attached: readonly ProgramNames<X>[];
  /** Why, by program; where a target is missing, the line to write. */
  readonly skipped: { readonly [P in ProgramNames<X>]?: string };
  /** The `optional` ones that failed. */
  readonly failed: { readonly [P in ProgramNames<X>]?: Error };
}

/** A loaded object. */
export interface LoadedHandle<X extends SkeletonShape> extends Disposable, AsyncDisposable {
  readonly name: string;
  readonly maps: { readonly [M in keyof X["maps"]]: X["maps"][M] };
  readonly progs: { readonly [P in keyof X["progs"]]: X["progs"][P] };
  /** The newest live link of each program and each struct_ops map. */
  readonly links: {
    readonly [P in keyof X["progs"]]: LinkOfProgram<X["progs"][P]> | undefined;
  } & { readonly [S in keyof X["structOps"]]: Link | undefined };
  readonly structOps: { readonly [S in keyof X["structOps"]]: StructOps };
  /**
   * Attaches the programs one by one, in the object's order, then its struct_ops maps. Skipped are those with a live
   * link, those with autoload or autoattach off, and those that neither their section nor `targets` place.
   * @throws AttachError when one fails that is not `optional`, or nothing is attached at all; what this call attached is
   * detached again, earlier links stay
   */
  attach(options?: AttachAllOptions<X>): AttachResult<X>;
  /** Detaches every live link, pinned ones too. */
  detach(): void;
  /** The same, waiting for the kernel on other threads. */
  detachAsync(): Promise<void>;
  /** Detaches what is not pinned and frees everything. Does nothing the second time. */
  close(): void;
  /** The same, waiting for the kernel on other threads. */
  closeAsync(): Promise<void>;
}

/** A loaded object with its sections, which are the program's own memory. */
export type Loaded<X extends SkeletonShape> = LoadedHandle<X> & {
  readonly [S in keyof X["sections"]]: S extends Constant
    ? ReadonlySection<X["sections"][S]>
    : Section<X["sections"][S]>;
};
