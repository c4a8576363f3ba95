// The one door from the generator's commands to the runtime, which only some of its users have.

import { SkelError } from "../errors.ts";

export type Runtime = typeof import("@ebpf-skel/runtime");

/**
 * The installed runtime, for `command`.
 * @throws SkelError ERR_IO where there is none
 */
export async function loadRuntime(command: string): Promise<Runtime> {
  try {
    return await import("@ebpf-skel/runtime");
  } catch (cause) {
    if ((cause as { code?: string }).code !== "ERR_MODULE_NOT_FOUND") throw cause;
    throw new SkelError("ERR_IO", `needs @ebpf-skel/runtime (npm install @ebpf-skel/runtime)`, [command], { cause });
  }
}
