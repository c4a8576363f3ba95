// The one error the generator throws. Messages read `where: what, got x (remedy)`; codes are append-only.

/** What went wrong, by area. Codes are never removed or given another meaning. */
export type SkelErrorCode =
  /** The bytes are not a well-formed ELF object. */
  | "ERR_ELF_FORMAT"
  /** The ELF object is not 64-bit BPF. */
  | "ERR_ELF_MACHINE"
  /** The object carries no BTF. */
  | "ERR_BTF_MISSING"
  /** The BTF section is malformed, or newer than this reader. */
  | "ERR_BTF_FORMAT"
  /** The debug information (DWARF) is malformed, or newer than this reader; without it types of events are looked for in BTF alone. */
  | "ERR_DWARF_FORMAT"
  /** A definition in `.maps` (or a global data section) breaks libbpf's rules. */
  | "ERR_MAP_DEF"
  /** A type has no layout: it contains itself, or its size overflows. */
  | "ERR_TYPE"
  /** A map, program or variable name that the kernel would refuse. */
  | "ERR_NAME"
  /** An option of the caller is wrong. */
  | "ERR_OPTION"
  /** `--check`: a generated file is out of date. */
  | "ERR_CHECK"
  /** A file could not be read or written. */
  | "ERR_IO"
  /** clang refused a source; its diagnostics are the cause's message. */
  | "ERR_COMPILE"
  /** A program that building needs is missing or does not run. */
  | "ERR_TOOL"
  /** `strict`: what would have been a warning. */
  | "ERR_STRICT"
  /** `run`: the kernel, libbpf or the rights of the process do not allow it. */
  | "ERR_RUN";

const brand = Symbol.for("ebpf-skel.SkelError");

/** The only error that `generate`, `inspectObject`, `build` and the CLI's own code throw. */
export class SkelError extends Error {
  override readonly name = "SkelError";
  /** What went wrong, by area. */
  readonly code: SkelErrorCode;
  /** The path to the place, outermost first: `["execve.bpf.o", "map rb"]`. */
  readonly path: readonly string[];
  readonly #what: string;

  constructor(code: SkelErrorCode, what: string, path: readonly string[] = [], options?: ErrorOptions) {
    super([...path, what].join(": "), options);
    this.code = code;
    this.path = path;
    this.#what = what;
    Object.defineProperty(this, brand, { value: true });
  }

  /** The same error, one level further out. */
  within(place: string): SkelError {
    return new SkelError(this.code, this.#what, [place, ...this.path], { cause: this.cause });
  }
}

/** Whether `e` is a {@link SkelError}, of `code` when given; also true across two installed copies. */
export function isSkelError(e: unknown, code?: SkelErrorCode): e is SkelError {
  return (
    typeof e === "object" && e !== null && brand in e && (code === undefined || (e as { code?: unknown }).code === code)
  );
}

/** Runs `fn`, putting `place` in front of the path of a `SkelError` that leaves it. */
export function within<T>(place: string, fn: () => T): T {
  try {
    return fn();
  } catch (e) {
    throw isSkelError(e) ? e.within(place) : e;
  }
}

/** `text` as it may be shown on a terminal or in a message: quotes, control and bidi characters escaped. */
export function shown(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** `text` as it may be shown within a sentence: as it is, but for what a terminal would obey or hide. */
export function printable(text: string): string {
  return shown(text)
    .slice(1, -1)
    .replace(/\\(["\\])/g, "$1");
}

/** `path` as it may be shown: bare where it is harmless, escaped where not. */
export function displayPath(path: string): string {
  return /^[\x20-\x7e]+$/.test(path) ? path : shown(path);
}
