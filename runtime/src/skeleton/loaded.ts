// A loaded skeleton: typed handles on its maps and programs, and its sections as they are in the kernel.

import { LoadedMap } from "../maps/core.ts";
import { mapMemory, type Mapping, viewMapped } from "../native/mapping.ts";
import type { BpfObject } from "../object.ts";
import { makeProgram } from "../program.ts";
import type { ProgramCore } from "../program/core.ts";
import { isConstant, sectionObject } from "../sections.ts";
import { LiveBytes } from "../sections/bytes.ts";
import { makeStructOps } from "../structops.ts";
import { attachAll, type Outcome } from "./attachall.ts";
import { arenaSection, type Found, type FoundMap, type FoundSection } from "./found.ts";
import { initialValue } from "./initial.ts";
import { checkTaken } from "./pins.ts";
import { ofOwnClass, record } from "../library/record.ts";
import type { AttachAllOptions, SkeletonShape } from "./types.ts";
import { unwatch, watch } from "../library/unreachable.ts";

function loadedMap(object: BpfObject, found: Pick<FoundMap, "name" | "pointer" | "type" | "keySize" | "valueSize">) {
  const { library, name: objectName } = object;
  const { name, pointer, type, keySize, valueSize } = found;
  // Without autocreate libbpf >= 1.4 has a descriptor all the same, of something else that keeps its place.
  const rawFd = library.fn("bpf_map__autocreate")(pointer) ? library.fn("bpf_map__fd")(pointer) : -1;
  const mappedAt = type === "arena" && rawFd >= 0 ? initialValue(library, pointer).address : undefined;
  const together = { siblings: object.maps, btfFd: object.btfFd, mappedAt };
  const fields = { name, type, object: objectName, keySize, valueSize, rawFd, ...together };
  const map = new LoadedMap(library, fields, object);
  object.maps.push(map);
  return map;
}

class LoadedSkeleton {
  readonly name: string;
  readonly maps: object;
  readonly progs: object;
  readonly links: object;
  readonly structOps: object;
  readonly #object: BpfObject;

  constructor(object: BpfObject, { maps, programs, sections, structOps }: Found) {
    this.name = object.name;
    this.#object = object;
    this.maps = record(
      maps,
      ({ name }) => name,
      (map) => map.spec.create(loadedMap(object, map)),
    );
    this.progs = record(programs, ({ name }) => name, makeProgram);
    const ops = structOps.map(({ core }) => core);
    this.structOps = record(ops, ({ name }) => name, makeStructOps);
    this.links = linksOf([...programs, ...ops]);
    for (const section of sections) this.#defineSection(section);
    watch(object, `a loaded ${object.name}`, object);
  }

  attach(options: AttachAllOptions<SkeletonShape> = {}): Outcome {
    return attachAll(this.#object, options);
  }

  detach(): void {
    this.#object.detach();
  }

  detachAsync(): Promise<void> {
    return this.#object.detachAsync();
  }

  close(): void {
    unwatch(this.#object);
    this.#object.close();
  }

  closeAsync(): Promise<void> {
    unwatch(this.#object);
    return this.#object.closeAsync();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.closeAsync();
  }

  // Mapped when first used: most sections of most skeletons are never looked at.
  #defineSection({ ident, spec, pointer }: FoundSection): void {
    const object = this.#object;
    let made: object | undefined;
    const get = (): object => {
      if (made !== undefined) return made;
      object.useLoaded();
      const fields = { name: spec.name, type: "array", pointer, keySize: 4, valueSize: spec.size };
      const constant = isConstant(spec.name);
      const map = loadedMap(object, spec.name === arenaSection ? { ...fields, type: "arena" } : fields);
      const mapIt = (fd: number): Mapping | number =>
        map.mappedAt ? viewMapped(map.mappedAt, spec.size) : mapMemory(fd, spec.size, !constant);
      const bytes = new LiveBytes(map, spec.size, mapIt, () => object.isAttached());
      object.sections.push(bytes);
      return (made = sectionObject(this.name, ident, spec, bytes, constant ? { constant: remedyFor(ident) } : {}));
    };
    Object.defineProperty(this, ident, { get, enumerable: true });
  }
}

function remedyFor(ident: string): string {
  return ident === "kconfig" ? "its values come from open({ kconfig }) and the kernel" : "set it between open and load";
}

function linksOf(programs: readonly ProgramCore[]): object {
  const links = ofOwnClass(null);
  for (const program of programs) {
    Object.defineProperty(links, program.name, { get: () => program.links.at(-1), enumerable: true });
  }
  return Object.freeze(links);
}

/** The handle of an object that has just been loaded. */
export function loadedSkeleton(object: BpfObject, found: Found): LoadedSkeleton {
  try {
    checkTaken(object, found.maps);
    // Each of a class of its own, for the getters of its sections (`ofOwnClass`).
    return new (class extends LoadedSkeleton {})(object, found);
  } catch (e) {
    object.close();
    throw e;
  }
}
