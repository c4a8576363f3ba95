// A program of a loaded object, as its handle and its links work on it.

import type { ProgramKind } from "../abi.ts";
import type { Codec } from "../codec/codec.ts";
import { StateError } from "../errors.ts";
import type { Library } from "../library.ts";

/** The loaded object that a program belongs to. */
export interface ProgramOwner {
  readonly library: Library;
  /** The skeleton's object name. */
  readonly name: string;
  /** @throws StateError unless loaded */
  useLoaded(): void;
  /** `struct bpf_map *` of the map with this name; 0: there is none. */
  findMap(name: string): number;
  /** The object's memory stays until `work`, which uses it, has ended. */
  keepFor(work: Promise<unknown>): void;
}

/** A link that is attached now. */
export interface LiveLink {
  /** Counts the links of this process: a newer one has a greater number. */
  readonly serial: number;
  detach(): void;
  detachAsync(): Promise<void>;
  /** Lets go of it for `close`: a pinned link stays attached. */
  release(): void;
  releaseAsync(): Promise<void>;
}

/** A program in the kernel, as everything but attaching works on it. */
export interface KernelProgram {
  readonly library: Library;
  /** The skeleton's object name. */
  readonly object: string;
  readonly name: string;
  readonly section: string;
  readonly kind: ProgramKind;
  /** Of the struct that it takes, where that is the author's own. */
  readonly ctx: Codec<unknown> | undefined;
  /**
   * Its descriptor.
   * @throws StateError when it is gone, or was not loaded
   */
  use(): number;
}

/** What is known of a program, and the links that are alive. */
export interface ProgramCore<L extends LiveLink = LiveLink> {
  readonly owner: ProgramOwner;
  readonly name: string;
  readonly section: string;
  readonly kind: ProgramKind;
  /** The libbpf version that knows the section; undefined for all. */
  readonly since: string | undefined;
  /** Of the struct that it takes, where that is the author's own. */
  readonly ctx: Codec<unknown> | undefined;
  /** `struct bpf_program *` */
  readonly pointer: number;
  /** Oldest first. */
  readonly links: L[];
}

/**
 * The descriptor of a loaded program.
 * @throws StateError when its object is not loaded any more, or was loaded without it
 */
export function useProgram({ owner, name, pointer }: ProgramCore): number {
  owner.useLoaded();
  const fd = owner.library.fn("bpf_program__fd")(pointer);
  if (fd < 0) {
    throw new StateError(`program ${name}: not loaded, its autoload is off (set progs.${name}.autoload before load)`);
  }
  return fd;
}

/** The program of `core`, for what does not need libbpf's object. */
export function kernelProgram(core: ProgramCore): KernelProgram {
  const { owner, name, section, kind, ctx } = core;
  return { library: owner.library, object: owner.name, name, section, kind, ctx, use: () => useProgram(core) };
}

let cores: WeakMap<object, ProgramCore> | undefined;

/** Remembers what is behind a program's public handle. */
export function setCore(handle: object, core: ProgramCore): void {
  cores ??= new WeakMap();
  cores.set(handle, core);
}

/** What is behind a program's public handle; undefined for anything else. */
export function coreOf(handle: unknown): ProgramCore | undefined {
  return typeof handle === "object" && handle !== null ? cores?.get(handle) : undefined;
}
