// Run statistics of programs: counted by the kernel while somebody holds a descriptor of BPF_ENABLE_STATS.

import { openLibrary } from "../library.ts";
import { EINVAL, EPERM } from "../library/errno.ts";
import { bpfError } from "../library/failure.ts";
import { ownFd } from "../library/threadend.ts";

// `enum bpf_stats_type`
const BPF_STATS_RUN_TIME = 0;

/** The kernel counts while this is open, and while anybody else has one open. */
export interface Stats extends Disposable {
  /** Does nothing the second time. */
  close(): void;
}

/**
 * Has the kernel count the runs and the run time of all programs of the machine, about 20 ns a run, until the result is
 * closed: `program.stats` and `program.info` then grow. `sysctl kernel.bpf_stats_enabled=1` does the same for good.
 * @example
 * using _stats = enableStats();
 * @throws BpfError EPERM without CAP_SYS_ADMIN, EINVAL before Linux 5.8
 */
export function enableStats(): Stats {
  const library = openLibrary();
  const fd = library.fn("bpf_enable_stats")(BPF_STATS_RUN_TIME);
  if (fd < 0) {
    const hint = hints.get(-fd);
    throw bpfError(library, { errno: -fd, syscall: "bpf_enable_stats", where: "enableStats", hint });
  }
  const closeFd = ownFd(library, fd);
  const close = (): void => void closeFd();
  return Object.freeze({ close, [Symbol.dispose]: close });
}

const hints: ReadonlyMap<number, string> = /*@__PURE__*/ new Map([
  [EPERM, "needs CAP_SYS_ADMIN, or root"],
  [EINVAL, "the kernel has it since Linux 5.8, use sysctl kernel.bpf_stats_enabled=1"],
]);
