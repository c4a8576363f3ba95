// pidfd_open(2): a descriptor of a process, which stays that process's when its number is given to another.

import { BpfError, ValueError } from "../errors.ts";
import { ESRCH } from "../library/errno.ts";
import { bpfError } from "../library/failure.ts";
import { show } from "../memory/refuse.ts";
import { lastErrno, libc } from "../native.ts";

/** A descriptor of a process; its holder closes it. */
export interface Pidfd extends Disposable {
  /** -1 once closed. */
  readonly fd: number;
  readonly pid: number;
  /** Does nothing the second time. */
  close(): void;
}

// The same on every Linux architecture but Alpha; glibc has a function for it only since 2.36.
const pidfdOpen = 434;

/**
 * Opens a descriptor of process `pid`, for maps of type TASK_STORAGE: `using task = pidfd(process.pid)`.
 * @throws BpfError ESRCH when there is no such process, EINVAL for a thread that is not a process's first
 */
export function pidfd(pid: number): Pidfd {
  if (!Number.isInteger(pid) || pid <= 0 || pid > 0x7fffffff) {
    throw new ValueError(`pidfd: expected a process id, got ${show(pid)}`, "pid");
  }
  const { syscall, close } = libc();
  let fd = syscall(pidfdOpen, pid, 0, 0, 0, 0);
  if (fd < 0) throw failure(pid, lastErrno());
  const closeOnce = (): void => {
    if (fd >= 0) close(fd);
    fd = -1;
  };
  return {
    pid,
    get fd() {
      return fd;
    },
    close: closeOnce,
    [Symbol.dispose]: closeOnce,
  };
}

function failure(pid: number, errno: number): BpfError {
  const hint = errno === ESRCH ? `there is no process ${pid}` : undefined;
  return bpfError(undefined, { errno, syscall: "pidfd_open", hint });
}
