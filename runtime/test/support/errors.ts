// Errors as values, so that a test can hold all of one against what it should be.

/** What `fn` throws; fails when it throws nothing. */
export function thrownBy(fn: () => unknown): Error {
  try {
    fn();
  } catch (e) {
    return e as Error;
  }
  throw new Error("it threw nothing");
}

/** What `promise` rejects with; fails when it does not. */
export async function rejectionOf(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (e) {
    return e as Error;
  }
  throw new Error("it did not reject");
}
