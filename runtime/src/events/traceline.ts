// The text of a trace_pipe (kernel/trace/trace_output.c, `trace_print_context`) to lines of bpf_printk.

/** One bpf_printk. */
export interface TraceLine {
  /** The name of the thread in which the program ran; "<...>" where the kernel does not know it any more. */
  readonly task: string;
  /** The number of that thread (what gettid gives), in the first pid namespace. */
  readonly pid: number;
  readonly cpu: number;
  /** In nanoseconds on the clock of bpf_ktime_get_ns, to the microsecond; `ktimeToDate` makes a Date of it. */
  readonly time: bigint;
  /** What the program printed, without a newline at its end. */
  readonly text: string;
  /** All of it as the kernel wrote it. */
  readonly line: string;
}

/** Lines that the kernel dropped on one CPU, because they came faster than they were read. */
export interface LostLines {
  readonly cpu: number;
  /** 0 where the kernel does not know how many. */
  readonly lost: number;
}

// The name stands right-aligned in 16 bytes, which may be any. Between the CPU and the time are flags, as many as the
// kernel has.
const header = /^([^]{16})-(\d+) +(?:\([-\d ]+\) )?\[(\d+)\] (?:\S+ )? *(\d+)\.(\d{6}): bpf_trace_printk: /;
const dropped = /^CPU:(\d+) \[LOST (?:(\d+) )?EVENTS\]$/;

/** The lines in `bytes`, which one read of trace_pipe gave: whole ones, since a read ends between two. */
export function parseTrace(bytes: Uint8Array): (TraceLine | LostLines)[] {
  const found: (TraceLine | LostLines)[] = [];
  let entry: string[] = [];
  const finish = (): void => {
    if (entry.length > 0) found.push(parseEntry(entry.join("\n")));
    entry = [];
  };
  // A character a byte, so that columns are what the kernel counted.
  for (const line of latin1(bytes).replace(/\n$/, "").split("\n")) {
    const [, cpu, lost] = dropped.exec(line) ?? [];
    if (cpu !== undefined) {
      finish();
      found.push({ cpu: Number(cpu), lost: Number(lost ?? 0) });
    } else if (header.test(line)) {
      finish();
      entry = [line];
    } else if (entry.length > 0) entry.push(line); // the text had a newline in it
  }
  finish();
  return found;
}

function parseEntry(entry: string): TraceLine {
  const [start, task, pid, cpu, seconds, micros] = header.exec(entry)!;
  return {
    task: utf8(task!.trimStart()),
    pid: Number(pid),
    cpu: Number(cpu),
    time: BigInt(seconds!) * 1_000_000_000n + BigInt(micros!) * 1000n,
    text: utf8(entry.slice(start.length).replace(/\n$/, "")),
    line: utf8(entry),
  };
}

function latin1({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, length).toString("latin1");
}

function utf8(text: string): string {
  return Buffer.from(text, "latin1").toString("utf8");
}
