// The options of the generator: checked, completed, and put in the one form that headers record.

import { displayPath, SkelError, shown } from "./errors.ts";
import { isKind, kindNames, type Presentation } from "./layout/present.ts";
import { type Origin, sha256 } from "./header.ts";
import { objectNameOf } from "./names/names.ts";

/** What `generate` may be told. */
export interface GenerateOptions {
  /** Path or file name of the object: "prog.bpf.o". Errors start with it; only the file name reaches the text. */
  readonly name: string;
  /** Name of the skeleton and of the object for libbpf; by default made from the file name ("prog"). */
  readonly objectName?: string | undefined;
  /** 64-bit integers as bigints, or as numbers that throw past 2^53; "bigint" by default. Pointers stay bigints. */
  readonly int64?: "bigint" | "number" | undefined;
  /** How fields are shown, by type and field: `{ "event.saddr": "ipv4" }`. Kinds: string, bytes, ipv4, ipv6, mac, be. */
  readonly as?: Readonly<Record<string, string>> | undefined;
}

/** Every option with its value. */
export interface ResolvedOptions {
  /** What errors start with. */
  readonly place: string;
  /** File name of the object. */
  readonly file: string;
  readonly objectName: string;
  readonly presentation: Presentation;
  /** Only what was asked for, in a fixed order: the header's `options`. */
  readonly recorded: string;
}

/**
 * @throws SkelError ERR_OPTION
 */
export function resolveOptions({ name, objectName, int64 = "bigint", as = {} }: GenerateOptions): ResolvedOptions {
  if (typeof name !== "string" || name === "" || name.endsWith("/"))
    throw new SkelError("ERR_OPTION", `name: expected the object's file name, got ${shown(String(name))}`);
  if (objectName !== undefined && !/^[A-Za-z_][A-Za-z0-9_]*$/.test(objectName))
    throw new SkelError("ERR_OPTION", `objectName: expected a C identifier, got ${shown(objectName)}`);
  if (int64 !== "bigint" && int64 !== "number")
    throw new SkelError("ERR_OPTION", `int64: expected "bigint" or "number", got ${shown(String(int64))}`);
  const asked = Object.entries(as).sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [path, kind] of asked) {
    if (!/^.+\.[^.]+$/.test(path))
      throw new SkelError("ERR_OPTION", `as: expected TYPE.FIELD, got ${shown(path)} (like event.saddr)`);
    if (!isKind(kind))
      throw new SkelError("ERR_OPTION", `as: ${shown(path)}: expected one of ${kindNames}, got ${shown(kind)}`);
  }
  const file = name.slice(name.lastIndexOf("/") + 1);
  return {
    place: displayPath(name),
    file,
    objectName: objectName ?? objectNameOf(file),
    presentation: { int64, as: new Map(asked) },
    recorded: JSON.stringify({
      ...(objectName !== undefined && { objectName }),
      ...(int64 !== "bigint" && { int64 }),
      ...(asked.length > 0 && { as: Object.fromEntries(asked) }),
    }),
  };
}

/** What a header records of `bytes` and `options`. */
export function originOf(bytes: Uint8Array, options: ResolvedOptions): Origin {
  return { name: options.file, source: sha256(bytes), options: options.recorded };
}
