/* eslint-disable */

import * as s from "@ebpf-skel/runtime/gen1";

/** What `OBJECT` contains. */
export interface Frame {
  maps: {};
  progs: {};
  sections: {};
  structOps: {};
}

export const Frame: s.Skeleton<Frame> = /*@__PURE__*/ s.skeleton<Frame>(() => ({
  abi: 1,
  name: "frame",
  maps: {},
  progs: {},
  sections: {},
  structOps: {},
  sha256: "SHA256",
  object: () => s.base64("OBJECT"),
}));
