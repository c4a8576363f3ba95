// bpf_printk through an instance of tracing: lines of this process's own programs, and nothing taken from others.

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { tracePipe } from "../../src/events/tracepipe.ts";
import type { TraceLine } from "../../src/events/traceline.ts";
import { section, struct, u32, type Program } from "../../src/gen1.ts";
import { ktimeToDate } from "../../src/events/ktime.ts";
import { type Loaded } from "../../src/index.ts";
import { saidBy } from "../support/child.ts";
import { compile, skeletonOf } from "../support/clang.ts";
import { rejectionOf, thrownBy } from "../support/errors.ts";
import { requireKernel } from "../support/kernel.ts";

requireKernel();

const source = `
struct control {
	u32 tgid, seq, burst;
} control;

SEC("tracepoint/syscalls/sys_enter_umask")
int print(void *ctx)
{
	if (current_tgid() != control.tgid)
		return 0;
	for (u32 i = 0; i < 4096 && i < control.burst; i++)
		bpf_printk("one %u of %s", control.seq++, "größe");
	bpf_printk("two: a\\nb\\n");
	return 0;
}
`;

interface Control {
  tgid: number;
  seq: number;
  burst: number;
}
const Control = struct<Control>("control", 12, () => ({ tgid: [0, u32], seq: [4, u32], burst: [8, u32] }));

interface Printing {
  maps: {};
  progs: { print: Program<"tracepoint"> };
  sections: { bss: { control: Control } };
  readonlySections: never;
  structOps: {};
}
const Printing = skeletonOf<Printing>(compile(source), {
  maps: {},
  progs: { print: "tracepoint/syscalls/sys_enter_umask" },
  sections: { bss: section(".bss", 12, { control: [0, Control] }) },
});

let live: Loaded<Printing>;

beforeAll(() => {
  live = Printing.load();
  control({});
  live.attach();
});
afterAll(() => live?.close());
beforeEach(() => control({}));

/** What the program prints from now on: counting from 0, and by default one line of each kind a call. */
function control(more: Partial<Control>): void {
  live.bss.control = { tgid: process.pid, seq: 0, burst: 1, ...more };
}

const root = existsSync("/sys/kernel/debug/tracing/instances") ? "/sys/kernel/debug/tracing" : "/sys/kernel/tracing";
const instances = (): string[] => readdirSync(`${root}/instances`).filter((name) => name.startsWith("ebpf-skel-"));
const own = (): string[] => instances().filter((name) => name.startsWith(`ebpf-skel-${process.pid}-`));
afterEach(() => expect(own()).toEqual([]));

/** Two system calls, each of which runs the program. */
const call = (): void => void process.umask();

async function take(lines: AsyncIterable<TraceLine>, count: number): Promise<TraceLine[]> {
  const taken: TraceLine[] = [];
  for await (const line of lines) if (taken.push(line) === count) break;
  return taken;
}

describe("tracePipe", () => {
  test("gives what programs print, with who, where and when", async () => {
    const before = Date.now();
    const lines = tracePipe({ pid: process.pid });
    call();
    const [one, two, three] = await take(lines, 3);
    expect(one).toMatchObject({ pid: process.pid, text: "one 0 of größe" });
    expect(two).toMatchObject({ pid: process.pid, text: "two: a\nb" });
    expect(three).toMatchObject({ text: "one 1 of größe" });
    expect(one!.line).toContain("bpf_trace_printk: one 0 of größe");
    expect(one!.time).toBeLessThanOrEqual(two!.time);
    expect(one!.cpu).toBeGreaterThanOrEqual(0);
    const at = ktimeToDate(one!.time).getTime();
    expect(at).toBeGreaterThanOrEqual(before - 2);
    expect(at).toBeLessThanOrEqual(Date.now() + 2);
  });

  test("waits for lines without turning in circles", async () => {
    const lines = tracePipe({ pid: process.pid });
    const first = lines.next();
    const before = process.cpuUsage();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const { user, system } = process.cpuUsage(before);
    expect(user + system).toBeLessThan(750_000);
    call();
    expect((await first).value).toMatchObject({ pid: process.pid });
    lines.close();
    expect(await lines.next()).toEqual({ value: undefined, done: true });
  });

  test("gives only lines that start with the prefix", async () => {
    const lines = tracePipe({ pid: process.pid, prefix: "two:" });
    call();
    call();
    for (const { text } of await take(lines, 4)) expect(text).toBe("two: a\nb");
  });

  test("gives only lines of the threads asked for", async () => {
    const other = spawn(process.execPath, ["-e", "setInterval(() => process.umask(), 10)"], { stdio: "ignore" });
    try {
      control({ tgid: other.pid! });
      const lines = tracePipe({ pid: other.pid });
      for (const { pid } of await take(lines, 5)) expect(pid).toBe(other.pid);
      const mine = tracePipe({ pid: [1, process.pid] });
      await new Promise((resolve) => setTimeout(resolve, 200));
      control({});
      call();
      expect((await take(mine, 1))[0]).toMatchObject({ pid: process.pid });
    } finally {
      other.kill();
    }
  });

  test("gives every line of a flood, in order, or counts it as lost", async () => {
    control({ burst: 4096 });
    let lost = 0;
    const lines = tracePipe({ pid: process.pid, prefix: "one ", lost: (dropped) => (lost += dropped.lost) });
    const seen: number[] = [];
    // More than one CPU's buffer holds, however they are spread over the CPUs.
    const calls = 8 * availableParallelism();
    for (let i = 0; i < calls; i++) call();
    // Behind what was dropped, so that the kernel tells of it.
    const behind = 2 * calls * 4096;
    control({ seq: behind });
    const timer = setInterval(call, 20);
    for await (const { text } of lines) {
      seen.push(Number(/^one (\d+) /.exec(text)![1]));
      if (seen.at(-1)! >= behind) break;
    }
    clearInterval(timer);
    expect(seen.length).toBeGreaterThan(5000);
    expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
    expect(lost).toBeGreaterThan(0);
  });

  test("takes nothing from another reader", async () => {
    const one = tracePipe({ pid: process.pid });
    const two = tracePipe({ pid: process.pid });
    expect(own().length).toBe(2);
    call();
    const texts = async (lines: AsyncIterable<TraceLine>): Promise<string[]> =>
      (await take(lines, 4)).map(({ text }) => text);
    expect(await texts(one)).toEqual(await texts(two));
  });

  test("ends with its signal, whose reason the loop throws", async () => {
    const stop = new AbortController();
    const lines = tracePipe({ pid: process.pid, signal: stop.signal });
    setTimeout(() => stop.abort(new Error("enough")), 50);
    expect((await rejectionOf(take(lines, 1))).message).toBe("enough");
    expect(own()).toEqual([]);
    const late = tracePipe({ signal: stop.signal });
    expect(own()).toEqual([]);
    expect((await rejectionOf(late.next())).message).toBe("enough");
  });

  test("ends with close while it waits, and leaves no instance", async () => {
    const lines = tracePipe({ pid: process.pid });
    const next = lines.next();
    setTimeout(() => lines.close(), 50);
    expect(await next).toEqual({ value: undefined, done: true });
    lines.close();
    {
      using unread = tracePipe();
      expect(own().length).toBe(1);
      void unread;
    }
    expect(own()).toEqual([]);
  });

  test("leaves no instance when the loop throws", async () => {
    const lines = tracePipe({ pid: process.pid });
    call();
    const loop = async (): Promise<void> => {
      for await (const _ of lines) throw new Error("mine");
    };
    expect((await rejectionOf(loop())).message).toBe("mine");
  });

  test.each([0, -1, 1.5, "1", NaN, null, [1, -1], [undefined]])("refuses the pid %j", (pid) => {
    expect(thrownBy(() => tracePipe({ pid: pid as number })).message).toMatch(
      /^tracePipe: pid: expected the number of a thread, got /,
    );
  });

  test("is removed when the process exits in the middle", () => {
    const [said] = saidBy(`
      import { tracePipe } from "@ebpf-skel/runtime";
      const lines = tracePipe();
      void lines.next();
      setTimeout(() => {
        say(() => process.pid);
        process.exit(0);
      }, 100);
    `);
    expect(said).toMatchObject({ ok: expect.any(Number) as number });
    const { ok: pid } = said as { ok: number };
    expect(instances().filter((name) => name.startsWith(`ebpf-skel-${pid}-`))).toEqual([]);
  });

  test("removes what a process that was killed has left", () => {
    // The largest number that a process can have is one less.
    const left = `${root}/instances/ebpf-skel-4194304-0`;
    mkdirSync(left);
    try {
      tracePipe().close();
      expect(existsSync(left)).toBe(false);
    } finally {
      if (existsSync(left)) rmdirSync(left);
    }
  });

  test("says what it needs where the process may not", () => {
    const [said] = saidBy(
      `
      import { tracePipe } from "@ebpf-skel/runtime";
      say(() => tracePipe());
      `,
      {
        prefix: [
          "setpriv",
          "--reuid=65534",
          "--regid=65534",
          "--clear-groups",
          "--inh-caps=-all",
          "--bounding-set=-all",
        ],
      },
    );
    expect(said).toMatchObject({ name: "BpfError", code: "EACCES" });
    expect((said as { message: string }).message).toMatch(/^tracePipe: \w+: EACCES \(needs root, for /);
  });
});
