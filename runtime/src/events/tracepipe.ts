// bpf_printk of running programs as an async iterator over lines.

import { ValueError } from "../errors.ts";
import { show } from "../memory/refuse.ts";
import { openTraceInstance, type TraceInstance } from "./traceinstance.ts";
import { type LostLines, parseTrace, type TraceLine } from "./traceline.ts";
import { watch } from "./watch.ts";

/** What of an AbortSignal is used. */
export interface TraceSignal {
  readonly aborted: boolean;
  readonly reason?: unknown;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** Which lines, and for how long. */
export interface TracePipeOptions {
  /** Ends the iteration: it rejects with the signal's reason. */
  readonly signal?: TraceSignal | undefined;
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
  const { signal } = options;
  const pids = checkPids(options.pid);
  return new LinesOf(signal?.aborted === true ? undefined : openTraceInstance(pids), options);
}

// A wake-up may get lost where the kernel has no irq_work: then lines come as late as this.
const longestWait = 1000;

class LinesOf implements TracePipe {
  readonly #options: TracePipeOptions;
  readonly #lines: AsyncGenerator<TraceLine, undefined, undefined>;
  readonly #onAbort = (): void => this.close();
  #instance: TraceInstance | undefined;
  #wake: (() => void) | undefined;

  constructor(instance: TraceInstance | undefined, options: TracePipeOptions) {
    this.#instance = instance;
    this.#options = options;
    this.#lines = this.#read();
    options.signal?.addEventListener("abort", this.#onAbort);
  }

  next(): Promise<IteratorResult<TraceLine, undefined>> {
    return this.#lines.next();
  }

  return(): Promise<IteratorResult<TraceLine, undefined>> {
    this.close();
    return this.#lines.return(undefined);
  }

  close(): void {
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    // The wait ends before the descriptor.
    this.#wake?.();
    this.#instance?.close();
    this.#instance = undefined;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async *#read(): AsyncGenerator<TraceLine, undefined, undefined> {
    const { prefix = "", lost, signal } = this.#options;
    try {
      for (;;) {
        const bytes = this.#instance?.read();
        for (const found of bytes === undefined ? [] : parseTrace(bytes)) {
          if (this.#instance === undefined) break;
          if ("lost" in found) lost?.(found);
          else if (found.text.startsWith(prefix)) yield found;
        }
        if (signal?.aborted === true) throw signal.reason;
        if (this.#instance === undefined) return undefined;
        // Also with more to read: a flood of lines must let timers and sockets live.
        await this.#wait(this.#instance.fd);
      }
    } finally {
      this.close();
    }
  }

  #wait(fd: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#wake = undefined;
        waiting.close();
        resolve();
      };
      this.#wake = wake;
      const waiting = watch(fd, longestWait, wake);
    });
  }
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
