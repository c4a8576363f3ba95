// The generator as one function: bytes of an object in, text of its TypeScript module out.

import { deflateSync } from "node:zlib";
import { carry } from "./upgrade/carry.ts";
import type { Carried } from "./emit/module.ts";
import { SkelError, within } from "./errors.ts";
import { sha256, withHeader } from "./header.ts";
import { type Named, firstDifference, type Reading } from "./layout/differ.ts";
import { present } from "./layout/present.ts";
import { readLayouts } from "./layout/read.ts";
import { assignNames } from "./names/names.ts";
import type { Warning } from "./object/model.ts";
import { debugTypesOf } from "./object/debugtypes.ts";
import { withEventTypes } from "./object/eventtypes.ts";
import { withMapTypes } from "./object/maptypes.ts";
import { readObject } from "./object/read.ts";
import { originOf, otherFile, type ResolvedOptions, resolveOptions, type GenerateOptions } from "./options.ts";
import { warningsFor } from "./rules/lines.ts";

/** A generated module and what its reader should know. */
export interface Generated {
  /** The module: TypeScript, or JavaScript with the option `js`. */
  readonly text: string;
  /** Its declarations, with the option `js`. */
  readonly declarations: string | undefined;
  /** The carried object, which the text holds or expects beside it. */
  readonly object: Uint8Array;
  /** Those for other machines. */
  readonly others: Readonly<Record<string, Uint8Array>>;
  readonly warnings: readonly Warning[];
}

/** One object, read for a module. */
function readFor(bytes: Uint8Array, options: ResolvedOptions): Reading & { readonly carried: Uint8Array } {
  const more = debugTypesOf(bytes);
  const model = withEventTypes(withMapTypes(readObject(bytes), options.maps, more), options.events, more);
  return { model, layouts: present(readLayouts(model), options.presentation), carried: carry(bytes) };
}

/**
 * What the module of an object is made from, and the name of the skeleton in it.
 * @throws SkelError as `generate`
 */
export function readForModule(
  bytes: Uint8Array,
  options: GenerateOptions,
): Reading & { readonly skeletonName: string } {
  const resolved = resolveOptions(options);
  const { model, layouts } = within(resolved.place, () => readFor(bytes, resolved));
  return { model, layouts, skeletonName: assignNames(resolved.objectName, layouts.types).skeleton };
}

/** @throws SkelError ERR_TYPE naming the first difference */
function checkAlike(main: Named, other: Named, arch: string): void {
  const difference = firstDifference(main, other);
  if (difference === undefined) return;
  throw new SkelError("ERR_TYPE", `the objects need one interface, got ${difference} (generate them apart)`, [arch]);
}

/**
 * What the reader of an object should know.
 * @throws SkelError ERR_STRICT for the first, where warnings are errors
 */
function checkedWarnings({ model, layouts }: Reading, { strict, place }: ResolvedOptions): readonly Warning[] {
  const warnings = warningsFor(model, layouts.warnings);
  const errors = warnings.filter(({ optional }) => optional !== true);
  if (!strict || errors.length === 0) return warnings;
  const { where, what } = errors[0]!;
  const more = errors.length === 1 ? "" : `, and ${errors.length - 1} more`;
  throw new SkelError("ERR_STRICT", `${what}${more} (change the source, or leave out strict)`, [place, where]);
}

/**
 * The warnings of `generateWithWarnings`, without a text: what an unchanged module costs.
 * @throws SkelError as `generate`
 */
export function warningsOf(bytes: Uint8Array, options: GenerateOptions): readonly Warning[] {
  const resolved = resolveOptions(options);
  return checkedWarnings(
    within(resolved.place, () => readFor(bytes, resolved)),
    resolved,
  );
}

async function generateFrom(bytes: Uint8Array, options: ResolvedOptions): Promise<Generated> {
  const read = within(options.place, () => readFor(bytes, options));
  const { model, layouts, carried } = read;
  const names = within(options.place, () => assignNames(options.objectName, layouts.types));
  const others = Object.entries(options.arch).map(([arch, object]) => {
    const other = within(options.place, () => within(arch, () => readFor(object, options)));
    const otherNames = assignNames(options.objectName, other.layouts.types);
    within(options.place, () =>
      checkAlike({ ...read, names: names.types }, { ...other, names: otherNames.types }, arch),
    );
    return [arch, other] as const;
  });
  const warnings = checkedWarnings(read, options);
  // ts-morph and prettier are slow to load; an object that cannot be read has failed by now without them.
  const { emitModule } = await import("./emit/module.ts");
  const carriedAs = (object: Uint8Array, file: string | undefined): Carried => ({
    sha256: sha256(object),
    at: file === undefined ? { base64: deflateSync(object, { level: 9 }).toString("base64") } : { file },
  });
  const { objectFile } = options;
  const input = {
    model,
    layouts,
    names,
    byteOrder: others.every(([, other]) => other.model.endian === model.endian) ? model.endian : ("host" as const),
    file: options.file,
    objectName: options.objectName,
    object: carriedAs(carried, objectFile),
    others: Object.fromEntries(
      others.map(([arch, other]) => [
        arch,
        carriedAs(other.carried, objectFile === undefined ? undefined : otherFile(objectFile, arch)),
      ]),
    ),
    js: options.js,
  };
  const { text, declarations } = await emitModule(input);
  const header = (body: string): string =>
    withHeader(body, originOf(bytes, options), {
      size: carried.length,
      endian: model.endian,
      sha256: input.object.sha256,
    });
  return {
    text: header(text),
    declarations: declarations === undefined ? undefined : header(declarations),
    object: carried,
    others: Object.fromEntries(others.map(([arch, other]) => [arch, other.carried])),
    warnings,
  };
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
