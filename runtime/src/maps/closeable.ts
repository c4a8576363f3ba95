// A map whose descriptor is the user's own: opened or created without an object, and closed by hand.

import { StateError } from "../errors.ts";
import type { Library } from "../library.ts";
import { unwatch, watch } from "../library/unreachable.ts";
import { libc } from "../native.ts";
import { closeFdAtEnd } from "../library/threadend.ts";
import { closeAtExit, type Disarm } from "../native/atexit.ts";
import { LoadedMap, type MapSpec } from "./core.ts";

/** A map handle of kind `H` that its user closes. */
export type OwnedMap<H> = H & Closeable;

/** What is closed by hand, or by `using`. */
export interface Closeable extends Disposable {
  /** Lets go of the map, which lives on while others use it. Does nothing the second time. */
  close(): void;
}

class DescribedMap extends LoadedMap {
  readonly #disarm: readonly Disarm[] = [closeFdAtEnd(this.library, this.rawFd), closeAtExit(this)];

  override use(): number {
    if (this.rawFd >= 0) return this.rawFd;
    throw new StateError(`map ${this.name}: closed`);
  }

  override close(): void {
    const fd = this.rawFd;
    if (fd < 0) return;
    unwatch(this);
    // First what still watches the descriptor.
    super.close();
    for (const disarm of this.#disarm) disarm();
    libc().close(fd);
  }
}

/** The handle that owns `fields.rawFd` from now on. */
export function ownMap<H>(
  library: Library,
  spec: MapSpec<H>,
  fields: ConstructorParameters<typeof LoadedMap>[1],
): OwnedMap<H> {
  const map = new DescribedMap(library, fields);
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
