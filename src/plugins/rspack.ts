// The plugin for rspack.

import { createUnplugin } from "unplugin";
import type { PluginOptions } from "./options.ts";
import { factory } from "./plugin.ts";

export type { PluginOptions };

/** Makes `./prog.skel.ts`, where it is imported, of prog.bpf.c or prog.bpf.o beside it. */
export const ebpfSkel: (options?: PluginOptions) => { apply: (compiler: unknown) => void } = createUnplugin(factory)
  .rspack as typeof ebpfSkel;
