// Ring buffers as generated modules name them.

import type { Codec } from "../codec/codec.ts";
import type { BpfMap, MapSpec } from "../maps/core.ts";
import { PlainMap } from "../maps/plain.ts";

declare const record: unique symbol;

/** A ring buffer of records of type `E`. */
export interface RingBuf<E = Uint8Array> extends BpfMap {
  readonly [record]?: E;
}

type Read<C extends readonly Codec<unknown, never>[]> = C extends readonly []
  ? Uint8Array
  : C[number] extends Codec<infer E, never>
    ? E
    : never;

/** A map of type RINGBUF. For generated code. */
export function ringbuf<C extends readonly Codec<unknown, never>[]>(..._types: C): MapSpec<RingBuf<Read<C>>> {
  return { type: "ringbuf", keySize: 0, valueSize: 0, create: (map) => new PlainMap(map) };
}
