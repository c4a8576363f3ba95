// The library: what `import ... from "ebpf-skel"` offers.

export type * from "./btf/types.ts";
export { build, type BuildOptions, type Built } from "./build/build.ts";
export type { CompileOptions } from "./build/clang.ts";
export type { TargetOptions } from "./build/targets.ts";
export { isSkelError, SkelError, type SkelErrorCode } from "./errors.ts";
export { carriedObject, generate, generateWithWarnings, type Generated } from "./generate.ts";
export { inspectObject } from "./inspect.ts";
export type * from "./object/model.ts";
export type { GenerateOptions } from "./options.ts";
