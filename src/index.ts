// The library: what `import ... from "ebpf-skel"` offers.

export { SkelError, type SkelErrorCode, isSkelError } from "./errors.ts";
export { type GenerateOptions } from "./options.ts";
export { inspectObject } from "./inspect.ts";
export type * from "./object/model.ts";
export type * from "./btf/types.ts";

import type { GenerateOptions } from "./options.ts";

/**
 * The text of the TypeScript module for a compiled BPF object. The same bytes and options give the same text anywhere.
 * @example
 * const text = await generate(await readFile("prog.bpf.o"), { name: "prog.bpf.o" });
 * @throws SkelError naming the place in the object, what was found and a remedy
 */
export async function generate(bytes: Uint8Array, options: GenerateOptions): Promise<string> {
  // ts-morph and prettier take a quarter of a second to load: only those who generate pay for them.
  const { generate } = await import("./generate.ts");
  return generate(bytes, options);
}
