// The flags of BPF_MAP_UPDATE_ELEM (linux/bpf.h), by the words of `set`'s options.

import { ValueError } from "../errors.ts";
import { show } from "../memory/refuse.ts";
import type { ResetOptions } from "./guard.ts";

const modes = { any: 0, create: 1, update: 2 } as const;

/** BPF_F_LOCK. */
export const lockFlag = 4;

/** How a value is read. */
export interface LockOptions {
  /** Reads under the value's `bpf_spin_lock` (BPF_F_LOCK), so that no half of it is older than the other. */
  readonly lock?: boolean | undefined;
}

/** BPF_F_LOCK where `options` ask for it, else 0. */
export function lockFlagOf(options: LockOptions | undefined): number {
  return options?.lock === true ? lockFlag : 0;
}

/** How `set` treats a key that is there, or not. */
export interface SetOptions extends ResetOptions {
  /**
   * "any" (the default) writes either way, "create" only a new key (BPF_NOEXIST), "update" only a known one (BPF_EXIST).
   */
  readonly mode?: "any" | "create" | "update" | undefined;
  /** Writes under the value's `bpf_spin_lock` (BPF_F_LOCK). */
  readonly lock?: boolean | undefined;
}

/** The flags that `options` ask for; `where` starts the path of a ValueError. */
export function updateFlags({ mode = "any", lock = false }: SetOptions, where: string): number {
  if (!Object.hasOwn(modes, mode)) {
    const path = `${where}: mode`;
    throw new ValueError(`${path}: expected "any", "create" or "update", got ${show(mode)}`, path);
  }
  return modes[mode] | (lock ? lockFlag : 0);
}
