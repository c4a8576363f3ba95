// Objects that are keyed by names from C.

/** A record with a null prototype: names from C may be anything. */
export function record<T, R>(
  items: readonly T[],
  nameOf: (item: T) => string,
  make: (item: T) => R,
): Record<string, R> {
  const made = Object.create(null) as Record<string, R>;
  for (const item of items) {
    Object.defineProperty(made, nameOf(item), { value: make(item), enumerable: true });
  }
  return Object.freeze(made);
}
