// An instance of the kernel's tracing that hears bpf_printk alone: reading the machine's own trace_pipe would take the lines
// from everybody else who reads it (Documentation/trace/ftrace.rst, "Instances").

import { UnsupportedError } from "../errors.ts";
import { EACCES, EEXIST, ENOENT, EPERM } from "../library/errno.ts";
import { bpfError } from "../library/failure.ts";
import { tracefs } from "../library/host.ts";

const where = "tracePipe";
const prefix = "ebpf-skel-";
const event = "events/bpf_trace/bpf_trace_printk";

// More than one read gives (TRACE_SEQ_BUFFER_SIZE), so that each gives whole lines.
const readSize = 0x1_0000;

/** A trace_pipe of one's own. */
export interface TraceInstance {
  /** Readable when there are lines. */
  readonly fd: number;
  /** Some of the lines that are there, whole ones; undefined when there are none. */
  read(): Uint8Array | undefined;
  /** Removes the instance. Does nothing the second time. */
  close(): void;
}

type NodeFs = ReturnType<typeof process.getBuiltinModule<"node:fs">>;

/** What fs throws. */
type FsError = Error & { readonly errno?: number; readonly code?: string };

/**
 * An instance that hears the bpf_printk of every program, or of those that run in the threads `pids`.
 * @throws UnsupportedError where there is no tracefs, or no such event (before Linux 5.9)
 * @throws BpfError where this process may not make instances
 */
export function openTraceInstance(pids: readonly number[]): TraceInstance {
  const fs = process.getBuiltinModule("node:fs");
  const root = tracefs();
  if (root === undefined) {
    throw new UnsupportedError(`${where}: tracefs is not mounted (mount -t tracefs tracefs /sys/kernel/tracing)`);
  }
  const path = explained(`${root.path}/instances`, () => make(fs, `${root.path}/instances`));
  let fd = -1;
  const close = (): void => {
    if (!open.delete(close)) return;
    // The kernel removes no instance that is being read.
    if (fd >= 0) fs.closeSync(fd);
    fd = -1;
    fs.rmdirSync(path);
  };
  closeAtExit(close);
  try {
    explained(`${path}/${event}`, () => listen(fs, path, pids));
    fd = explained(path, () => fs.openSync(`${path}/trace_pipe`, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK));
  } catch (e) {
    close();
    throw e;
  }
  const buffer = new Uint8Array(readSize);
  const read = (): Uint8Array | undefined => {
    try {
      const length = fs.readSync(fd, buffer);
      return length > 0 ? buffer.subarray(0, length) : undefined;
    } catch (e) {
      if ((e as FsError).code === "EAGAIN") return undefined;
      throw e;
    }
  };
  return { fd, read, close };
}

let made = 0;

function make(fs: NodeFs, instances: string): string {
  sweep(fs, instances);
  for (;;) {
    const path = `${instances}/${prefix}${process.pid}-${made++}`;
    try {
      fs.mkdirSync(path);
      return path;
    } catch (e) {
      // Another thread of this process counts as well.
      if ((e as FsError).errno !== -EEXIST) throw e;
    }
  }
}

function listen(fs: NodeFs, path: string, pids: readonly number[]): void {
  const write = (file: string, text: string): void => fs.writeFileSync(`${path}/${file}`, text);
  // The clock of bpf_ktime_get_ns; readable with the first line, and not when half of the buffer is full.
  write("trace_clock", "mono");
  write("buffer_percent", "0");
  if (pids.length > 0) write(`${event}/filter`, pids.map((pid) => `common_pid == ${pid}`).join(" || "));
  write(`${event}/enable`, "1");
}

// What a process leaves behind that was killed. The kernel keeps the instances that are in use (EBUSY), which those of
// another pid namespace may be.
function sweep(fs: NodeFs, instances: string): void {
  for (const name of fs.readdirSync(instances)) {
    const pid = name.startsWith(prefix) ? Number.parseInt(name.slice(prefix.length), 10) : Number.NaN;
    if (Number.isNaN(pid) || fs.existsSync(`/proc/${pid}`)) continue;
    try {
      fs.rmdirSync(`${instances}/${name}`);
    } catch {
      // In use, or gone by itself.
    }
  }
}

const open = new Set<() => void>();
let listening = false;

function closeAtExit(close: () => void): void {
  open.add(close);
  if (!listening) process.on("exit", () => open.forEach((close) => close()));
  listening = true;
}

function explained<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (e) {
    const { errno = 0, syscall = "open" } = e as FsError & { readonly syscall?: string };
    if (errno === 0) throw e;
    if (-errno === ENOENT)
      throw new UnsupportedError(`${where}: no ${path} (needs Linux >= 5.9 with CONFIG_BPF_EVENTS)`);
    const hint = -errno === EACCES || -errno === EPERM ? `needs root, for ${path}` : undefined;
    throw bpfError(undefined, { errno: -errno, syscall, where, hint });
  }
}
