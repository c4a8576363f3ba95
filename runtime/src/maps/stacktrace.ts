// STACK_TRACE: what `bpf_get_stackid` collects, read as addresses (kernel/bpf/stackmap.c).

import { makeCodec } from "../codec/base.ts";
import type { Codec } from "../codec/codec.ts";
import { u32 } from "../codec/scalars.ts";
import { refuse } from "../memory/refuse.ts";
import type { MapSpec } from "./core.ts";
import { type KeyedReader, KeyedReaderHandle } from "./kernelvalues.ts";

/**
 * Stacks by the id that `bpf_get_stackid` gave the program: `get(id)` is the addresses, innermost first, of the kernel
 * (see `ksym`) or of user space. Each stays until `delete`, or until the kernel needs its bucket.
 */
export type StackTraceMap = KeyedReader<number, bigint[]>;

/** Addresses up to the first that is 0: the kernel fills the rest with zeros (`bpf_stackmap_copy`). */
function addresses(size: number): Codec<bigint[]> {
  return makeCodec<bigint[]>({
    name: "stack",
    size,
    read(m, at) {
      const found: bigint[] = [];
      for (let offset = at; offset < at + size; offset += 8) {
        const address = m.u64(offset);
        if (address === 0n) break;
        found.push(address);
      }
      return found;
    },
    write: (_m, _at, value) => refuse("nothing: only the kernel collects stacks", value),
  });
}

/** A map of type STACK_TRACE. For generated code. */
export function stackTrace(): MapSpec<StackTraceMap> {
  return {
    type: "stack_trace",
    keySize: 4,
    valueSize: undefined,
    create: (map) => new KeyedReaderHandle(map, u32, addresses(map.valueSize)),
  };
}
