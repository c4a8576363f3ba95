// Streams of events from another process: nothing is lost that the kernel did not drop, and the event loop lives meanwhile.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { Events, type Numbered } from "../../../fixtures/events.skel.ts";
import { saidBy } from "../support/child.ts";
import { requireKernel } from "../support/kernel.ts";
import { where } from "../support/where.ts";

requireKernel();

const sendStream = 3;
const sendHeld = 7;
const recordSize = 8 + 40;

interface Producer extends Disposable {
  /** Has it call getppid that often. */
  run(calls: number): Promise<void>;
}

/** A process whose getppid calls send. */
async function startProducer(live: ReturnType<typeof Events.load>, burst: number): Promise<Producer> {
  const program = `process.stdin.on("data", (calls) => {
    for (let i = Number(calls); i > 0; i--) void process.ppid;
    process.stdout.write("done");
  });
  process.stdout.write("up");`;
  const child: ChildProcess = spawn(process.execPath, ["-e", program], { stdio: ["pipe", "pipe", "inherit"] });
  await once(child.stdout!, "data");
  live.bss.target_tgid = child.pid!;
  live.bss.what = sendStream;
  live.bss.burst = burst;
  live.attach();
  return {
    async run(calls) {
      child.stdin!.write(String(calls));
      await once(child.stdout!, "data");
    },
    [Symbol.dispose]: () => void child.kill("SIGKILL"),
  };
}

function isWhole({ number, product, copies }: Numbered): boolean {
  const low = Number(BigInt.asUintN(32, number));
  return product === BigInt.asUintN(64, number * 0x9e3779b97f4a7c15n) && copies.every((copy) => copy === low);
}

test("of a million reservations each is received, discarded or dropped, in order and whole", async () => {
  using live = Events.load();
  using producer = await startProducer(live, 50);
  let received = 0;
  let wrong = 0;
  let last = -1n;
  using _subscription = live.maps.stream.subscribe((record) => {
    received++;
    if (record.number <= last || record.number % 7n === 3n || !isWhole(record)) wrong++;
    last = record.number;
  });
  // However slow this process is, each time fills the buffer at least once.
  for (let i = 0; i < 20; i++) {
    await producer.run(1000);
    await expect.poll(() => live.maps.stream.available(), { timeout: 10_000, interval: 1 }).toBe(0);
  }
  const { reservations, submitted, discarded, dropped } = live.bss;
  expect({ reservations, received: BigInt(received), wrong }).toEqual({
    reservations: 1_000_000n,
    received: submitted,
    wrong: 0,
  });
  expect(submitted + discarded + dropped).toBe(reservations);
  // Many times around, or the test says nothing of wraps.
  expect(received * recordSize).toBeGreaterThan(10 * live.maps.stream.maxEntries);
  expect(live.maps.stream.undecoded).toBe(0);
});

test("a record that is still being written holds back those behind it", async () => {
  using live = Events.load();
  using producer = await startProducer(live, 1);
  live.bss.what = sendHeld;
  const numbers: bigint[] = [];
  using _subscription = live.maps.stream.subscribe(({ number }) => void numbers.push(number));
  const running = producer.run(1);
  await expect.poll(() => live.maps.stream.available(), { interval: 1 }).toBe(2 * recordSize);
  await sleep(20);
  expect(live.maps.stream.available()).toBe(2 * recordSize);
  expect(numbers).toEqual([]);
  live.bss.release = 1;
  await running;
  await expect.poll(() => numbers).toEqual([1n, 2n]);
});

test("a consumer that pauses loses nothing that fits", async () => {
  using live = Events.load();
  using producer = await startProducer(live, 100);
  let received = 0;
  const first = producer.run(1);
  for await (const record of live.maps.stream) {
    expect(isWhole(record)).toBe(true);
    // While it waits here, the events wait in the kernel.
    if (++received === 1) {
      await first;
      await producer.run(9);
      await sleep(50);
    }
    if (BigInt(received) === live.bss.submitted && received > 500) break;
  }
  expect(live.bss).toMatchObject({ reservations: 1000n, dropped: 0n, submitted: BigInt(received) });
});

test("a timer has its turn while events stream", async () => {
  using live = Events.load();
  using producer = await startProducer(live, 100);
  let received = 0;
  using _subscription = live.maps.stream.subscribe(() => received++);
  const running = producer.run(10_000);
  const lateness: number[] = [];
  while (lateness.length < 50) {
    const start = performance.now();
    await sleep(10);
    lateness.push(performance.now() - start - 10);
  }
  await running;
  expect(received).toBeGreaterThan(0);
  expect(lateness.sort((a, b) => a - b)[25]).toBeLessThan(20);
});

where(process.env["EBPF_SKEL_FULL"] === "1").test("20 million events grow the process by less than 20 MB", () => {
  const program = `
    import { Events } from "./fixtures/events.skel.ts";
    const live = Events.load();
    live.bss.target_tgid = process.pid;
    live.bss.what = 1;
    live.bss.burst = 200_000;
    live.attach();
    const rounds = (n: number): number => {
      let seen = 0;
      for (let i = 0; i < n; i++) {
        void process.ppid;
        seen += live.maps.events.consume(() => undefined, { lazy: i % 2 === 0 });
      }
      gc();
      return seen;
    };
    rounds(10);
    const before = process.memoryUsage().rss;
    const seen = rounds(100);
    const grown = process.memoryUsage().rss - before;
    say(() => seen);
    say(() => grown < 20 * 2 ** 20 || grown);
    live.close();`;
  expect(saidBy(program, { nodeArgs: ["--expose-gc"] })).toEqual([{ ok: 20_000_000 }, { ok: true }]);
});
