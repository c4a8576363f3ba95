// CGROUP_ARRAY: the cgroups that `bpf_current_task_under_cgroup` and `bpf_skb_under_cgroup` compare with.

import { makeCodec } from "../codec/base.ts";
import type { MapCore, MapSpec } from "./core.ts";
import { fdOf, type PathDescriptor, withDirectory } from "./descriptor.ts";
import { WriteOnlyHandle, type WriteOnlySlots } from "./slots.ts";

/** Cgroups (of version 2) by index; `set` takes their directories. The kernel does not tell which are in it. */
export interface CgroupArray extends WriteOnlySlots<PathDescriptor> {
  /**
   * Puts a cgroup there: its directory, which is opened for the call, or a descriptor of that.
   * @throws ValueError when `index` is outside
   * @throws BpfError ENOENT and others when the directory cannot be opened, EBADF when it is no cgroup of version 2
   */
  set(index: number, cgroup: PathDescriptor): void;
}

const descriptor = /*@__PURE__*/ makeCodec<number, PathDescriptor>({
  name: "cgroup",
  size: 4,
  read: (m, at) => m.u32(at),
  write: (m, at, value) => m.setU32(at, fdOf(value, "a descriptor")),
});

class CgroupArrayHandle extends WriteOnlyHandle<number, PathDescriptor> implements CgroupArray {
  constructor(map: MapCore) {
    super(map, descriptor);
  }

  override set(index: number, cgroup: PathDescriptor): void {
    this.inside(index);
    withDirectory(this.map, "value", cgroup, (fd) => super.set(index, fd));
  }
}

/** A map of type CGROUP_ARRAY. For generated code. */
export function cgroupArray(): MapSpec<CgroupArray> {
  return { type: "cgroup_array", keySize: 4, valueSize: 4, create: (map) => new CgroupArrayHandle(map) };
}
