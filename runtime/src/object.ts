// One libbpf object through its phases: open, loaded, closed. It owns the object, its links and the mappings of its
// sections, and ends them in the order that libbpf and the kernel need.

import { StateError } from "./errors.ts";
import type { Library } from "./library.ts";
import { callAll } from "./library/callall.ts";
import { canListen, type Log, withLogBut, withoutLog } from "./library/print.ts";
import type { LoadedMap } from "./maps/core.ts";
import { addressOf } from "./native.ts";
import { closeObjectAtEnd } from "./library/threadend.ts";
import { closeAtExit, type Disarm } from "./native/atexit.ts";
import { loadError } from "./object/failure.ts";
import { type BrokenRule, checkCrashes } from "./object/rules.ts";
import { type ObjectOptions, openObject } from "./object/open.ts";
import type { LiveLink, ProgramCore, ProgramOwner } from "./program/core.ts";
import type { StructOpsCore } from "./structops.ts";
import type { LiveBytes } from "./sections/bytes.ts";

type Phase = "open" | "loading" | "loaded" | "closed";

/** How many links are detached at once: koffi queues calls, and libuv's threads are few. */
const detachedAtOnce = 64;

// A verifier log in a buffer of ours does not grow (libbpf.c, `bpf_object_load_prog`); memory that is not written to
// costs nothing.
const logBudget = 1 << 26;
const smallestLog = 1 << 18;
const largestLog = 1 << 22;

interface LogBuffer {
  readonly program: string;
  readonly bytes: Uint8Array;
}

export class BpfObject implements ProgramOwner {
  readonly library: Library;
  /** The skeleton's name. */
  readonly name: string;
  readonly maps: LoadedMap[] = [];
  readonly sections: LiveBytes[] = [];
  programs: readonly ProgramCore[] = [];
  /** Names of maps that the kernel takes without BTF only, which libbpf finds out by trying. */
  readonly withoutBtf: Set<string> = new Set();
  structOps: readonly StructOpsCore[] = [];
  // `struct bpf_object *`
  readonly #pointer: number;
  readonly #rules: readonly BrokenRule[];
  readonly #disarm: readonly Disarm[];
  #phase: Phase = "open";
  #closeAfterLoad = false;
  #closing: Promise<void> | undefined;
  /** Until load has succeeded: its errors tell lines of the source. */
  #bytes: Uint8Array | undefined;
  readonly #work = new Set<Promise<unknown>>();

  constructor(
    library: Library,
    bytes: Uint8Array,
    name: string,
    options: ObjectOptions,
    rules: readonly BrokenRule[] = [],
  ) {
    this.#rules = rules;
    this.library = library;
    this.name = name;
    this.#bytes = bytes;
    this.#pointer = openObject(library, bytes, name, options, rules);
    this.#disarm = [closeObjectAtEnd(library, this.#pointer), closeAtExit(this)];
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** @throws StateError unless open and not loaded */
  useOpen(): void {
    if (this.#phase === "open") return;
    if (this.#phase === "closed") throw new StateError(`${this.name}: closed`);
    const what = this.#phase === "loading" ? "is being loaded" : "loaded already";
    throw new StateError(`${this.name}: ${what} (use what load returned; constants and sizes are fixed now)`);
  }

  /** @throws StateError unless loaded */
  useLoaded(): void {
    if (this.#phase !== "loaded")
      throw new StateError(`${this.name}: ${this.#phase === "closed" ? "closed" : "not loaded"}`);
  }

  /** The descriptor of the object's BTF, which load gives to the kernel; undefined without. */
  get btfFd(): number | undefined {
    const fd = this.library.fn("bpf_object__btf_fd")(this.#pointer);
    return fd >= 0 ? fd : undefined;
  }

  /** `struct bpf_map *` of the map, or 0. */
  findMap(name: string): number {
    return this.library.fn("bpf_object__find_map_by_name")(this.#pointer, name);
  }

  /** `struct bpf_program *` of the program, or 0. */
  findProgram(name: string): number {
    return this.library.fn("bpf_object__find_program_by_name")(this.#pointer, name);
  }

  /**
   * Creates the maps and loads the programs. A libbpf object has one try: after a failure it is closed.
   * @throws VerifierError when the verifier refuses a program
   * @throws UnsupportedError where libbpf would crash
   * @throws BpfError
   */
  load(): void {
    this.#beforeLoad();
    // Where libbpf's own lines cannot be heard, the verifier's come through buffers.
    const buffers = canListen() ? [] : this.#setLogBuffers();
    const load = (): number => this.library.fn("bpf_object__load")(this.#pointer);
    const { result, log } = withLogBut(this.library, (line) => this.#isExpected(line), load, buffers);
    this.#loaded(result, log, buffers);
  }

  /** The same on another thread. Closing meanwhile takes effect when the load has ended. */
  async loadAsync(): Promise<void> {
    this.#beforeLoad();
    const buffers = this.#setLogBuffers();
    this.#phase = "loading";
    let result: number;
    try {
      result = await withoutLog(this.library.fn("bpf_object__load"), this.#pointer);
    } catch (e) {
      this.#phase = "open";
      this.close();
      throw e;
    }
    this.#phase = "open";
    if (this.#closeAfterLoad) {
      this.close();
      throw new StateError(`${this.name}: closed while it was being loaded`);
    }
    this.#loaded(result, undefined, buffers);
  }

  #beforeLoad(): void {
    this.useOpen();
    const kinds = this.#loadable().map(({ kind }) => kind);
    checkCrashes(this.library, this.name, this.#rules, kinds);
  }

  /** Whether any program, or struct_ops map, has a live link. */
  isAttached(): boolean {
    return [...this.programs, ...this.structOps].some(({ links }) => links.length > 0);
  }

  /** Detaches every live link, pinned ones too; throws the first failure when all are done. */
  detach(): void {
    this.useLoaded();
    callAll(this.#takeLinks().map((link) => () => link.detach()));
  }

  /** The same, waiting for the kernel on other threads. */
  async detachAsync(): Promise<void> {
    this.useLoaded();
    const failures: unknown[] = [];
    await forEachAtOnce(this.#takeLinks(), (link) => link.detachAsync(), failures);
    if (failures.length > 0) throw failures[0];
  }

  keepFor(work: Promise<unknown>): void {
    this.#work.add(work);
    const done = (): void => {
      this.#work.delete(work);
    };
    work.then(done, done);
  }

  /** Detaches what is not pinned, then frees everything. Does nothing the second time. */
  close(): void {
    if (this.#phase === "loading") this.#closeAfterLoad = true;
    if (this.#phase === "loading" || this.#phase === "closed") return;
    this.#phase = "closed";
    callAll([...this.#takeLinks().map((link) => () => link.release()), () => this.#free()]);
  }

  /** The same, waiting for the kernel on other threads. */
  closeAsync(): Promise<void> {
    if (this.#phase === "open" || this.#phase === "loaded") {
      this.#phase = "closed";
      this.#closing = this.#closeLinks();
    } else this.close();
    return this.#closing ?? Promise.resolve();
  }

  async #closeLinks(): Promise<void> {
    const failures: unknown[] = [];
    try {
      await forEachAtOnce(this.#takeLinks(), (link) => link.releaseAsync(), failures);
      await Promise.allSettled(this.#work);
    } finally {
      this.#free();
    }
    if (failures.length > 0) throw failures[0];
  }

  /** Newest first, as they may depend on each other. */
  #takeLinks(): LiveLink[] {
    return [...this.programs, ...this.structOps].flatMap(({ links }) => links).sort((a, b) => b.serial - a.serial);
  }

  #free(): void {
    const pointer = this.#pointer;
    const closeObject = this.library.fn("bpf_object__close");
    const close = (pointer: number): void => {
      for (const disarm of this.#disarm) disarm();
      closeObject(pointer);
    };
    callAll([
      ...[...this.maps, ...this.sections].map((part) => () => part.close()),
      // A detachAsync under way may still use the object's memory.
      () => (this.#work.size === 0 ? close(pointer) : void Promise.allSettled(this.#work).then(() => close(pointer))),
    ]);
  }

  #loaded(result: number, log: Log | undefined, buffers: readonly LogBuffer[]): void {
    if (result >= 0) {
      this.#phase = "loaded";
      this.#bytes = undefined;
      return;
    }
    const error = loadError(this.library, {
      errno: -result,
      object: this.name,
      bytes: this.#bytes!,
      kinds: this.#loadable().map(({ kind }) => kind),
      log,
      rules: this.#rules,
      refusal: refusalIn(buffers),
      findMap: (name) => this.findMap(name),
      findProgram: (name) => this.findProgram(name),
    });
    this.close();
    throw error;
  }

  // libbpf.c, `bpf_object__create_map`
  #isExpected(line: string): boolean {
    const map = /^libbpf: Error in bpf_create_map_xattr\((.*)\):.*Retrying without BTF\.$/.exec(line)?.[1];
    return map !== undefined && this.withoutBtf.has(map);
  }

  #loadable(): readonly ProgramCore[] {
    const autoload = this.library.fn("bpf_program__autoload");
    return this.programs.filter(({ pointer }) => autoload(pointer));
  }

  #setLogBuffers(): LogBuffer[] {
    const setLogBuf = this.library.fn("bpf_program__set_log_buf");
    const programs = this.#loadable();
    const size = Math.min(Math.max(Math.floor(logBudget / Math.max(programs.length, 1)), smallestLog), largestLog);
    return programs.map(({ name, pointer }) => {
      const bytes = new Uint8Array(size);
      setLogBuf(pointer, addressOf(bytes), size);
      return { program: name, bytes };
    });
  }
}

/** The program whose buffer holds a log: libbpf stops at the first that the verifier refuses. */
function refusalIn(buffers: readonly LogBuffer[]): { program: string; log: string } | undefined {
  const logs = buffers.map(({ program, bytes }) => {
    const end = bytes.indexOf(0);
    return { program, log: new TextDecoder().decode(bytes.subarray(0, end < 0 ? bytes.length : end)) };
  });
  return logs.findLast(({ log }) => log.trim() !== "");
}

async function forEachAtOnce<T>(
  items: readonly T[],
  run: (item: T) => Promise<void>,
  failures: unknown[],
): Promise<void> {
  for (let i = 0; i < items.length; i += detachedAtOnce) {
    const ended = await Promise.allSettled(items.slice(i, i + detachedAtOnce).map(run));
    for (const end of ended) if (end.status === "rejected") failures.push(end.reason);
  }
}
