// Going through a map key by key (BPF_MAP_GET_NEXT_KEY), for kernels and maps without batches. The kernel starts again at
// the first key when the current one is gone, so this remembers what it has given, gives no key twice, and goes on from where it was.

import { EAGAIN, ENOENT } from "../library/errno.ts";
import type { functions } from "../library/functions.ts";
import type { Memory } from "../memory.ts";
import type { CFunction } from "../native.ts";
import type { MapCore } from "./core.ts";
import { aligned, area } from "./scratch.ts";

/**
 * Asks for the next key before it gives the current one, so that deleting what was given never restarts it. A map that
 * others change so fast that restarts cost more than four rounds ends the walk with EAGAIN.
 */
export class KeyWalk {
  readonly keys: Memory;
  readonly values: Memory;
  keyAt = 0;
  readonly valueAt = 0;
  readonly #map: MapCore;
  readonly #keysAt: number;
  readonly #valuesAt: number;
  readonly #bytes: Uint8Array;
  readonly #stride: number;
  readonly #flags: number;
  // What was given, in that order, and where in it each key is.
  readonly #order: string[] = [];
  readonly #given = new Map<string, number>();
  readonly #getNextKey: CFunction<(typeof functions)["bpf_map_get_next_key"]>;
  #steps: number;
  // Which of the two key areas holds the key to give next; undefined before the first and after the last.
  #ahead: 0 | 1 | undefined;
  #started = false;

  /** `flags` are those of looking up. */
  constructor(map: MapCore, flags = 0) {
    this.#map = map;
    this.#flags = flags;
    this.#stride = aligned(map.keySize);
    const buffer = new ArrayBuffer(2 * this.#stride + aligned(map.wholeSize));
    const keys = area(buffer, 0, this.#stride + map.keySize);
    const values = area(buffer, 2 * this.#stride, map.wholeSize);
    this.keys = keys.memory.asKeys();
    this.#keysAt = keys.at;
    this.#bytes = new Uint8Array(buffer);
    this.values = values.memory;
    this.#valuesAt = values.at;
    this.#getNextKey = map.library.fn("bpf_map_get_next_key");
    this.#steps = 4 * map.maxEntries + 64;
  }

  next(): boolean {
    const lookup = this.#map.library.fn("bpf_map_lookup_elem_flags");
    for (;;) {
      const fd = this.#map.use();
      if (!this.#started) {
        this.#started = true;
        this.#ahead = this.#after(undefined);
      }
      const current = this.#ahead;
      if (current === undefined) return false;
      const given = this.#text(current);
      this.#given.set(given, this.#order.push(given) - 1);
      this.#ahead = this.#after(current);
      this.keyAt = current * this.#stride;
      const result = lookup(fd, this.#keysAt + this.keyAt, this.#valuesAt, this.#flags);
      if (result === 0) return true;
      // Gone since the kernel named it.
      if (result !== -ENOENT) throw this.#map.failure(result, "bpf_map_lookup_elem_flags", "iterate");
    }
  }

  count(): number {
    let count = 0;
    while (this.next()) count++;
    return count;
  }

  /**
   * The first key after `current` that was not given yet, in the other area. Where the kernel starts again because the key
   * that was asked from is gone, this asks from the ones given before, the last first: most of them are still there.
   */
  #after(current: 0 | 1 | undefined): 0 | 1 | undefined {
    const to = current === 0 ? 1 : 0;
    const at = this.#keysAt + to * this.#stride;
    let from = current === undefined ? 0 : this.#keysAt + current * this.#stride;
    let place = this.#order.length - 1;
    let back = place;
    for (;;) {
      if (this.#steps-- <= 0) throw this.#tooFast();
      const result = this.#getNextKey(this.#map.use(), from, at);
      if (result === -ENOENT) return undefined;
      if (result < 0) throw this.#map.failure(result, "bpf_map_get_next_key", "iterate");
      const found = this.#given.get(this.#text(to));
      if (found === undefined) return to;
      // A key that was given later is on the way from the one asked from; an earlier one is where the kernel started again.
      if (found > place || back === 0) place = found;
      else {
        place = --back;
        this.#put(to, this.#order[place]!);
      }
      from = at;
    }
  }

  #text(which: 0 | 1): string {
    const from = which * this.#stride;
    return String.fromCharCode(...this.#bytes.subarray(from, from + this.#map.keySize));
  }

  #put(which: 0 | 1, key: string): void {
    const from = which * this.#stride;
    for (let i = 0; i < key.length; i++) this.#bytes[from + i] = key.charCodeAt(i);
  }

  #tooFast(): Error {
    return this.#map.failure(
      -EAGAIN,
      "bpf_map_get_next_key",
      "iterate",
      "the map changes faster than it can be walked",
    );
  }
}
