// Programs of sockets and of infrared receivers, which older kernels, or all, have no links for.

import { ValueError } from "../errors.ts";
import { EINVAL } from "../library/errno.ts";
import { idOf } from "../library/info.ts";
import { readMapInfo } from "../library/mapinfo.ts";
import { attachTypes } from "../abi/kernel.ts";
import { makeLink } from "../link.ts";
import { type Ended, kernelLink, withoutLink } from "../link/held.ts";
import { checked, socketOf } from "../maps/descriptor.ts";
import { addressOf, duplicate, lastErrno, libc } from "../native.ts";
import { type ProgramCore, useProgram } from "../program/core.ts";
import { type Attached, attachFailure, attachTypeOf, createLink } from "./attempt.ts";
import { fail, handleOf, withFd, wordOf } from "./check.ts";
import type { LircOptions, SocketOptions, SockmapOptions } from "./options.ts";

const attachTypeNumber = (name: string): number => attachTypes.indexOf(name);

export function attachSockmap(core: ProgramCore, given: SockmapOptions): Attached {
  const mapFd = handleOf(core, "map", given.map, "the handle of a sockmap or sockhash");
  const attachType = sockmapHook(core, given.hook);
  const programFd = useProgram(core);
  const { library } = core.owner;
  const mapId = idOf(library, mapFd) ?? 0;
  // Links of sockmaps came with Linux 6.10; EINVAL is what it was before, and what is wrong is wrong for both ways.
  const linkFd = createLink(core, { target: mapFd, name: "", attachType });
  const why = (errno: number): string | undefined => {
    const info = errno === EINVAL ? readMapInfo(library, mapFd) : errno;
    const isOther = typeof info !== "number" && !/^sock(map|hash)$/.test(info.type);
    return isOther ? `map ${mapId} is of type ${info.type}, not sockmap or sockhash` : undefined;
  };
  if (linkFd >= 0) return makeLink(core, kernelLink(core.owner.library, linkFd));
  if (linkFd !== -EINVAL) throw attachFailure(core, "BPF_LINK_CREATE", `map ${mapId}`, -linkFd);
  const result = library.fn("bpf_prog_attach")(programFd, mapFd, attachType, 0);
  if (result < 0) throw attachFailure(core, "bpf_prog_attach", `map ${mapId}`, -result, undefined, why(-result));
  return legacy(core, mapFd, attachType, { type: "sockmap", mapId, attachType: attachTypes[attachType]! });
}

/** SEC("sk_skb") alone has no attach type. */
function sockmapHook(core: ProgramCore, hook: string | undefined): number {
  const own = attachTypeOf(core);
  if (own !== 0) return hook === undefined ? own : fail(core, "hook", `none, SEC("${core.section}") says it`, hook);
  return wordOf(core, "hook", hook, {
    stream_parser: attachTypeNumber("sk_skb_stream_parser"),
    stream_verdict: attachTypeNumber("sk_skb_stream_verdict"),
    verdict: attachTypeNumber("sk_skb_verdict"),
  });
}

export function attachLirc(core: ProgramCore, given: LircOptions): Attached {
  const programFd = useProgram(core);
  const attachType = attachTypeNumber("lirc_mode2");
  return withFd(core, "lirc", given.lirc, (fd, name) => {
    const result = core.owner.library.fn("bpf_prog_attach")(programFd, fd, attachType, 0);
    if (result < 0) throw attachFailure(core, "bpf_prog_attach", name, -result);
    return legacy(core, fd, attachType, { type: "lirc" });
  });
}

/** An attachment by bpf_prog_attach, which ends by the same three: copies of both descriptors are there for the end. */
function legacy(
  core: ProgramCore,
  targetFd: number,
  attachType: number,
  info: Parameters<typeof withoutLink>[0],
): Attached {
  const { close } = libc();
  const { library } = core.owner;
  const copies = [targetFd, useProgram(core)].map(duplicate) as [number, number];
  const [target, program] = copies;
  const failed = copies.find((copy) => copy < 0);
  if (failed !== undefined) {
    library.fn("bpf_prog_detach2")(useProgram(core), targetFd, attachType);
    for (const copy of copies) if (copy >= 0) close(copy);
    throw attachFailure(core, "fcntl", info.type, -failed);
  }
  return makeLink(
    core,
    withoutLink(info, () => {
      const result = library.fn("bpf_prog_detach2")(program, target, attachType);
      close(target);
      close(program);
      return { result, syscall: "bpf_prog_detach2" };
    }),
  );
}

// asm-generic/socket.h, the same on every architecture that Node runs on
const SOL_SOCKET = 1;
const SO_DETACH_FILTER = 27;
const SO_ATTACH_BPF = 50;
const SO_ATTACH_REUSEPORT_EBPF = 52;
const SO_DETACH_REUSEPORT_BPF = 68;

export function attachSocket(core: ProgramCore, given: SocketOptions): Attached {
  return bySocketOption(core, given, SO_ATTACH_BPF, SO_DETACH_FILTER);
}

export function attachReuseport(core: ProgramCore, given: SocketOptions): Attached {
  return bySocketOption(core, given, SO_ATTACH_REUSEPORT_EBPF, SO_DETACH_REUSEPORT_BPF);
}

function bySocketOption(core: ProgramCore, given: SocketOptions, attach: number, detach: number): Attached {
  const path = `program ${core.name}: attach: socket`;
  const fd = checked(() => socketOf(given.socket), path);
  const socket = nameOf(fd);
  if (!socket.startsWith("socket:")) throw new ValueError(`${path}: expected a socket, got descriptor ${fd}`, path);
  const set = (option: number, value: number): number => {
    const bytes = new Int32Array([value]);
    return libc().setsockopt(fd, SOL_SOCKET, option, addressOf(bytes.buffer), 4) < 0 ? -lastErrno() : 0;
  };
  const replace = (program: ProgramCore): Ended => ({
    result: nameOf(fd) === socket ? set(attach, useProgram(program)) : 0,
    syscall: "setsockopt",
  });
  const { result, syscall } = replace(core);
  if (result < 0) throw attachFailure(core, syscall, socket, -result);
  // A copy of the descriptor would keep the socket open after its owner has closed it. Once it is closed there is nothing
  // to detach, and its number may be another's.
  const undo = (): Ended => ({ result: nameOf(fd) === socket ? set(detach, 0) : 0, syscall });
  return makeLink(core, withoutLink({ type: "socket" }, undo, replace));
}

/** "socket:[4711]", which no two sockets have at a time; "" for a descriptor that is closed. */
function nameOf(fd: number): string {
  try {
    return process.getBuiltinModule("node:fs").readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return "";
  }
}
