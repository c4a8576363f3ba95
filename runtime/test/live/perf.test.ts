// Samples from programs through perf buffers: what came and what was dropped is held against what the programs counted.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { release, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { perfEventArray, type PerfEventArray } from "../../src/events/perf.ts";
import { chars, list, section, struct, u32, u64, type MapSpec, type Program } from "../../src/gen1.ts";
import type { DeepReadonly, Loaded, UnknownRecord } from "../../src/index.ts";
import { isAtLeast } from "../../src/library/kernel.ts";
import { saidBy, type Said } from "../support/child.ts";
import { compile, skeletonOf } from "../support/clang.ts";
import { rejectionOf, thrownBy } from "../support/errors.ts";
import { requireKernel } from "../support/kernel.ts";

requireKernel();

const source = `
struct sample {
	u32 cpu;
	u32 seq;
	u64 stamp;
	u64 check;
	char comm[16];
};

struct mark {
	u32 kind;
	char text[20];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(u32));
} samples SEC(".maps"), mixed SEC(".maps"), raw SEC(".maps");

#define CPUS 64

struct control {
	u32 tgid, other_tgid;
	u32 burst; /* samples a call */
	u32 marks; /* into mixed, one of each type a call */
	u32 size; /* bytes into raw a call */
	u32 padding;
} control;

u64 produced[CPUS], refused[CPUS];

SEC("tracepoint/syscalls/sys_enter_umask")
int produce(void *ctx)
{
	u32 tgid = current_tgid(), cpu = bpf_get_smp_processor_id() & (CPUS - 1);
	u8 bytes[64];

	if (tgid != control.tgid && tgid != control.other_tgid)
		return 0;
	for (u32 i = 0; i < 4096 && i < control.burst; i++) {
		struct sample sample = { .cpu = cpu, .seq = produced[cpu]++, .stamp = bpf_ktime_get_ns() };

		bpf_get_current_comm(sample.comm, sizeof(sample.comm));
		sample.check = (sample.stamp ^ ((u64)sample.seq << 32 | cpu)) * 0x9e3779b97f4a7c15ull;
		if (bpf_perf_event_output(ctx, &samples, BPF_F_CURRENT_CPU, &sample, sizeof(sample)))
			refused[cpu]++;
	}
	if (control.marks) {
		struct sample sample = { .cpu = cpu, .seq = 7 };
		struct mark mark = { .kind = 3, .text = "mark" };

		bpf_perf_event_output(ctx, &mixed, BPF_F_CURRENT_CPU, &sample, sizeof(sample));
		bpf_perf_event_output(ctx, &mixed, BPF_F_CURRENT_CPU, &mark, sizeof(mark));
	}
	if (control.size) {
		__builtin_memset(bytes, 0xab, sizeof(bytes));
		bpf_perf_event_output(ctx, &raw, BPF_F_CURRENT_CPU, bytes, control.size & 63);
	}
	return 0;
}
`;

interface Sample {
  cpu: number;
  seq: number;
  stamp: bigint;
  check: bigint;
  comm: string;
}
const Sample = struct<Sample>("sample", 40, () => ({
  cpu: [0, u32],
  seq: [4, u32],
  stamp: [8, u64],
  check: [16, u64],
  comm: [24, chars(16)],
}));

interface Mark {
  kind: number;
  text: string;
}
const Mark = struct<Mark>("mark", 24, () => ({ kind: [0, u32], text: [4, chars(20)] }));

interface Control {
  tgid: number;
  other_tgid: number;
  burst: number;
  marks: number;
  size: number;
}
const Control = struct<Control>("control", 24, () => ({
  tgid: [0, u32],
  other_tgid: [4, u32],
  burst: [8, u32],
  marks: [12, u32],
  size: [16, u32],
}));

const CPUS = 64;

interface Perf {
  maps: {
    samples: PerfEventArray<Sample>;
    mixed: PerfEventArray<Sample | Mark>;
    raw: PerfEventArray;
  };
  progs: { produce: Program<"tracepoint"> };
  sections: { bss: { control: Control; produced: readonly bigint[]; refused: readonly bigint[] } };
  readonlySections: never;
  structOps: {};
}

const object = compile(source);
const folder = mkdtempSync(join(tmpdir(), "ebpf-skel-perf-"));
const objectFile = join(folder, "perf.bpf.o");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const table: Parameters<typeof skeletonOf<Perf>>[1] = {
  maps: { samples: perfEventArray(Sample), mixed: perfEventArray(Sample, Mark), raw: perfEventArray() },
  progs: { produce: "tracepoint/syscalls/sys_enter_umask" },
  sections: {
    bss: section(".bss", 24 + 16 * CPUS, {
      control: [0, Control],
      produced: [24, list(CPUS, u64)],
      refused: [24 + 8 * CPUS, list(CPUS, u64)],
    }),
  },
};
const Perf = skeletonOf<Perf>(object, table);

const idle: Control = { tgid: process.pid, other_tgid: 0, burst: 0, marks: 0, size: 0 };

function start(control: Partial<Control>): Loaded<Perf> {
  const loaded = Perf.load();
  loaded.bss.control = { ...idle, ...control };
  loaded.attach();
  return loaded;
}

/** Node's umask makes two system calls of that name, each of which runs the program. */
const call = (): void => void process.umask();

const checkOf = ({ stamp, seq, cpu }: Sample): bigint =>
  BigInt.asUintN(64, (stamp ^ ((BigInt(seq) << 32n) | BigInt(cpu))) * 0x9e3779b97f4a7c15n);

async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** What a program says that has `live` with one sample for each call. */
function inChild(program: string): Said[] {
  writeFileSync(objectFile, object);
  return saidBy(`
    import { readFileSync } from "node:fs";
    import { createHash } from "node:crypto";
    import { perfEventArray } from "./runtime/src/events/perf.ts";
    import { section, skeleton, struct, u32 } from "./runtime/src/gen1.ts";
    const Sample = struct("sample", 40, () => ({ cpu: [0, u32], seq: [4, u32] }));
    const bytes = new Uint8Array(readFileSync(${JSON.stringify(objectFile)}));
    const Perf = skeleton<any>(() => ({
      abi: 1,
      name: "test",
      structOps: {},
      maps: { samples: perfEventArray(Sample), mixed: perfEventArray(), raw: perfEventArray() },
      progs: { produce: "tracepoint/syscalls/sys_enter_umask" },
      sections: { bss: section(".bss", ${24 + 16 * CPUS}, { tgid: [0, u32], burst: [8, u32] }) },
      sha256: createHash("sha256").update(bytes).digest("hex"),
      object: () => bytes,
    }));
    const live: any = Perf.load();
    live.bss.tgid = process.pid;
    live.bss.burst = 1;
    live.maps.samples.open();
    live.attach();
    ${program}
  `);
}

/** At least so many samples. */
function collect(live: Loaded<Perf>, count: number, options: { max?: number } = {}): Sample[] {
  const seen: Sample[] = [];
  while (seen.length < count) live.maps.samples.consume((e) => seen.push(e), options);
  return seen;
}

/** A process that calls umask without an end, to be told to the program as `other_tgid`. */
function startOther(): ChildProcess {
  return spawn(process.execPath, ["-e", "for (;;) process.umask()"], { stdio: "ignore" });
}

describe("consume", () => {
  test("gives the samples whole, those of one CPU in their order", () => {
    using live = start({ burst: 100 });
    const { samples } = live.maps;
    samples.open({ pages: 4 });
    const next = new Map<number, number>();
    let count = 0;
    for (let i = 0; i < 200; i++) {
      call();
      const given = samples.consume((e, cpu) => {
        count++;
        expect(e.cpu).toBe(cpu);
        expect(e.check).toBe(checkOf(e));
        expect(e.seq).toBe(next.get(cpu) ?? 0);
        next.set(cpu, e.seq + 1);
      });
      // Two calls, and each may be on another CPU.
      expect(given).toBe(200);
    }
    expect(count).toBe(40_000);
    expect(samples.lost().every((n) => n === 0)).toBe(true);
    expect(samples.undecoded).toBe(0);
  });

  test("takes as many as its maximum says, and the others stay", () => {
    using live = start({ burst: 10 });
    const { samples } = live.maps;
    samples.open();
    call();
    expect(samples.consume(() => {}, { max: 3 })).toBe(3);
    expect(collect(live, 17, { max: 1 }).length).toBe(17);
    expect(samples.consume(() => {})).toBe(0);
  });

  test("opens the buffers where nothing else did", () => {
    using live = start({ burst: 1 });
    expect(live.maps.samples.consume(() => {})).toBe(0);
    call();
    expect(live.maps.samples.consume(() => {})).toBe(2);
  });

  test("passes on what the handler throws; that sample is read, the others stay", () => {
    using live = start({ burst: 2 });
    const { samples } = live.maps;
    samples.open();
    call();
    const fail = (): never => {
      throw new Error("mine");
    };
    expect(thrownBy(() => samples.consume(fail)).message).toBe("mine");
    expect(samples.consume(() => {})).toBe(3);
  });

  test("gives bytes of any length, rounded up as the kernel does", () => {
    using live = start({});
    const { raw } = live.maps;
    raw.open();
    for (let size = 1; size < 64; size++) {
      live.bss.control = { ...idle, size };
      call();
      let seen = 0;
      raw.consume((bytes) => {
        seen++;
        expect(bytes.length).toBe(Math.ceil((size + 4) / 8) * 8 - 4);
        expect([...bytes.subarray(0, size)].every((byte) => byte === 0xab)).toBe(true);
      });
      expect(seen).toBe(2);
    }
  });

  test("tells several types apart by their length", () => {
    using live = start({ marks: 1 });
    live.maps.mixed.open();
    call();
    const seen: (Sample | Mark)[] = [];
    live.maps.mixed.consume((e) => seen.push(e));
    expect(seen).toMatchObject([{ seq: 7 }, { kind: 3, text: "mark" }, { seq: 7 }, { kind: 3, text: "mark" }]);
  });

  test("gives what is of no type as bytes with the reason, or counts it", () => {
    using live = skeletonOf<Perf>(object, {
      ...table,
      maps: { ...table.maps, raw: perfEventArray(Mark, Sample) as unknown as MapSpec<PerfEventArray> },
    }).load();
    const { raw } = live.maps;
    live.bss.control = { ...idle, size: 8 };
    live.attach();
    raw.open();
    call();
    const never = (): never => {
      throw new Error("decoded");
    };
    const unknown: UnknownRecord[] = [];
    expect(raw.consume(never, { unknown: (sample) => unknown.push(sample) })).toBe(0);
    expect(unknown[0]).toMatchObject({ reason: "expected 24 or 40 bytes, got 12" });
    expect([...unknown[0]!.bytes.subarray(0, 8)]).toEqual(new Array(8).fill(0xab));
    call();
    raw.consume(never);
    expect(raw.undecoded).toBe(2);
  });

  test("gives lazily what it gives eagerly, and nothing afterwards", () => {
    using live = start({ burst: 40 });
    const { samples } = live.maps;
    samples.open({ pages: 1 });
    let kept: DeepReadonly<Sample> | undefined;
    for (let i = 0; i < 20; i++) {
      call();
      const lazy: Sample[] = [];
      samples.consume(
        (e) => {
          kept = e;
          expect(e.check).toBe(checkOf(e));
          expect(Object.keys(e)).toEqual(["cpu", "seq", "stamp", "check", "comm"]);
          expect(e.comm).not.toBe("");
          lazy.push({ ...e });
        },
        { lazy: true },
      );
      expect(lazy.every((e) => e.check === checkOf(e))).toBe(true);
      expect(thrownBy(() => kept!.check).name).toBe("StateError");
    }
    live.close();
    expect(thrownBy(() => kept!.comm).name).toBe("StateError");
  });

  test("counts every sample once: as received or as lost, a million of them", async () => {
    const other = startOther();
    try {
      using live = start({ burst: 500 });
      const { samples } = live.maps;
      samples.open({ pages: 2 });
      live.bss.control = { ...idle, burst: 500, other_tgid: other.pid! };
      const received = new Array<number>(CPUS).fill(0);
      const last = new Array<number>(CPUS).fill(-1);
      let wrong = 0;
      let told = 0;
      const take = (e: DeepReadonly<Sample>, cpu: number): void => {
        if (e.check !== checkOf(e) || e.cpu !== cpu || e.seq <= last[cpu]!) wrong++;
        last[cpu] = e.seq;
        received[cpu]!++;
      };
      const lost = (count: number): void => void (told += count);
      const total = (): number => Number(live.bss.produced.reduce((sum, n) => sum + n, 0n));
      while (total() < 1_000_000) samples.consume(take, { lost });
      live.bss.control = { ...idle, burst: 1 };
      await new Promise((resolve) => setTimeout(resolve, 50));
      samples.consume(take, { lost });
      const counted = (): readonly number[] => received.map((n, cpu) => n + (samples.lost()[cpu] ?? 0));
      // Without a record of the last losses.
      if (isAtLeast(release(), "6.0")) expect(counted()).toEqual(live.bss.produced.map(Number));
      // Records tell of what was dropped with the next sample of that CPU.
      for (const cpu of live.bss.produced.keys()) {
        if (live.bss.produced[cpu] === 0n) continue;
        live.bss.control = { ...idle, tgid: 0, other_tgid: 0, burst: 1 };
        const one = spawn("taskset", [
          "-c",
          String(cpu),
          process.execPath,
          "-e",
          "setTimeout(() => process.umask(), 300)",
        ]);
        live.bss.control = { ...idle, tgid: 0, other_tgid: one.pid!, burst: 1 };
        await new Promise((resolve) => one.once("exit", resolve));
      }
      samples.consume(take, { lost });
      const produced = live.bss.produced.map(Number);
      expect(counted()).toEqual(produced);
      expect(live.bss.refused.map(Number)).toEqual(produced.map((_, cpu) => samples.lost()[cpu] ?? 0));
      expect(told).toBe(samples.lost().reduce((sum, n) => sum + n, 0));
      expect(told).toBeGreaterThan(0);
      expect(wrong).toBe(0);
      const before = samples.lost();
      live.close();
      expect(samples.lost()).toEqual(before);
    } finally {
      other.kill("SIGKILL");
    }
  });
});

test("what was dropped last is known without another sample, and after the buffers are closed", ({ skip }) => {
  if (!isAtLeast(release(), "6.0")) skip("before Linux 6.0 the kernel tells of losses in records alone");
  using live = start({ burst: 4096 });
  const { samples } = live.maps;
  samples.open({ pages: 1 });
  call();
  const sum = (numbers: readonly (number | bigint)[]): number => numbers.reduce<number>((a, b) => a + Number(b), 0);
  let told = 0;
  const received = samples.consume(() => {}, { lost: (count) => void (told += count) });
  live.bss.control = idle;
  expect(received).toBeLessThan(2 * 4096);
  expect(received + sum(samples.lost())).toBe(sum(live.bss.produced));
  expect(sum(samples.lost())).toBe(sum(live.bss.refused));
  expect(told).toBeLessThan(sum(samples.lost()));
  live.close();
  expect(received + sum(samples.lost())).toBe(2 * 4096);
});

describe("subscribe", () => {
  test("gives samples as they come", async () => {
    using live = start({ burst: 5 });
    const seen: Sample[] = [];
    using subscription = live.maps.samples.subscribe((e) => seen.push(e));
    void subscription;
    for (let i = 1; i <= 20; i++) {
      call();
      await until(() => seen.length === 10 * i);
    }
    expect(seen.every((e) => e.check === checkOf(e))).toBe(true);
  });

  test("stops at once when the handler closes it, and the others stay", async () => {
    using live = start({ burst: 5 });
    const { samples } = live.maps;
    let seen = 0;
    const subscription = samples.subscribe(() => {
      if (++seen === 3) subscription.close();
    });
    call();
    await until(() => seen === 3);
    subscription.close();
    expect(samples.consume(() => {})).toBe(7);
    expect(seen).toBe(3);
  });

  test("closed in its handler it cannot be read until that returns", async () => {
    using live = start({ burst: 5 });
    const { samples } = live.maps;
    const seen: number[] = [];
    let refused = "";
    const subscription = samples.subscribe(({ seq }) => {
      seen.push(seq);
      if (seen.length !== 3) return;
      subscription.close();
      refused = thrownBy(() => samples.consume(({ seq }) => seen.push(seq))).message;
    });
    call();
    await until(() => seen.length >= 3);
    expect(refused).toBe("map samples: is being read (once the handler has returned it can be again)");
    expect(samples.consume(({ seq }) => seen.push(seq))).toBe(7);
    expect(new Set(seen).size).toBe(10);
  });

  test("goes on after the handler threw, which is an uncaught exception", () => {
    expect(
      inChild(`
        const seen: number[] = [];
        process.on("uncaughtException", (e) => say(() => e.message));
        const subscription = live.maps.samples.subscribe((e) => {
          seen.push(e.seq);
          if (seen.length === 2) throw new Error("mine");
          if (seen.length === 4) {
            subscription.close();
            say(() => seen.length);
            live.close();
          }
        });
        process.umask();
        process.umask();
      `),
    ).toEqual([{ ok: "mine" }, { ok: 4 }]);
  });

  test("is the only consumer", () => {
    using live = start({});
    const { samples } = live.maps;
    const subscription = samples.subscribe(() => {});
    for (const second of [() => samples.consume(() => {}), () => samples.subscribe(() => {})])
      expect(thrownBy(second)).toMatchObject({
        name: "StateError",
        message: "map samples: has a consumer already, one at a time (close it first)",
      });
    subscription.close();
    expect(samples.consume(() => {})).toBe(0);
  });

  test("ends with its signal and with the map", async () => {
    using live = start({ burst: 1 });
    const { samples } = live.maps;
    const stop = new AbortController();
    let seen = 0;
    samples.subscribe(() => seen++, { signal: stop.signal });
    stop.abort();
    call();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(seen).toBe(0);
    samples.subscribe(() => seen++, { signal: stop.signal });
    const subscription = samples.subscribe(() => {});
    live.close();
    subscription.close();
    expect(thrownBy(() => samples.consume(() => {})).name).toBe("StateError");
  });

  test("lets the process end when nothing else keeps it, with samples still to read", () => {
    expect(
      inChild(`
        live.maps.samples.subscribe(() => {}).unref();
        process.umask();
        say(() => 1);
      `),
    ).toEqual([{ ok: 1 }]);
  });

  test("lets the process exit in its handler", () => {
    expect(
      inChild(`
        live.maps.samples.subscribe(() => {
          say(() => 1);
          process.exit(0);
        });
        process.umask();
      `),
    ).toEqual([{ ok: 1 }]);
  });
});

describe("events", () => {
  test("gives samples one by one, and break leaves the others", async () => {
    using live = start({ burst: 5 });
    const { samples } = live.maps;
    samples.open();
    call();
    let seen = 0;
    for await (const event of samples) {
      expect(event.check).toBe(checkOf(event));
      if (++seen === 4) break;
    }
    expect(samples.consume(() => {})).toBe(6);
  });

  test("waits for more", async () => {
    using live = start({ burst: 1 });
    const timer = setInterval(call, 5);
    let seen = 0;
    for await (const _ of live.maps.samples) if (++seen === 20) break;
    clearInterval(timer);
  });

  test("lets timers live while samples stream", async () => {
    const other = startOther();
    try {
      using live = start({ burst: 10, other_tgid: other.pid! });
      let ticks = 0;
      const timer = setInterval(() => ticks++, 5);
      for await (const _ of live.maps.samples) if (ticks >= 20) break;
      clearInterval(timer);
      expect(ticks).toBeGreaterThanOrEqual(20);
    } finally {
      other.kill("SIGKILL");
    }
  });

  test("ends with the map, and rejects with the reason of its signal", async () => {
    const live = start({ burst: 1 });
    const { samples } = live.maps;
    const stop = new AbortController();
    const aborted = samples.events({ signal: stop.signal });
    const first = aborted.next();
    stop.abort(new Error("enough"));
    expect((await rejectionOf(first)).message).toBe("enough");
    const ended = samples.events();
    const next = ended.next();
    live.close();
    expect(await next).toEqual({ value: undefined, done: true });
    expect(thrownBy(() => samples.events()).name).toBe("StateError");
  });
});

describe("open", () => {
  test.each([0, 3, -1, 1.5, 12, "8", NaN, 2 ** 40])("refuses %s pages", (pages) => {
    using live = Perf.load();
    expect(thrownBy(() => live.maps.samples.open({ pages: pages as number })).message).toMatch(
      /^map samples: pages: expected a power of two up to \d+, got /,
    );
  });

  test.each([0, -1, 1.5, "1", 2 ** 32])("refuses %s samples for a wake-up", (wakeupEvents) => {
    using live = Perf.load();
    expect(thrownBy(() => live.maps.samples.open({ wakeupEvents: wakeupEvents as number })).message).toMatch(
      /^map samples: wakeupEvents: expected a number of samples from 1, got /,
    );
  });

  test("forgets the options that it refused", () => {
    using live = Perf.load();
    const { samples } = live.maps;
    expect(thrownBy(() => samples.open({ pages: 3 })).name).toBe("ValueError");
    expect(samples.consume(() => expect.unreachable())).toBe(0);
  });

  test("refuses a lost that is no function", () => {
    using live = Perf.load();
    const lost = 1 as unknown as () => void;
    expect(thrownBy(() => live.maps.samples.subscribe(() => undefined, { lost })).message).toBe(
      "map samples: subscribe: lost: expected a function, got 1",
    );
  });

  test("opens once", () => {
    using live = Perf.load();
    live.maps.samples.open();
    expect(thrownBy(() => live.maps.samples.open({ pages: 1 })).message).toBe(
      "map samples: its buffers are open already",
    );
  });

  test("wakes the consumer with each of so many samples, and sooner or later with the rest", async () => {
    using live = start({ burst: 1 });
    live.maps.samples.open({ wakeupEvents: 1000 });
    let seen = 0;
    using subscription = live.maps.samples.subscribe(() => seen++);
    void subscription;
    await new Promise((resolve) => setTimeout(resolve, 20));
    call();
    await until(() => seen === 2);
  });
});

test("a handler that closes the map ends everything, and crashes nothing", () => {
  using live = start({ burst: 20 });
  const { samples } = live.maps;
  samples.open({ pages: 1 });
  call();
  let seen = 0;
  let kept: DeepReadonly<Sample> | undefined;
  const close = (e: DeepReadonly<Sample>): void => {
    kept = e;
    seen++;
    live.close();
    expect(thrownBy(() => e.comm).name).toBe("StateError");
  };
  expect(samples.consume(close, { lazy: true })).toBe(1);
  expect(seen).toBe(1);
  expect(thrownBy(() => kept!.comm).name).toBe("StateError");
});
