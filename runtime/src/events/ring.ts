// The consumer's side of a BPF ring buffer (kernel/bpf/ringbuf.c): records are read where the kernel put them.

import type { MapCore } from "../maps/core.ts";
import { UnsupportedError } from "../errors.ts";
import type { Memory } from "../memory.ts";
import { hostIsLittleEndian } from "../memory/numbers.ts";
import { hostMemory, libc } from "../native.ts";
import { mapMemory, type Mapping } from "../native/mapping.ts";
import { type Records, Undecoded } from "./records.ts";

// BPF_RINGBUF_BUSY_BIT is the sign of a header, BPF_RINGBUF_DISCARD_BIT the next bit; BPF_RINGBUF_HDR_SZ.
const discarded = 1 << 30;
const lengthBits = discarded - 1;
const headerSize = 8;

// Positions are `unsigned long`: their lower halves tell all that is asked here.
const lowWord = hostIsLittleEndian ? 0 : 1;

// Room is given back to producers at least this often, in bytes.
const longestUnpublished = 65_536;

// With its data mapped twice it must fit into 4 GiB.
const largest = 2 ** 30;

/** A ring buffer's memory: the consumer's page, and the producer's page with the data, twice in a row. */
export class Ring {
  readonly #consumer: BigUint64Array;
  readonly #words: Int32Array;
  readonly #memory: Memory;
  readonly #page: number;
  readonly #mask: number;
  readonly #chunk: number;
  readonly #mappings: readonly Mapping[];
  #open = true;

  constructor(map: MapCore) {
    const size = map.maxEntries;
    if (size > largest) throw new UnsupportedError(`map ${map.name}: expected at most 1 GiB, got ${size} bytes`);
    this.#page = libc().getpagesize();
    this.#mask = size - 1;
    this.#chunk = Math.min(longestUnpublished, size >> 2);
    const consumer = mapOrThrow(map, this.#page, true, 0);
    let producer: Mapping;
    try {
      producer = mapOrThrow(map, this.#page + 2 * size, false, this.#page);
    } catch (e) {
      consumer.close();
      throw e;
    }
    this.#mappings = [consumer, producer];
    this.#consumer = new BigUint64Array(consumer.buffer, 0, 1);
    this.#words = new Int32Array(producer.buffer);
    this.#memory = hostMemory(new Uint8Array(producer.buffer));
  }

  /** Late reads find zeros. */
  close(): void {
    this.#open = false;
    for (const mapping of this.#mappings) mapping.close();
  }

  /** Bytes between the consumer's and the producer's position, headers included. */
  available(): number {
    return (
      ((Atomics.load(this.#words, lowWord) | 0) - Number(BigInt.asIntN(32, Atomics.load(this.#consumer, 0)))) >>> 0
    );
  }

  /**
   * Gives `fn` the events that are there, at most `budget`, and `unknown` what is none; returns how many events those were.
   * What was given counts as consumed, also when `fn` throws.
   */
  drain<E>(
    records: Records<E>,
    fn: (event: E) => void,
    unknown: (bytes: Uint8Array, reason: string) => void,
    budget: number,
    isOpen: () => boolean,
  ): number {
    const words = this.#words;
    const memory = this.#memory;
    const page = this.#page;
    const mask = this.#mask;
    const { size, read } = records;
    let position = Number(Atomics.load(this.#consumer, 0));
    let next = position | 0;
    let published = next;
    let events = 0;
    for (let more = events < budget; more;) {
      const produced = Atomics.load(words, lowWord);
      if (produced === next) break;
      try {
        do {
          const head = page + (next & mask);
          const header = Atomics.load(words, head >>> 2);
          if (header < 0) {
            more = false;
            break;
          }
          const length = header & lengthBits;
          next = (next + ((length + headerSize + 7) & -8)) | 0;
          if ((header & discarded) !== 0) continue;
          const at = head + headerSize;
          let event: E | Undecoded;
          try {
            event = length === size ? read(memory, at) : records.readAny(memory, at, length);
          } catch (e) {
            event = records.explain(memory, at, length, e);
          }
          if (event instanceof Undecoded) unknown(memory.bytes(at, length), event.reason);
          else {
            events++;
            fn(event);
          }
          more = events < budget && this.#open && isOpen();
        } while (more && next !== produced && ((next - published) | 0) < this.#chunk);
      } finally {
        position += (next - published) >>> 0;
        published = next;
        // The kernel wakes only a consumer that has caught up (bpf_ringbuf_commit): after this the producer is asked again.
        Atomics.store(this.#consumer, 0, BigInt(position));
      }
    }
    return events;
  }
}

function mapOrThrow(map: MapCore, size: number, writable: boolean, offset: number): Mapping {
  const mapped = mapMemory(map.use(), size, writable, offset);
  if (typeof mapped !== "number") return mapped;
  throw map.failure(-mapped, "mmap", "consume", "the map is frozen, or this process may not write to it");
}
