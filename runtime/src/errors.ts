// The runtime's errors. Messages read `where: what, got x (remedy)`; guards go by brand, so that two installed copies
// of this package agree. `code` is append-only.

const brand = Symbol.for("ebpf-skel.runtime.error");

/** What every error of the runtime has: a `name` for its class and a `code` for the case. */
abstract class RuntimeError extends Error {
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    Object.defineProperty(this, brand, { value: true });
  }
}

/** Where and how a call into libbpf or the kernel failed. */
export interface BpfErrorDetails {
  /** The errno's name: "EPERM"; "ERR_LIBBPF_4003" for libbpf's own codes without a name. */
  readonly code: string;
  /** The positive errno, or libbpf's own code (4000 to 4013). */
  readonly errno: number;
  /** The libbpf or libc function: "bpf_object__load". */
  readonly syscall: string;
  /** The skeleton's object name. */
  readonly object?: string | undefined;
  readonly map?: string | undefined;
  readonly program?: string | undefined;
  /** What to do about it. */
  readonly hint?: string | undefined;
  /** The lines libbpf printed during the call; "" when it printed none. */
  readonly log?: string | undefined;
}

/** A call into libbpf or the kernel failed. */
export class BpfError extends RuntimeError implements BpfErrorDetails {
  override readonly name: "BpfError" | "VerifierError" = "BpfError";
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
  readonly object: string | undefined;
  readonly map: string | undefined;
  readonly program: string | undefined;
  readonly hint: string | undefined;
  readonly log: string;

  constructor(message: string, details: BpfErrorDetails, options?: ErrorOptions) {
    super(message, options);
    this.code = details.code;
    this.errno = details.errno;
    this.syscall = details.syscall;
    this.object = details.object;
    this.map = details.map;
    this.program = details.program;
    this.hint = details.hint;
    this.log = details.log ?? "";
  }
}

/** The kernel's verifier refused a program; `log` is its whole log. */
export class VerifierError extends BpfError {
  override readonly name = "VerifierError";
}

/** A value does not fit its C type. */
export class ValueError extends RuntimeError {
  override readonly name = "ValueError";
  readonly code = "ERR_VALUE";
  /** The place in the value: "event.comm". */
  readonly path: string;

  constructor(message: string, path: string, options?: ErrorOptions) {
    super(message, options);
    this.path = path;
  }
}

/** A handle was used in a phase in which it cannot do this: after close, before load, twice. */
export class StateError extends RuntimeError {
  override readonly name = "StateError";
  readonly code = "ERR_STATE";
}

/** Attaching failed; nothing that the failed call attached stays attached. */
export class AttachError extends RuntimeError {
  override readonly name = "AttachError";
  readonly code = "ERR_ATTACH";
  /** Why each program failed or was skipped, by program name. */
  readonly programs: Readonly<Record<string, Error | string>>;

  constructor(message: string, programs: Readonly<Record<string, Error | string>>, options?: ErrorOptions) {
    super(message, options);
    this.programs = programs;
  }
}

/** This kernel, libbpf or host cannot do it. */
export class UnsupportedError extends RuntimeError {
  override readonly name = "UnsupportedError";
  readonly code = "ERR_UNSUPPORTED";
}

/** A hash, an ABI number, a size or a pinned map does not fit this skeleton: regenerate it. */
export class StaleError extends RuntimeError {
  override readonly name = "StaleError";
  readonly code = "ERR_STALE";
}

function isNamed(e: unknown, names: readonly string[], code: string | undefined): boolean {
  if (typeof e !== "object" || e === null || !(brand in e)) return false;
  const { name, code: own } = e as { name?: unknown; code?: unknown };
  return names.some((n) => n === name) && (code === undefined || own === code);
}

/** Whether `e` is a {@link BpfError} (a {@link VerifierError} is one), with errno name `code` when given. */
export function isBpfError(e: unknown, code?: string): e is BpfError {
  return isNamed(e, ["BpfError", "VerifierError"], code);
}
/** Whether `e` is a {@link VerifierError}. */
export function isVerifierError(e: unknown): e is VerifierError {
  return isNamed(e, ["VerifierError"], undefined);
}
/** Whether `e` is a {@link ValueError}. */
export function isValueError(e: unknown): e is ValueError {
  return isNamed(e, ["ValueError"], undefined);
}
/** Whether `e` is a {@link StateError}. */
export function isStateError(e: unknown): e is StateError {
  return isNamed(e, ["StateError"], undefined);
}
/** Whether `e` is an {@link AttachError}. */
export function isAttachError(e: unknown): e is AttachError {
  return isNamed(e, ["AttachError"], undefined);
}
/** Whether `e` is an {@link UnsupportedError}. */
export function isUnsupportedError(e: unknown): e is UnsupportedError {
  return isNamed(e, ["UnsupportedError"], undefined);
}
/** Whether `e` is a {@link StaleError}. */
export function isStaleError(e: unknown): e is StaleError {
  return isNamed(e, ["StaleError"], undefined);
}
