// Perf buffers and user ring buffers as generated modules name them: their maps, and what their records are.

import type { Codec } from "../codec/codec.ts";
import type { BpfMap, MapSpec } from "../maps/core.ts";
import { PlainMap } from "../maps/plain.ts";

declare const record: unique symbol;

/** A perf buffer of records of type `E`. */
export interface PerfEventArray<E = Uint8Array> extends BpfMap {
  readonly [record]?: E;
}

/** A ring buffer to which user space writes records of type `E`. */
export interface UserRingBuf<E = Uint8Array, EInit = E> extends BpfMap {
  readonly [record]?: (value: EInit) => E;
}

type Read<C extends readonly Codec<unknown, never>[]> = C extends readonly []
  ? Uint8Array
  : C[number] extends Codec<infer E, never>
    ? E
    : never;

/** A map of type PERF_EVENT_ARRAY. For generated code. */
export function perfEventArray<C extends readonly Codec<unknown, never>[]>(
  ..._types: C
): MapSpec<PerfEventArray<Read<C>>> {
  return { type: "perf_event_array", keySize: undefined, valueSize: 4, create: (map) => new PlainMap(map) };
}

/** A map of type USER_RINGBUF. For generated code. */
export function userRingbuf<E = Uint8Array, EInit = E>(_type?: Codec<E, EInit>): MapSpec<UserRingBuf<E, EInit>> {
  return { type: "user_ringbuf", keySize: 0, valueSize: 0, create: (map) => new PlainMap(map) };
}
