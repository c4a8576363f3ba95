// bpf_printk of running programs as an async iterator over lines.

import { ValueError } from "../errors.ts";
import { show } from "../memory/refuse.ts";
import { Stream, type Wait } from "./stream.ts";
import { openTraceInstance } from "./traceinstance.ts";
import { type LostLines, parseTrace, type TraceLine } from "./traceline.ts";
import type { Signal } from "./types.ts";
import { checkOptions } from "./options.ts";
import { watchReadable } from "./watch.ts";

/** Which lines, and for how long. */
export interface TracePipeOptions {
  /** Ends the iteration: it rejects with the signal's reason. */
  readonly signal?: Signal | undefined;
  /** Of programs that run in these threads only; the first thread of a process has the process's number. The kernel sorts. */
  readonly pid?: number | readonly number[] | undefined;
  /** Only lines whose text starts with this: bpf_printk does not say which program printed, so let yours say it. */
  readonly prefix?: string | undefined;
  /** Hears of lines that the kernel dropped, because they came faster than they were read. */
  readonly lost?: ((lines: LostLines) => void) | undefined;
}

/** Lines as they come. It ends with `break`, `close` or its signal, and only then. */
export interface TracePipe extends AsyncIterableIterator<TraceLine>, Disposable {
  /** Ends the iteration. Does nothing the second time. */
  close(): void;
}

/**
 * What programs print with bpf_printk, from this call on. The kernel does not know whose program printed: what comes is
 * of all programs of the machine, unless `pid` or `prefix` tell yours. Nothing is taken from other readers, such as
 * `bpftool prog tracelog`, since the lines come through an instance of tracing of one's own.
 * @example
 * for await (const { task, pid, text } of tracePipe({ prefix: "myprog:" })) console.log(task, pid, text);
 * @throws UnsupportedError where tracefs is not mounted, and before Linux 5.9
 * @throws BpfError EACCES where this process may not make instances of tracing: needs root
 */
export function tracePipe(options: TracePipeOptions = {}): TracePipe {
  checkOptions("tracePipe", options);
  const { signal, prefix = "", lost } = options;
  const pids = checkPids(options.pid);
  const instance = signal?.aborted === true ? undefined : openTraceInstance(pids);
  const lines: TraceLine[] = [];
  const take = (): TraceLine | undefined => {
    for (let reads = 0; lines.length === 0 && reads < mostReads; reads++) {
      const bytes = instance?.read();
      if (bytes === undefined) return undefined;
      for (const found of parseTrace(bytes)) {
        if ("lost" in found) lost?.(found);
        else if (found.text.startsWith(prefix)) lines.push(found);
      }
    }
    return lines.shift();
  };
  return new Stream(
    take,
    (wake) => waitFor(instance!.fd, wake),
    () => instance?.close(),
    signal,
  );
}

// Also where no line is wanted the event loop gets its turn.
const mostReads = 16;

// A wake-up that does not come would else keep lines for ever.
const longestWait = 1000;

function waitFor(fd: number, wake: () => void): Wait {
  const poll = watchReadable(fd, wake);
  const timer = setTimeout(wake, longestWait);
  poll.start();
  return {
    close() {
      clearTimeout(timer);
      poll.close();
    },
  };
}

function checkPids(pid: unknown): readonly number[] {
  const pids: readonly unknown[] = pid === undefined ? [] : Array.isArray(pid) ? pid : [pid];
  for (const one of pids) {
    if (Number.isInteger(one) && Number(one) > 0 && Number(one) <= 0x7fff_ffff) continue;
    throw new ValueError(`tracePipe: pid: expected the number of a thread, got ${show(one)}`, "pid");
  }
  if (pid === undefined || pids.length > 0) return pids as readonly number[];
  throw new ValueError("tracePipe: pid: expected numbers of threads, got none", "pid");
}
