// Finds libbpf.so.1 and binds its functions on first use. In: nothing, EBPF_SKEL_LIBBPF, or an absolute path; out: the
// one Library of this process. A missing library, an old one, or a missing function is an UnsupportedError.

import { StateError, UnsupportedError, ValueError } from "./errors.ts";
import { type FunctionName, functions } from "./library/functions.ts";
import { type CFunction, isMainThread, libc, openShared, type SharedLibrary, type Signature } from "./native.ts";
import { prepareThreadEnd } from "./library/threadend.ts";

const soname = "libbpf.so.1";

type Bound<N extends FunctionName> = CFunction<(typeof functions)[N]>;

/** libbpf, loaded. */
export class Library {
  /** What dlopen was given: an absolute path, or the SONAME. */
  readonly path: string;
  readonly major: number;
  readonly minor: number;
  readonly #shared: SharedLibrary;
  /** Undefined is what this libbpf does not have. */
  readonly #bound = new Map<FunctionName, unknown>();

  constructor(path: string) {
    this.path = path;
    this.#shared = openOrExplain(path);
    // Both came with libbpf 0.6: without them it is older than that.
    const major = this.#shared.bind("libbpf_major_version", functions.libbpf_major_version);
    const minor = this.#shared.bind("libbpf_minor_version", functions.libbpf_minor_version);
    this.major = major?.() ?? 0;
    this.minor = minor?.() ?? 0;
    if (this.major < 1) throw new UnsupportedError(`${path}: ebpf-skel needs libbpf >= 1.0, found ${this.version}`);
    // libbpf writes to stderr until told otherwise; its lines travel inside errors (print.ts).
    this.fn("libbpf_set_print")(0);
    if (!isMainThread()) this.#bindAll();
  }

  /** "1.1" */
  get version(): string {
    return `${this.major}.${this.minor}`;
  }

  /** Whether this is libbpf `major`.`minor` or newer. */
  atLeast(major: number, minor: number): boolean {
    return this.major > major || (this.major === major && this.minor >= minor);
  }

  /**
   * A libbpf function; the hot paths keep what they get.
   * @throws UnsupportedError when this libbpf is too old to have it
   */
  fn<N extends FunctionName>(name: N): Bound<N> {
    if (!this.#bound.has(name)) this.#bound.set(name, this.#shared.bind(name, functions[name]));
    const fn = this.#bound.get(name);
    if (fn !== undefined) return fn as Bound<N>;
    const [major, minor] = (functions[name] as Signature)[2] ?? [1, 0];
    throw new UnsupportedError(`${name}: needs libbpf >= ${major}.${minor}, found ${this.version}`);
  }

  /** The address of a libbpf function, for C to call. */
  addressOf(name: FunctionName): number {
    return this.#shared.address(name);
  }

  // A thread that is terminated while koffi binds a function ends the whole process: a worker does all of it at once, before
  // anybody can know that it is up.
  #bindAll(): void {
    for (const name of Object.keys(functions) as FunctionName[]) {
      this.#bound.set(name, this.#shared.bind(name, functions[name]));
    }
    libc();
    prepareThreadEnd(this);
  }
}

function openOrExplain(path: string): SharedLibrary {
  try {
    return openShared(path);
  } catch (cause) {
    if (cause instanceof UnsupportedError) throw cause;
    // koffi repeats dlerror() without the library's name.
    const reason = (cause as Error).message.replace(/^Failed to load shared library: /, "");
    throw new UnsupportedError(`${path}: cannot be loaded, ${reason} (${remedy(path, reason)})`, { cause });
  }
}

function remedy(path: string, reason: string): string {
  if (/too many open files/i.test(reason)) return "close some, or raise the limit, ulimit -n";
  if (/version [`'](GLIBC|GLIBCXX)_/.test(reason)) return "it is built for a newer system than this one";
  if (path === soname) return "install it, Debian and Ubuntu: libbpf1, Fedora: libbpf, Alpine: libbpf";
  return "the libbpf option and EBPF_SKEL_LIBBPF name a libbpf.so.1";
}

let current: Library | undefined;

/**
 * libbpf, loaded at the first call: from `path`, else from `EBPF_SKEL_LIBBPF`, else by its SONAME. One library serves the
 * whole process, since two copies of libbpf know nothing of each other's objects.
 * @throws UnsupportedError when there is none, or it is older than 1.0
 * @throws StateError when another one is in use already
 */
export function openLibrary(path?: string | undefined): Library {
  if (path === undefined && current !== undefined) return current;
  const wanted = path ?? (process.env["EBPF_SKEL_LIBBPF"] || soname);
  if (wanted !== soname && !wanted.startsWith("/")) {
    throw new ValueError(`libbpf: expected an absolute path, got ${JSON.stringify(wanted)}`, "libbpf");
  }
  if (current !== undefined && current.path !== wanted) {
    throw new StateError(`libbpf: expected ${current.path}, which this process uses already, got ${wanted}`);
  }
  return (current ??= new Library(wanted));
}
