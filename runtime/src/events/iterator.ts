// Events as an async iterator: each is read when it is asked for, so a consumer that takes its time leaves the others in the
// kernel's buffer.

import type { Poll } from "../native/poll.ts";
import type { Reader } from "./records.ts";
import type { EventSource } from "./source.ts";
import { Stream, type Wait } from "./stream.ts";
import type { Signal } from "./types.ts";
import { watchReadable } from "./watch.ts";

/** A source, and what reads it for `take`. */
interface Reading {
  readonly source: EventSource;
  readonly read: Reader;
}

// A wake-up of a source that is not level may get lost.
const longestWait = 500;
// Records that are no events are passed over, so many without a turn of the event loop.
const mostOdd = 256;

/** The events that `start`, called when the first is asked for, reads for `take`; `onEnd` is called once, at the end. */
export function eventStream<E>(
  start: (take: (event: E) => void, stream: Stream<E>) => Reading,
  signal: Signal | undefined,
  onEnd: (stream: Stream<E>) => void,
): Stream<E> {
  let reading: Reading | undefined;
  let taken: E | undefined;
  let poll: Poll | undefined;
  let woken = (): void => undefined;
  const take = (): E | undefined => {
    reading ??= start((event) => (taken = event), stream);
    taken = undefined;
    for (let i = 0; i < mostOdd && taken === undefined; i++) if (reading.read(reading.source, 1) === 0) break;
    return taken;
  };
  const watch = (wake: () => void): Wait => {
    const { source } = reading!;
    woken = wake;
    const watching = (poll ??= watchReadable(source.fd, () => woken()));
    watching.start();
    // What came before the poll began says nothing.
    const timer = source.isLevel ? undefined : setTimeout(wake, source.ready ? 0 : longestWait);
    return {
      close() {
        clearTimeout(timer);
        watching.stop();
      },
    };
  };
  const stream: Stream<E> = new Stream(
    take,
    watch,
    (stream) => {
      reading?.source.halt();
      poll?.close();
      onEnd(stream);
    },
    signal,
  );
  return stream;
}
