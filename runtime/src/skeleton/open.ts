// An opened skeleton: constants and sizes can change, until load takes it over.

import { UnsupportedError } from "../errors.ts";
import type { Library } from "../library.ts";
import { bpfError } from "../library/failure.ts";
import { BPF_F_SEGV_ON_FAULT } from "../maps/arena.ts";
import { addressOf, readFrom } from "../native.ts";
import { BpfObject } from "../object.ts";
import { sectionObject } from "../sections.ts";
import { InitialBytes } from "../sections/bytes.ts";
import type { SectionSpec } from "../sections/types.ts";
import { arenaSection, checkArenas, find, type Found, type FoundMap, type FoundSection } from "./found.ts";
import { initialValue } from "./initial.ts";
import { loadedSkeleton } from "./loaded.ts";
import { checkPins, respellPins } from "./pins.ts";
import { record } from "../library/record.ts";
import { openMap, openProgram } from "./setters.ts";
import { shadowOf } from "../structops/shadow.ts";
import type { OpenOptions, SkeletonShape, SkeletonTable } from "./types.ts";
import { unwatch, watch } from "../library/unreachable.ts";

/** A copy of what libbpf will put into the section's map. */
function initialBytes(object: BpfObject, { spec, pointer }: FoundSection): InitialBytes {
  const { address } = initialValue(object.library, pointer);
  const bytes = address === 0 ? new Uint8Array(spec.size) : readFrom(address, spec.size);
  return new InitialBytes(bytes, () => object.useOpen());
}

function writeInitialBytes(object: BpfObject, { pointer }: FoundSection, { bytes }: InitialBytes): void {
  const syscall = "bpf_map__set_initial_value";
  const result = object.library.fn(syscall)(pointer, addressOf(bytes), bytes.length);
  if (result < 0) throw bpfError(object.library, { errno: -result, syscall, object: object.name });
}

/** libbpf writes an arena's variables to its pages before any program can have allocated them (`bpf_object__create_maps`). */
function checkArena({ library, name }: BpfObject, { name: map, type, pointer }: FoundMap): void {
  if (type !== "arena" || (library.fn("bpf_map__map_flags")(pointer) & BPF_F_SEGV_ON_FAULT) === 0) return;
  if (initialValue(library, pointer).size === 0) return;
  const why = "its variables are on pages that are not allocated, load would end this process";
  throw new UnsupportedError(`${name}: map ${map}: ${why} (leave out BPF_F_SEGV_ON_FAULT)`);
}

/** Has libbpf make the section's map of the size that `spec` says. */
function resizeSection(
  object: BpfObject,
  section: FoundSection,
  bytes: InitialBytes,
  spec: SectionSpec<unknown>,
): void {
  const { library, name } = object;
  const where = `${section.ident}.$resize`;
  // Older ones take the size and leave their copy of the section, which they read at load, as short as it was.
  if (!library.atLeast(1, 3)) {
    throw new UnsupportedError(`${name}: ${where}: needs libbpf >= 1.3, found ${library.version}`);
  }
  if (section.spec.name === arenaSection) throw new UnsupportedError(`${name}: ${where}: libbpf resizes no arena`);
  const syscall = "bpf_map__set_value_size";
  const result = library.fn(syscall)(section.pointer, spec.size);
  if (result < 0) throw bpfError(library, { errno: -result, syscall, object: name, verb: where });
  bytes.resize(spec.size);
  section.spec = spec;
}

class OpenSkeleton {
  readonly name: string;
  readonly maps: object;
  readonly progs: object;
  readonly structOps: object;
  readonly #object: BpfObject;
  readonly #found: Found;
  readonly #initial = new Map<FoundSection, InitialBytes>();

  constructor(object: BpfObject, found: Found) {
    this.name = object.name;
    this.#object = object;
    this.#found = found;
    this.maps = record(
      found.maps,
      ({ name }) => name,
      (map) => openMap(object, map),
    );
    this.progs = record(
      found.programs,
      ({ name }) => name,
      ({ name, pointer, section }) => openProgram(object, name, pointer, section),
    );
    this.structOps = record(
      found.structOps,
      ({ name }) => name,
      ({ core, spec }) => shadowOf(object, core, spec),
    );
    for (const section of found.sections) this.#defineSection(section);
    watch(object, `an opened ${object.name}`, this.#token);
  }

  load(): object {
    this.#beforeLoad();
    this.#object.load();
    return loadedSkeleton(this.#object, this.#found);
  }

  async loadAsync(): Promise<object> {
    this.#beforeLoad();
    await this.#object.loadAsync();
    return loadedSkeleton(this.#object, this.#found);
  }

  close(): void {
    unwatch(this.#token);
    if (this.#object.phase !== "loaded") this.#object.close();
  }

  async closeAsync(): Promise<void> {
    this.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  // What the object is registered with, and unregistered when this handle owns nothing any more.
  get #token(): object {
    return this.#initial;
  }

  #beforeLoad(): void {
    this.#object.useOpen();
    checkPins(this.#object, this.#found.maps);
    for (const map of this.#found.maps) checkArena(this.#object, map);
    for (const [section, bytes] of this.#initial) writeInitialBytes(this.#object, section, bytes);
    unwatch(this.#token);
  }

  // Copied when first used: most sections of most skeletons stay as they are.
  #defineSection(section: FoundSection): void {
    const { ident, spec } = section;
    // Its contents come from the running kernel, at load.
    if (ident === "kconfig") return;
    let made: object | undefined;
    const get = (): object => {
      if (made !== undefined) return made;
      this.#object.useOpen();
      const bytes = initialBytes(this.#object, section);
      this.#initial.set(section, bytes);
      const resize = (spec: SectionSpec<unknown>): void => resizeSection(this.#object, section, bytes, spec);
      return (made = sectionObject(this.name, ident, spec, bytes, { resize }));
    };
    Object.defineProperty(this, ident, { get, enumerable: true });
  }
}

/** Opens verified bytes and finds the table's maps, programs and sections in them. */
export function openSkeleton(
  library: Library,
  table: SkeletonTable<SkeletonShape>,
  bytes: Uint8Array,
  options: OpenOptions,
): OpenSkeleton {
  checkArenas(library, table);
  const object = new BpfObject(library, bytes, table.name, options, table.broken);
  try {
    const found = find(object, table);
    respellPins(object, found.maps);
    return new OpenSkeleton(object, found);
  } catch (e) {
    object.close();
    throw e;
  }
}
