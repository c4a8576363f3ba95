// ARENA maps: memory that a program and this process share (kernel/bpf/arena.c). libbpf maps it when it loads the object, as
// it can be mapped once, and at the address that programs store in it; what is here looks at that mapping.

import { UnsupportedError, ValueError } from "../errors.ts";
import { isBytes, show } from "../memory/refuse.ts";
import { pageSize, viewOf } from "../native.ts";
import { startOfMapping } from "../native/mapping.ts";
import { checkU32 } from "./checks.ts";
import type { BpfMap, MapCore, MapSpec } from "./core.ts";
import { PlainMap } from "./plain.ts";

/** Of linux/bpf.h: touching a page that no program has allocated is a SIGSEGV. */
export const BPF_F_SEGV_ON_FAULT: number = 1 << 17;

/** An arena in the kernel: sparse memory of this process and of programs, in pages. */
export interface Arena extends BpfMap {
  /** In bytes. */
  readonly length: number;
  /**
   * Where it is in this process: pointers that programs store are this plus an offset.
   * @throws UnsupportedError as `read` does
   */
  readonly address: bigint;
  /**
   * A copy of `length` bytes at `offset`. A page that no program has allocated is allocated by this, and zero.
   * @throws ValueError when they are not within the arena
   * @throws UnsupportedError when the arena has BPF_F_SEGV_ON_FAULT, where such a page would end this process, or was not
   * loaded by a skeleton of this process
   */
  read(offset: number, length: number): ReturnType<Uint8Array["slice"]>;
  /**
   * Writes `bytes` at `offset`, not atomically; allocates pages as `read` does.
   * @throws ValueError when they do not fit within the arena
   * @throws UnsupportedError as `read` does
   */
  write(offset: number, bytes: Uint8Array): void;
}

class ArenaHandle extends PlainMap implements Arena {
  readonly #map: MapCore;
  // There only while it may be used.
  #memory: Uint8Array | undefined;

  constructor(map: MapCore) {
    super(map);
    this.#map = map;
    map.onClose(() => (this.#memory = undefined));
  }

  get length(): number {
    return this.maxEntries * pageSize();
  }

  get address(): bigint {
    return BigInt(this.#base());
  }

  read(offset: number, length: number): ReturnType<Uint8Array["slice"]> {
    const memory = this.#memory ?? this.#enter();
    const path = `map ${this.#map.name}`;
    checkU32(length, `${path}: length`);
    return memory.slice(this.#check(offset, length, path), offset + length);
  }

  write(offset: number, bytes: Uint8Array): void {
    const memory = this.#memory ?? this.#enter();
    const path = `map ${this.#map.name}`;
    if (!isBytes(bytes)) throw new ValueError(`${path}: expected bytes, got ${show(bytes)}`, path);
    memory.set(bytes, this.#check(offset, bytes.length, path));
  }

  #check(offset: number, length: number, path: string): number {
    checkU32(offset, `${path}: offset`);
    if (offset + length <= this.length) return offset;
    const what = `bytes ${offset} to ${offset + length} are not within the ${this.length} that it has`;
    throw new ValueError(`${path}: ${what}`, path);
  }

  #enter(): Uint8Array {
    return (this.#memory = new Uint8Array(viewOf(this.#base(), this.length)));
  }

  #base(): number {
    this.#map.use();
    const { name, mappedAt } = this.#map;
    if ((this.info.flags & BPF_F_SEGV_ON_FAULT) !== 0) {
      const why = "a page that is not allocated would end this process (leave out BPF_F_SEGV_ON_FAULT)";
      throw new UnsupportedError(`map ${name}: ${why}`);
    }
    // Where in it the variables are depends on libbpf's version.
    const start = mappedAt === undefined ? undefined : startOfMapping(mappedAt);
    if (start !== undefined) return start;
    const why = "an arena's memory is there for the skeleton that loaded it alone, with /proc (use that one's handle)";
    throw new UnsupportedError(`map ${name}: ${why}`);
  }
}

/** A map of type ARENA. For generated code. */
export function arena(): MapSpec<Arena> {
  return { type: "arena", keySize: 0, valueSize: 0, create: (map) => new ArenaHandle(map) };
}
