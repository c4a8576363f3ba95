// Objects that are keyed by names from C.

/**
 * An object with this prototype and no property, of a class of its own. V8 makes a dictionary of `Object.create(null)`, and of
 * an object that has other accessors than another of its class: there a read takes seven times as long, a write fourteen.
 */
export function ofOwnClass(prototype: object | null): object {
  return Object.setPrototypeOf(new (class {})(), prototype) as object;
}

/** A record with a null prototype: names from C may be anything. */
export function record<T, R>(
  items: readonly T[],
  nameOf: (item: T) => string,
  make: (item: T) => R,
): Record<string, R> {
  const made = ofOwnClass(null) as Record<string, R>;
  for (const item of items) {
    Object.defineProperty(made, nameOf(item), { value: make(item), enumerable: true });
  }
  return Object.freeze(made);
}
