// What bpftool says of a map: somebody else's eyes on what the runtime did.

import { execFileSync } from "node:child_process";

/** A map as `bpftool map show` prints it; only what is asked for here. */
export interface ShownMap {
  readonly id: number;
  readonly type: string;
  readonly name?: string;
  readonly flags: number;
  readonly bytes_key: number;
  readonly bytes_value: number;
  readonly max_entries: number;
  readonly btf_id?: number;
}

/** The map of this id. */
export function showMap(id: number): ShownMap {
  return JSON.parse(execFileSync("bpftool", ["-j", "map", "show", "id", `${id}`], { encoding: "utf8" })) as ShownMap;
}
