// The words of vitest that live tests are written in, over node:test: on another kernel, which is emulated, vitest itself takes
// longer to start than all of a file's tests to run. `expect` is vitest's own.

import {
  ASYMMETRIC_MATCHERS_OBJECT,
  GLOBAL_EXPECT,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
  setState,
} from "@vitest/expect";
import * as chai from "chai";
import * as node from "node:test";
import { format } from "node:util";

export { expectTypeOf } from "expect-type";

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);

type Fn = (...args: readonly never[]) => unknown;

const matchers: unknown = (globalThis as Record<symbol, unknown>)[ASYMMETRIC_MATCHERS_OBJECT];

/** Asks again until the assertion holds: for longer than vitest does, as all is slower here. */
function poll(get: () => unknown, { timeout = 1000, interval = 50 } = {}): object {
  const until = Date.now() + 30 * timeout;
  const assertion =
    (matcher: string) =>
    async (...args: readonly unknown[]) => {
      for (;;) {
        try {
          const subject = expect(await get()) as unknown as Record<string, (...args: readonly unknown[]) => unknown>;
          return subject[matcher]!(...args);
        } catch (e) {
          if (Date.now() > until) throw e;
          await new Promise((done) => setTimeout(done, interval));
        }
      }
    };
  return new Proxy({}, { get: (_, matcher) => assertion(String(matcher)) });
}

export const expect = Object.assign(
  (value: unknown, message?: string) => chai.expect(value, message),
  chai.expect,
  matchers as object,
  { poll },
);
(globalThis as Record<symbol, unknown>)[GLOBAL_EXPECT] = expect;
setState({ assertionCalls: 0, isExpectingAssertions: false, expectedAssertionsNumber: null } as never, expect as never);

class Skipped extends Error {}

/** What vitest hands to a test, as far as these tests use it. */
const context = {
  expect,
  skip(...reasons: readonly unknown[]): never {
    throw new Skipped(String(reasons.findLast((reason) => typeof reason === "string") ?? ""));
  },
};

/** Titles that start with one of these are not run at all: the list is the caller's, who has little time. */
const leftOut = (process.env["EBPF_SKEL_LEAVE_OUT"] ?? "").split("|").filter((title) => title !== "");

function runTest(name: string, fn: Fn): void {
  if (leftOut.some((title) => name.startsWith(title))) return;
  void node.test(name, async (t) => {
    try {
      await (fn as (...args: readonly unknown[]) => unknown)(context);
    } catch (e) {
      if (!(e instanceof Skipped)) throw e;
      t.skip(e.message);
    }
  });
}

function skipTest(name: string): void {
  void node.test(name, { skip: true }, () => {});
}

type Registers = (name: string, ...rest: readonly unknown[]) => void;

/** The last function among what follows a name: vitest takes options or a time limit too. */
const functionIn = (rest: readonly unknown[]): Fn => rest.find((part) => typeof part === "function") as Fn;

/** A title with the case's values in it, as vitest has them. */
function titled(name: string, row: readonly unknown[], index: number): string {
  const places = name.match(/%[sdifjo#]/g)?.length ?? 0;
  return format(name.replace("%#", String(index)), ...row.slice(0, places));
}

function withEach(run: (name: string, fn: Fn) => void, skip: (name: string) => void): Registers & object {
  const register: Registers = (name, ...rest) => run(name, functionIn(rest));
  const skipped: Registers = (name) => skip(name);
  const each =
    (to: (name: string, fn: Fn) => void) =>
    (rows: readonly unknown[]) =>
    (name: string, ...rest: readonly unknown[]): void => {
      // A row is spread where every one is an array.
      const spread = rows.every((row) => Array.isArray(row));
      rows.forEach((row, index) => {
        const values = spread ? (row as readonly unknown[]) : [row];
        const fn = functionIn(rest) as (...args: readonly unknown[]) => unknown;
        to(titled(name, values, index), (() => fn(...values)) as Fn);
      });
    };
  /** As `each`, but a row is one argument, and what vitest hands to a test comes after it. */
  const rows =
    (all: readonly unknown[]) =>
    (name: string, ...rest: readonly unknown[]): void => {
      const fn = functionIn(rest) as (...args: readonly unknown[]) => unknown;
      all.forEach((row, index) => {
        run(titled(name, Array.isArray(row) ? row : [row], index), (() => fn(row, context)) as Fn);
      });
    };
  return Object.assign(register, {
    each: each(run),
    for: rows,
    skip: skipped,
    skipIf: (condition: unknown) => (condition ? skipped : register),
    runIf: (condition: unknown) => (condition ? register : skipped),
  });
}

export const test = withEach(runTest, skipTest);
export const it = test;
export const describe = withEach(
  (name, fn) => void node.describe(name, async () => void (await (fn as () => unknown)())),
  (name) => void node.describe(name, { skip: true }, () => {}),
);

export const beforeAll = (fn: () => unknown): void => node.before(async () => void (await fn()));
export const afterAll = (fn: () => unknown): void => node.after(async () => void (await fn()));
export const beforeEach = (fn: () => unknown): void => node.beforeEach(async () => void (await fn()));
export const afterEach = (fn: () => unknown): void => node.afterEach(async () => void (await fn()));

/** Only for files that find no kernel at all. */
export const TestRunner = undefined;
