// What the kinds of buffers have in common: records that lie in memory, and a descriptor that says when there are some.

import type { Memory } from "../memory.ts";

/** Takes one record: `length` bytes at `at` of `m`, until it returns. */
export type OnRecord = (m: Memory, at: number, length: number, cpu: number) => void;

/** A buffer that programs fill and this process empties. */
export interface EventSource {
  /** Readable when there is something to read. */
  readonly fd: number;
  /** Whether a poll finds `fd` readable for as long as there is something to read, and not once only. */
  readonly isLevel: boolean;
  /** Hands out at most `max` records; gives how many. What `on` throws goes through, and its record counts as read. */
  drain(max: number, on: OnRecord): number;
  /** Ends the drain under way, if any, after the record that it has handed out. */
  halt(): void;
  /** Whether a drain would find something. */
  readonly ready: boolean;
  close(): void;
}
