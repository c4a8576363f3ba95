// Why a BPF token was not had, or is none: libbpf makes one of the BPF file system that LIBBPF_BPF_TOKEN_PATH names, and says
// no more than the errno (libbpf.c, `bpf_object_prepare_token`; kernel/bpf/token.c, `bpf_token_create`).

import type { Library } from "../library.ts";
import { EACCES, EINVAL, ENOENT, ENOTDIR, EOPNOTSUPP, EPERM } from "../library/errno.ts";
import { possible } from "../library/failure.ts";
import { isAtLeast, kernelRelease } from "../library/kernel.ts";
import { isBpffs } from "../library/pinfile.ts";

const variable = "LIBBPF_BPF_TOKEN_PATH";

/** Of a load that failed for want of a token, by what libbpf printed; undefined where it is not that. */
export function tokenHint(log: string): string | undefined {
  const [, text, step, path] =
    /failed \((-\d+)\) to (open|create) BPF (?:FS mount at|token from) '([^']*)'/.exec(log) ?? [];
  if (text === undefined || path === undefined) return undefined;
  const why = step === "open" ? notOpened(-Number(text), path) : notMade(-Number(text), path);
  return why === undefined ? undefined : `no BPF token: ${why} (${variable})`;
}

function notOpened(errno: number, path: string): string | undefined {
  switch (errno) {
    case ENOENT:
      return `${path} is not there`;
    case ENOTDIR:
      return `${path} is no directory`;
    case EACCES:
      return `this process may not open ${path}`;
    default:
      return undefined;
  }
}

function notMade(errno: number, path: string): string | undefined {
  switch (errno) {
    case EINVAL: {
      if (isBpffs(path) === false)
        return `${path} is no BPF file system: mount one there, with delegate_cmds and its like`;
      const release = kernelRelease();
      return isAtLeast(release, "6.9")
        ? `${path} is not where its BPF file system is mounted`
        : `tokens need Linux >= 6.9, this is ${release}`;
    }
    case EOPNOTSUPP:
      return `${path} is of the initial user namespace, where there are no tokens: unset the variable`;
    case ENOENT:
      return `${path} is mounted without delegation: mount it with delegate_cmds, delegate_maps, delegate_progs and delegate_attachs`;
    case EPERM:
      return possible(
        `${path} is of another user namespace than this process`,
        "CAP_BPF is missing in it",
        "a security module forbids it",
      );
    case EACCES:
      return `this process may not enter ${path}`;
    default:
      return undefined;
  }
}

/** Of a load that is not permitted although a token is asked for. */
export function tokenLacks(library: Library): string | undefined {
  const path = process.env[variable];
  if (path === undefined || path === "") return undefined;
  if (!library.atLeast(1, 4)) return `libbpf ${library.version} knows no BPF tokens: ${variable} needs libbpf >= 1.4`;
  return possible(
    `the token of ${path} does not allow all that is loaded, see delegate_maps and its like in /proc/self/mounts`,
    "a security module forbids it",
  );
}
