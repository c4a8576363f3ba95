// Programs run without being attached, what the kernel says of them, their pins, tail calls and replacements.

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Maps } from "../../../fixtures/maps.skel.ts";
import { Programs } from "../../../fixtures/programs.skel.ts";
import { Runs } from "../../../fixtures/runs.skel.ts";
import { type BpfProgram, enableStats, type Loaded } from "../../src/index.ts";
import { mountBpffs } from "../support/bpffs.ts";
import { runChild, saidBy } from "../support/child.ts";
import { thrownBy } from "../support/errors.ts";
import { descriptors } from "../support/held.ts";
import { requireKernel } from "../support/kernel.ts";

requireKernel();

let pins: ReturnType<typeof mountBpffs>;
let live: Loaded<Runs>;
let programs: Loaded<Programs>;
let held: Record<string, number>;

beforeAll(() => {
  pins = mountBpffs();
  live = Runs.load();
  programs = Programs.load();
});
afterAll(() => {
  live?.close();
  programs?.close();
  pins?.remove();
});
beforeEach(() => (held = descriptors()));
afterEach(() => expect(descriptors()).toEqual(held));

/** An Ethernet frame of `length` bytes with IPv4's type. */
function frame(length: number): Uint8Array {
  const bytes = Uint8Array.from({ length }, (_, i) => i);
  bytes.set([0x08, 0x00], 12);
  return bytes;
}

const zero = { dividend: 0n, divisor: 0, remainder: 0, quotient: 0n, error: { code: 0 }, note: "" };

describe("run", () => {
  test("a syscall program takes its author's struct and gives it back", () => {
    const before = live.bss.runs;
    const given = { ...zero, dividend: 17n, divisor: 5 };
    const { retval, ctxOut, dataOut } = live.progs.divide.run({ ctx: given });
    expect(retval).toBe(0);
    expect(ctxOut).toEqual({
      dividend: 17n,
      divisor: 5,
      remainder: 2,
      quotient: 3n,
      error: { code: 0, bytes: new Uint8Array(4) },
      note: "divided",
    });
    expect(given.quotient).toBe(0n);
    expect(dataOut).toEqual(new Uint8Array(0));
    expect(live.bss.runs).toBe(before + 1n);
  });

  test("the return value is unsigned, and a union in the context is written from one member", () => {
    const { retval, ctxOut } = live.progs.divide.run({ ctx: { ...zero, error: { bytes: new Uint8Array([1, 2]) } } });
    expect(retval).toBe(2 ** 32 - 33);
    expect(ctxOut.error.code).toBe(33);
  });

  test("a context that does not fit its struct is named, and the program does not run", () => {
    const before = live.bss.runs;
    const path = "program divide: run: ctx.divisor";
    expect(thrownBy(() => live.progs.divide.run({ ctx: { ...zero, divisor: 2 ** 31 } }))).toMatchObject({
      name: "ValueError",
      path,
      message: `${path}: expected s32, got 2147483648`,
    });
    const bytes = new Uint8Array(40) as never;
    expect(thrownBy(() => live.progs.divide.run({ ctx: bytes }))).toMatchObject({ name: "ValueError" });
    expect(thrownBy(() => live.progs.divide.run())).toMatchObject({
      name: "BpfError",
      message: "program divide: run: EINVAL (syscall programs read their ctx, pass it)",
    });
    expect(live.bss.runs).toBe(before);
  });

  test("a context without a struct is bytes, which stay as they are", () => {
    const ctx = new Uint8Array([7, 8, 9]);
    expect(live.progs.first_byte.run({ ctx })).toMatchObject({ retval: 7, ctxOut: ctx });
    expect(thrownBy(() => live.progs.first_byte.run({ ctx: "x" as never })).message).toBe(
      'program first_byte: run: ctx: expected a Uint8Array, got "x"',
    );
  });

  test("a raw tracepoint program takes its arguments, on a CPU of choice", () => {
    const { sum_args } = live.progs;
    const { retval, ctxOut } = sum_args.run({ ctx: { first: 3n, second: 4n } });
    expect(retval).toBe(7);
    expect(ctxOut).toBeUndefined();
    expect(sum_args.run({ ctx: { first: 1n, second: 1n }, cpu: 0 }).retval).toBe(2);
    expect(thrownBy(() => sum_args.run({ ctx: { first: 1n, second: 1n }, cpu: 100_000 }))).toMatchObject({
      name: "BpfError",
      program: "sum_args",
    });
  });

  test("an xdp program gives the packet as it left it", () => {
    const packet = frame(64);
    const { retval, dataOut, durationNs } = live.progs.push.run({ data: packet, repeat: 3 });
    expect(retval).toBe(3); // XDP_TX
    expect(dataOut.subarray(0, 4)).toEqual(new Uint8Array([0xde, 0xca, 0xde, 0x01]));
    expect(dataOut.subarray(dataOut.length - 64)).toEqual(packet);
    expect(durationNs).toBeGreaterThan(0);
    expect(packet).toEqual(frame(64));
  });

  test("a packet that outgrows its room is ENOSPC with the size to pass", () => {
    const data = frame(64);
    expect(thrownBy(() => live.progs.push.run({ data, dataSizeOut: 64 }))).toMatchObject({
      name: "BpfError",
      code: "ENOSPC",
      message:
        "program push: run: ENOSPC (the packet has 68 bytes now, and there is room for 64: pass dataSizeOut: 68)",
    });
    expect(live.progs.push.run({ data, dataSizeOut: 68 }).dataOut).toHaveLength(68);
  });

  test("a tc program takes struct __sk_buff as bytes and gives it back", () => {
    const ctx = new Uint8Array(192);
    const view = new DataView(ctx.buffer);
    view.setUint32(8, 21, true); // mark
    const { retval, ctxOut, dataOut } = live.progs.mark.run({ data: frame(60), ctx });
    expect(retval).toBe(7);
    expect(new DataView(ctxOut.buffer).getUint32(8, true)).toBe(2 * 21 + 60);
    expect(ctxOut).toHaveLength(192);
    expect(dataOut).toEqual(frame(60));
    expect(view.getUint32(8, true)).toBe(21);
    // The kernel fills in the rest of a shorter one.
    expect(live.progs.mark.run({ data: frame(60), ctx: ctx.subarray(0, 12) }).ctxOut.length).toBe(192);
  });

  test("repeats as often as asked", () => {
    const before = live.bss.runs;
    live.progs.mark.run({ data: frame(60), repeat: 250 });
    expect(live.bss.runs).toBe(before + 250n);
  });

  test("socket and cgroup_skb programs run too", () => {
    expect(programs.progs.take_all.run({ data: frame(60) }).retval).toBe(60 - 14);
    expect(programs.progs.allow_egress.run({ data: frame(60) }).retval).toBe(1);
  });

  test.each<[string, (p: Loaded<Programs>["progs"]) => unknown, string]>([
    ["tracepoint", (p) => p.on_getpid.run(), "program on_getpid: run: the kernel cannot run tracepoint programs"],
    ["uprobe", (p) => p.on_function.run(), "program on_function: run: the kernel cannot run uprobe programs"],
    ["perf_event", (p) => p.on_sample.run(), "program on_sample: run: the kernel cannot run perf_event programs"],
    ["cgroup", (p) => p.allow_socket.run(), "program allow_socket: run: the kernel cannot run cgroup programs"],
  ])("a %s program is unsupported, and the error says which kinds are not", (_kind, run, message) => {
    expect(thrownBy(() => run(programs.progs))).toMatchObject({
      name: "UnsupportedError",
      message: expect.stringContaining(`${message} (it runs xdp, tc, `),
    });
  });

  test.each<[string, () => unknown, object]>([
    [
      "no packet",
      () => live.progs.push.run(),
      { message: "program push: run: EINVAL (xdp programs run on a packet, pass data)" },
    ],
    [
      "a packet without Ethernet header",
      () => live.progs.push.run({ data: frame(14).subarray(0, 13) }),
      { message: "program push: run: EINVAL (a packet has at least 14 bytes, its Ethernet header, and this 13)" },
    ],
    [
      "data that is no bytes",
      () => live.progs.push.run({ data: [1] as never }),
      { name: "ValueError", path: "program push: run: data" },
    ],
    [
      "a negative repeat",
      () => live.progs.push.run({ data: frame(60), repeat: -1 }),
      { path: "program push: run: repeat" },
    ],
    [
      "a fraction of a CPU",
      () => live.progs.push.run({ data: frame(60), cpu: 0.5 }),
      { path: "program push: run: cpu" },
    ],
    [
      "no room",
      () => live.progs.push.run({ data: frame(60), dataSizeOut: 0 }),
      { path: "program push: run: dataSizeOut" },
    ],
    [
      "flags that are text",
      () => live.progs.push.run({ data: frame(60), flags: "1" as never }),
      { path: "program push: run: flags" },
    ],
    ["batches without live frames", () => live.progs.push.run({ data: frame(60), batchSize: 4 }), { code: "EINVAL" }],
  ])("%s is an error", (_what, run, error) => {
    expect(thrownBy(run)).toMatchObject(error);
  });

  test("after close is a StateError, also where a getter of the context closes", () => {
    const own = Runs.load();
    const ctx = {
      ...zero,
      get divisor() {
        own.close();
        return 1;
      },
    };
    expect(thrownBy(() => own.progs.divide.run({ ctx }))).toMatchObject({
      name: "StateError",
      message: "runs: closed",
    });
    expect(thrownBy(() => own.progs.push.run({ data: frame(60) }))).toMatchObject({ name: "StateError" });
    expect(thrownBy(() => own.progs.push.info)).toMatchObject({ name: "StateError" });
  });
});

describe("tail calls", () => {
  test("reach the program that userspace put into the array, and no other", () => {
    const { jmp } = live.maps;
    const data = frame(60);
    expect(live.progs.jump.run({ data }).retval).toBe(1); // XDP_DROP, nothing there
    jmp.set(1, live.progs.landed);
    try {
      expect(jmp.get(1)).toBe(live.progs.landed.id);
      expect(live.progs.jump.run({ data }).retval).toBe(4); // XDP_REDIRECT
    } finally {
      jmp.delete(1);
    }
    expect(live.progs.jump.run({ data }).retval).toBe(1);
  });
});

describe("info", () => {
  test("is what bpftool says", () => {
    const { info, id } = live.progs.mark;
    const shown = JSON.parse(
      execFileSync("bpftool", ["-j", "prog", "show", "id", String(id)], { encoding: "utf8" }),
    ) as {
      [field: string]: number | string | boolean;
    };
    expect(info).toMatchObject({
      id: shown["id"],
      type: shown["type"],
      name: shown["name"],
      tag: shown["tag"],
      uid: shown["uid"],
      jitedSize: shown["bytes_jited"],
      xlatedSize: shown["bytes_xlated"],
      mapIds: shown["map_ids"],
      btfId: shown["btf_id"],
      gplCompatible: shown["gpl_compatible"],
      recursionMisses: 0n,
    });
    expect(info.verifiedInsns).toBeGreaterThan(5);
    expect(info.mapIds).toHaveLength(1);
  });

  test("says when it was loaded", () => {
    const before = Date.now();
    using again = Runs.load();
    const at = again.progs.mark.info.loadedAt.getTime();
    // The time since the boot comes in hundredths of a second.
    expect(at).toBeGreaterThanOrEqual(before - 20);
    expect(at).toBeLessThanOrEqual(Date.now() + 20);
  });

  test("of a program without maps has none", () => {
    expect(live.progs.landed.info).toMatchObject({ type: "xdp", name: "landed", mapIds: [] });
  });
});

describe("statistics", () => {
  test("count while they are enabled", () => {
    const { mark } = live.progs;
    const sysctl = execFileSync("sysctl", ["-n", "kernel.bpf_stats_enabled"], { encoding: "utf8" }).trim();
    const before = mark.stats;
    const stats = enableStats();
    try {
      mark.run({ data: frame(60), repeat: 100 });
    } finally {
      stats.close();
    }
    const during = mark.stats;
    expect(during.runCount - before.runCount).toBe(100n);
    expect(during.runTimeNs).toBeGreaterThan(before.runTimeNs);
    expect(mark.info).toMatchObject(during);
    stats.close();
    stats[Symbol.dispose]();
    mark.run({ data: frame(60), repeat: 100 });
    if (sysctl === "0") expect(mark.stats.runCount).toBe(during.runCount);
  });

  test("need CAP_SYS_ADMIN", () => {
    const program = `import { enableStats } from "./runtime/src/index.ts"; say(() => enableStats());`;
    const prefix = ["setpriv", "--reuid=65534", "--clear-groups", "--bounding-set=-all"];
    expect(saidBy(program, { prefix })).toEqual([
      {
        name: "BpfError",
        code: "EPERM",
        message: "enableStats: bpf_enable_stats: EPERM (needs CAP_SYS_ADMIN, or root)",
      },
    ]);
  });
});

describe("pins and handles on programs that others loaded", () => {
  test("a pin keeps a program, and opens as a typed handle", () => {
    const path = `${pins.folder}/divide`;
    const own = Runs.load();
    own.progs.divide.pin(path);
    expect(thrownBy(() => own.progs.divide.pin(path)).message).toMatch(
      /^program divide: pin: EEXIST \(.*is there already\)$/,
    );
    const { id } = own.progs.divide;
    own.close();
    {
      using divide = Runs.progs.divide.openPinned(path);
      expect(divide).toMatchObject({ id, name: "divide", section: "syscall", type: "syscall" });
      expect(divide.run({ ctx: { ...zero, dividend: 9n, divisor: 3 } }).ctxOut.quotient).toBe(3n);
      divide.unpin(path);
      expect(existsSync(path)).toBe(false);
      divide.close();
      for (const use of [() => divide.fd, () => divide.id, () => divide.run({ ctx: zero }), () => divide.pin(path)]) {
        expect(thrownBy(use)).toMatchObject({ name: "StateError", message: "program divide: closed" });
      }
    }
    expect(thrownBy(() => Runs.progs.divide.openPinned(path))).toMatchObject({
      code: "ENOENT",
      message: `program divide: openPinned: ENOENT (nothing is pinned at ${path})`,
    });
  });

  test("by id and by descriptor", () => {
    using byId = Runs.progs.landed.fromId(live.progs.landed.id);
    using byFd = Runs.progs.landed.fromFd(live.progs.landed.fd);
    for (const landed of [byId, byFd]) {
      expect(landed.fd).not.toBe(live.progs.landed.fd);
      expect(landed.info.tag).toBe(live.progs.landed.info.tag);
      expect(landed.run({ data: frame(60) }).retval).toBe(4);
    }
    live.maps.jmp.set(0, byId);
    expect(live.maps.jmp.get(0)).toBe(live.progs.landed.id);
    live.maps.jmp.delete(0);
  });

  test("what is another kind of program, or none, is refused", () => {
    expect(thrownBy(() => Runs.progs.landed.fromId(live.progs.mark.id))).toMatchObject({
      name: "StaleError",
      message: `program landed: expected type xdp, got sched_cls mark (id ${live.progs.mark.id})`,
    });
    using maps = Maps.load();
    const { fd } = Object.values(maps.maps)[0] as { fd: number };
    expect(thrownBy(() => Runs.progs.landed.fromFd(fd))).toMatchObject({
      name: "ValueError",
      message: `program landed: expected a program, got bpf-map (descriptor ${fd})`,
    });
    expect(thrownBy(() => Runs.progs.landed.fromId(0x7fff_ffff))).toMatchObject({ code: "ENOENT" });
    for (const path of ["relative", "", 5 as never]) {
      expect(thrownBy(() => Runs.progs.landed.openPinned(path))).toMatchObject({ name: "ValueError" });
    }
    for (const id of [0, -1, 1.5]) expect(thrownBy(() => Runs.progs.landed.fromId(id)).name).toBe("ValueError");
  });

  test("a pin of another object is not removed", () => {
    const path = `${pins.folder}/landed`;
    live.progs.landed.pin(path);
    expect(thrownBy(() => live.progs.mark.unpin(path))).toMatchObject({
      name: "ValueError",
      message: `program mark: unpin: expected a pin of this program, got "${path}"`,
    });
    expect(existsSync(path)).toBe(true);
    live.progs.landed.unpin(path);
    expect(thrownBy(() => live.progs.landed.unpin(path)).name).toBe("ValueError");
  });

  test("one that nobody closes says so", () => {
    const { stderr, status } = runChild(
      `import { Runs } from "./fixtures/runs.skel.ts";
      using live = Runs.load();
      (() => Runs.progs.landed.fromFd(live.progs.landed.fd))();
      for (let i = 0; i < 20; i++) { gc(); await new Promise((done) => setTimeout(done, 5)); }`,
      { nodeArgs: ["--expose-gc"] },
    );
    expect(status).toBe(0);
    expect(stderr).toMatch(/program landed became unreachable without close\(\)/);
  });
});

describe("before load", () => {
  test("autoload, autoattach and logLevel are read and set", () => {
    using open = Runs.open();
    const { mark, replace_verdict } = open.progs;
    expect([mark.autoload, mark.autoattach, mark.logLevel, replace_verdict.autoload]).toEqual([true, true, 0, false]);
    mark.autoload = false;
    mark.autoattach = false;
    mark.logLevel = 1;
    expect([mark.autoload, mark.autoattach, mark.logLevel]).toEqual([false, false, 1]);
    expect(thrownBy(() => (mark.autoload = 1 as never)).message).toBe(
      "program mark: autoload: expected a boolean, got 1",
    );
    const own = open.load();
    expect(thrownBy(() => own.progs.mark.run({ data: frame(60) }))).toMatchObject({ name: "StateError" });
    own.close();
  });

  /** A load of `replace_verdict` alone, in the place of `live`'s verdict. */
  const replacement = (
    target: Parameters<ReturnType<typeof Runs.open>["progs"]["replace_verdict"]["setAttachTarget"]>[0],
  ): Loaded<Runs> => {
    const open = Runs.open();
    try {
      for (const program of Object.values(open.progs)) program.autoload = program.name === "replace_verdict";
      open.progs.replace_verdict.setAttachTarget(target);
      return open.load();
    } catch (e) {
      open.close();
      throw e;
    }
  };

  test.each<[string, (program: BpfProgram) => object]>([
    ["a program", (prog) => ({ prog })],
    ["a descriptor", ({ fd }) => ({ fd })],
  ])("setAttachTarget takes a function of another program, by %s", (_what, target) => {
    const data = frame(60);
    expect(live.progs.ask_verdict.run({ data }).retval).toBe(2); // XDP_PASS
    let own: Loaded<Runs>;
    try {
      own = replacement({ func: "verdict", ...target(live.progs.ask_verdict) });
    } catch (e) {
      // Some kernels refuse freplace to everybody, as they do fentry.
      expect(e).toMatchObject({ code: "EPERM", syscall: "bpf_object__load" });
      return;
    }
    using _ = own;
    expect(own.progs.replace_verdict.type).toBe("ext");
    const link = own.progs.replace_verdict.attach();
    expect(live.progs.ask_verdict.run({ data }).retval).toBe(3); // XDP_TX
    link.detach();
    expect(live.progs.ask_verdict.run({ data }).retval).toBe(2);
  });

  test("setAttachTarget chooses a tracepoint, which the program then traces", () => {
    const open = Runs.open();
    open.progs.on_any_tracepoint.autoload = true;
    open.progs.on_any_tracepoint.setAttachTarget({ func: "sys_enter" });
    open.bss.traced_tgid = process.pid;
    using own = open.load();
    own.progs.on_any_tracepoint.attach();
    existsSync("/no/such/file");
    expect(own.bss.traced).toBeGreaterThan(0n);
  });

  test("setAttachTarget refuses functions that are not there", () => {
    const prog = live.progs.ask_verdict;
    const missing = thrownBy(() => replacement({ func: "no_such", prog }));
    expect(missing).toMatchObject({ name: "BpfError", program: "replace_verdict" });
    expect(missing.message).toMatch(/^program replace_verdict: setAttachTarget: (ENOENT|ESRCH) \(.*no_such/);
    for (const target of [
      { func: "" },
      { func: 5 },
      {},
      { func: "verdict", prog, fd: 3 },
      { func: "verdict", fd: -1 },
    ]) {
      expect(thrownBy(() => replacement(target as never))).toMatchObject({ name: "ValueError" });
    }
  });
});
