// A map whose descriptor is the user's own: opened or created without an object, and closed by hand.

import { StateError } from "../errors.ts";
import type { Library } from "../library.ts";
import { unwatch, watch } from "../library/unreachable.ts";
import { type CloseFd, ownFd } from "../library/threadend.ts";
import { closeAtExit } from "../native/atexit.ts";
import { LoadedMap, type MapSpec } from "./core.ts";

/** A map handle of kind `H` that its user closes. */
export type OwnedMap<H> = H & Closeable;

/** What is closed by hand, or by `using`. */
export interface Closeable extends Disposable {
  /** Lets go of the map, which lives on while others use it. Does nothing the second time. */
  close(): void;
}

type Fields = ConstructorParameters<typeof LoadedMap>[1];

class DescribedMap extends LoadedMap {
  readonly #closeFd: CloseFd;
  readonly #disarm = closeAtExit(this);

  constructor(library: Library, fields: Fields, closeFd: CloseFd) {
    super(library, fields);
    this.#closeFd = closeFd;
  }

  override use(): number {
    if (this.rawFd >= 0) return this.rawFd;
    throw new StateError(`map ${this.name}: closed`);
  }

  override close(): void {
    if (this.rawFd < 0) return;
    unwatch(this);
    // First what still watches the descriptor.
    super.close();
    this.#disarm();
    this.#closeFd();
  }
}

/** The handle that owns `fields.rawFd`, which `closeFd` closes, from now on, after a failure too. */
export function ownMap<H>(
  library: Library,
  spec: MapSpec<H>,
  fields: Fields,
  closeFd: CloseFd = ownFd(library, fields.rawFd),
): OwnedMap<H> {
  const map = new DescribedMap(library, fields, closeFd);
  let handle: H & object;
  try {
    handle = spec.create(map) as H & object;
  } catch (e) {
    map.close();
    throw e;
  }
  const close = (): void => map.close();
  Object.defineProperties(handle, { close: { value: close }, [Symbol.dispose]: { value: close } });
  watch(map, `map ${map.name}`, map);
  return handle as OwnedMap<H>;
}
