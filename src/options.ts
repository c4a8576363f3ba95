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
  /**
   * Whether the text holds the object (it does by default). Without it the module reads a file beside it: write
   * `carriedObject(bytes)` there. Such a module uses `import.meta.url`: TypeScript wants the types of Node or of DOM for it.
   */
  readonly embed?: boolean | undefined;
  /** That file's name, when `embed` is false; by default made from the object's: "prog.skel.o". */
  readonly objectFile?: string | undefined;
}

/** Every option with its value. */
export interface ResolvedOptions {
  /** What errors start with. */
  readonly place: string;
  /** File name of the object. */
  readonly file: string;
  readonly objectName: string;
  /** The file that the module reads the object from; undefined: the module holds it. */
  readonly objectFile: string | undefined;
  /** Only what was asked for, in a fixed order: the header's `options`. */
  readonly recorded: string;
}

/** "prog" for "prog.bpf.o". */
export function stemOf(file: string): string {
  return file.replace(/\.o$/, "").replace(/\.bpf$/, "");
}

/**
 * @throws SkelError ERR_OPTION
 */
export function resolveOptions(options: GenerateOptions): ResolvedOptions {
  const { name, objectName, embed = true, objectFile } = options;
  if (typeof name !== "string" || name === "" || name.endsWith("/"))
    throw new SkelError("ERR_OPTION", `name: expected the object's file name, got ${shown(String(name))}`);
  if (objectName !== undefined && !/^[A-Za-z_][A-Za-z0-9_]*$/.test(objectName))
    throw new SkelError("ERR_OPTION", `objectName: expected a C identifier, got ${shown(objectName)}`);
  if (typeof embed !== "boolean")
    throw new SkelError("ERR_OPTION", `embed: expected true or false, got ${shown(String(embed))}`);
  if (embed && objectFile !== undefined)
    throw new SkelError("ERR_OPTION", "objectFile: the module holds the object (set embed to false, or leave it out)");
  if (objectFile !== undefined && (typeof objectFile !== "string" || !/^[^/\0]+$/.test(objectFile)))
    throw new SkelError("ERR_OPTION", `objectFile: expected a file name, got ${shown(String(objectFile))}`);
  const file = name.slice(name.lastIndexOf("/") + 1);
  return {
    place: displayPath(name),
    file,
    objectName: objectName ?? objectNameOf(file),
    objectFile: embed ? undefined : (objectFile ?? `${stemOf(file)}.skel.o`),
    recorded: JSON.stringify({
      ...(objectName !== undefined && { objectName }),
      ...(!embed && { embed }),
      ...(objectFile !== undefined && { objectFile }),
    }),
  };
}

/** What a header records of `bytes` and `options`. */
export function originOf(bytes: Uint8Array, options: ResolvedOptions): Origin {
  return { name: options.file, source: sha256(bytes), options: options.recorded };
}
