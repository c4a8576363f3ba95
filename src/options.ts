// The options of the generator: checked, completed, and put in the one form that headers record.

import { displayPath, SkelError, shown } from "./errors.ts";
import { type Origin, sha256 } from "./header.ts";
import { objectNameOf } from "./names/names.ts";

/** What `generate` may be told. */
export interface GenerateOptions {
  /** Path or file name of the object: "prog.bpf.o". Errors start with it; only the file name reaches the text. */
  readonly name: string;
  /** Name of the skeleton and of the object for libbpf; by default made from the file name ("prog"). */
  readonly objectName?: string | undefined;
}

/** Every option with its value. */
export interface ResolvedOptions {
  /** What errors start with. */
  readonly place: string;
  /** File name of the object. */
  readonly file: string;
  readonly objectName: string;
  /** Only what was asked for, in a fixed order: the header's `options`. */
  readonly recorded: string;
}

/**
 * @throws SkelError ERR_OPTION
 */
export function resolveOptions({ name, objectName }: GenerateOptions): ResolvedOptions {
  if (typeof name !== "string" || name === "" || name.endsWith("/"))
    throw new SkelError("ERR_OPTION", `name: expected the object's file name, got ${shown(String(name))}`);
  if (objectName !== undefined && !/^[A-Za-z_][A-Za-z0-9_]*$/.test(objectName))
    throw new SkelError("ERR_OPTION", `objectName: expected a C identifier, got ${shown(objectName)}`);
  const file = name.slice(name.lastIndexOf("/") + 1);
  return {
    place: displayPath(name),
    file,
    objectName: objectName ?? objectNameOf(file),
    recorded: JSON.stringify(objectName === undefined ? {} : { objectName }),
  };
}

/** What a header records of `bytes` and `options`. */
export function originOf(bytes: Uint8Array, options: ResolvedOptions): Origin {
  return { name: options.file, source: sha256(bytes), options: options.recorded };
}
