// Attaching on the real kernel: what a section places, what needs a target, what becomes of links.

import { execFileSync } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmdirSync, unlinkSync } from "node:fs";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Globals } from "../../../fixtures/globals.skel.ts";
import { Programs } from "../../../fixtures/programs.skel.ts";
import { type Program, section, u64 } from "../../src/gen1.ts";
import type { Link, Loaded } from "../../src/index.ts";
import { compile, skeletonOf } from "../support/clang.ts";
import { thrownBy } from "../support/errors.ts";
import { withCgroup } from "../support/cgroup.ts";
import { descriptors } from "../support/held.ts";
import { requireKernel } from "../support/kernel.ts";
import { needs } from "../support/needs.ts";
import { enterNetns } from "../support/netns.ts";
import { openPerfEvent } from "../support/perf.ts";

requireKernel();

let live: Loaded<Programs>;

beforeAll(enterNetns);
beforeEach(() => {
  live = Programs.load();
});
afterEach(async () => {
  await live?.closeAsync();
});

function hits(program: number): bigint {
  return live.bss.$at("hits").get(program);
}

function getppid(): void {
  void process.ppid;
}

describe("a skeleton's attach", () => {
  test("attaches what the sections place, and says why it skips the rest", () => {
    const { attached, skipped, failed } = live.attach();
    expect(attached).toEqual(["on_getpid", "on_getppid", "on_getppid_again", "on_sys_enter", "on_sys_exit"]);
    expect(failed).toEqual({});
    expect({ ...skipped }).toMatchObject({
      on_unlink: "it is not loaded, its autoload is off",
      on_function: 'needs a target: attach({ targets: { on_function: { path: "/usr/bin/bash", func: "readline" } } })',
      pass_short: "needs a target: attach({ targets: { pass_short: { ifindex: 2 } } })",
      allow_egress: 'needs a target: attach({ targets: { allow_egress: { cgroup: "/sys/fs/cgroup" } } })',
      on_sample:
        'needs a target: attach({ targets: { on_sample: { type: "software", config: 0, frequency: 99, cpu: 0 } } })',
      add: "it is run, not attached",
      take_all: "needs a target: attach({ targets: { take_all: { socket } } })",
    });
    expect(Object.keys(skipped).length + attached.length).toBe(Object.keys(live.progs).length);
    getppid();
    expect(hits(1)).toBeGreaterThan(0n);
    expect(hits(2)).toBeGreaterThan(0n);
    expect(hits(3)).toBeGreaterThan(0n);
    expect(live.links.on_getppid?.program).toBe("on_getppid");
    expect(live.links.add).toBeUndefined();

    // Again: everything that could be attached is.
    const again = live.attach();
    expect(again.attached).toEqual([]);
    expect(again.skipped.on_getpid).toBe("it is attached already");
  });

  test("takes targets, and only what it is asked for", () => {
    const result = live.attach({ only: ["pass_all"], targets: { pass_all: { ifindex: 1 } } });
    expect(result).toEqual({ attached: ["pass_all"], skipped: {}, failed: {} });
    expect(live.links.pass_all?.id).toBeGreaterThan(0);
    live.detach();
    expect(live.links.pass_all).toBeUndefined();
  });

  test("undoes itself when a program fails, and leaves earlier links alone", () => {
    const earlier = live.progs.on_getpid.attach();
    const error = thrownBy(() => live.attach({ targets: { pass_all: { ifindex: 99_999 } } }));
    expect(error).toMatchObject({ name: "AttachError", code: "ERR_ATTACH" });
    expect(error.message).toBe(
      "programs: attach: 1 of its programs failed, what this call attached is detached again\n" +
        "  pass_all: program pass_all: attach: EINVAL (there is no network device with ifindex 99999)",
    );
    const { programs } = error as unknown as { programs: Record<string, Error | string> };
    expect(programs["pass_all"]).toMatchObject({ name: "BpfError", code: "EINVAL", program: "pass_all" });
    expect(programs["add"]).toBe("it is run, not attached");
    expect(Object.values(live.links).filter((link) => link !== undefined)).toEqual([earlier]);
  });

  test("puts up with the failure of what is optional", () => {
    const { attached, failed } = live.attach({ targets: { pass_all: { ifindex: 99_999 } }, optional: ["pass_all"] });
    expect(attached).toContain("on_getpid");
    expect(failed.pass_all).toMatchObject({ code: "EINVAL" });
  });

  test("fails when nothing is attached at all", () => {
    const error = thrownBy(() => live.attach({ only: ["add", "pass_all"] }));
    expect(error.message).toBe(
      "programs: attach: nothing was attached\n" +
        "  pass_all: needs a target: attach({ targets: { pass_all: { ifindex: 2 } } })\n" +
        "  add: it is run, not attached",
    );
    expect(
      thrownBy(() =>
        live.attach({ only: ["pass_all"], targets: { pass_all: { ifindex: 99_999 } }, optional: ["pass_all"] }),
      ).name,
    ).toBe("AttachError");
  });

  test("knows its programs", () => {
    for (const options of [{ only: ["on_getpi"] }, { optional: ["on_getpi"] }, { targets: { on_getpi: {} } }]) {
      const error = thrownBy(() => live.attach(options as object));
      expect(error.name).toBe("ValueError");
      expect(error.message).toMatch(/no program is called "on_getpi" \(there are on_getpid, /);
    }
  });

  test.each(["detach", "close"] as const)("is undone by %s, newest link first", (verb) => {
    const { on_sys_enter, on_sys_exit, pass_all } = live.progs;
    const ended: string[] = [];
    // In another order than the object's.
    for (const attach of [
      () => on_sys_exit.attach(),
      () => pass_all.attach({ ifindex: 1, mode: "skb" }),
      () => on_sys_enter.attach(),
    ]) {
      const link = attach();
      const detach = link.detach.bind(link);
      link.detach = () => {
        ended.push(link.program);
        detach();
      };
    }
    live[verb]();
    expect(ended).toEqual(["on_sys_enter", "pass_all", "on_sys_exit"]);
  });

  test("follows autoattach", () => {
    using open = Programs.open();
    open.progs.on_getpid.autoattach = false;
    expect(open.progs.on_getpid.autoattach).toBe(false);
    using own = open.load();
    expect(own.attach({ only: ["on_getpid", "on_getppid"] })).toEqual({
      attached: ["on_getppid"],
      skipped: { on_getpid: "its autoattach is off" },
      failed: {},
    });
    // What autoattach leaves out can be attached by hand.
    own.progs.on_getpid.attach();
  });
});

describe("a program's attach", () => {
  test("takes a tracepoint from its section or its options", () => {
    const { on_getpid } = live.progs;
    expect(on_getpid).toMatchObject({
      name: "on_getpid",
      section: "tracepoint/syscalls/sys_enter_getpid",
      type: "tracepoint",
    });
    expect(live.links.on_getpid).toBeUndefined();
    const first = on_getpid.attach({ cookie: 7n });
    const second = on_getpid.attach({ category: "syscalls", name: "sys_enter_getppid" });
    expect(live.links.on_getpid).toBe(second);
    const before = hits(0);
    getppid();
    expect(hits(0)).toBeGreaterThan(before);
    expect(thrownBy(() => on_getpid.attach()).message).toBe(
      "program on_getpid: attach: EEXIST (it is attached to syscalls/sys_enter_getpid already)",
    );
    second.detach();
    expect(live.links.on_getpid).toBe(first);
    expect(thrownBy(() => on_getpid.attach({ name: "no_such" })).message).toBe(
      "program on_getpid: attach: ENOENT (there is no tracepoint syscalls/no_such: " +
        "see /sys/kernel/tracing/available_events)",
    );
    expect(thrownBy(() => on_getpid.attach({ cookie: -1n })).message).toBe(
      "program on_getpid: attach: cookie: expected u64 as a bigint, got -1n",
    );
  });

  test("takes a raw tracepoint from its section or its options", () => {
    using link = live.progs.on_sys_enter.attach({ name: "sys_exit" });
    expect(link.id).toBeGreaterThan(0);
    getppid();
    expect(hits(3)).toBeGreaterThan(0n);
    expect(thrownBy(() => live.progs.on_sys_enter.attach({ name: "no_such" })).message).toMatch(
      /^program on_sys_enter: attach: ENOENT \(there is no tracepoint no_such/,
    );
  });

  test("takes a function of a binary", () => {
    const { on_function, on_function_return } = live.progs;
    const libc = readFileSync("/proc/self/maps", "utf8").match(/\/\S+\/libc[.-]\S+/)![0];
    on_function.attach({ path: libc, func: "getenv", pid: process.pid });
    on_function_return.attach({ path: libc, func: "getenv" });
    execFileSync("true");
    expect(hits(7)).toBeGreaterThan(0n);
    expect(thrownBy(() => on_function.attach()).message).toBe(
      'program on_function: attach: SEC("uprobe") names no target ' +
        '(attach({ path: "/usr/bin/bash", func: "readline" }))',
    );
    expect(thrownBy(() => on_function.attach({ path: libc, func: "no_such" })).message).toBe(
      `program on_function: attach: ENOENT (${libc} has no no_such to probe: see nm, and nm -D)`,
    );
    expect(thrownBy(() => on_function.attach({ path: "/no/such", func: "f" })).message).toMatch(
      /\/no\/such is not there/,
    );
    expect(thrownBy(() => on_function.attach({ func: "f" } as unknown as { path: string })).name).toBe("ValueError");
    expect(thrownBy(() => on_function.attach({ path: libc, offset: 1.5 })).message).toMatch(
      /offset: expected a number/,
    );
  });

  test("takes a network device", () => {
    using link = live.progs.pass_all.attach({ ifindex: 1 });
    const shown = JSON.parse(
      execFileSync("bpftool", ["-j", "link", "show", "id", String(link.id)], { encoding: "utf8" }),
    );
    expect(shown).toMatchObject({ type: "xdp", prog_id: live.progs.pass_all.id });
    expect(thrownBy(() => live.progs.pass_short.attach({ ifindex: 1 })).message).toBe(
      "program pass_short: attach: EBUSY (another XDP program is attached there)",
    );
    // Another program takes its place without a gap.
    link.update(live.progs.pass_short);
    const after = JSON.parse(
      execFileSync("bpftool", ["-j", "link", "show", "id", String(link.id)], { encoding: "utf8" }),
    );
    expect(after.prog_id).toBe(live.progs.pass_short.id);
    expect(thrownBy(() => live.progs.pass_all.attach({ ifindex: 0 })).name).toBe("ValueError");
    expect(thrownBy(() => link.update({} as Program)).name).toBe("ValueError");
    const onTracepoint = live.progs.on_getpid.attach();
    expect(thrownBy(() => onTracepoint.update(live.progs.on_getpid)).message).toBe(
      "program on_getpid: update: EINVAL (the kernel cannot update links of type perf_event)",
    );
    onTracepoint.detach();
  });

  test("takes a cgroup, by path or descriptor", () => {
    withCgroup((path) => {
      const { allow_egress, allow_socket } = live.progs;
      using byPath = allow_egress.attach({ cgroup: path });
      const fd = openSync(path, "r");
      using byFd = allow_socket.attach({ cgroup: fd });
      closeSync(fd);
      expect([byPath.id, byFd.id].every((id) => id! > 0)).toBe(true);
    });
    const { allow_egress } = live.progs;
    expect(thrownBy(() => allow_egress.attach({ cgroup: "/no/such" }))).toMatchObject({
      code: "ENOENT",
      syscall: "open",
    });
    expect(thrownBy(() => allow_egress.attach({ cgroup: "/tmp" })).message).toBe(
      "program allow_egress: attach: EBADF (/tmp is no cgroup v2 directory)",
    );
  });

  test("takes a perf event, whose descriptor stays the caller's", () => {
    const fd = openPerfEvent();
    const link = live.progs.on_sample.attach({ fd });
    const end = performance.now() + 2000;
    while (hits(13) === 0n && performance.now() < end) for (let i = 0; i < 1e6; i++);
    expect(hits(13)).toBeGreaterThan(0n);
    link.detach();
    expect(existsSync(`/proc/self/fd/${fd}`)).toBe(true);
    closeSync(fd);
    expect(thrownBy(() => live.progs.on_sample.attach({ fd })).name).toBe("ValueError");
  });

  test("refuses options of other kinds and kinds it cannot attach", () => {
    const wrong = live.progs.on_getpid as unknown as Program<"xdp">;
    expect(thrownBy(() => wrong.attach({ ifindex: 1 })).message).toBe(
      "program on_getpid: attach: ifindex: no option of tracepoint programs (they are category, name, cookie)",
    );
    for (const options of [null, "x"] as unknown as { ifindex: number }[]) {
      const got = JSON.stringify(options);
      expect(thrownBy(() => wrong.attach(options)).message).toBe(
        `program on_getpid: attach: expected an object of options, got ${got}`,
      );
    }
    const { add, on_unlink } = live.progs;
    expect(thrownBy(() => add.attach())).toMatchObject({
      name: "UnsupportedError",
      message: "program add: attach: syscall programs have no attach of their own (it is run, not attached)",
    });
    expect(thrownBy(() => on_unlink.attach())).toMatchObject({
      name: "StateError",
      message: "program on_unlink: not loaded, its autoload is off (set progs.on_unlink.autoload before load)",
    });
  });
});

describe("programs of a network namespace and of BTF", () => {
  interface More {
    maps: {};
    progs: {
      choose: Program<"sk_lookup">;
      on_switch: Program<"tracing">;
      on_task: Program<"iter">;
    };
    sections: { bss: { switches: bigint } };
    structOps: {};
  }
  const source = `
u64 switches;
SEC("sk_lookup") int choose(struct bpf_sk_lookup *ctx) { return 1; }
SEC("tp_btf/sched_switch") int on_switch(u64 *ctx) { switches++; return 0; }
SEC("iter/task") int on_task(void *ctx) { return 0; }
`;

  test("attach by their options and sections", async () => {
    const skeleton = skeletonOf<More>(compile(source), {
      maps: {},
      progs: { choose: "sk_lookup", on_switch: "tp_btf/sched_switch", on_task: "iter/task" },
      sections: { bss: section(".bss", 8, { switches: [0, u64] }) },
    });
    using own = skeleton.load();
    using _netns = own.progs.choose.attach({ netns: "/proc/self/ns/net" });
    expect(own.attach().attached).toEqual(["on_switch", "on_task"]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(own.bss.switches).toBeGreaterThan(0n);
    using _second = own.progs.on_task.attach();
    expect(thrownBy(() => own.progs.choose.attach({ netns: "/tmp" })).name).toBe("BpfError");
  });
});

describe("programs that not every kernel can load or attach", () => {
  test("fentry and fexit, by section and by target", () => {
    using open = Programs.open();
    const { on_test_entry, on_test_exit, on_any_entry } = open.progs;
    for (const program of [on_test_entry, on_test_exit, on_any_entry]) {
      expect(program.autoload).toBe(false);
      program.autoload = true;
    }
    on_any_entry.setAttachTarget({ func: "do_unlinkat" });
    let own: Loaded<Programs>;
    try {
      own = open.load();
    } catch (e) {
      // Some kernels refuse fentry to everybody.
      expect(e).toMatchObject({ code: "EPERM", program: "on_test_entry" });
      expect((e as Error).message).toContain("(program on_test_entry: the capabilities are there");
      return;
    }
    using _ = own;
    const { attached } = own.attach({ only: ["on_test_entry", "on_test_exit", "on_any_entry"] });
    expect(attached).toEqual(["on_test_entry", "on_test_exit", "on_any_entry"]);
    expect(thrownBy(() => own.progs.on_any_entry.attach({ cookie: 1n })).name).toBe("BpfError");
    expect(existsSync("/no/such")).toBe(false);
    thrownBy(() => unlinkSync("/no/such/file"));
    expect(own.bss.$at("hits").get(6)).toBeGreaterThan(0n);
  });

  test("kprobes", () => {
    using open = Programs.open();
    open.progs.on_unlink.autoload = true;
    open.progs.on_unlink_return.autoload = true;
    using own = open.load();
    const { on_unlink, on_unlink_return } = own.progs;
    if (!existsSync("/sys/bus/event_source/devices/kprobe")) {
      for (const attach of [() => on_unlink.attach(), () => on_unlink.attach({ func: "do_unlinkat", cookie: 1n })]) {
        expect(thrownBy(attach).message).toBe(
          "program on_unlink: attach: ENOENT (this kernel has no kprobes, CONFIG_KPROBES)",
        );
      }
      return;
    }
    on_unlink.attach();
    on_unlink_return.attach({ func: "do_unlinkat", cookie: 1n });
    thrownBy(() => unlinkSync("/no/such/file"));
    expect(own.bss.$at("hits").get(5)).toBe(2n);
  });

  interface Usdt {
    maps: {};
    progs: { on_probe: Program<"usdt"> };
    sections: {};
    structOps: {};
  }

  test("USDT probes without libbpf's part of them", () => {
    const lacking = (section: string): Loaded<Usdt> =>
      skeletonOf<Usdt>(compile(`SEC("${section}") int on_probe(void *ctx) { return 0; }`), {
        maps: {},
        progs: { on_probe: section },
        sections: {},
      }).load();
    const message =
      "program on_probe: attach: the object lacks libbpf's part of USDT " +
      "(write #include <bpf/usdt.bpf.h> in its source)";
    using bare = lacking("usdt");
    const probe = { path: "libstdc++.so.6", provider: "libstdcxx", name: "throw" };
    expect(thrownBy(() => bare.progs.on_probe.attach(probe)).message).toBe(message);
    using placed = lacking("usdt/libstdc++.so.6:libstdcxx:throw");
    expect(thrownBy(() => placed.attach()).message).toContain(message);
  });

  test("USDT probes", async () => {
    const source = `
#include <linux/ptrace.h>
#define __TARGET_ARCH_x86
#include <bpf/usdt.bpf.h>
SEC("usdt") int on_probe(struct pt_regs *ctx) { return bpf_usdt_arg_cnt(ctx); }
`;
    const usdt = skeletonOf<Usdt>(compile(source), { maps: {}, progs: { on_probe: "usdt" }, sections: {} });
    await using own = usdt.load();
    const { on_probe } = own.progs;
    expect(thrownBy(() => own.attach()).message).toMatch(/on_probe: needs a target: attach\(\{ targets/);
    // libbpf finds the library by its name.
    const probe = { path: "libstdc++.so.6", provider: "libstdcxx", name: "throw" };
    const link = on_probe.attach({ ...probe, pid: process.pid, cookie: 9n });
    expect([link.fd, link.id]).toEqual([undefined, undefined]);
    expect(thrownBy(() => link.pin("/sys/fs/bpf/no")).name).toBe("UnsupportedError");
    expect(own.links.on_probe).toBe(link);
    await link.detachAsync();
    on_probe.attach(probe);
    expect(thrownBy(() => on_probe.attach({ ...probe, name: "no_such" })).message).toMatch(
      /^program on_probe: attach: ENOENT \(\S+ has no libstdcxx:no_such to probe/,
    );
    const elsewhere: [string, RegExp][] = [
      ["/etc/passwd", /attach: \w+ \(\/etc\/passwd is no ELF file\)$/],
      ["libno_such.so", /attach: ENOENT \(libno_such\.so is not there\)$/],
    ];
    for (const [path, reason] of elsewhere)
      expect(thrownBy(() => on_probe.attach({ ...probe, path })).message).toMatch(reason);
    expect(thrownBy(() => on_probe.attach({ ...probe, pid: 0x3fff_ffff })).message).toMatch(
      /\(there is no process 1073741823\)$/,
    );
  });
});

describe("programs whose sections are younger than libbpf 1.1", () => {
  interface Younger {
    maps: {};
    progs: { on_ingress: Program<"tcx">; on_malloc: Program<"uprobe_multi"> };
    sections: {};
    structOps: {};
  }
  const source = `
SEC("tcx/ingress") int on_ingress(struct __sk_buff *skb) { return -1; }
SEC("uprobe.multi/libstdc++.so.6:__cxa_throw") int on_malloc(void *ctx) { return 0; }
`;

  test("are loaded as the generator's table says", (context) => {
    needs(context, "uprobe_multi");
    const skeleton = skeletonOf<Younger>(compile(source), {
      maps: {},
      progs: {
        on_ingress: { section: "tcx/ingress", type: "sched_cls", attachType: "tcx_ingress", since: "1.3" },
        on_malloc: {
          section: "uprobe.multi/libstdc++.so.6:__cxa_throw",
          type: "kprobe",
          attachType: "trace_uprobe_multi",
          since: "1.3",
        },
      },
      sections: {},
    });
    using own = skeleton.load();
    expect(own.progs.on_ingress.type).toBe("sched_cls");
    expect(own.progs.on_malloc.type).toBe("kprobe");
    expect(thrownBy(() => own.progs.on_ingress.attach(undefined as never)).message).toBe(
      'program on_ingress: attach: SEC("tcx/ingress") names no target (attach({ dev: "eth0" }))',
    );
    expect(own.attach()).toMatchObject({ attached: ["on_malloc"], failed: {} });
  });
});

describe("a link", () => {
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync("/sys/fs/bpf/ebpf-skel-test-")));
  afterEach(() => rmdirSync(folder));

  function linkIds(): number[] {
    return (JSON.parse(execFileSync("bpftool", ["-j", "link", "list"], { encoding: "utf8" })) as { id: number }[]).map(
      ({ id }) => id,
    );
  }

  test("ends once, and cannot be used afterwards", async () => {
    const link = live.progs.on_sys_enter.attach();
    const { id } = link;
    expect(linkIds()).toContain(id);
    expect(link.fd).toBeGreaterThan(2);
    link.detach();
    link.detach();
    await link.detachAsync();
    expect(linkIds()).not.toContain(id);
    expect(live.links.on_sys_enter).toBeUndefined();
    for (const use of [
      () => link.fd,
      () => link.pin("/x"),
      () => link.unpin(),
      () => link.update(live.progs.on_sys_enter),
    ]) {
      expect(thrownBy(use)).toMatchObject({ message: "program on_sys_enter: link is detached" });
    }
  });

  test.each([
    ["on_sys_enter", 3],
    ["on_getppid", 1],
  ] as const)("that is pinned survives close: %s", async (name, index) => {
    const held = descriptors();
    const own = Programs.load();
    const link: Link = own.progs[name].attach();
    const { id } = link;
    expect(thrownBy(() => link.unpin()).name).toBe("StateError");
    link.pin(`${folder}/link`);
    expect(link.pinPath).toBe(`${folder}/link`);
    expect(thrownBy(() => link.pin(`${folder}/again`)).name).toBe("StateError");
    const mapId = bssIdOf(own.progs[name].id);
    const before = Number(hitsOf(mapId, index));
    own.close();
    expect(descriptors()).toEqual(held);
    getppid();
    // Still attached, and still firing.
    expect(linkIds()).toContain(id);
    expect(Number(hitsOf(mapId, index))).toBeGreaterThan(before);
    execFileSync("rm", [`${folder}/link`]);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(linkIds()).not.toContain(id);
  });

  test("that is unpinned or detached leaves no pin", () => {
    const first = live.progs.on_sys_enter.attach();
    first.pin(`${folder}/first`);
    first.unpin();
    expect(existsSync(`${folder}/first`)).toBe(false);
    first.pin(`${folder}/first`);
    first.detach();
    expect(existsSync(`${folder}/first`)).toBe(false);
    const second = live.progs.on_sys_enter.attach();
    expect(thrownBy(() => second.pin("/tmp/ebpf-skel-no-bpffs")).message).toBe(
      "program on_sys_enter: pin: EPERM (/tmp is in no BPF file system: use /sys/fs/bpf)",
    );
  });

  /** The .bss of a program, through bpftool: after close there is no handle of ours. */
  function bssIdOf(program: number): number {
    const { map_ids } = JSON.parse(
      execFileSync("bpftool", ["-j", "prog", "show", "id", String(program)], { encoding: "utf8" }),
    );
    return (map_ids as number[]).find((id) => {
      const map = JSON.parse(execFileSync("bpftool", ["-j", "map", "show", "id", String(id)], { encoding: "utf8" }));
      return String(map.name).endsWith(".bss");
    })!;
  }

  function hitsOf(map: number, index: number): bigint {
    const text = execFileSync("bpftool", ["-j", "map", "dump", "id", String(map)], { encoding: "utf8" });
    const bytes = Buffer.from((JSON.parse(text)[0].value as string[]).map((byte) => Number(byte)));
    return bytes.readBigUInt64LE(index * 8);
  }
});

test("closing in any order ends in the same place", () => {
  const own = Globals.load();
  const link = own.progs.on_enter.attach();
  own.close();
  link.detach();
  expect(thrownBy(() => own.progs.on_enter.attach())).toMatchObject({ name: "StateError", message: "globals: closed" });
  expect(thrownBy(() => own.attach()).message).toBe("globals: closed");
  expect(thrownBy(() => own.detach()).message).toBe("globals: closed");
});
