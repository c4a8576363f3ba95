// QUEUE and STACK maps: values without keys, in the order in which they came or the other way round.

import { readChecked } from "../codec/checked.ts";
import type { Codec } from "../codec/codec.ts";
import { isValueError, ValueError } from "../errors.ts";
import { ENOENT } from "../library/errno.ts";
import { show } from "../memory/refuse.ts";
import type { BpfMap, MapCore, MapSpec } from "./core.ts";
import { PlainMap } from "./plain.ts";
import { rawBytes } from "./raw.ts";
import { explain, makeScratch, type Scratch } from "./scratch.ts";

/** How a value is pushed. */
export interface PushOptions {
  /** What a full map does: "any" (the default) refuses the value, "overwrite" drops the oldest one (BPF_EXIST). */
  readonly mode?: "any" | "overwrite" | undefined;
}

/** A queue: first in, first out. */
export interface QueueMap<V, VInit = V> extends BpfMap {
  /**
   * Appends a value.
   * @throws ValueError when it does not fit its C type
   * @throws BpfError E2BIG when the map is full
   */
  push(value: VInit, options?: PushOptions): void;
  /** Takes out the next value: of a queue the oldest, of a stack the newest; undefined when there is none. */
  pop(): V | undefined;
  /** The next value, which stays; undefined when there is none. */
  peek(): V | undefined;
  /** The same map with values as bytes of exactly its value size. */
  readonly raw: QueueMap<Uint8Array>;
}

/** A stack: last in, first out. */
export interface StackMap<V, VInit = V> extends QueueMap<V, VInit> {
  /** The same map with values as bytes of exactly its value size. */
  readonly raw: StackMap<Uint8Array>;
}

const modes = { any: 0, overwrite: 2 } as const;

class QueueHandle<V, VInit> extends PlainMap implements StackMap<V, VInit> {
  readonly #map: MapCore;
  readonly #value: Codec<V, VInit>;
  readonly #path: string;
  // Taken while a call is under way: a getter of the caller's own value may use this map again, with memory of its own.
  #scratch: Scratch | undefined;
  #raw: StackMap<Uint8Array> | undefined;

  constructor(map: MapCore, value: Codec<V, VInit>) {
    super(map);
    this.#map = map;
    this.#value = value;
    this.#path = `map ${map.name}: value`;
  }

  push(value: VInit, options?: PushOptions): void {
    const flags = this.#flags(options?.mode ?? "any");
    const scratch = this.#take();
    try {
      this.#value.write(scratch.value, 0, value);
      const result = this.#map.library.fn("bpf_map_update_elem")(this.#map.rawFd, 0, scratch.valueAt, flags);
      if (result !== 0) throw this.#map.failure(result, "bpf_map_update_elem", "push");
    } catch (e) {
      this.#map.use();
      throw explain(e, this.#value, scratch.value, value, this.#path);
    } finally {
      this.#scratch = scratch;
    }
  }

  pop(): V | undefined {
    return this.#next("bpf_map_lookup_and_delete_elem", "pop");
  }

  peek(): V | undefined {
    return this.#next("bpf_map_lookup_elem", "peek");
  }

  get raw(): StackMap<Uint8Array> {
    return (this.#raw ??= new QueueHandle(this.#map, rawBytes(this.#map.valueSize)));
  }

  #next(call: "bpf_map_lookup_elem" | "bpf_map_lookup_and_delete_elem", verb: string): V | undefined {
    const scratch = this.#take();
    try {
      const result = this.#map.library.fn(call)(this.#map.use(), 0, scratch.outAt);
      if (result === 0) return this.#value.read(scratch.out, 0);
      if (result === -ENOENT) return undefined;
      throw this.#map.failure(result, call, verb);
    } catch (e) {
      if (isValueError(e)) readChecked(this.#value, scratch.out, 0, this.#path);
      throw e;
    } finally {
      this.#scratch = scratch;
    }
  }

  #take(): Scratch {
    const scratch = this.#scratch ?? makeScratch(0, this.#map.wholeSize);
    this.#scratch = undefined;
    return scratch;
  }

  #flags(mode: unknown): number {
    if (mode === "any" || mode === "overwrite") return modes[mode];
    const path = `map ${this.name}: mode`;
    throw new ValueError(`${path}: expected "any" or "overwrite", got ${show(mode)}`, path);
  }
}

/** A map of type QUEUE. For generated code. */
export function queue<V, VInit = V>(value: Codec<V, VInit>): MapSpec<QueueMap<V, VInit>> {
  return { type: "queue", keySize: 0, valueSize: value.size, value, create: (map) => new QueueHandle(map, value) };
}

/** A map of type STACK. For generated code. */
export function stack<V, VInit = V>(value: Codec<V, VInit>): MapSpec<StackMap<V, VInit>> {
  return { type: "stack", keySize: 0, valueSize: value.size, value, create: (map) => new QueueHandle(map, value) };
}
