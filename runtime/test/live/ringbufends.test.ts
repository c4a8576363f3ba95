// How consumers of ring buffers end, in processes of their own: what may go wrong here ends the process.

import { expect, test } from "vitest";
import { runChild, saidBy } from "../support/child.ts";
import { requireKernel } from "../support/kernel.ts";

requireKernel();

const start = `
  import { Worker, isMainThread, parentPort } from "node:worker_threads";
  import { Events } from "./fixtures/events.skel.ts";
  const live = Events.load();
  live.bss.target_tgid = process.pid;
  live.attach();
  live.bss.what = 1;
  const produce = (n: number): void => {
    live.bss.burst = n;
    void process.ppid;
  };
  const { events } = live.maps;
`;

/** Options with a signal that is no AbortSignal, and what it does when it gets a listener and when it is asked. */
const signal = (onListener: string, onAsked = ""): string => `{
  signal: {
    get aborted() { ${onAsked}; return false; },
    reason: "stop",
    addEventListener(_: string, listener: () => void) { ${onListener} },
    removeEventListener() {},
  },
}`;

test.each([
  ["unreferenced on a readable descriptor", "events.subscribe(() => produce(1)).unref(); produce(1);"],
  ["left open at process.exit", "events.subscribe(() => process.exit(0)); produce(1);"],
  ["unreferenced and never called", "events.subscribe(() => undefined).unref();"],
  ["closed in its callback", "const s = events.subscribe(() => s.close()); produce(5);"],
  ["closed with the skeleton in its callback", "events.subscribe(() => live.close()); produce(5);"],
  [
    "closed with the skeleton",
    "events.subscribe(() => undefined); await new Promise(setImmediate); produce(5); live.close();",
  ],
  ["closed before its first event", "events.subscribe(() => undefined).close();"],
  ["closed twice and used after", "const s = events.subscribe(() => 0); s.close(); s.close(); s.ref(); s.unref();"],
  ["whose loop breaks", "produce(3); for await (const _ of events) break;"],
  ["whose loop throws", "produce(3); try { for await (const _ of events) throw 1; } catch {}"],
  ["an iteration that was never begun", "events.events();"],
  ["whose signal calls its listener at once", `events.subscribe(() => 0, ${signal("listener()")}); live.close();`],
  ["whose signal closes the skeleton", `events.subscribe(() => 0, ${signal("live.close()")});`],
  ["whose signal, asked, closes the skeleton", `events.subscribe(() => 0, ${signal("", "live.close()")});`],
  ["an iteration whose signal calls at once", `for await (const _ of events.events(${signal("listener()")}));`],
  ["an iteration whose signal closes", `events.events(${signal("live.close()")}).next().catch(() => 0);`],
])("a consumer %s lets the process end", (_, body) => {
  expect(runChild(`${start}${body}`)).toEqual({ status: 0, signal: null, stdout: "", stderr: "" });
});

test("what a subscription's callback throws is an uncaughtException, and the next events come", () => {
  const program = `${start}
    process.on("uncaughtException", (e) => say(() => e.message));
    let seen = 0;
    const subscription = events.subscribe(({ at }) => {
      if (++seen === 4) subscription.close();
      if (at % 2n === 0n) throw new Error("at " + at);
      say(() => at);
    });
    produce(4);`;
  expect(saidBy(program)).toEqual([{ ok: "at 0" }, { ok: "1n" }, { ok: "at 2" }, { ok: "3n" }]);
});

test("a map that the event loop looks at already is refused, and free again after", () => {
  const program = `${start}
    import koffi from "koffi";
    const other = koffi.node.poll(events.fd, () => undefined);
    say(() => events.subscribe(() => undefined));
    other.close();
    setTimeout(() => {
      const subscription = events.subscribe(({ at }) => {
        say(() => at);
        subscription.close();
      });
      produce(1);
    });`;
  expect(saidBy(program)).toEqual([
    { name: "BpfError", code: "EEXIST", message: "events: uv_poll_init: EEXIST (file already exists)" },
    { ok: "0n" },
  ]);
});

test("subscriptions that come and go leave no memory behind", () => {
  const program = `${start}
    import koffi from "koffi";
    const names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split(" ");
    const mallinfo2 = koffi.load(null).func(
      "mallinfo2",
      koffi.struct(Object.fromEntries(names.map((name) => [name, "size_t"]))),
      [],
    );
    const inUse = (): number => mallinfo2().uordblks;
    const cycle = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        events.subscribe(() => undefined).close();
        if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
      gc();
    };
    await cycle(5000);
    const before = inUse();
    await cycle(20_000);
    say(() => (inUse() - before) / 20_000 < 16);`;
  expect(saidBy(program, { nodeArgs: ["--expose-gc"] })).toEqual([{ ok: true }]);
});

test("without a handler it ends the process", () => {
  const { status, stderr } = runChild(`${start} events.subscribe(() => { throw new Error("mine"); }); produce(1);`);
  expect(status).toBe(1);
  expect(stderr).toContain("Error: mine");
});

test("a subscription that nobody holds survives the garbage collector", () => {
  const program = `${start}
    let seen = 0;
    (() => void events.subscribe(() => void (++seen === 2 && (say(() => seen), process.exit(0)))))();
    produce(1);
    setTimeout(() => { for (let i = 0; i < 5; i++) gc(); produce(1); }, 50);`;
  expect(saidBy(program, { nodeArgs: ["--expose-gc"] })).toEqual([{ ok: 2 }]);
});

test("an idle subscription keeps the process alive until it is closed", () => {
  const program = `${start}
    const subscription = events.subscribe(() => undefined);
    setTimeout(() => { say(() => "still here"); subscription.close(); }, 200).unref();`;
  expect(saidBy(program)).toEqual([{ ok: "still here" }]);
});

const inWorker = (worker: string, main: string): string => `${start}
  if (isMainThread) {
    live.close();
    const worker = new Worker(new URL(import.meta.url));
    const message = (): Promise<unknown> => new Promise((resolve) => worker.once("message", resolve));
    const ended = new Promise((resolve) => worker.once("exit", resolve));
    ${main}
  } else { ${worker} }`;

test("worker threads receive events, by subscription and by iteration", () => {
  const program = inWorker(
    `let seen = 0;
     await new Promise<void>((resolve) => {
       const subscription = events.subscribe(() => { if (++seen === 500) { subscription.close(); resolve(); } });
       produce(500);
     });
     setTimeout(() => produce(3), 20);
     for await (const _ of events) if (++seen === 503) break;
     parentPort!.postMessage(seen);`,
    `const seen = await message(); say(() => seen); await ended; say(() => "ended");`,
  );
  expect(saidBy(program)).toEqual([{ ok: 503 }, { ok: "ended" }]);
});

test("worker threads receive samples of perf buffers, by subscription and by iteration", () => {
  const program = `
    import { Worker, isMainThread, parentPort } from "node:worker_threads";
    import { BenchPerf } from "./fixtures/bench_perf.skel.ts";
    if (isMainThread) {
      const worker = new Worker(new URL(import.meta.url));
      const ended = new Promise((resolve) => worker.once("exit", resolve));
      worker.once("message", async (seen) => { say(() => seen); await ended; say(() => "ended"); });
    } else {
      const live = BenchPerf.load();
      live.attach();
      live.bss.control = { tgid: process.pid, is_c: 0 };
      let seen = 0;
      await new Promise<void>((resolve) => {
        const subscription = live.maps.for_js.subscribe(() => { if (seen++ === 0) { subscription.close(); resolve(); } });
        process.umask();
      });
      for await (const _ of live.maps.for_js) if (++seen === 3) break;
      live.close();
      parentPort!.postMessage(seen);
    }`;
  expect(saidBy(program)).toEqual([{ ok: 3 }, { ok: "ended" }]);
});

test("what a callback throws in a worker thread is an uncaughtException there, and the next events come", () => {
  const program = inWorker(
    `process.on("uncaughtException", () => undefined);
     let seen = 0;
     const subscription = events.subscribe(() => {
       if (++seen < 10) throw new Error("mine");
       subscription.close();
       parentPort!.postMessage(seen);
     });
     produce(10);`,
    `const seen = await message(); say(() => seen); await ended; say(() => "ended");`,
  );
  expect(saidBy(program)).toEqual([{ ok: 10 }, { ok: "ended" }]);
});

test("all subscriptions of a worker thread wait on one descriptor", () => {
  const program = inWorker(
    `const { readdirSync, readlinkSync } = await import("node:fs");
     const polls = (): number => readdirSync("/proc/self/fd").filter((fd) => {
       try { return readlinkSync("/proc/self/fd/" + fd).includes("eventpoll"); } catch { return false; }
     }).length;
     const before = polls();
     const { pages, stream, mixed, plain, lines } = live.maps;
     const idle = [pages, stream, mixed, plain, lines].map((map) => map.subscribe(() => undefined));
     const held = polls() - before;
     let seen = 0;
     await new Promise<void>((resolve) => {
       const subscription = events.subscribe(() => { if (++seen === 5) { subscription.close(); resolve(); } });
       for (let i = 0; i < 5; i++) setTimeout(produce, 10 * i, 1);
     });
     for (const subscription of idle) subscription.close();
     setTimeout(() => parentPort!.postMessage([seen, held, polls() - before]), 300);`,
    `const got = await message(); say(() => got);`,
  );
  expect(saidBy(program)).toEqual([{ ok: [5, 1, 0] }]);
});

test("in a worker thread without descriptors left a subscription is refused, and can be had later", () => {
  const program = inWorker(
    `const { openSync, closeSync } = await import("node:fs");
     void events.available();
     const taken: number[] = [];
     try { for (;;) taken.push(openSync("/dev/null", "r")); } catch {}
     const subscribe = (): number => { events.subscribe(() => undefined).close(); return 1; };
     const texts: string[] = [];
     try { subscribe(); } catch (e) { texts.push((e as Error).message); }
     for (const fd of taken) closeSync(fd);
     parentPort!.postMessage([...texts, subscribe()]);`,
    `const got = await message(); say(() => got);`,
  );
  const got = saidBy(program, { prefix: ["prlimit", "--nofile=200"] });
  expect(got).toEqual([{ ok: [expect.stringMatching(/^events: epoll_create1: EMFILE \(.*, ulimit -n\)$/), 1] }]);
});

test("worker threads end with an unreferenced subscription", () => {
  const program = inWorker(
    `events.subscribe(() => undefined).unref(); parentPort!.postMessage(1);`,
    `await message(); await ended; say(() => "ended");`,
  );
  expect(saidBy(program)).toEqual([{ ok: "ended" }]);
});

test("worker.terminate() takes nothing with it, however readable the buffer", () => {
  const program = inWorker(
    `events.subscribe(() => produce(1)); produce(1); parentPort!.postMessage(1);`,
    `await message(); await worker.terminate(); say(() => "alive");`,
  );
  expect(saidBy(program)).toEqual([{ ok: "alive" }]);
});

test("process.exit() in a worker thread ends that thread alone", () => {
  const program = inWorker(
    `events.subscribe(() => process.exit(3)); produce(1);`,
    `const code = await ended; say(() => code);`,
  );
  expect(saidBy(program)).toEqual([{ ok: 3 }]);
});

test("Ctrl-C ends a loop by its signal", () => {
  const program = `${start}
    const stop = new AbortController();
    process.once("SIGINT", () => stop.abort("interrupted"));
    setTimeout(() => process.kill(process.pid, "SIGINT"), 50);
    try {
      for await (const _ of events.events({ signal: stop.signal }));
    } catch (e) { say(() => e); }
    live.close();`;
  expect(saidBy(program)).toEqual([{ ok: "interrupted" }]);
});

test("Ctrl-C without a handler ends the process by the signal", () => {
  const program = `${start} events.subscribe(() => undefined); process.kill(process.pid, "SIGINT");`;
  expect(runChild(program)).toMatchObject({ status: null, signal: "SIGINT" });
});
