// Ring buffers against the real kernel: what programs send is what consumers receive.

import { describe, expect, expectTypeOf, test } from "vitest";
import { type Event, Events, type Line, type Pair } from "../../../fixtures/events.skel.ts";
import type { DeepReadonly, RingBuf, UnknownRecord } from "../../src/index.ts";
import { rejectionOf, thrownBy } from "../support/errors.ts";
import { requireKernel } from "../support/kernel.ts";

requireKernel();

const send = { events: 1, pages: 2, stream: 3, lines: 4, mixed: 5, plain: 6 } as const;

/** A loaded skeleton whose programs hear this process. */
function load(): ReturnType<typeof Events.load> {
  const live = Events.load();
  live.bss.target_tgid = process.pid;
  live.attach();
  return live;
}

type Live = ReturnType<typeof load>;

/** Has `burst` records of a kind sent, or one of `length`. */
function produce(live: Live, what: keyof typeof send, burst: number): void {
  live.bss.what = send[what];
  live.bss.burst = burst;
  live.bss.length = burst;
  void process.ppid;
  live.bss.what = 0;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe("consume", () => {
  test("gives every event, in order, and says how many", () => {
    using live = load();
    produce(live, "events", 1000);
    const seen: Event[] = [];
    expect(live.maps.events.consume((event) => seen.push(event))).toBe(1000);
    expect(seen.map(({ at }) => at)).toEqual(Array.from({ length: 1000 }, (_, i) => BigInt(i)));
    expect(seen[7]).toEqual({ pid: process.pid, at: 7n, comm: seen[0]!.comm });
    expect(seen[0]!.comm).not.toBe("");
    expect(live.maps.events.consume(() => expect.unreachable())).toBe(0);
  });

  test("takes no more than its max", () => {
    using live = load();
    const { events } = live.maps;
    produce(live, "events", 10);
    expect(events.consume(() => undefined, { max: 4 })).toBe(4);
    expect(events.available()).toBe(6 * (8 + 32));
    expect(events.consume(() => undefined)).toBe(6);
    expect(events.available()).toBe(0);
  });

  test.each([0, -1, Number.NaN, "1" as unknown as number])("refuses a max of %s", (max) => {
    using live = load();
    expect(thrownBy(() => live.maps.events.consume(() => undefined, { max })).name).toBe("ValueError");
  });

  test("counts the event for which the callback throws as consumed, and no other", () => {
    using live = load();
    const { events } = live.maps;
    produce(live, "events", 10);
    const failure = new Error("the callback's own");
    const third = ({ at }: { at: bigint }): void => {
      if (at === 2n) throw failure;
    };
    expect(thrownBy(() => events.consume(third))).toBe(failure);
    expect(events.available()).toBe(7 * 40);
    const rest: bigint[] = [];
    events.consume(({ at }) => rest.push(at));
    expect(rest).toEqual([3n, 4n, 5n, 6n, 7n, 8n, 9n]);
  });

  test("ends when the callback closes the skeleton", () => {
    const live = load();
    produce(live, "events", 10);
    let seen = 0;
    live.maps.events.consume(() => {
      if (++seen === 3) live.close();
    });
    expect(seen).toBe(3);
    expect(thrownBy(() => live.maps.events.consume(() => undefined)).name).toBe("StateError");
    expect(thrownBy(() => live.maps.events.available()).name).toBe("StateError");
  });

  test("is refused while there is another consumer, which goes on", () => {
    using live = load();
    const { events } = live.maps;
    produce(live, "events", 2);
    let inner: Error | undefined;
    const seen = events.consume(() => {
      inner ??= thrownBy(() => events.consume(() => undefined));
    });
    expect(seen).toBe(2);
    expect(inner).toMatchObject({
      name: "StateError",
      message: "map events: has a consumer already, one at a time (close it first)",
    });
    using subscription = events.subscribe(() => undefined);
    expect(thrownBy(() => events.consume(() => undefined)).name).toBe("StateError");
    subscription.close();
    expect(events.consume(() => undefined)).toBe(0);
  });
});

describe("lazy events", () => {
  test("are one object that spreads, prints and becomes JSON as the event does", () => {
    using live = load();
    produce(live, "lines", 64);
    const objects = new Set<unknown>();
    let checked = 0;
    const check = (line: object): void => {
      objects.add(line);
      const { pid, length, text } = line as Line;
      const expected = { pid: process.pid, length: 64, text: "the quick brown fox jumps over the lazy dog" };
      expect({ pid, length, text }).toEqual(expected);
      expect({ ...line }).toEqual(expected);
      expect(JSON.stringify(line)).toBe(JSON.stringify(expected));
      expect(Object.keys(line)).toEqual(["pid", "length", "text"]);
      expect(() => Object.assign(line, { pid: 1 })).toThrow(TypeError);
      checked++;
    };
    live.maps.lines.consume(check, { lazy: true });
    produce(live, "lines", 64);
    live.maps.lines.consume(check, { lazy: true });
    expect(checked).toBe(2);
    expect(objects.size).toBe(1);
  });

  test("refuse to be read after the callback, whatever became of the map", () => {
    const live = load();
    produce(live, "events", 2);
    let kept: { readonly pid: number } | undefined;
    live.maps.events.consume((event) => (kept = event), { lazy: true });
    expect(thrownBy(() => kept!.pid)).toMatchObject({
      name: "StateError",
      message: expect.stringMatching(/^event: read outside of its handler, or after close \(/) as string,
    });
    live.close();
    expect(thrownBy(() => kept!.pid).name).toBe("StateError");
  });

  test("refuse to be read once their callback has closed the skeleton", () => {
    const live = load();
    produce(live, "events", 2);
    let seen = 0;
    const errors: string[] = [];
    live.maps.events.consume(
      (event) => {
        seen++;
        live.close();
        for (const field of ["pid", "at", "comm"] as const) errors.push(thrownBy(() => event[field]).name);
      },
      { lazy: true },
    );
    expect({ seen, errors }).toEqual({ seen: 1, errors: ["StateError", "StateError", "StateError"] });
  });
});

describe("records of other lengths", () => {
  const text = "the quick brown fox jumps over the lazy dog";

  test.each([
    [8, ""],
    [11, "the"],
    [20, text.slice(0, 12)],
    [63, text],
    [64, text],
  ])("%i bytes end in the text", (length, expected) => {
    using live = load();
    const { lines } = live.maps;
    const seen: Line[] = [];
    const see = (line: DeepReadonly<Line>): void => void seen.push({ ...line });
    produce(live, "lines", length);
    lines.consume(see);
    produce(live, "lines", length);
    lines.consume(see, { lazy: true });
    const line = { pid: process.pid, length, text: expected };
    expect(seen).toEqual([line, line]);
  });

  test.each([0, 1, 4, 7])("%i bytes end before the text and are no event", (length) => {
    using live = load();
    produce(live, "lines", length);
    const records: UnknownRecord[] = [];
    const consumed = live.maps.lines.consume(() => expect.unreachable(), { unknown: (record) => records.push(record) });
    expect(consumed).toBe(0);
    expect(records).toEqual([{ bytes: expect.any(Uint8Array), reason: `expected 64 bytes, got ${length}` }]);
    expect(records[0]!.bytes.length).toBe(length);
    expect(live.maps.lines.undecoded).toBe(0);
    expect(live.maps.lines.available()).toBe(0);
  });

  test("without a handler they are counted, and a warning tells of the first", async () => {
    using live = load();
    const heard: string[] = [];
    const hear = (warning: Error): void => void heard.push(warning.message);
    process.on("warning", hear);
    for (const length of [1, 2, 3]) produce(live, "lines", length);
    expect(live.maps.lines.consume(() => expect.unreachable())).toBe(0);
    expect(live.maps.lines.undecoded).toBe(3);
    await new Promise((resolve) => setImmediate(resolve));
    process.off("warning", hear);
    expect(heard).toEqual([
      "ebpf-skel: map lines: a record is none of its types, expected 64 bytes, got 1 (give the option unknown to see such records)",
    ]);
  });

  test("several types are told apart by their length", () => {
    using live = load();
    expectTypeOf(live.maps.mixed).toEqualTypeOf<RingBuf<Event | Pair>>();
    for (const i of [1, 2, 3, 4]) produce(live, "mixed", i);
    const seen: (Event | Pair)[] = [];
    live.maps.mixed.consume((event) => seen.push(event));
    expect(seen).toEqual([
      { pid: process.pid, at: 1n, comm: "mixed" },
      { first: 2, second: 2 },
      { pid: process.pid, at: 3n, comm: "mixed" },
      { first: 4, second: 2 },
    ]);
  });

  test("a buffer of no type gives bytes", () => {
    using live = load();
    for (const length of [5, 0, 63]) produce(live, "plain", length);
    const seen: Uint8Array[] = [];
    live.maps.plain.consume((bytes) => seen.push(bytes as Uint8Array));
    expect(seen.map((bytes) => bytes.length)).toEqual([5, 0, 63]);
    expect([...seen[0]!]).toEqual([1, 2, 3, 0, 0]);
  });
});

describe("subscribe", () => {
  test("calls back on the event loop, as events come", async () => {
    using live = load();
    const seen: bigint[] = [];
    produce(live, "events", 3);
    using subscription = live.maps.events.subscribe(({ at }) => seen.push(at));
    expect(seen).toEqual([]);
    await expect.poll(() => seen.length).toBe(3);
    produce(live, "events", 2);
    await expect.poll(() => seen).toEqual([0n, 1n, 2n, 0n, 1n]);
    subscription.close();
    subscription.ref();
    subscription.unref();
    produce(live, "events", 2);
    for (let i = 0; i < 5; i++) await turn();
    expect(seen.length).toBe(5);
    expect(live.maps.events.available()).toBe(80);
  });

  test("several buffers of one skeleton are heard at once", async () => {
    using live = load();
    const counts = { events: 0, pages: 0, lines: 0 };
    using _events = live.maps.events.subscribe(() => counts.events++);
    using _pages = live.maps.pages.subscribe(() => counts.pages++);
    using _lines = live.maps.lines.subscribe(() => counts.lines++);
    produce(live, "events", 100);
    produce(live, "pages", 50);
    produce(live, "lines", 64);
    await expect.poll(() => counts).toEqual({ events: 100, pages: 50, lines: 1 });
  });

  test("closed in its own callback it ends there; reading is refused until that returns, and loses nothing", async () => {
    using live = load();
    const { events } = live.maps;
    const seen: bigint[] = [];
    const refused: string[] = [];
    const subscription = events.subscribe(({ at }) => {
      seen.push(at);
      if (at !== 2n) return;
      subscription.close();
      refused.push(thrownBy(() => events.consume(({ at }) => seen.push(at))).message);
    });
    produce(live, "events", 10);
    await expect.poll(() => refused).toHaveLength(1);
    expect(refused).toEqual(["map events: is being read (once the handler has returned it can be again)"]);
    expect(events.available()).toBe(7 * 40);
    produce(live, "events", 2);
    expect(events.consume(({ at }) => seen.push(at))).toBe(9);
    expect(seen).toEqual([0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n, 0n, 1n]);
    expect(live.bss.dropped).toBe(0n);
  });

  test("a handler may close its subscription and begin the next one", async () => {
    using live = load();
    const { events } = live.maps;
    const seen: bigint[] = [];
    const first = events.subscribe(({ at }) => {
      first.close();
      events.subscribe(({ at }) => seen.push(at));
      seen.push(at);
    });
    produce(live, "events", 5);
    await expect.poll(() => seen).toEqual([0n, 1n, 2n, 3n, 4n]);
  });

  test("slow handlers leave the timers their turns", async () => {
    using live = load();
    let seen = 0;
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    using _subscription = live.maps.events.subscribe(() => {
      for (const until = performance.now() + 5; performance.now() < until;);
      seen++;
    });
    produce(live, "events", 200);
    await expect.poll(() => seen, { timeout: 30_000 }).toBe(200);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(20);
  });

  test.each([
    ["subscribe", { signal: {} }, "signal: expected an AbortSignal, got an object"],
    ["subscribe", { unknown: 3 }, "unknown: expected a function, got 3"],
    ["consume", { unknown: "x" }, 'unknown: expected a function, got "x"'],
    ["consume", null, "expected an object of options, got null"],
    ["events", { signal: 1 }, "signal: expected an AbortSignal, got 1"],
  ] as const)("%s refuses %j, and the next consumer comes", (verb, options, message) => {
    using live = load();
    const events = live.maps.events as unknown as Record<string, (...args: unknown[]) => unknown>;
    const args = verb === "events" ? [options] : [() => undefined, options];
    const error = thrownBy(() => events[verb]!(...args));
    expect(error.name).toBe("ValueError");
    expect(error.message).toMatch(new RegExp(`^map events: ${verb}(: )?`));
    expect(error.message.endsWith(message)).toBe(true);
    expect(live.maps.events.consume(() => undefined)).toBe(0);
  });

  test("ends with its signal, also inside its own callback", async () => {
    using live = load();
    const stop = new AbortController();
    let seen = 0;
    live.maps.events.subscribe(
      () => {
        if (++seen === 3) stop.abort();
      },
      { signal: stop.signal },
    );
    produce(live, "events", 10);
    await expect.poll(() => seen).toBe(3);
    expect(live.maps.events.consume(() => undefined)).toBe(7);
    live.maps.events.subscribe(() => expect.unreachable(), { signal: stop.signal });
    produce(live, "events", 1);
    expect(live.maps.events.consume(() => undefined)).toBe(1);
  });
});

describe("iteration", () => {
  test("receives what is there and what comes, and ends with break", async () => {
    using live = load();
    produce(live, "events", 3);
    setTimeout(() => produce(live, "events", 3), 20);
    const seen: bigint[] = [];
    for await (const { at } of live.maps.events) {
      seen.push(at);
      if (seen.length === 5) break;
    }
    expect(seen).toEqual([0n, 1n, 2n, 0n, 1n]);
    // What the loop did not receive is still there.
    expect(live.maps.events.available()).toBe(40);
    expect(live.maps.events.consume(() => undefined)).toBe(1);
  });

  test("leaves in the buffer what its loop has not come to", async () => {
    using live = load();
    produce(live, "events", 100);
    let seen = 0;
    for await (const _ of live.maps.events) {
      expect(live.maps.events.available()).toBe((100 - ++seen) * 40);
      if (seen === 3) await turn();
      if (seen === 10) break;
    }
  });

  test("ends when the skeleton is closed while it waits", async () => {
    const live = load();
    setTimeout(() => live.close(), 10);
    for await (const _ of live.maps.events) expect.unreachable();
    expect(thrownBy(() => live.maps.events.fd).name).toBe("StateError");
  });

  test("rejects with the signal's reason, before and while it waits", async () => {
    using live = load();
    const reason = new Error("enough");
    const run = async (signal: AbortSignal): Promise<void> => {
      for await (const _ of live.maps.events.events({ signal })) expect.unreachable();
    };
    expect(await rejectionOf(run(AbortSignal.abort(reason)))).toBe(reason);
    const stop = new AbortController();
    setTimeout(() => stop.abort(reason), 10);
    expect(await rejectionOf(run(stop.signal))).toBe(reason);
    expect(live.maps.events.consume(() => undefined)).toBe(0);
  });

  test("a second one is refused, and the first goes on", async () => {
    using live = load();
    const first = live.maps.events.events();
    const event = first.next();
    expect((await rejectionOf(live.maps.events.events().next())).name).toBe("StateError");
    produce(live, "events", 1);
    expect(await event).toMatchObject({ done: false, value: { at: 0n } });
    await first.return!();
  });

  test("lets timers have their turn in a flood", async () => {
    using live = load();
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    let seen = 0;
    produce(live, "events", 50_000);
    for await (const _ of live.maps.events) if (++seen === 50_000) break;
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(0);
  });
});
