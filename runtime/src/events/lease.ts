// Who may read a ring buffer: one consumer in the whole system. The kernel keeps no such rule, so readers of ours keep it among
// themselves, by the map's id: within this thread a set, beyond it a lock.

import { StateError } from "../errors.ts";
import { EAGAIN } from "../library/errno.ts";
import { zeroed } from "../library/syscalls.ts";
import type { MapCore } from "../maps/core.ts";
import { addressOf, lastErrno, libc } from "../native.ts";

// fcntl.h, and `struct flock` with 64-bit offsets.
const F_OFD_SETLK = 37;
const F_WRLCK = 1;
const F_UNLCK = 2;
const flock = { type: 0, start: 8, length: 16, size: 32 } as const;

/** The ids of the maps that have a consumer in this thread. */
const taken: Set<number> = /*@__PURE__*/ new Set();

/** The right to read a map. */
export interface Lease {
  /** @throws StateError while somebody else has it */
  take(): void;
  /** Whether another handle of this thread has it. */
  readonly isElsewhere: boolean;
  /** To be called before the descriptor is closed. */
  giveBack(): void;
}

/** The lease of `map` for the handle of its own. */
export function leaseOf(map: MapCore): Lease {
  const fd = map.use();
  const { id } = map;
  const set = locker(fd, id);
  let mine = false;
  return {
    get isElsewhere() {
      return !mine && taken.has(id);
    },
    take() {
      if (taken.has(id)) {
        throw new StateError(
          `map ${map.name}: has a consumer already, through another handle, one at a time (close it first)`,
        );
      }
      if (set(F_WRLCK) === EAGAIN) {
        throw new StateError(
          `map ${map.name}: has a consumer already, in another process or worker, one at a time (end it first)`,
        );
      }
      taken.add(id);
      mine = true;
    },
    giveBack() {
      taken.delete(id);
      mine = false;
      set(F_UNLCK);
    },
  };
}

/**
 * Descriptors of maps are files of one inode, the kernel's for all that have no name: its byte number `id` stands for the map.
 * Such a lock belongs to the open file, so it ends with the process, however that ends. Where there are none (a security
 * module, an old kernel) the reader still finds out when its position was moved. What it gives is the positive errno, or 0.
 */
function locker(fd: number, id: number): (type: number) => number {
  const what = zeroed(flock.size);
  what.setU64(flock.start, BigInt(id));
  what.setU64(flock.length, 1n);
  const { fcntl } = libc();
  const address = addressOf(what.u8s);
  return (type) => {
    what.setU16(flock.type, type);
    return fcntl(fd, F_OFD_SETLK, address) < 0 ? lastErrno() : 0;
  };
}
