// The options of the generator: checked, completed, and put in the one form that headers record.

import { displayPath, SkelError, shown } from "./errors.ts";
import { isKind, kindNames, type Presentation } from "./layout/present.ts";
import { type Origin, sha256 } from "./header.ts";
import { objectNameOf } from "./names/names.ts";
import type { EventTypes } from "./object/eventtypes.ts";
import type { MapTypes } from "./object/maptypes.ts";

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
  /** 64-bit integers as bigints, or as numbers that throw past 2^53; "bigint" by default. Pointers stay bigints. */
  readonly int64?: "bigint" | "number" | undefined;
  /** How fields are shown, by type and field: `{ "event.saddr": "ipv4" }`. Kinds: string, strings, bytes, ipv4, ipv6, mac, be. */
  readonly as?: Readonly<Record<string, string>> | undefined;
  /** Types of keys and values of maps that have only sizes, as in C: `{ counts: "u32:struct event" }`. */
  readonly maps?: Readonly<Record<string, string>> | undefined;
  /** Whether the text is JavaScript (it is TypeScript by default); `generateWithWarnings` gives its declarations too. */
  readonly js?: boolean | undefined;
  /**
   * The same program compiled for other machines, by Node's name of the machine (`process.arch`): `{ arm64: bytes }`. The
   * module carries all and opens the one of the machine it runs on.
   */
  readonly arch?: Readonly<Record<string, Uint8Array>> | undefined;
  /** Whether what would be a warning is an error. */
  readonly strict?: boolean | undefined;
  /**
   * Types of the events of ring buffers and perf buffers, as in C: `{ rb: "struct event" }`. Several, with commas, are told
   * apart by their length; "bytes" is for events of no type.
   */
  readonly events?: Readonly<Record<string, string>> | undefined;
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
  readonly presentation: Presentation;
  readonly maps: MapTypes;
  readonly js: boolean;
  readonly arch: Readonly<Record<string, Uint8Array>>;
  readonly strict: boolean;
  readonly events: EventTypes;
  /** Only what was asked for, in a fixed order: the header's `options`. */
  readonly recorded: string;
}

/** `value` as JSON that is one line of ASCII: it goes into a comment. */
function recordOf(value: object): string {
  return JSON.stringify(value).replace(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** "prog" for "prog.bpf.o". */
export function stemOf(file: string): string {
  return file.replace(/\.o$/, "").replace(/\.bpf$/, "");
}

/** The file of the object for another machine: "prog.arm64.skel.o" beside "prog.skel.o". */
export function otherFile(objectFile: string, arch: string): string {
  return objectFile.replace(/((\.skel)?\.o)?$/, `.${arch}$1`);
}

/** Node's names of the machines that run BPF. */
const ARCHES = ["arm", "arm64", "loong64", "mips64el", "ppc64", "riscv64", "s390x", "x64"];

/** `arch` in the order of the names. */
function resolveArch(arch: Readonly<Record<string, Uint8Array>>): Readonly<Record<string, Uint8Array>> {
  const entries = Object.entries(arch).sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [name] of entries)
    if (!ARCHES.includes(name))
      throw new SkelError("ERR_OPTION", `arch: expected one of ${ARCHES.join(", ")}, got ${shown(name)}`);
  return Object.fromEntries(entries);
}

/** Types by the names of their maps, in the order of the names. */
function resolveTypes(
  option: "maps" | "events",
  expected: string,
  given: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const entries = Object.entries(given).sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, types] of entries)
    if (typeof types !== "string")
      throw new SkelError(
        "ERR_OPTION",
        `${option}: expected ${shown(expected)} for ${shown(name)}, got ${shown(String(types))}`,
      );
  return Object.fromEntries(entries);
}

/**
 * @throws SkelError ERR_OPTION
 */
export function resolveOptions(options: GenerateOptions): ResolvedOptions {
  const { name, objectName, int64 = "bigint", as = {}, embed = true, objectFile } = options;
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
  if (int64 !== "bigint" && int64 !== "number")
    throw new SkelError("ERR_OPTION", `int64: expected "bigint" or "number", got ${shown(String(int64))}`);
  const asked = Object.entries(as).sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [path, kind] of asked) {
    if (!/^.+\.[^.]+$/.test(path))
      throw new SkelError("ERR_OPTION", `as: expected TYPE.FIELD, got ${shown(path)} (like event.saddr)`);
    if (!isKind(kind))
      throw new SkelError("ERR_OPTION", `as: ${shown(path)}: expected one of ${kindNames}, got ${shown(kind)}`);
  }
  const { js = false, strict = false } = options;
  const arch = resolveArch(options.arch ?? {});
  const hashes = Object.fromEntries(Object.entries(arch).map(([name, bytes]) => [name, sha256(bytes)]));
  const maps = resolveTypes("maps", "KEY:VALUE", options.maps ?? {});
  const events = resolveTypes("events", "TYPE", options.events ?? {});
  const file = name.slice(name.lastIndexOf("/") + 1);
  return {
    place: displayPath(name),
    file,
    objectName: objectName ?? objectNameOf(file),
    presentation: { int64, as: new Map(asked) },
    objectFile: embed ? undefined : (objectFile ?? `${stemOf(file)}.skel.o`),
    maps,
    js,
    arch,
    strict,
    events,
    recorded: recordOf({
      ...(objectName !== undefined && { objectName }),
      ...(int64 !== "bigint" && { int64 }),
      ...(asked.length > 0 && { as: Object.fromEntries(asked) }),
      ...(Object.keys(maps).length > 0 && { maps }),
      ...(Object.keys(events).length > 0 && { events }),
      ...(!embed && { embed }),
      ...(objectFile !== undefined && { objectFile }),
      ...(js && { js }),
      ...(Object.keys(hashes).length > 0 && { arch: hashes }),
    }),
  };
}

/** What a header records of `bytes` and `options`. */
export function originOf(bytes: Uint8Array, options: ResolvedOptions): Origin {
  return { name: options.file, source: sha256(bytes), options: options.recorded };
}
