// PROG_ARRAY: the programs that `bpf_tail_call` reaches. Written as descriptors, read as ids (`prog_fd_array_ops`).

import type { BpfProgram } from "../program.ts";
import type { MapSpec } from "./core.ts";
import { reference } from "./descriptor.ts";
import { type Slots, SlotsHandle } from "./slots.ts";

/**
 * A program array: `set(index, loaded.progs.next)` is where tail calls go. `get` gives the program's id, as
 * `bpftool prog show id` takes it. The programs in it must all be of one kind, that of the programs which call them; the
 * array empties when the last program and descriptor that refer to it are gone.
 */
export type ProgArray = Slots<number, BpfProgram>;

/** A map of type PROG_ARRAY. For generated code. */
export function progArray(): MapSpec<ProgArray> {
  const program = reference<BpfProgram>("a program of a skeleton");
  return { type: "prog_array", keySize: 4, valueSize: 4, create: (map) => new SlotsHandle(map, program) };
}
