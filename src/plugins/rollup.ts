// The plugin for rollup.

import { createUnplugin } from "unplugin";
import type { PluginOptions } from "./options.ts";
import { factory } from "./plugin.ts";

export type { PluginOptions };

/** Makes `./prog.skel.ts`, where it is imported, of prog.bpf.c or prog.bpf.o beside it. */
export const ebpfSkel: (options?: PluginOptions) => { readonly name: string } = createUnplugin(factory)
  .rollup as typeof ebpfSkel;
