// A handler's own copy of a loop does what the shared one does, also where its text was minified, or is not to be had; and
// what lazy events show.

import { buildSync } from "esbuild";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Envelope, Line, Packet } from "../../fixtures/tails.skel.ts";
import { flyweight, newCursor } from "../src/events/lazy.ts";
import { type Handler, Loop, type OnOdd, type View } from "../src/events/loop.ts";
import { alone, type EventSource } from "../src/events/source.ts";
import { type Codec, struct, u32, u64 } from "../src/index.ts";
import { hostMemory } from "../src/native.ts";
import { hasFastProperties } from "./support/v8.ts";

const records = 20_000;
const stride = 16;
const number: View = { read: (m, at) => m.u32(at) };

/** A buffer whose records are their numbers, 8 bytes from the start and 5 long. */
function makeSource(cpu = -1): { source: EventSource; released: number[] } {
  const m = hostMemory(new Uint8Array(8 + records * stride));
  for (let i = 0; i < records; i++) m.setU32(8 + i * stride, i);
  const run = { m, at: 8, length: 5, stride, cpu, ...alone };
  const released: number[] = [];
  const source = {
    run,
    halted: false,
    check: () => undefined,
    halt: () => (source.halted = true),
    release(count: number) {
      released.push(count);
      run.at += count * stride;
    },
  };
  return { source: source as unknown as EventSource, released };
}

const noOdd: OnOdd = () => expect.unreachable();

/** Whether a copy called. */
const byCopy = (): boolean => new Error().stack!.includes("ebpf-skel:loop");

interface Loops {
  readonly Loop: typeof Loop;
}

/** The loop as a bundler that minifies leaves it. */
async function bundled(keepNames: boolean): Promise<Loops> {
  const { outputFiles } = buildSync({
    entryPoints: [new URL("../src/events/loop.ts", import.meta.url).pathname],
    ...{ bundle: true, minify: true, keepNames, write: false, platform: "node", format: "esm", target: "node20" },
  });
  return (await import(`data:text/javascript,${encodeURIComponent(outputFiles[0]!.text)}`)) as Loops;
}

afterEach(() => void vi.restoreAllMocks());

describe.each([
  ["as it is", () => Promise.resolve({ Loop })],
  ["minified", () => bundled(false)],
  ["minified, with names", () => bundled(true)],
])("a loop %s", (_, load) => {
  describe.each(["handOut", "show"] as const)("that does %s", (kind) => {
    /** Has `loop` hand out so many records, as their numbers. */
    function runOf(loop: Loop, source: EventSource, handler: Handler): (count: number) => number {
      if (kind === "handOut") return (count) => loop.handOut(source, count, number, handler, noOdd);
      const shown = flyweight(
        struct<{ number: number }>("record", 4, () => ({ number: [0, u32] })),
        newCursor(),
      )!;
      const take: Handler = (event, ...rest) => handler((event as { number: number }).number, ...rest);
      return (count) => loop.show(source, count, shown, take);
    }

    test("becomes a handler's own, and goes on where it was", async () => {
      const loop = new (await load()).Loop();
      const { source, released } = makeSource();
      const seen: unknown[] = [];
      const own: boolean[] = [];
      const run = runOf(loop, source, (...args) => {
        if (seen.push(args) % 5000 === 0) own.push(byCopy());
      });
      expect(run(10_000)).toBe(10_000);
      for (let i = 0; i < 10; i++) expect(run(1000)).toBe(1000);
      expect(own).toEqual([false, false, true, true]);
      expect(seen).toEqual(Array.from({ length: records }, (_, i) => [i]));
      expect(released).toEqual([10_000, ...Array<number>(10).fill(1000)]);
    });

    test("ends with what the handler throws, and with a halt", async () => {
      const loop = new (await load()).Loop();
      const { source, released } = makeSource(3);
      const seen: number[] = [];
      const run = runOf(loop, source, (event, cpu) => {
        seen.push(Number(event));
        expect(cpu).toBe(3);
        if (event === 12_000) throw new Error("enough");
        if (event === 13_000) source.halt();
      });
      run(10_000);
      expect(() => run(5000)).toThrow("enough");
      expect(run(5000)).toBe(1000);
      expect(run(5000)).toBe(0);
      expect(released).toEqual([10_000, 2001, 1000, 0]);
      expect(seen).toHaveLength(13_001);
    });
  });

  test("tells of what does not read, or has no type", async () => {
    const loop = new (await load()).Loop();
    const { source } = makeSource(3);
    const odd: unknown[] = [];
    const onOdd: OnOdd = (bytes, cpu) => odd.push([hostMemory(bytes).u32(0), bytes.length, cpu]);
    let handled = 0;
    const view: View = {
      read(m, at) {
        const value = m.u32(at);
        if (value === 11_000) throw new Error("unreadable");
        return value === 11_001 ? undefined : value;
      },
    };
    for (let i = 0; i < 15; i++) loop.handOut(source, 1000, view, () => handled++, onOdd);
    expect(loop.handOut(source, 2, undefined, () => handled++, onOdd)).toBe(2);
    expect(odd).toEqual([11_000, 11_001, 15_000, 15_001].map((i) => [i, 5, 3]));
    expect(handled).toBe(14_998);
  });
});

test.each([
  ["have no text", "function handOut() { [native code] }"],
  ["were instrumented", "function handOut(source, found, view, handler) { counters.s[0]++; handler(1); return 1; }"],
])("where functions %s the loop stays the shared one", (_, text) => {
  vi.spyOn(Function.prototype, "toString").mockReturnValue(text);
  const loop = new Loop();
  const { source } = makeSource();
  let own = 0;
  let seen = 0;
  const handler: Handler = () => {
    seen++;
    if (seen % 1000 === 0 && byCopy()) own++;
  };
  for (let i = 0; i < 20; i++) loop.handOut(source, 1000, number, handler, noOdd);
  expect([seen, own]).toEqual([records, 0]);
});

test("what shows fields of the same names is no dictionary to V8", () => {
  const shownOf = (name: string): object => {
    const codec = struct<{ pid: number; at: bigint }>(name, 16, () => ({ pid: [0, u32], at: [8, u64] }));
    return flyweight(codec, newCursor())!.event;
  };
  const events = ["fork", "exec", "exit"].map(shownOf);
  expect(events.map(hasFastProperties)).toEqual([true, true, true]);
  expect(events.map(Object.keys)).toEqual(events.map(() => ["pid", "at"]));
  expect(events.every((event) => Object.getPrototypeOf(event) === Object.prototype)).toBe(true);
  expect(() => Object.values(events[1]!)).toThrow("event: read outside of its handler");
});

test.each([
  ["bytes", Packet, { length: 3, kind: 2, payload: Uint8Array.of(4, 5, 6) }],
  ["text", Line, { at: 5n, text: "hé" }],
  ["structs in a struct", Envelope, { from: 7, track: { id: 9, points: [{ x: 1, y: -1 }] } }],
])("a flexible array of %s ends with the record that is shown", (_, codec, value) => {
  const record = (codec as Codec<unknown>).encode(value);
  const m = hostMemory(new Uint8Array(64).fill(0xff));
  m.u8s.set(record, 8);
  const cursor = Object.assign(newCursor(), { m, at: 8, length: record.length });
  expect({ ...flyweight(codec, cursor)!.event }).toEqual(value);
});
