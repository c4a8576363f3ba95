// What bundlers take as a plugin, by their own types. tsc is the test.

import type { Plugin as V, UserConfig } from "vite";
import type { Plugin as R, RollupOptions } from "rollup";
import type { RolldownOptions } from "rolldown";
import type { BuildOptions } from "esbuild";
import type { Configuration } from "webpack";
import type { Configuration as RS } from "@rspack/core";
import { ebpfSkel as vite } from "../src/plugins/vite.ts";
import { ebpfSkel as rollup } from "../src/plugins/rollup.ts";
import { ebpfSkel as rolldown } from "../src/plugins/rolldown.ts";
import { ebpfSkel as esbuild } from "../src/plugins/esbuild.ts";
import { ebpfSkel as webpack } from "../src/plugins/webpack.ts";
import { ebpfSkel as rspack } from "../src/plugins/rspack.ts";
export const a: UserConfig = { plugins: [vite()] };
export const v: V = vite();
export const r: R = rollup();
export const b: RollupOptions = { plugins: [rollup()] };
export const c: RolldownOptions = { plugins: [rolldown()] };
export const d: BuildOptions = { plugins: [esbuild()] };
export const e: Configuration = { plugins: [webpack()] };
export const f: RS = { plugins: [rspack()] };
