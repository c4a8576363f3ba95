// One libbpf call per kind of program: options in, a link out. What the options leave out is taken from the section.

import { UnsupportedError, ValueError } from "../errors.ts";
import { bpfError } from "../library/failure.ts";
import { withLog } from "../library/print.ts";
import type { Link } from "../link.ts";
import { makeLink } from "../link.ts";
import { show } from "../memory/refuse.ts";
import { addressOf, cString, hostMemory, lastErrno, libc } from "../native.ts";
import { type LiveLink, type ProgramCore, useProgram } from "../program/core.ts";
import { attachHint } from "./hints.ts";
import type {
  CgroupOptions,
  CookieOptions,
  KprobeOptions,
  KsyscallOptions,
  NetnsOptions,
  PerfEventOptions,
  RawTracepointOptions,
  TracepointOptions,
  UprobeOptions,
  UsdtOptions,
  XdpOptions,
} from "./options.ts";
import { exampleOptions, specOf } from "./targets.ts";

type Attached = Link & LiveLink;
type Opts = ReturnType<typeof hostMemory>;

/**
 * Runs a libbpf attach function, which gives NULL and errno when it fails. `target` is what messages call the target,
 * `opts` what the call uses by address.
 */
function attempt(core: ProgramCore, syscall: string, target: string, call: () => number, opts?: Opts): Attached {
  const { library, name: object } = core.owner;
  const run = (): { pointer: number; errno: number } => {
    const pointer = call();
    return { pointer, errno: pointer === 0 ? lastErrno() : 0 };
  };
  const { result, log } = withLog(library, run, ...(opts === undefined ? [] : [opts]));
  const { pointer, errno } = result;
  if (pointer !== 0) return makeLink(core, pointer);
  const hint = attachHint(core.kind, target, errno);
  throw bpfError(library, { errno, syscall, verb: "attach", object, program: core.name, hint, log });
}

/** A zeroed `*_opts` of `size` bytes, whose first field is its size, and room for a string behind it. */
function options(size: number, text?: Uint8Array): Opts {
  const opts = hostMemory(new Uint8Array(size + (text?.length ?? 0)));
  opts.setU64(0, BigInt(size));
  if (text !== undefined) opts.u8s.set(text, size);
  return opts;
}

function at(opts: Opts): number {
  return addressOf(opts.u8s);
}

function fail(core: ProgramCore, option: string, expected: string, got: unknown): never {
  const path = `program ${core.name}: attach: ${option}`;
  throw new ValueError(`${path}: expected ${expected}, got ${show(got)}`, path);
}

function cookieOf(core: ProgramCore, { cookie = 0n }: CookieOptions): bigint {
  if (typeof cookie !== "bigint" || BigInt.asUintN(64, cookie) !== cookie)
    fail(core, "cookie", "u64 as a bigint", cookie);
  return cookie;
}

/** A number that fits a C int, or a size. */
function numberOf(core: ProgramCore, option: string, value: unknown, least: number, most = 0x7fff_ffff): number {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return value as number;
  return fail(core, option, `a number in ${least}..${most}`, value);
}

/** A C string: not empty, and without the NUL that would end it early. */
function textOf(core: ProgramCore, option: string, value: unknown): string {
  if (typeof value === "string" && value !== "" && !value.includes("\0")) return value;
  if (value !== undefined && value !== "") fail(core, option, "a string", value);
  const path = `program ${core.name}: attach: ${option}`;
  const example = exampleOptions(core.kind);
  throw new ValueError(`${path}: missing, and SEC("${core.section}") does not say it (attach(${example}))`, path);
}

/** Runs `use` with a descriptor of `file`, and closes it again where this opened it. */
function withFd<T>(core: ProgramCore, option: string, file: unknown, use: (fd: number, name: string) => T): T {
  if (typeof file === "number") return use(numberOf(core, option, file, 0), `descriptor ${file}`);
  const path = textOf(core, option, file);
  const { openSync, closeSync, constants } = process.getBuiltinModule("node:fs");
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY);
  } catch (cause) {
    const { code = "EIO", errno = -5 } = cause as NodeJS.ErrnoException;
    const { library, name: object } = core.owner;
    const hint = `cannot open ${path}, ${code === "ENOENT" ? "it is not there" : code}`;
    throw bpfError(library, { errno: -errno, syscall: "open", verb: "attach", object, program: core.name, hint });
  }
  try {
    return use(fd, path);
  } finally {
    closeSync(fd);
  }
}

/** What the section says. */
export function attachBySection(core: ProgramCore): Attached {
  useProgram(core);
  const attach = core.owner.library.fn("bpf_program__attach");
  return attempt(core, "bpf_program__attach", specOf(core.section), () => attach(core.pointer));
}

export function attachTracepoint(core: ProgramCore, given: TracepointOptions): Attached {
  const [ownCategory, ...rest] = specOf(core.section).split("/");
  const category = textOf(core, "category", given.category ?? ownCategory);
  const name = textOf(core, "name", given.name ?? rest.join("/"));
  const opts = options(16);
  opts.setU64(8, cookieOf(core, given));
  useProgram(core);
  const attach = core.owner.library.fn("bpf_program__attach_tracepoint_opts");
  return attempt(
    core,
    "bpf_program__attach_tracepoint_opts",
    `${category}/${name}`,
    () => attach(core.pointer, category, name, at(opts)),
    opts,
  );
}

export function attachRawTracepoint(core: ProgramCore, given: RawTracepointOptions): Attached {
  const name = textOf(core, "name", given.name ?? specOf(core.section));
  const cookie = cookieOf(core, given);
  useProgram(core);
  const { library } = core.owner;
  if (cookie === 0n) {
    const attach = library.fn("bpf_program__attach_raw_tracepoint");
    return attempt(core, "bpf_program__attach_raw_tracepoint", name, () => attach(core.pointer, name));
  }
  const opts = options(16);
  opts.setU64(8, cookie);
  const attach = library.fn("bpf_program__attach_raw_tracepoint_opts");
  return attempt(
    core,
    "bpf_program__attach_raw_tracepoint_opts",
    name,
    () => attach(core.pointer, name, at(opts)),
    opts,
  );
}

export function attachKprobe(core: ProgramCore, given: KprobeOptions): Attached {
  const [, ownFunc, ownOffset = "0"] = /^([^+]*)(?:\+(.*))?$/.exec(specOf(core.section)) ?? [];
  const func = textOf(core, "func", given.func ?? ownFunc);
  const offset = numberOf(core, "offset", given.offset ?? (given.func === undefined ? Number(ownOffset) : 0), 0);
  const opts = options(32);
  opts.setU64(8, cookieOf(core, given));
  opts.setU64(16, BigInt(offset));
  opts.setBool(24, given.retprobe ?? core.section.startsWith("kretprobe"));
  useProgram(core);
  const attach = core.owner.library.fn("bpf_program__attach_kprobe_opts");
  return attempt(core, "bpf_program__attach_kprobe_opts", func, () => attach(core.pointer, func, at(opts)), opts);
}

export function attachKsyscall(core: ProgramCore, given: KsyscallOptions): Attached {
  const name = textOf(core, "name", given.name ?? specOf(core.section));
  const opts = options(24);
  opts.setU64(8, cookieOf(core, given));
  opts.setBool(16, given.retprobe ?? core.section.startsWith("kretsyscall"));
  useProgram(core);
  const attach = core.owner.library.fn("bpf_program__attach_ksyscall");
  return attempt(core, "bpf_program__attach_ksyscall", name, () => attach(core.pointer, name, at(opts)), opts);
}

export function attachUprobe(core: ProgramCore, given: UprobeOptions): Attached {
  const path = textOf(core, "path", given.path);
  const func = given.func === undefined ? undefined : textOf(core, "func", given.func);
  const offset = numberOf(core, "offset", given.offset ?? 0, 0, Number.MAX_SAFE_INTEGER);
  const pid = given.pid === undefined ? -1 : numberOf(core, "pid", given.pid, 1);
  const size = 40;
  const opts = options(size, func === undefined ? undefined : cString(func));
  opts.setU64(16, cookieOf(core, given));
  opts.setBool(24, given.retprobe ?? core.section.startsWith("uretprobe"));
  if (func !== undefined) opts.setU64(32, BigInt(at(opts) + size));
  useProgram(core);
  const attach = core.owner.library.fn("bpf_program__attach_uprobe_opts");
  const target = func === undefined ? path : `${path}:${func}`;
  return attempt(
    core,
    "bpf_program__attach_uprobe_opts",
    target,
    () => attach(core.pointer, pid, path, offset, at(opts)),
    opts,
  );
}

export function attachUsdt(core: ProgramCore, given: UsdtOptions): Attached {
  const path = textOf(core, "path", given.path);
  const provider = textOf(core, "provider", given.provider);
  const name = textOf(core, "name", given.name);
  const pid = given.pid === undefined ? -1 : numberOf(core, "pid", given.pid, 1);
  const opts = options(16);
  opts.setU64(8, cookieOf(core, given));
  useProgram(core);
  const attach = core.owner.library.fn("bpf_program__attach_usdt");
  return attempt(
    core,
    "bpf_program__attach_usdt",
    `${path}:${provider}:${name}`,
    () => attach(core.pointer, pid, path, provider, name, at(opts)),
    opts,
  );
}

export function attachTrace(core: ProgramCore, given: CookieOptions): Attached {
  const cookie = cookieOf(core, given);
  if (cookie === 0n) return attachBySection(core);
  const opts = options(16);
  opts.setU64(8, cookie);
  useProgram(core);
  const attach = core.owner.library.fn("bpf_program__attach_trace_opts");
  const target = specOf(core.section);
  return attempt(core, "bpf_program__attach_trace_opts", target, () => attach(core.pointer, at(opts)), opts);
}

export function attachXdp(core: ProgramCore, given: XdpOptions): Attached {
  const ifindex = numberOf(core, "ifindex", given.ifindex, 1);
  useProgram(core);
  const attach = core.owner.library.fn("bpf_program__attach_xdp");
  return attempt(core, "bpf_program__attach_xdp", `${ifindex}`, () => attach(core.pointer, ifindex));
}

export function attachCgroup(core: ProgramCore, given: CgroupOptions): Attached {
  useProgram(core);
  const attach = core.owner.library.fn("bpf_program__attach_cgroup");
  return withFd(core, "cgroup", given.cgroup, (fd, name) =>
    attempt(core, "bpf_program__attach_cgroup", name, () => attach(core.pointer, fd)),
  );
}

export function attachNetns(core: ProgramCore, given: NetnsOptions): Attached {
  useProgram(core);
  const attach = core.owner.library.fn("bpf_program__attach_netns");
  return withFd(core, "netns", given.netns, (fd, name) =>
    attempt(core, "bpf_program__attach_netns", name, () => attach(core.pointer, fd)),
  );
}

// linux/fcntl.h
const F_DUPFD_CLOEXEC = 1030;

export function attachPerfEvent(core: ProgramCore, given: PerfEventOptions): Attached {
  const opts = options(16);
  opts.setU64(8, cookieOf(core, given));
  useProgram(core);
  const attach = core.owner.library.fn("bpf_program__attach_perf_event_opts");
  const { fcntl, close } = libc();
  // libbpf's link closes the descriptor that it is given, and the user's stays the user's.
  const fd = fcntl(numberOf(core, "fd", given.fd, 0), F_DUPFD_CLOEXEC, 3);
  if (fd < 0) fail(core, "fd", "an open descriptor", given.fd);
  try {
    return attempt(
      core,
      "bpf_program__attach_perf_event_opts",
      `descriptor ${given.fd}`,
      () => attach(core.pointer, fd, at(opts)),
      opts,
    );
  } catch (e) {
    close(fd);
    throw e;
  }
}

/** The error for a program that ebpf-skel does not attach. */
export function unsupported(core: ProgramCore, why: string): UnsupportedError {
  return new UnsupportedError(`program ${core.name}: ebpf-skel cannot attach ${core.kind} programs yet (${why})`);
}
