// Iterators and their text, probes on many functions of a binary, perf events, and what links say of themselves.

import { readdirSync, readFileSync } from "node:fs";
import { release } from "node:os";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { AttachCgroup } from "../../../fixtures/attach_cgroup.skel.ts";
import { AttachTrace } from "../../../fixtures/attach_trace.skel.ts";
import { type Link, type Loaded, openLink } from "../../src/index.ts";
import { isAtLeast } from "../../src/library/kernel.ts";
import { mountBpffs } from "../support/bpffs.ts";
import { cgroupId, makeCgroup } from "../support/cgroup.ts";
import { thrownBy } from "../support/errors.ts";
import { openDescriptors } from "../support/held.ts";
import { requireKernel } from "../support/kernel.ts";
import { hasBtfCookies, needs, whyNoEntryIterators } from "../support/needs.ts";
import { expectRuns } from "../support/runs.ts";
import { offsetOf } from "../support/symbols.ts";

requireKernel();

let live: Loaded<AttachTrace>;
let noEntries: string | undefined;

beforeAll(() => void (noEntries = whyNoEntryIterators()));
beforeEach(() => {
  const open = AttachTrace.open();
  open.progs.on_btf_entry.autoload = hasBtfCookies;
  open.progs.each_entry.autoload = noEntries === undefined;
  live = open.load();
  live.bss.target_tgid = process.pid;
});
afterEach(() => {
  live?.close();
});

const libc = /\/\S+\/libc[.-]\S+/.exec(readFileSync("/proc/self/maps", "utf8"))![0];

function getppid(): void {
  void process.ppid;
}

function burn(): void {
  const end = performance.now() + 100;
  while (performance.now() < end);
}

describe("an iterator", () => {
  const pids = (text: string): [number, number][] =>
    text
      .trim()
      .split("\n")
      .map((line) => line.split(" ").map(Number) as [number, number]);

  test("writes its text anew with each reading", () => {
    using link = live.progs.each_task.attach();
    expect(link.info).toMatchObject({ type: "iter", target: "task", id: link.id });
    expect(pids(link.read())).toContainEqual([process.pid, process.pid]);
    expect(pids(link.read()).length).toBeGreaterThan(2);
    // The link of the skeleton is the same, words for reading and all.
    expect(live.links.each_task?.read()).toContain(`${process.pid} ${process.pid}\n`);
  });

  test("goes through one process, or one thread", () => {
    using process_ = live.progs.each_task.attach({ pid: process.pid });
    const threads = readdirSync("/proc/self/task").map(Number);
    const seen = pids(process_.read());
    expect(new Set(seen.map(([pid]) => pid))).toEqual(new Set([process.pid]));
    expect(seen.map(([, tid]) => tid)).toEqual(expect.arrayContaining(threads));
    expect(process_.info).toMatchObject({ pid: process.pid });
    using thread = live.progs.each_task.attach({ tid: process.pid });
    expect(thread.read()).toBe(`${process.pid} ${process.pid}\n`);
    expect(thread.info).toMatchObject({ tid: process.pid });
  });

  test("goes through the entries of a map", () => {
    // Some kernels refuse such programs to everybody.
    if (noEntries !== undefined) {
      expect(noEntries).toMatch(
        /^attach_trace: bpf_object__load: EPERM \(program each_entry: the capabilities are there/,
      );
      return;
    }
    const { numbers } = live.maps;
    numbers.set(1, 10n);
    numbers.set(2, 1n << 63n);
    using link = live.progs.each_entry.attach({ map: numbers });
    expect(link.info).toMatchObject({ type: "iter", target: "bpf_map_elem", mapId: numbers.id });
    expect(link.read().trim().split("\n").sort()).toEqual(["1=10", "2=9223372036854775808"]);
    numbers.delete(1);
    expect(link.read()).toBe("2=9223372036854775808\n");
  });

  test("goes through all maps", () => {
    using link = live.progs.each_map.attach();
    expect(link.read()).toMatch(new RegExp(`^${live.maps.numbers.id} 0$`, "m"));
  });

  test("goes through cgroups in the order that it is told", () => {
    const outer = makeCgroup("outer");
    const inner = makeCgroup("outer/inner");
    const [outerId, innerId] = [outer, inner].map(({ path }) => cgroupId(path));
    const ids = (
      cgroup: string,
      order?: "self" | "descendants_pre" | "descendants_post" | "ancestors_up",
    ): bigint[] => {
      using link = live.progs.each_cgroup.attach({ cgroup, order });
      expect(link.info).toMatchObject({ type: "iter", target: "cgroup", cgroupId: cgroupId(cgroup) });
      return [...link.read().matchAll(/^(\d+) 0$/gm)].map(([, id]) => BigInt(id!));
    };
    try {
      expect(ids(outer.path)).toEqual([outerId]);
      expect(ids(outer.path, "descendants_pre")).toEqual([outerId, innerId]);
      expect(ids(outer.path, "descendants_post")).toEqual([innerId, outerId]);
      expect(ids(inner.path, "ancestors_up").slice(0, 2)).toEqual([innerId, outerId]);
    } finally {
      inner.remove();
      outer.remove();
    }
  });

  test("gives long text in chunks, and the same as at once", async () => {
    using link = live.progs.long_text.attach({ pid: process.pid });
    const threads = (): number => readdirSync("/proc/self/task").length;
    const before = threads();
    const whole = link.read();
    const after = threads();
    const chunks: string[] = [];
    for await (const chunk of link) chunks.push(chunk);
    expect(chunks.length).toBeGreaterThan(1);
    // The same for each thread, of which there may be more by the second time.
    const text = chunks.join("");
    const length = Math.min(text.length, whole.length);
    expect(text.slice(0, length)).toBe(whole.slice(0, length));
    const line = `${"0".repeat(63)}7 ${"0".repeat(63)}7\n`;
    expect(whole.split(line).length - 1).toBeGreaterThanOrEqual(Math.min(before, after));
    expect(whole.split(line).length - 1).toBeLessThanOrEqual(Math.max(before, after));
  });

  test("leaves no descriptor behind, also when the reader stops early", async () => {
    const before = openDescriptors();
    const link = live.progs.long_text.attach();
    for (let i = 0; i < 5; i++) {
      link.read();
      for await (const chunk of link) if (chunk !== "") break;
    }
    link.detach();
    expect(openDescriptors()).toBe(before);
    expect(thrownBy(() => link.read())).toMatchObject({ name: "StateError", message: /link is detached/ });
  });

  test("says what is wrong", () => {
    const { each_entry, each_task, each_cgroup } = live.progs;
    if (noEntries === undefined) {
      expect(thrownBy(() => each_entry.attach()).message).toBe(
        'program each_entry: attach: SEC("iter/bpf_map_elem") names no target (attach({ map }))',
      );
      expect(thrownBy(() => each_entry.attach({ map: {} as never })).message).toBe(
        "program each_entry: attach: map: expected the handle of a map, got an object",
      );
    }
    expect(thrownBy(() => each_cgroup.attach()).message).toContain('attach({ cgroup: "/sys/fs/cgroup" })');
    expect(thrownBy(() => each_task.attach({ pid: 1, tid: 1 })).name).toBe("ValueError");
    expect(thrownBy(() => each_task.attach({ pid: 0 })).name).toBe("ValueError");
    expect(thrownBy(() => each_cgroup.attach({ cgroup: "/tmp" }))).toMatchObject({ name: "BpfError" });
  });

  test("is skipped by attach of the skeleton with the line to write", () => {
    const { attached, skipped } = live.attach({ only: ["each_task", "each_entry"] });
    expect(attached).toEqual(["each_task"]);
    expect(skipped.each_entry).toBe(
      noEntries === undefined
        ? "needs a target: attach({ targets: { each_entry: { map } } })"
        : "it is not loaded, its autoload is off",
    );
  });
});

describe("uprobe.multi", () => {
  const getOffset = (): number => offsetOf(libc, "getppid");

  test("runs at offsets with their cookies, on every libbpf", async (context) => {
    needs(context, "uprobe_multi");
    const link = live.progs.on_calls.attach({ path: libc, offsets: [getOffset()], cookies: [77n], pid: process.pid });
    expect(link.info).toMatchObject({ type: "uprobe_multi", path: libc, count: 1, retprobe: false, pid: process.pid });
    await expectRuns(link, () => live.bss.calls, getppid);
    expect(live.bss.cookie).toBe(77n);
    const returns = live.progs.on_returns.attach({ path: libc, offsets: [getOffset()] });
    expect(returns.info).toMatchObject({ type: "uprobe_multi", retprobe: true, pid: 0 });
    await expectRuns(returns, () => live.bss.returns, getppid);
  });

  test("runs at functions by name and by pattern, on every libbpf", async (context) => {
    needs(context, "uprobe_multi");
    const { on_calls, on_libc } = live.progs;
    const named = on_calls.attach({ path: libc, syms: ["getppid", "getuid"], cookies: [1n, 2n] });
    expect(named.info).toMatchObject({ type: "uprobe_multi", count: 2 });
    await expectRuns(named, () => live.bss.calls, getppid);
    expect(live.bss.cookie).toBe(1n);
    await expectRuns(on_calls.attach({ path: "libc.so.6", pattern: "getpp?d" }), () => live.bss.calls, getppid);
    const bySection = on_libc.attach();
    expect(bySection.info).toMatchObject({ type: "uprobe_multi", count: 1 });
    await expectRuns(bySection, () => live.bss.calls, getppid);
  });

  test("says what is wrong", (context) => {
    needs(context, "uprobe_multi");
    const { on_calls } = live.progs;
    expect(thrownBy(() => on_calls.attach({ path: libc })).message).toBe(
      "program on_calls: attach: expected one of pattern, syms and offsets, got 0 " +
        '(attach({ path: "libc.so.6", syms: ["malloc", "free"] }))',
    );
    expect(thrownBy(() => on_calls.attach({ path: libc, offsets: [] })).message).toMatch(/an array that is not empty/);
    expect(thrownBy(() => on_calls.attach({ path: libc, offsets: [1], cookies: [1n, 2n] })).message).toBe(
      "program on_calls: attach: cookies: expected 1 of them, got 2",
    );
    expect(thrownBy(() => on_calls.attach({ path: libc, offsets: [1.5] })).message).toMatch(/offsets\[0\]: expected/);
    const notFound: [object, RegExp][] = [
      [{ path: "/no/such", offsets: [1] }, /ENOENT \(\/no\/such is not there\)/],
      [{ path: "/no/such", syms: ["f"] }, /ENOENT \(\/no\/such is not there\)/],
      [{ path: libc, syms: ["getppid", "no_such"] }, /ENOENT \(\S+ has no no_such to probe/],
      [{ path: libc, pattern: "no.such*" }, /ENOENT \(\S+ has no no\.such\* to probe/],
      [{ path: "/proc/self/cmdline", syms: ["f"] }, /has no f to probe: it is no ELF file of this machine/],
      [{ path: "/etc", syms: ["f"] }, /EISDIR \(\/etc is a directory\)/],
      [{ path: "/etc", offsets: [0] }, /EBADF \(\/etc is no ELF file\)/],
      [
        { path: process.execPath, offsets: [2 ** 40] },
        /EINVAL \(offset 0x10000000000 is behind the end of \S+, which has 0x[\da-f]+ bytes\)/,
      ],
      [{ path: libc, syms: ["getppid"], pid: 0x3fff_ffff }, /ESRCH \(there is no process 1073741823\)/],
    ];
    for (const [options, message] of notFound)
      expect(thrownBy(() => on_calls.attach(options)).message).toMatch(message);
  });
});

describe("a perf event", () => {
  test("that is opened here samples a process until it is detached", async () => {
    const link = live.progs.on_sample.attach({
      type: "software",
      config: 0,
      samplePeriod: 1_000_000,
      pid: process.pid,
      cookie: 5n,
    });
    expect(link.info).toMatchObject(
      isAtLeast(release(), "6.9")
        ? { type: "perf_event", event: "event", cookie: 5n }
        : { type: "perf_event", cookie: 0n },
    );
    await expectRuns(link, () => live.bss.samples, burn);
    expect(live.bss.cookie).toBe(5n);
  });

  test("samples so many times a second, on a CPU", async () => {
    const link = live.progs.on_sample.attach({ type: 1, config: 0n, frequency: 500, cpu: 0 });
    await expect.poll(() => live.bss.samples, { timeout: 5000 }).toBeGreaterThan(1n);
    link.detach();
  });

  test("says what is wrong, and leaves no descriptor", () => {
    const { on_sample } = live.progs;
    const before = openDescriptors();
    const wrong: [object, RegExp][] = [
      [{ type: "software", config: 0 }, /pid: expected a process, or a CPU as cpu/],
      [{ type: "soft", config: 0, cpu: 0 }, /type: expected "hardware" or "software"/],
      [{ type: "software", config: -1, cpu: 0 }, /config: expected/],
      [{ type: "software", config: 0, cpu: 0, samplePeriod: 1, frequency: 1 }, /either it or samplePeriod/],
      [
        { type: "software", config: 99, cpu: 0 },
        /ENOENT \(the kernel has no event of type software with config 99 here\)/,
      ],
      [{ type: "software", config: 0, pid: 0x3fff_ffff }, /ESRCH \(there is no process 1073741823\)/],
      [{ type: "software", config: 0, cpu: 9999 }, /(EINVAL|ENODEV) \(CPU 9999 is not there, or offline: see /],
      [
        { type: "software", config: 0, cpu: 0, frequency: 1e9 },
        /EINVAL \(frequency 1000000000 is above kernel\.perf_event_max_sample_rate, \d+\)/,
      ],
      [{ fd: 0 }, /fd: expected a perf event's descriptor, got/],
    ];
    for (const [options, message] of wrong)
      expect(thrownBy(() => on_sample.attach(options as never)).message).toMatch(message);
    expect(openDescriptors()).toBe(before);
  });
});

describe("a link says what it is attached to", () => {
  const since = (version: string): boolean => isAtLeast(release(), version);
  // What older kernels do not tell.
  const event = since("6.6") ? { event: "tracepoint", name: "sys_enter_getppid" } : { event: "unspec" };
  const cookieOf = (cookie: bigint, version: string): { cookie: bigint } => ({ cookie: since(version) ? cookie : 0n });
  const told: [keyof AttachTrace["progs"], object | undefined, object][] = [
    ["on_entry", { cookie: 3n }, { type: "perf_event", ...event, ...cookieOf(3n, "6.9") }],
    ["on_raw_entry", undefined, { type: "raw_tracepoint", name: "sys_enter" }],
    ["on_btf_entry", { cookie: 4n }, { type: "raw_tracepoint", name: "sys_enter", ...cookieOf(4n, "6.17") }],
  ];
  test.for(told)("%s", async ([name, options, info], context) => {
    if (name === "on_btf_entry") needs(context, "btf_cookie");
    const link = live.progs[name].attach(options as never) as Link;
    expect(link.info).toMatchObject({ ...info, id: link.id, progId: live.progs[name].id });
    const count = (): bigint => live.bss.entries + live.bss.raw_entries;
    await expectRuns(link, count, getppid, { settle: 50 });
  });
});

describe("a pinned link", () => {
  const bpffs = { current: undefined as ReturnType<typeof mountBpffs> | undefined };
  beforeEach(() => {
    bpffs.current = mountBpffs();
  });
  afterEach(() => bpffs.current?.remove());
  const pinned = (): string => `${bpffs.current!.folder}/link`;

  test("is opened by whoever comes later, and ended by them", () => {
    const opening = AttachTrace.open();
    opening.progs.on_btf_entry.autoload = hasBtfCookies;
    using other = opening.load();
    const link = other.progs.on_raw_entry.attach();
    const { id } = link;
    link.pin(pinned());
    other.close();
    const opened = openLink(pinned());
    expect(opened).toMatchObject({ id, pinPath: pinned() });
    expect(opened.info).toMatchObject({ type: "raw_tracepoint", name: "sys_enter", id });
    opened.close();
    expect(thrownBy(() => opened.info)).toMatchObject({ name: "StateError" });
    openLink(pinned()).detach();
    expect(thrownBy(() => openLink(pinned())).message).toBe(
      `link ${pinned()}: openLink: ENOENT (nothing is pinned at ${pinned()})`,
    );
  });

  test("is unpinned, and lasts until it is closed", () => {
    const own = live.progs.on_raw_entry.attach();
    own.pin(pinned());
    using opened = openLink(pinned());
    opened.unpin();
    expect(opened.pinPath).toBeUndefined();
    expect(opened.info).toMatchObject({ type: "raw_tracepoint" });
    expect(thrownBy(() => opened.unpin())).toMatchObject({ name: "StateError" });
    // That its pin is gone already is no error for the link that made it.
    own.detach();
  });

  test("takes another program where its kind can", () => {
    const cgroup = makeCgroup("pinned");
    try {
      using opening = AttachCgroup.open();
      opening.progs.on_connect_unix.autoload = isAtLeast(release(), "6.7");
      using groups = opening.load();
      groups.progs.note_1.attach({ cgroup: cgroup.path }).pin(pinned());
      using opened = openLink(pinned());
      opened.update(groups.progs.note_2);
      expect(opened.info).toMatchObject({ type: "cgroup", progId: groups.progs.note_2.id });
      expect(thrownBy(() => opened.update(live.progs.on_entry)).message).toBe(
        `link ${pinned()}: update: EINVAL (the program is of another type, or for another hook)`,
      );
      expect(thrownBy(() => opened.update({} as never)).name).toBe("ValueError");
      opened.unpin();
    } finally {
      cgroup.remove();
    }
  });

  test("is told from pins of other things", () => {
    live.maps.numbers.pin(pinned());
    expect(thrownBy(() => openLink(pinned())).message).toBe(`link ${pinned()}: expected a link, got bpf-map`);
    live.maps.numbers.unpin(pinned());
    expect(thrownBy(() => openLink("relative")).name).toBe("ValueError");
  });
});
