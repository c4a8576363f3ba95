import type { Codec } from "../codec/codec.ts";
import type { BpfMap, MapCore, MapSpec } from "../maps/core.ts";
import { PlainMap } from "../maps/plain.ts";
import { PerfBuffers, type PerfOptions } from "./perfbuffers.ts";

export interface PerfEventArray<E = Uint8Array> extends BpfMap {
  open(options?: PerfOptions): void;
  consume(fn: (event: E, cpu: number) => void, options?: { budget?: number }): number;
  lost(): readonly number[];
}

class PerfHandle<E> extends PlainMap implements PerfEventArray<E> {
  readonly #map: MapCore;
  readonly #codecs: readonly Codec<E, never>[];
  #buffers: PerfBuffers | undefined;
  constructor(map: MapCore, codecs: readonly Codec<E, never>[]) {
    super(map);
    this.#map = map;
    this.#codecs = codecs;
    map.onClose(() => this.#buffers?.close());
  }
  open(options?: PerfOptions): void {
    this.#buffers = new PerfBuffers(this.#map, options);
  }
  lost(): readonly number[] {
    return this.#buffers?.lost ?? [];
  }
  consume(fn: (event: E, cpu: number) => void, options?: { budget?: number }): number {
    const [codec] = this.#codecs;
    return this.#buffers!.drain(options?.budget ?? Infinity, (m, at, length, cpu) =>
      fn(codec === undefined ? (m.bytes(at, length) as E) : codec.read(m, at), cpu),
    );
  }
}

export function perfEventArray(): MapSpec<PerfEventArray>;
export function perfEventArray<E extends readonly unknown[]>(
  ...codecs: { readonly [I in keyof E]: Codec<E[I], never> }
): MapSpec<PerfEventArray<E[number]>>;
export function perfEventArray(...codecs: readonly Codec<unknown, never>[]): MapSpec<PerfEventArray<unknown>> {
  return { type: "perf_event_array", keySize: 4, valueSize: 4, create: (map) => new PerfHandle(map, codecs) };
}
