// Consumers that are closed in the turn of the event loop in which they began: `using` at the end of a block that awaits
// nothing. Processes of their own, as what matters is whether they end, and what they say.

import { describe, expect, test } from "vitest";
import { runChild } from "../support/child.ts";
import { requireKernel } from "../support/kernel.ts";

requireKernel();

const start = `
  import { BenchPerf } from "./fixtures/bench_perf.skel.ts";
  import { Events } from "./fixtures/events.skel.ts";
  const load = () => {
    const live = Events.load();
    live.bss.target_tgid = process.pid;
    live.attach();
    live.bss.what = 1;
    return live;
  };
  const produce = (live: ReturnType<typeof load>, n: number): void => {
    live.bss.burst = n;
    void process.ppid;
  };
  const turn = () => new Promise(setImmediate);
  const nothing = (): void => undefined;
`;

describe("a warning says that nothing was heard", () => {
  test.each([
    ["a subscription", "events", "with events", "using live = load(); live.maps.events.subscribe(nothing);"],
    [
      "a subscription with events that are there",
      "events",
      "with events",
      "using live = load(); produce(live, 3); live.maps.events.subscribe(nothing); await null;",
    ],
    [
      "a subscription to samples",
      "for_js",
      "with bench_perf",
      "using live = BenchPerf.load(); live.maps.for_js.subscribe(nothing);",
    ],
    [
      "a loop that is not awaited",
      "events",
      "with events",
      "using live = load(); void (async () => { for await (const _ of live.maps.events); })();",
    ],
    [
      "a subscription of a block",
      "events",
      "at the end of its block",
      "const live = load(); { using _ = live.maps.events.subscribe(nothing); } live.close();",
    ],
    [
      "a subscription through a handle of its own",
      "events",
      "with events",
      `using live = load(); using events = Events.maps.events.fromId(live.maps.events.id); events.subscribe(nothing);`,
    ],
  ])("%s", (_, map, how, body) => {
    const { status, stdout, stderr } = runChild(`${start}{ ${body} }`);
    expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
    expect(stderr).toContain(
      `[EBPF_SKEL_UNHEARD] Warning: ebpf-skel: map ${map}: its consumer was closed ${how} before the event loop had a turn`,
    );
    expect(stderr.match(/EBPF_SKEL_UNHEARD/g)).toHaveLength(1);
  });
});

describe("nothing is said of", () => {
  test.each([
    ["one that was closed by hand", "using live = load(); live.maps.events.subscribe(nothing).close();"],
    ["one that had a turn", "using live = load(); live.maps.events.subscribe(nothing); await turn();"],
    [
      "one whose end was awaited",
      `using live = load();
       const subscription = live.maps.events.subscribe(() => subscription.close());
       produce(live, 2);
       await subscription.ended;`,
    ],
    [
      "one whose first event closed the skeleton",
      "const live = load(); live.maps.events.subscribe(() => live.close()); produce(live, 2);",
    ],
    ["a loop that was left", "using live = load(); produce(live, 2); for await (const _ of live.maps.events) break;"],
    ["an iteration that was not begun", "using live = load(); live.maps.events.events();"],
    [
      "an iteration that waits for nothing",
      "using live = load(); produce(live, 2); await live.maps.events.events().next();",
    ],
    ["consume", "using live = load(); produce(live, 2); live.maps.events.consume(() => live.close());"],
    ["one that the process's end closed", "load().maps.events.subscribe(nothing); process.exit(0);"],
  ])("%s", (_, body) => {
    expect(runChild(`${start}{ ${body} }`)).toEqual({ status: 0, signal: null, stdout: "", stderr: "" });
  });
});

test.each([
  ["by hand", "subscription.close()"],
  ["by its signal", "stop.abort()"],
  ["with its skeleton", "live.close()"],
])("`ended` resolves when a subscription is closed %s, and stays so", (_, close) => {
  const program = `${start}
    const live = load();
    const stop = new AbortController();
    const subscription = live.maps.events.subscribe(nothing, { signal: stop.signal });
    setTimeout(() => { say(() => subscription.closed); ${close}; }, 10);
    await subscription.ended;
    say(() => subscription.closed);
    await subscription.ended;`;
  expect(runChild(program).stdout).toBe('{"ok":false}\n{"ok":true}\n');
});
