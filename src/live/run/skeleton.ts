// The bytes of an object in, its skeleton out: the module that `gen --js` writes, imported from memory. So there is one way
// from a type in C to a value in JavaScript, and nothing on the disk that would have to be removed.

import type { BpfMap, Link, Program, Skeleton } from "@ebpf-skel/runtime";
import { generateWithWarnings, readForModule } from "../../generate.ts";
import type { Reading } from "../../layout/differ.ts";
import type { Warning } from "../../object/model.ts";
import type { GenerateOptions } from "../../options.ts";

/** A skeleton as one sees it who does not know the object. */
export interface AnyShape {
  readonly maps: Readonly<Record<string, BpfMap>>;
  readonly progs: Readonly<Record<string, Program<"tracepoint">>>;
  readonly sections: object;
  readonly structOps: Readonly<Record<string, Link>>;
}

/** An object that is ready to be opened. */
export interface Made extends Reading {
  readonly skeleton: Skeleton<AnyShape>;
  readonly warnings: readonly Warning[];
}

const RUNTIME = "@ebpf-skel/runtime/gen1";

/**
 * The skeleton of the object `bytes`.
 * @throws SkelError as `generate`
 */
export async function makeSkeleton(bytes: Uint8Array, options: GenerateOptions): Promise<Made> {
  const reading = readForModule(bytes, options);
  const { text, warnings } = await generateWithWarnings(bytes, { ...options, js: true });
  // A module that has no place resolves no package.
  const placed = text.replace(/^(import \* as s from ).*$/m, (_, start: string) => {
    return `${start}${JSON.stringify(import.meta.resolve(RUNTIME))};`;
  });
  const url = `data:text/javascript;base64,${Buffer.from(placed).toString("base64")}`;
  const module = (await import(url)) as Readonly<Record<string, Skeleton<AnyShape>>>;
  return { ...reading, skeleton: module[reading.skeletonName]!, warnings };
}
