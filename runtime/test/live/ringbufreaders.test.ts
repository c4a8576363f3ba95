// Two readers of one ring buffer: the second is refused, and where it cannot be, as it is another library, the one that lost its
// place hears of it. What handlers are given is whole all the same.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import koffi from "koffi";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Events, type Numbered } from "../../../fixtures/events.skel.ts";
import { mountBpffs } from "../support/bpffs.ts";
import { runChildren, type Said } from "../support/child.ts";
import { rejectionOf, thrownBy } from "../support/errors.ts";
import { requireKernel } from "../support/kernel.ts";

requireKernel();

type Live = ReturnType<typeof Events.load>;

const sendStream = 3;

let bpffs: ReturnType<typeof mountBpffs>;
let pin: string;

beforeEach(() => {
  bpffs = mountBpffs();
  pin = `${bpffs.folder}/stream`;
});
afterEach(() => bpffs.remove());

function load(): Live {
  const live = Events.load();
  live.bss.target_tgid = process.pid;
  live.bss.what = sendStream;
  live.attach();
  live.maps.stream.pin(pin);
  return live;
}

function produce(live: Live, burst: number): void {
  live.bss.burst = burst;
  void process.ppid;
}

/** Sends bursts for as long as it lives. */
async function startFlood(live: Live): Promise<ChildProcess> {
  const program = `process.stdout.write("up"); setInterval(() => { for (let i = 500; i > 0; i--) void process.ppid; });`;
  const child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  live.bss.burst = 20;
  live.bss.target_tgid = child.pid!;
  return child;
}

function isWhole({ number, product, copies }: Numbered): boolean {
  const low = Number(BigInt.asUintN(32, number));
  return product === BigInt.asUintN(64, number * 0x9e3779b97f4a7c15n) && copies.every((copy) => copy === low);
}

const refusedHere = "map stream: has a consumer already, through another handle, one at a time (close it first)";
const refusedElsewhere =
  "map stream: has a consumer already, in another process or worker, one at a time (end it first)";
const displaced =
  "map stream: somebody else reads it too, another process or library, and has moved the position of this consumer, " +
  "which has ended (read it in one place)";

describe("another handle in this process", () => {
  test.each([
    ["by id", (live: Live) => Events.maps.stream.fromId(live.maps.stream.id)],
    ["by descriptor", (live: Live) => Events.maps.stream.fromFd(live.maps.stream.fd)],
    ["from a pin", () => Events.maps.stream.openPinned(pin)],
  ])("%s is refused while the first one reads, and has its turn after", async (_, open) => {
    using live = load();
    using other = open(live);
    let seen = 0;
    const subscription = live.maps.stream.subscribe(() => seen++);
    const refusal = { name: "StateError", message: refusedHere };
    expect(thrownBy(() => other.consume(() => undefined))).toMatchObject(refusal);
    expect(thrownBy(() => other.subscribe(() => undefined))).toMatchObject(refusal);
    expect(await rejectionOf(other.events().next())).toMatchObject(refusal);
    produce(live, 3);
    await expect.poll(() => seen).toBe(3);
    subscription.close();
    produce(live, 2);
    const rest: bigint[] = [];
    expect(other.consume(({ number }) => rest.push(number))).toBe(1);
    expect(rest).toEqual([4n]);
    expect(live.maps.stream.consume(() => undefined)).toBe(0);
  });

  test("is refused inside of a handler, also of one that has just closed its subscription", async () => {
    using live = load();
    using other = Events.maps.stream.openPinned(pin);
    const refusals: string[] = [];
    const subscription = live.maps.stream.subscribe(() => {
      subscription.close();
      refusals.push(thrownBy(() => other.consume(() => undefined)).message);
    });
    produce(live, 3);
    await expect.poll(() => refusals).toEqual([refusedHere]);
    const rest: bigint[] = [];
    other.consume(({ number }) => rest.push(number));
    expect(rest).toEqual([1n, 2n]);
  });

  test("may read when the first one is closed with its reader at work", () => {
    using live = load();
    const first = Events.maps.stream.openPinned(pin);
    first.subscribe(() => undefined);
    first.close();
    produce(live, 1);
    expect(live.maps.stream.consume(() => undefined)).toBe(1);
  });
});

describe("another process", () => {
  // Tries for a while, to be there at each moment of the first one's passes, and says what became of it.
  const reader = (path: string, tries: number) => `
    import { Events } from "./fixtures/events.skel.ts";
    using stream = Events.maps.stream.openPinned(${JSON.stringify(path)});
    const messages = new Set<string>();
    let read = 0;
    for (let i = 0; i < ${tries}; i++) {
      try {
        read += stream.consume(() => undefined);
      } catch (e) {
        messages.add((e as Error).name + " " + (e as Error).message);
      }
    }
    say(() => ({ read, messages: [...messages] }));`;
  const outcome = ([said]: Said[][]) => said?.[0];

  test("is refused, and the first one's stream stays whole", async () => {
    using live = load();
    let received = 0;
    let wrong = 0;
    let last = -1n;
    using _subscription = live.maps.stream.subscribe((record) => {
      received++;
      if (record.number <= last || !isWhole(record)) wrong++;
      last = record.number;
    });
    const flood = await startFlood(live);
    try {
      const said = outcome(await runChildren([reader(pin, 20_000)]));
      expect(said).toEqual({ ok: { read: 0, messages: [`StateError ${refusedElsewhere}`] } });
    } finally {
      flood.kill("SIGKILL");
      await once(flood, "exit");
    }
    live.bss.burst = 0;
    await expect.poll(() => live.maps.stream.available()).toBe(0);
    expect(wrong).toBe(0);
    expect(BigInt(received)).toBe(live.bss.submitted);
  });

  test("may read once the first one has ended, also by a signal", async () => {
    using live = load();
    const first = `
      import { Events } from "./fixtures/events.skel.ts";
      const stream = Events.maps.stream.openPinned(${JSON.stringify(pin)});
      stream.subscribe(() => process.kill(process.pid, "SIGKILL"));
      console.log("null");`;
    produce(live, 1);
    await expect(runChildren([first])).rejects.toMatchObject({ signal: "SIGKILL" });
    expect(outcome(await runChildren([reader(pin, 1)]))).toEqual({ ok: { read: 1, messages: [] } });
  });

  // An empty buffer costs this one no lock, as long as nobody else has read it.
  test("that has read is found out by this one, although nothing is left to read", async () => {
    using live = load();
    const reads = (): number => live.maps.stream.consume(() => undefined);
    expect([reads(), reads()]).toEqual([0, 0]);
    produce(live, 1);
    const other = runChildren([
      `
      import { Events } from "./fixtures/events.skel.ts";
      const stream = Events.maps.stream.openPinned(${JSON.stringify(pin)});
      let read = 0;
      const subscription = stream.subscribe(() => ++read === 2 && subscription.close());
      console.log("null");`,
    ]);
    await expect.poll(() => live.maps.stream.available(), { timeout: 30_000 }).toBe(0);
    expect(thrownBy(reads)).toMatchObject({ name: "StateError", message: refusedElsewhere });
    produce(live, 1);
    await other;
    produce(live, 1);
    expect([reads(), reads()]).toEqual([1, 0]);
  });

  test("may take turns with this one, and nothing is read twice or lost", async () => {
    using live = load();
    const flood = await startFlood(live);
    let received = 0;
    let wrong = 0;
    let ended = false;
    const readOn = async (): Promise<void> => {
      for (; !ended; await new Promise((resolve) => setImmediate(resolve)))
        try {
          received += live.maps.stream.consume((record) => isWhole(record) || wrong++);
        } catch (e) {
          expect((e as Error).message).toBe(refusedElsewhere);
        }
    };
    try {
      const reading = readOn();
      const said = outcome(await runChildren([reader(pin, 100_000)]));
      ended = true;
      await reading;
      flood.kill("SIGKILL");
      await once(flood, "exit");
      received += live.maps.stream.consume(() => undefined);
      const { read } = (said as { ok: { read: number } }).ok;
      expect(BigInt(received + read)).toBe(live.bss.submitted);
      expect(read).toBeGreaterThan(0);
      expect(wrong).toBe(0);
    } finally {
      flood.kill("SIGKILL");
    }
  });
});

// libbpf knows nothing of readers beside its own.
describe("libbpf's reader", () => {
  const declarations = `
    const libbpf = koffi.load(process.env["EBPF_SKEL_LIBBPF"] ?? "libbpf.so.1");
    const take = koffi.proto("int take_record(void *ctx, void *data, size_t size)");
    const ringBufferNew = libbpf.func("void *ring_buffer__new(int fd, take_record *take, void *ctx, void *opts)");
    const ringBufferConsume = libbpf.func("int ring_buffer__consume(void *rb)");`;

  /** Has libbpf read all that is there. */
  const consumeElsewhere = (() => {
    let functions: { make: (fd: number) => unknown; consume: (ring: unknown) => number } | undefined;
    return (live: Live): number => {
      functions ??= (() => {
        const libbpf = koffi.load(process.env["EBPF_SKEL_LIBBPF"] ?? "libbpf.so.1");
        const type = koffi.pointer(koffi.proto("int take_record(void *ctx, void *data, size_t size)"));
        const taker = koffi.register(() => 0, type);
        const make = libbpf.func("ring_buffer__new", "void *", ["int", type, "void *", "void *"]);
        const consume = libbpf.func("ring_buffer__consume", "int", ["void *"]);
        return { make: (fd) => make(fd, taker, null, null), consume: (ring) => consume(ring) as number };
      })();
      return functions.consume(functions.make(live.maps.stream.fd));
    };
  })();

  test("ends a subscription with an uncaught StateError", async () => {
    const program = `
      import koffi from "koffi";
      import { Events } from "./fixtures/events.skel.ts";
      ${declarations}
      const live = Events.load();
      live.bss.target_tgid = process.pid;
      live.bss.what = ${sendStream};
      live.attach();
      const produce = (n: number) => ((live.bss.burst = n), void process.ppid);
      const ring = ringBufferNew(live.maps.stream.fd, koffi.register(() => 0, koffi.pointer(take)), null, null);
      let seen = 0;
      const subscription = live.maps.stream.subscribe(() => seen++);
      process.on("uncaughtException", (e) => {
        say(() => { throw e; });
        say(() => [seen, subscription.closed]);
      });
      produce(2);
      setTimeout(() => {
        produce(3);
        ringBufferConsume(ring);
        produce(5);
      }, 100);`;
    expect((await runChildren([program]))[0]).toEqual([
      { name: "StateError", code: "ERR_STATE", message: displaced },
      { ok: [2, true] },
    ]);
  });

  test.each([
    ["with the event", false, 1],
    ["with the run of lazy events", true, 3],
  ])("that reads in a handler ends the pass %s, and leaves its own position", (_, lazy, count) => {
    using live = load();
    produce(live, 3);
    const seen: bigint[] = [];
    const read = (): number =>
      live.maps.stream.consume(
        ({ number }) => {
          seen.push(number);
          consumeElsewhere(live);
        },
        { lazy } as { lazy: true },
      );
    expect(thrownBy(read)).toMatchObject({ name: "StateError", message: displaced });
    expect(seen.length).toBe(count);
    expect(live.maps.stream.available()).toBe(0);
    produce(live, 1);
    expect(live.maps.stream.consume(({ number }) => seen.push(number))).toBe(0);
    produce(live, 1);
    expect(live.maps.stream.consume(({ number }) => seen.push(number))).toBe(1);
  });

  test("ends an iteration, which rejects", async () => {
    using live = load();
    produce(live, 2);
    const iteration = live.maps.stream.events();
    expect((await iteration.next()).value?.number).toBe(0n);
    consumeElsewhere(live);
    expect(await rejectionOf(iteration.next())).toMatchObject({ name: "StateError", message: displaced });
    expect(await iteration.next()).toEqual({ done: true, value: undefined });
  });

  test("in a flood damages nothing that handlers are given", async () => {
    using live = load();
    const flood = await startFlood(live);
    const other = `
      import { existsSync } from "node:fs";
      import koffi from "koffi";
      import { Events } from "./fixtures/events.skel.ts";
      ${declarations}
      using stream = Events.maps.stream.openPinned(${JSON.stringify(pin)});
      // The two meet by chance: the pin is there until they have. Then libbpf may be amid what it takes for records, for long.
      const until = Date.now() + 30_000;
      const isOver = () => !existsSync(${JSON.stringify(pin)}) || Date.now() > until;
      let records = 0;
      const onRecord = () => (++records % 1000 === 0 && isOver() ? -1 : 0);
      const ring = ringBufferNew(stream.fd, koffi.register(onRecord, koffi.pointer(take)), null, null);
      while (!isOver()) ringBufferConsume(ring);
      say(() => "read");`;
    let ended = false;
    let received = 0;
    let wrong = 0;
    const messages = new Set<string>();
    const readOn = async (): Promise<void> => {
      for (; !ended; await new Promise((resolve) => setImmediate(resolve)))
        try {
          live.maps.stream.consume((record) => {
            received++;
            if (!isWhole(record)) wrong++;
          });
        } catch (e) {
          messages.add((e as Error).message);
          rmSync(pin, { force: true });
        }
    };
    try {
      const reading = readOn();
      expect(await runChildren([other])).toEqual([[{ ok: "read" }]]);
      ended = true;
      await reading;
      expect(received).toBeGreaterThan(0);
      expect([...messages]).toEqual([displaced]);
      expect(wrong).toBe(0);
    } finally {
      flood.kill("SIGKILL");
    }
  });
});
