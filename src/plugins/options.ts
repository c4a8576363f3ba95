// What the plugins may be told. Apart from the plugin itself: what users see must not mention unplugin, whose types want those of
// every bundler.

import type { TargetOptions } from "../build/targets.ts";
import type { GenerateOptions } from "../options.ts";

/** How modules are made: all that `build` may be told but the files. */
export interface PluginOptions extends TargetOptions, Omit<GenerateOptions, "name" | "objectFile" | "arch"> {}
