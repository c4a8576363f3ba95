// The generator as one function: bytes of an object in, text of its TypeScript module out.

import { deflateSync } from "node:zlib";
import { carry } from "./upgrade/carry.ts";
import { within } from "./errors.ts";
import { sha256, withHeader } from "./header.ts";
import { present } from "./layout/present.ts";
import { readLayouts } from "./layout/read.ts";
import { assignNames } from "./names/names.ts";
import type { Warning } from "./object/model.ts";
import { withEventTypes } from "./object/eventtypes.ts";
import { withMapTypes } from "./object/maptypes.ts";
import { readObject } from "./object/read.ts";
import { originOf, type ResolvedOptions, resolveOptions, type GenerateOptions } from "./options.ts";

/** A generated module and what its reader should know. */
export interface Generated {
  readonly text: string;
  /** The carried object, which the text holds or expects beside it. */
  readonly object: Uint8Array;
  readonly warnings: readonly Warning[];
}

async function generateFrom(bytes: Uint8Array, options: ResolvedOptions): Promise<Generated> {
  const { model, layouts, names } = within(options.place, () => {
    const model = withEventTypes(withMapTypes(readObject(bytes), options.maps), options.events);
    const layouts = present(readLayouts(model), options.presentation);
    return { model, layouts, names: assignNames(options.objectName, layouts.types) };
  });
  const carried = within(options.place, () => carry(bytes));
  const hash = sha256(carried);
  // ts-morph and prettier are slow to load; an object that cannot be read has failed by now without them.
  const { emitModule } = await import("./emit/module.ts");
  const body = await emitModule({
    model,
    layouts,
    names,
    file: options.file,
    objectName: options.objectName,
    sha256: hash,
    object:
      options.objectFile === undefined
        ? { base64: deflateSync(carried, { level: 9 }).toString("base64") }
        : { file: options.objectFile },
  });
  const text = withHeader(body, originOf(bytes, options), { size: carried.length, endian: model.endian, sha256: hash });
  return { text, object: carried, warnings: [...model.warnings, ...layouts.warnings] };
}

/**
 * The TypeScript module for a compiled BPF object, with what the reader should be warned of.
 * @throws SkelError naming the place in the object, what was found and a remedy
 */
export async function generateWithWarnings(bytes: Uint8Array, options: GenerateOptions): Promise<Generated> {
  return generateFrom(bytes, resolveOptions(options));
}

/**
 * What a module carries of an object: all but its debug information. With `embed: false` it belongs into a file beside the
 * module.
 * @throws SkelError naming the place in the object, what was found and a remedy
 */
export function carriedObject(bytes: Uint8Array): Uint8Array {
  return carry(bytes);
}

/**
 * The text of the TypeScript module for a compiled BPF object. The same bytes and options give the same text anywhere.
 * @example
 * const text = await generate(await readFile("prog.bpf.o"), { name: "prog.bpf.o" });
 * @throws SkelError naming the place in the object, what was found and a remedy
 */
export async function generate(bytes: Uint8Array, options: GenerateOptions): Promise<string> {
  return (await generateWithWarnings(bytes, options)).text;
}
