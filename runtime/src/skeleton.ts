// What generated code calls: a table in, a Skeleton out. Nothing of the table is evaluated before it is used.

import { openLibrary } from "./library.ts";
import { carriedObject, checkAbi, checkByteOrder, givenObject } from "./skeleton/carried.ts";
import { mapOpeners } from "./skeleton/openers.ts";
import { programOpeners } from "./skeleton/progopeners.ts";
import { openSkeleton } from "./skeleton/open.ts";
import type { Loaded, Open, OpenOptions, Skeleton, SkeletonShape, SkeletonTable } from "./skeleton/types.ts";

class CarriedSkeleton<X extends SkeletonShape> implements Skeleton<X> {
  readonly #makeTable: () => SkeletonTable<X>;
  #madeTable: SkeletonTable<X> | undefined;
  #verified: Uint8Array | undefined;
  #maps: object | undefined;
  #progs: object | undefined;

  constructor(makeTable: () => SkeletonTable<X>) {
    this.#makeTable = makeTable;
  }

  get name(): string {
    return this.#table.name;
  }

  open(options: OpenOptions = {}): Open<X> {
    const table = this.#table;
    checkAbi(table);
    const bytes = options.object === undefined ? this.#carried : givenObject(table, options.object);
    checkByteOrder(table.name, bytes);
    return openSkeleton(openLibrary(options.libbpf), table, bytes, options) as unknown as Open<X>;
  }

  load(options?: OpenOptions): Loaded<X> {
    return this.open(options).load();
  }

  object(): ReturnType<Uint8Array["slice"]> {
    return this.#carried.slice();
  }

  get maps(): Skeleton<X>["maps"] {
    return (this.#maps ??= mapOpeners(this.#table)) as Skeleton<X>["maps"];
  }

  get progs(): Skeleton<X>["progs"] {
    return (this.#progs ??= programOpeners(this.#table)) as Skeleton<X>["progs"];
  }

  get #table(): SkeletonTable<X> {
    return (this.#madeTable ??= this.#makeTable());
  }

  get #carried(): Uint8Array {
    return (this.#verified ??= carriedObject(this.#table));
  }
}

/** The skeleton of one object. For generated code. */
export function skeleton<X extends SkeletonShape>(table: () => SkeletonTable<X>): Skeleton<X> {
  return new CarriedSkeleton(table);
}
