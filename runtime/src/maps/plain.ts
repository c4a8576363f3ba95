// The handle of a map of a kind that has no typed verbs: what it is, and its descriptor for other libraries. The handles
// of the other kinds extend it.

import { EBUSY } from "../library/errno.ts";
import { isFrozen } from "../library/mapinfo.ts";
import type { BpfMap, MapCore, MapSpec } from "./core.ts";
import { describeMap, type MapInfo } from "./info.ts";
import { pinMap, unpinMap } from "./pins.ts";

/** What every map handle says of its map. */
export class PlainMap implements BpfMap {
  readonly #core: MapCore;

  constructor(core: MapCore) {
    this.#core = core;
  }

  get name(): string {
    return this.#core.name;
  }
  get type(): string {
    return this.#core.type;
  }
  get fd(): number {
    return this.#core.fd;
  }
  get id(): number {
    return this.#core.id;
  }
  get keySize(): number {
    return this.#core.keySize;
  }
  get valueSize(): number {
    return this.#core.valueSize;
  }
  get maxEntries(): number {
    return this.#core.maxEntries;
  }

  get info(): MapInfo {
    return describeMap(this.#core);
  }

  freeze(): void {
    const result = this.#core.library.fn("bpf_map_freeze")(this.#core.use());
    if (result === 0) return;
    const busy = (): string =>
      isFrozen(this.#core.use()) ? "it is frozen already" : "a process has it mapped for writing, or writes to it now";
    const hint = result === -EBUSY ? busy() : undefined;
    throw this.#core.failure(result, "bpf_map_freeze", "freeze", hint);
  }

  pin(path: string): void {
    pinMap(this.#core, path);
  }

  unpin(path: string): void {
    unpinMap(this.#core, path);
  }
}

/** A map of any kind: `type` as the kernel calls it, without BPF_MAP_TYPE_ and in lower case. For generated code. */
export function map(type: string): MapSpec<BpfMap> {
  return { type, keySize: undefined, valueSize: undefined, create: (core) => new PlainMap(core) };
}
