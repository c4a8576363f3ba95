// Running a program once, or many times, on data of the caller's (BPF_PROG_TEST_RUN): net/bpf/test_run.c says what each
// kind takes.

import type { ProgramKind } from "../abi.ts";
import { writeChecked } from "../codec/checked.ts";
import type { Codec } from "../codec/codec.ts";
import { detailsOf } from "../codec/fields.ts";
import { type BpfError, UnsupportedError, ValueError } from "../errors.ts";
import { EINVAL, ENOSPC, ENOTSUPP } from "../library/errno.ts";
import { bpfError } from "../library/failure.ts";
import { checkU32 } from "../maps/checks.ts";
import { isBytes, show } from "../memory/refuse.ts";
import { addressOf, hostMemory } from "../native.ts";
import type { KernelProgram } from "./core.ts";

/** What a program is run on. */
export interface RunOptions<C = Uint8Array> {
  /** The packet, from its Ethernet header (at least 14 bytes), for kinds that take one. */
  readonly data?: Uint8Array | undefined;
  /**
   * The context. Where the program takes a struct of its author's, that struct; else bytes: the kernel's `struct xdp_md`,
   * `struct __sk_buff`, `struct bpf_sk_lookup`, a raw tracepoint's arguments.
   */
  readonly ctx?: C | undefined;
  /** How many times it runs, within one call that waits for all of them; once when left out. */
  readonly repeat?: number | undefined;
  /** BPF_F_TEST_*, as in linux/bpf.h. */
  readonly flags?: number | undefined;
  /** The CPU on which a raw tracepoint program runs. */
  readonly cpu?: number | undefined;
  /** Packets at once, with BPF_F_TEST_XDP_LIVE_FRAMES. */
  readonly batchSize?: number | undefined;
  /** Room for the packet as the program leaves it, in bytes; the length of `data` and 256 when left out. */
  readonly dataSizeOut?: number | undefined;
}

/** What came of it. */
export interface RunResult<C> {
  /** The program's return value as a u32: XDP_PASS is 2, -1 is 4294967295. */
  readonly retval: number;
  /** Nanoseconds of one run, the average of all; 0 for kinds that the kernel does not time. */
  readonly durationNs: number;
  /** The packet as the program left it; empty for kinds without one. */
  readonly dataOut: ReturnType<Uint8Array["slice"]>;
  /** The context as the program left it; undefined where none was given or the kernel keeps it. */
  readonly ctxOut: C;
}

// `struct bpf_test_run_opts` (bpf.h), whole since libbpf 0.8.
const opts = {
  data_in: 8,
  data_out: 16,
  data_size_in: 24,
  data_size_out: 28,
  ctx_in: 32,
  ctx_out: 40,
  ctx_size_in: 48,
  ctx_size_out: 52,
  retval: 56,
  repeat: 60,
  duration: 64,
  flags: 68,
  cpu: 72,
  batch_size: 76,
  size: 80,
} as const;

const headroom = 256;
/** More than any context that the kernel gives back: `struct __sk_buff` has 192 bytes. */
const largestContext = 512;

const BPF_F_TEST_RUN_ON_CPU = 1;
const BPF_F_TEST_XDP_LIVE_FRAMES = 2;

/** What the kernel does with the context of a kind, other than giving it back through ctx_out. */
const contexts: Readonly<Partial<Record<ProgramKind, "in place" | "kept">>> = {
  syscall: "in place",
  raw_tracepoint: "kept",
  tracing: "kept",
};

/**
 * Runs `program`. What it does besides, to maps or to the machine, it does.
 * @throws ValueError for options of the wrong type
 * @throws UnsupportedError for a kind that the kernel cannot run
 * @throws BpfError when the kernel refuses the options
 */
export function runProgram(program: KernelProgram, options: RunOptions<unknown>): RunResult<unknown> {
  const path = `program ${program.name}: run`;
  const { data, repeat = 0, cpu, batchSize = 0, dataSizeOut } = options;
  if (data !== undefined && !isBytes(data)) fail(`${path}: data`, "a Uint8Array", data);
  const flags = checkU32(options.flags ?? 0, `${path}: flags`) | (cpu === undefined ? 0 : BPF_F_TEST_RUN_ON_CPU);
  const ctx = options.ctx === undefined ? undefined : encode(program.ctx, options.ctx, `${path}: ctx`);
  const gives = (flags & BPF_F_TEST_XDP_LIVE_FRAMES) === 0;
  const room =
    data === undefined || !gives ? 0 : checkU32(dataSizeOut ?? data.length + headroom, `${path}: dataSizeOut`, 1);
  const dataOut = new Uint8Array(room);
  const context = contexts[program.kind];
  const hasOut = ctx !== undefined && context === undefined && gives;
  const ctxOut = hasOut ? new Uint8Array(Math.max(ctx.length, largestContext)) : undefined;

  const m = hostMemory(new Uint8Array(opts.size));
  m.setU64(0, BigInt(opts.size));
  point(m, opts.data_in, opts.data_size_in, data);
  point(m, opts.data_out, opts.data_size_out, dataOut);
  point(m, opts.ctx_in, opts.ctx_size_in, ctx);
  point(m, opts.ctx_out, opts.ctx_size_out, ctxOut);
  m.setU32(opts.repeat, checkU32(repeat, `${path}: repeat`));
  m.setU32(opts.flags, flags);
  m.setU32(opts.cpu, checkU32(cpu ?? 0, `${path}: cpu`));
  m.setU32(opts.batch_size, checkU32(batchSize, `${path}: batchSize`));

  // After the last getter of the caller's values, which may have closed the skeleton.
  const fd = program.use();
  const result = program.library.fn("bpf_prog_test_run_opts")(fd, addressOf(m.u8s));
  if (result < 0) throw failure(program, -result, options, { size: m.u32(opts.data_size_out), room });
  const left = context === "in place" ? ctx : ctxOut?.subarray(0, m.u32(opts.ctx_size_out));
  return {
    retval: m.u32(opts.retval),
    durationNs: m.u32(opts.duration),
    dataOut: dataOut.slice(0, room === 0 ? 0 : m.u32(opts.data_size_out)),
    ctxOut: left === undefined ? undefined : decode(program.ctx, left),
  };
}

function fail(path: string, expected: string, got: unknown): never {
  throw new ValueError(`${path}: expected ${expected}, got ${show(got)}`, path);
}

/** A pointer and its size; NULL and 0 for nothing. */
function point(m: ReturnType<typeof hostMemory>, pointer: number, size: number, bytes: Uint8Array | undefined): void {
  if (bytes === undefined || bytes.length === 0) return;
  m.setU64(pointer, BigInt(addressOf(bytes)));
  m.setU32(size, bytes.length);
}

/** A copy, since the kernel may write to it. */
function encode(codec: Codec<unknown> | undefined, value: unknown, path: string): Uint8Array {
  if (codec === undefined) return isBytes(value) ? new Uint8Array(value) : fail(path, "a Uint8Array", value);
  const size = detailsOf(codec).recordSize?.(value) ?? codec.size;
  const m = hostMemory(new Uint8Array(size));
  writeChecked(codec, m, 0, value, path);
  return m.u8s;
}

function decode(codec: Codec<unknown> | undefined, bytes: Uint8Array): unknown {
  return codec === undefined ? bytes.slice() : codec.read(hostMemory(bytes), 0);
}

function failure(
  { library, object, name, kind }: KernelProgram,
  errno: number,
  { data, ctx }: RunOptions<unknown>,
  out: { size: number; room: number },
): BpfError | UnsupportedError {
  if (errno === ENOTSUPP) {
    return new UnsupportedError(`program ${name}: run: the kernel cannot run ${kind} programs (it runs ${runnable})`);
  }
  const syscall = "bpf_prog_test_run_opts";
  const hint = errno === ENOSPC ? grown(out) : errno === EINVAL ? refused(kind, data, ctx) : undefined;
  return bpfError(library, { errno, syscall, verb: "run", object, program: name, hint });
}

// Those with a `test_run` in their `struct bpf_prog_ops`.
const runnable =
  "xdp, tc, socket, cgroup_skb, lwt, flow_dissector, sk_lookup, netfilter, syscall, raw_tracepoint, fentry and fexit";

function grown({ size, room }: { size: number; room: number }): string {
  return size > room
    ? `the packet has ${size} bytes now, and there is room for ${room}: pass dataSizeOut: ${size}`
    : "the context has grown past its room";
}

const ETH_HLEN = 14;

function refused(kind: ProgramKind, data: Uint8Array | undefined, ctx: unknown): string {
  switch (kind) {
    case "syscall":
      return ctx === undefined
        ? "syscall programs read their ctx, pass it"
        : "syscall programs take ctx alone, at least as much of it as they read";
    case "raw_tracepoint":
      return "raw tracepoint programs take ctx, at least as much of it as they read, flags and cpu";
    case "sk_lookup":
      return "sk_lookup programs take ctx, repeat and no data";
    case "tracing":
      return "fentry and fexit programs take no options, tp_btf programs and iterators cannot be run";
    default:
      if (data === undefined) return `${kind} programs run on a packet, pass data`;
      return data.length < ETH_HLEN
        ? `a packet has at least ${ETH_HLEN} bytes, its Ethernet header, and this ${data.length}`
        : "the packet is longer than a page, a member of ctx is set that the kernel chooses, or an option is not for this kind";
  }
}
