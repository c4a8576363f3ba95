// The kernel's id of a program or link (BPF_OBJ_GET_INFO_BY_FD): `struct bpf_prog_info` and `bpf_link_info` in linux/bpf.h
// start with type and id.

import type { Library } from "../library.ts";
import { addressOf } from "../native.ts";

/** The id of a program or link; undefined where the kernel has none for it. */
export function idOf(library: Library, fd: number): number | undefined {
  // Type and id, and behind them the size that the kernel reads and writes back.
  const info = new Uint32Array([0, 0, 8]);
  const at = addressOf(info.buffer as ArrayBuffer);
  return library.fn("bpf_obj_get_info_by_fd")(fd, at, at + 8) < 0 ? undefined : info[1];
}
