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
  /** While `places[place]` is `unmoved`, `check` has nothing to say: for loops that would be slow with a call more. */
  readonly places: Int32Array;
  readonly place: number;
  unmoved: number;
}

/** Of a run that nobody else can read. */
export const alone: Pick<Run, "places" | "place" | "unmoved"> = /*@__PURE__*/ Object.freeze({
  places: /*@__PURE__*/ new Int32Array(1),
  place: 0,
  unmoved: 0,
});

/** A buffer that programs fill and this process empties. */
export interface EventSource {
  /** Readable when there is something to read. */
  readonly fd: number;
  /** Whether a poll finds `fd` readable for as long as there is something to read, and not once only. */
  readonly isLevel: boolean;
  /** What `find` found. */
  readonly run: Readonly<Run>;
  /**
   * Begins to be read by one consumer. Does nothing while it is.
   * @throws StateError where somebody else reads it
   */
  take(): void;
  /** Ends what `take` began. Does nothing the second time. */
  leave(): void;
  /** Begins a pass over what is there now. */
  begin(): void;
  /** Finds the next records of the pass, at most `max` of them; gives how many. */
  find(max: number): number;
  /**
   * Called after a record was read and before anybody relies on it.
   * @throws StateError where it may have been overwritten meanwhile, as somebody else reads the buffer too
   */
  check(): void;
  /** Whether somebody else has read it since `take`: this consumer has no place in it any more. */
  readonly displaced: boolean;
  /** The first `count` of the run are read. */
  release(count: number): void;
  /** Ends the pass: what is read is free to be overwritten. */
  end(): void;
  /** Whether the pass was told to end. */
  readonly halted: boolean;
  /** Has the pass under way, if any, end with the record that is being read. */
  halt(): void;
  /** Whether there is nothing to read, and nobody else has read since this handle did, as far as that can be known without a lock. */
  readonly idle: boolean;
  /** Whether a pass would find something. */
  readonly ready: boolean;
  close(): void;
}
