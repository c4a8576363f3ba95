// What the kinds of buffers have in common: records that lie in memory, found a run at a time, and a descriptor that says when
// there are some. Finding and reading are a tight loop each, and a record costs one call, its handler's.

import type { Memory } from "../memory.ts";

/** Records of one length, one behind the other. */
export interface Run {
  m: Memory;
  /** Where the first one lies, how long each is, and how far it is from one to the next, in bytes. */
  at: number;
  length: number;
  stride: number;
  /** Whose they are, and the handler's to know; -1 where all CPUs share the buffer. */
  cpu: number;
}

/** A buffer that programs fill and this process empties. */
export interface EventSource {
  /** Readable when there is something to read. */
  readonly fd: number;
  /** Whether a poll finds `fd` readable for as long as there is something to read, and not once only. */
  readonly isLevel: boolean;
  /** What `find` found. */
  readonly run: Readonly<Run>;
  /** Begins a pass over what is there now. */
  begin(): void;
  /** Finds the next records of the pass, at most `max` of them; gives how many. */
  find(max: number): number;
  /** The first `count` of the run are read. */
  release(count: number): void;
  /** Ends the pass: what is read is free to be overwritten. */
  end(): void;
  /** Whether the pass was told to end. */
  readonly halted: boolean;
  /** Has the pass under way, if any, end with the record that is being read. */
  halt(): void;
  /** Whether a pass would find something. */
  readonly ready: boolean;
  close(): void;
}
