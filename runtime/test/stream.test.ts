// What streams do when that which they stand on fails.

import { expect, test, vi } from "vitest";
import { Stream } from "../src/events/stream.ts";
import { callAll } from "../src/library/callall.ts";

test("a stream whose wait cannot begin rejects with the reason, and has ended", async () => {
  const onEnd = vi.fn();
  const watch = (): never => {
    throw new Error("no descriptor");
  };
  const stream = new Stream(() => undefined, watch, onEnd, undefined);
  await expect(stream.next()).rejects.toThrow("no descriptor");
  expect(onEnd).toHaveBeenCalledOnce();
  expect(await stream.next()).toEqual({ done: true, value: undefined });
});

test("a stream whose signal calls its listener at once has ended, and says so once", async () => {
  const onEnd = vi.fn();
  const listeners = new Set<() => void>();
  const signal = {
    aborted: false,
    reason: undefined,
    addEventListener(_: "abort", listener: () => void) {
      listeners.add(listener);
      listener();
    },
    removeEventListener: (_: "abort", listener: () => void) => void listeners.delete(listener),
  };
  const stream = new Stream(
    () => 1,
    () => ({ close() {} }),
    onEnd,
    signal,
  );
  expect(await stream.next()).toEqual({ done: true, value: undefined });
  expect(onEnd.mock.calls).toEqual([[stream]]);
  expect(listeners.size).toBe(0);
});

test("a stream of slow values gives the event loop its turns", async () => {
  let left = 20;
  const take = (): number | undefined => {
    for (const until = performance.now() + 2; performance.now() < until;);
    return left-- > 0 ? left : undefined;
  };
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  for await (const value of new Stream(
    take,
    () => ({ close() {} }),
    () => undefined,
    undefined,
  ))
    if (value === 0) break;
  clearInterval(timer);
  expect(turns).toBeGreaterThan(5);
});

test("callAll calls all, and throws the first failure", () => {
  const called: number[] = [];
  const step = (n: number) => (): void => {
    called.push(n);
    if (n > 1) throw new Error(`step ${n}`);
  };
  expect(() => callAll([step(1), step(2), step(3), step(0)])).toThrow("step 2");
  expect(called).toEqual([1, 2, 3, 0]);
  callAll([]);
});
