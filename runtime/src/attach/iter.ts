// Iterators: a link that says what to go through, and readers that each go through it once (bpf_iter_create).

import { bpfError } from "../library/failure.ts";
import { zeroed } from "../library/syscalls.ts";
import type { Link } from "../link.ts";
import { type CloseFd, ownFd } from "../library/threadend.ts";
import { type LiveLink, type ProgramCore, useProgram } from "../program/core.ts";
import { type Attached, attempt } from "./attempt.ts";
import { at, fail, handleOf, numberOf, optionsOf, withFd, wordOf } from "./check.ts";
import type { IterOptions } from "./options.ts";
import { specOf } from "./targets.ts";

/** An attached iterator: each reading runs its program over everything anew. */
export interface IterLink extends Link, AsyncIterable<string> {
  /**
   * The text that the program writes (`bpf_seq_printf`), all of it.
   * @throws BpfError when the program, or the kernel for it, fails
   */
  read(): string;
  /** The same in chunks as the kernel gives them, read on another thread: a large one is never in memory as a whole. */
  [Symbol.asyncIterator](): AsyncIterableIterator<string>;
}

// `enum bpf_cgroup_iter_order`
const orders = { self: 1, descendants_pre: 2, descendants_post: 3, ancestors_up: 4 };

// `union bpf_iter_link_info`
const infoSize = 16;

export function attachIter(core: ProgramCore, given: IterOptions): IterLink & LiveLink {
  return withCgroup(core, given, (cgroupFd) => {
    const info = zeroed(infoSize);
    const { map, pid, tid, order = "self" } = given;
    const said = [map, given.cgroup, pid, tid].filter((option) => option !== undefined).length;
    if (said > 1) fail(core, "options", "one of map, cgroup, pid and tid", `${said} of them`);
    if (map !== undefined) info.setU32(0, handleOf(core, "map", map, "the handle of a map"));
    if (cgroupFd !== undefined) {
      info.setU32(0, wordOf(core, "order", order, orders));
      info.setU32(4, cgroupFd);
    }
    if (tid !== undefined) info.setU32(0, numberOf(core, "tid", tid, 1));
    if (pid !== undefined) info.setU32(4, numberOf(core, "pid", pid, 1));
    // `struct bpf_iter_attach_opts`
    const opts = optionsOf(24);
    if (said > 0) {
      opts.setU64(8, BigInt(at(info)));
      opts.setU32(16, infoSize);
    }
    useProgram(core);
    const attach = core.owner.library.fn("bpf_program__attach_iter");
    const target = specOf(core.section);
    const call = (): number => attach(core.pointer, at(opts));
    return readable(core, attempt(core, "bpf_program__attach_iter", target, call, opts, info));
  });
}

function withCgroup<T>(core: ProgramCore, { cgroup }: IterOptions, use: (fd: number | undefined) => T): T {
  return cgroup === undefined ? use(undefined) : withFd(core, "cgroup", cgroup, use);
}

const chunkSize = 1 << 16;

/** Adds the words for reading to a link. */
function readable(core: ProgramCore, link: Attached): IterLink & LiveLink {
  return Object.assign(link, {
    read: () => [...chunks(core, link)].join(""),
    [Symbol.asyncIterator]: () => chunksAsync(core, link),
  });
}

function open(core: ProgramCore, link: Attached): { readonly fd: number; readonly close: CloseFd } {
  const { library } = core.owner;
  const fd = library.fn("bpf_iter_create")(link.fd!);
  if (fd < 0) throw failure(core, -fd, "bpf_iter_create");
  return { fd, close: ownFd(library, fd) };
}

function failure(core: ProgramCore, errno: number, syscall: string): Error {
  const { library, name: object } = core.owner;
  return bpfError(library, { errno, syscall, verb: "read", object, program: core.name });
}

/** Whether the kernel only wants to be asked again: after a million objects without text (`bpf_seq_read`). */
function mustAskAgain(e: unknown): boolean {
  return (e as NodeJS.ErrnoException).code === "EAGAIN";
}

function readFailure(core: ProgramCore, e: unknown): Error {
  return failure(core, -((e as NodeJS.ErrnoException).errno ?? -5), "read");
}

function* chunks(core: ProgramCore, link: Attached): Generator<string> {
  const { readSync } = process.getBuiltinModule("node:fs");
  const { fd, close } = open(core, link);
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(chunkSize);
  try {
    for (;;) {
      let length: number;
      try {
        length = readSync(fd, buffer);
      } catch (e) {
        if (mustAskAgain(e)) continue;
        throw readFailure(core, e);
      }
      if (length === 0) break;
      yield decoder.decode(buffer.subarray(0, length), { stream: true });
    }
    yield decoder.decode();
  } finally {
    close();
  }
}

async function* chunksAsync(core: ProgramCore, link: Attached): AsyncGenerator<string> {
  const { read } = process.getBuiltinModule("node:fs");
  const { fd, close } = open(core, link);
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(chunkSize);
  const next = (): Promise<number> =>
    new Promise((resolve, reject) => {
      read(fd, buffer, 0, chunkSize, null, (e, length) => (e === null ? resolve(length) : reject(e)));
    });
  try {
    for (;;) {
      let length: number;
      try {
        length = await next();
      } catch (e) {
        if (mustAskAgain(e)) continue;
        throw readFailure(core, e);
      }
      if (length === 0) break;
      const text = decoder.decode(buffer.subarray(0, length), { stream: true });
      if (text !== "") yield text;
    }
    const rest = decoder.decode();
    if (rest !== "") yield rest;
  } finally {
    close();
  }
}
