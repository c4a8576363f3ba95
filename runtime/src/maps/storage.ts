// SK_STORAGE, INODE_STORAGE, TASK_STORAGE and CGRP_STORAGE: values that live and die with an object of the kernel, which a
// descriptor names (kernel/bpf/bpf_local_storage.c and the four that use it).

import type { Codec } from "../codec/codec.ts";
import { s32 } from "../codec/scalars.ts";
import type { BpfMap, MapCore, MapSpec } from "./core.ts";
import {
  checked,
  objectOf,
  type PathDescriptor,
  type SocketDescriptor,
  socketOf,
  withDirectory,
  withFile,
} from "./descriptor.ts";
import type { SetOptions } from "./flags.ts";
import { hash, type HashMap } from "./hash.ts";
import { PlainMap } from "./plain.ts";

/** Values by the kernel's object that `Of` names. The kernel does not tell which objects have one. */
export interface LocalStorage<Of, V, VInit = V> extends BpfMap {
  /** The value of an object, or undefined. */
  get(of: Of): V | undefined;
  /**
   * Writes an object's value.
   * @throws ValueError when the value does not fit its C type, or `of` has no descriptor
   * @throws BpfError EBADF when `of` is another kind of object, EEXIST or ENOENT as `mode` asks, or why a path cannot be
   * opened
   */
  set(of: Of, value: VInit, options?: SetOptions): void;
  has(of: Of): boolean;
  /** Whether there was a value. */
  delete(of: Of): boolean;
}

/** Values by socket: a descriptor, or a socket or server of node:net. */
export type SkStorage<V, VInit = V> = LocalStorage<SocketDescriptor, V, VInit>;
/** Values by file: a path, which is opened for the call without asking for rights on it, or a descriptor. */
export type InodeStorage<V, VInit = V> = LocalStorage<PathDescriptor, V, VInit>;
/** Values by process: `using task = pidfd(pid)`. A number is refused: it could be a pid as well as a descriptor. */
export type TaskStorage<V, VInit = V> = LocalStorage<{ readonly fd: number }, V, VInit>;
/** Values by cgroup: its directory, which is opened for the call, or a descriptor of that. */
export type CgrpStorage<V, VInit = V> = LocalStorage<PathDescriptor, V, VInit>;

/** Runs `use` with the descriptor of `of`, and closes what it opened for that. */
type With<Of> = <T>(map: MapCore, of: Of, use: (fd: number) => T) => T;

class StorageHandle<Of, V, VInit> extends PlainMap implements LocalStorage<Of, V, VInit> {
  readonly #map: MapCore;
  readonly #cells: HashMap<number, V, VInit>;
  readonly #with: With<Of>;

  constructor(map: MapCore, value: Codec<V, VInit>, withFd: With<Of>) {
    super(map);
    this.#map = map;
    this.#cells = hash(s32, value).create(map);
    this.#with = withFd;
  }

  get(of: Of): V | undefined {
    return this.#with(this.#map, of, (fd) => this.#cells.get(fd));
  }

  set(of: Of, value: VInit, options?: SetOptions): void {
    this.#with(this.#map, of, (fd) => this.#cells.set(fd, value, options));
  }

  has(of: Of): boolean {
    return this.#with(this.#map, of, (fd) => this.#cells.has(fd));
  }

  delete(of: Of): boolean {
    return this.#with(this.#map, of, (fd) => this.#cells.delete(fd));
  }
}

function storage<Of, V, VInit>(
  type: string,
  value: Codec<V, VInit>,
  withFd: With<Of>,
): MapSpec<LocalStorage<Of, V, VInit>> {
  return { type, keySize: 4, valueSize: value.size, value, create: (map) => new StorageHandle(map, value, withFd) };
}

function withHandle<Of>(find: (of: Of) => number): With<Of> {
  return (map, of, use) => {
    map.use();
    return use(checked(() => find(of), `map ${map.name}: key`));
  };
}

/** A map of type SK_STORAGE. For generated code. */
export function skStorage<V, VInit = V>(value: Codec<V, VInit>): MapSpec<SkStorage<V, VInit>> {
  return storage("sk_storage", value, withHandle(socketOf));
}

/** A map of type INODE_STORAGE. For generated code. */
export function inodeStorage<V, VInit = V>(value: Codec<V, VInit>): MapSpec<InodeStorage<V, VInit>> {
  return storage<PathDescriptor, V, VInit>("inode_storage", value, (map, at, use) => withFile(map, "key", at, use));
}

/** A map of type TASK_STORAGE. For generated code. */
export function taskStorage<V, VInit = V>(value: Codec<V, VInit>): MapSpec<TaskStorage<V, VInit>> {
  const find = (task: { readonly fd: number }): number => objectOf(task, "what pidfd(pid) gives");
  return storage("task_storage", value, withHandle(find));
}

/** A map of type CGRP_STORAGE. For generated code. */
export function cgrpStorage<V, VInit = V>(value: Codec<V, VInit>): MapSpec<CgrpStorage<V, VInit>> {
  return storage<PathDescriptor, V, VInit>("cgrp_storage", value, (map, at, use) => withDirectory(map, "key", at, use));
}
