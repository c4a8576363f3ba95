// What the kernel and libbpf refuse, and what the errors say of it: rights, the verifier, libbpf's own lines.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { release, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ExecveCounter } from "../../../fixtures/execve_counter.skel.ts";
import { VerifierFail } from "../../../fixtures/verifier_fail.skel.ts";
import {
  type BpfMap,
  hash,
  type HashMap,
  hashOfMaps,
  type HashOfMaps,
  lpmTrie,
  type LpmTrieMap,
  map,
  type Program,
  type Skeleton,
  u32,
  u64,
} from "../../src/gen1.ts";
import { isAtLeast } from "../../src/library/kernel.ts";
import { type BpfError, isBpfError, isVerifierError, setLogger, type VerifierError } from "../../src/index.ts";
import { openLibrary } from "../../src/library.ts";
import { mountBpffs } from "../support/bpffs.ts";
import { saidBy } from "../support/child.ts";
import { compile, skeletonOf } from "../support/clang.ts";
import { thrownBy } from "../support/errors.ts";
import { requireKernel } from "../support/kernel.ts";
import { where } from "../support/where.ts";

requireKernel();

/** Lines that make the skeleton `compiled` of one program, in a process that may have no compiler. */
function compiled(source: string, name: string, section: string): string {
  const bytes = Buffer.from(compile(source)).toString("base64");
  return `
    import { skeletonOf } from "./runtime/test/support/clang.ts";
    const bytes = new Uint8Array(Buffer.from("${bytes}", "base64"));
    const compiled = skeletonOf(bytes, { maps: {}, progs: { ${name}: "${section}" }, sections: {} });
  `;
}

describe("without the rights", () => {
  /** As nobody, with these capabilities and no others. */
  const nobody = (caps: string): string[] => [
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
    `--inh-caps=-all${caps}`,
    `--ambient-caps=-all${caps}`,
  ];
  const load = `
    import { ExecveCounter } from "./fixtures/execve_counter.skel.ts";
    say(() => ExecveCounter.load());
  `;
  const attach = `
    import { ExecveCounter } from "./fixtures/execve_counter.skel.ts";
    const live = ExecveCounter.load();
    say(() => live.progs.handle_execve.attach());
    live.close();
  `;
  const xdp = `
    import { Nomaps } from "./fixtures/nomaps.skel.ts";
    say(() => Nomaps.load());
  `;

  const unprivileged = readFileSync("/proc/sys/kernel/unprivileged_bpf_disabled", "utf8").trim();

  test.each([
    [
      "a socket filter",
      "",
      `${compiled(`SEC("socket") int filter(void *ctx) { return 0; }`, "filter", "socket")}
        say(() => compiled.load());
      `,
      unprivileged === "0"
        ? undefined
        : `test: bpf_object__load: EPERM (needs CAP_BPF, or root: kernel.unprivileged_bpf_disabled is ${unprivileged})`,
    ],
    [
      "a tracepoint program",
      "",
      load,
      "execve_counter: bpf_object__load: EPERM (needs CAP_BPF and CAP_PERFMON, or root)",
    ],
    [
      "a tracepoint program",
      ",+bpf",
      load,
      "execve_counter: bpf_object__load: EPERM (program handle_execve: needs CAP_PERFMON, or root)",
    ],
    ["an XDP program", ",+bpf", xdp, "nomaps: bpf_object__load: EPERM (program pass: needs CAP_NET_ADMIN, or root)"],
    [
      "a map of sockets",
      ",+bpf",
      `${compiled(
        `struct {
           __uint(type, BPF_MAP_TYPE_SOCKMAP);
           __uint(max_entries, 1);
           __type(key, u32);
           __type(value, u32);
         } sockets SEC(".maps");
         SEC("socket") int filter(void *ctx) { return 0; }`,
        "filter",
        "socket",
      )}
        say(() => compiled.load());
      `,
      "test: bpf_object__load: EPERM (needs CAP_NET_ADMIN, or root)",
    ],
    [
      "attaching to a tracepoint",
      ",+bpf,+perfmon",
      attach,
      "program handle_execve: attach: EACCES " +
        "(/sys/kernel/tracing is not readable, mode 0700: needs root or CAP_DAC_READ_SEARCH)",
    ],
    ["attaching to a tracepoint", ",+bpf,+perfmon,+dac_read_search", attach, undefined],
  ])("%s with nobody's rights%s", (_, caps, program, message) => {
    const [said] = saidBy(program, { prefix: nobody(caps) });
    expect(said).toMatchObject(message === undefined ? { ok: expect.anything() } : { name: "BpfError", message });
  });
});

test("a tracepoint that has all the programs that it takes is told as such", () => {
  const bytes = compile(`SEC("tracepoint") int p(void *ctx) { return 0; }`);
  interface Shape {
    maps: Record<never, never>;
    progs: { p: Program<"tracepoint"> };
    sections: Record<never, never>;
    structOps: Record<never, never>;
  }
  const one = skeletonOf<Shape>(bytes, { maps: {}, progs: { p: "tracepoint" }, sections: {} });
  const loaded: { close(): void }[] = [];
  try {
    const attach = (): void => {
      const live = one.load();
      loaded.push(live);
      live.progs.p.attach({ category: "syscalls", name: "sys_enter_acct" });
    };
    for (let i = 0; i < 64; i++) attach();
    expect(thrownBy(attach)).toMatchObject({
      code: "E2BIG",
      program: "p",
      hint: "syscalls/sys_enter_acct has 64 programs already, those of all processes: the kernel takes no more (see bpftool perf)",
    });
  } finally {
    for (const live of loaded) live.close();
  }
});

describe("subtracting pointers to a packet", () => {
  const program = (section: string, context: string): string => `
    ${compiled(
      `long total;
       SEC("${section}") int p(struct ${context} *ctx) { total = (long)ctx->data_end - (long)ctx->data; return 1; }`,
      "p",
      section,
    )}
    say(() => compiled.load());
  `;
  const as = (caps: string): string[] => ["setpriv", "--bounding-set", caps, "--inh-caps=-all"];

  test.each([
    ["xdp", "xdp_md"],
    ["tc", "__sk_buff"],
  ])("in %s takes CAP_PERFMON, and the error says so", (section, context) => {
    const [refused] = saidBy(program(section, context), { prefix: as("-all,+bpf,+net_admin") });
    expect(refused).toMatchObject({
      name: "VerifierError",
      message: expect.stringContaining("pointer -= pointer") as string,
    });
    expect((refused as Error).message).toMatch(/ \(this needs CAP_PERFMON, or root\)$/);
    const [loaded] = saidBy(program(section, context), { prefix: as("-all,+bpf,+net_admin,+perfmon") });
    expect(loaded).toMatchObject({ ok: expect.anything() as unknown });
  });
});

test("with all rights but a seccomp filter that forbids bpf(2), the error says that it is the filter", () => {
  const number = process.arch === "arm64" ? 280 : 321; // __NR_bpf
  const program = `
    import { createRequire } from "node:module";
    import { ExecveCounter } from "./fixtures/execve_counter.skel.ts";
    const koffi = createRequire(import.meta.url)("koffi");
    // struct sock_filter: is it bpf(2)? then EPERM, else as ever.
    const code = new Uint32Array([0x20, 0, 0x01000015, ${number}, 0x06, 0x00050001, 0x06, 0x7fff0000]);
    const filter = new BigUint64Array([4n, BigInt(koffi.address(code.buffer))]);
    const prctl = koffi.load(null).func("int prctl(int option, size_t a, size_t b, size_t c, size_t d)");
    say(() => [prctl(38, 1, 0, 0, 0), prctl(22, 2, koffi.address(filter.buffer), 0, 0)]);
    say(() => ExecveCounter.load());
  `;
  expect(saidBy(program)).toMatchObject([
    { ok: [0, 0] },
    {
      name: "BpfError",
      message:
        "execve_counter: bpf_object__load: EPERM (the capabilities are there: " +
        "the seccomp filter of this container must allow bpf(2))",
    },
  ]);
});

test("at every stage, want of descriptors is told as that, and with the remedy", () => {
  const program = `
    import { closeSync, openSync } from "node:fs";
    import { ExecveCounter } from "./fixtures/execve_counter.skel.ts";
    const use = () => {
      using live = ExecveCounter.load();
      live.progs.handle_execve.attach();
    };
    use();
    for (let spare = 0; spare < 16; spare++) {
      const held: number[] = [];
      try {
        for (;;) held.push(openSync("/dev/null", "r"));
      } catch {}
      for (let i = 0; i < spare; i++) closeSync(held.pop()!);
      say(use);
      held.forEach((fd) => closeSync(fd));
    }
  `;
  const said = saidBy(program, { prefix: ["sh", "-c", 'ulimit -n 128 && exec "$@"', "sh"] });
  const failed = said.filter(({ name }) => name !== undefined) as { name: string; code: string; message: string }[];
  expect(failed.length).toBeGreaterThan(3);
  expect(failed.length).toBeLessThan(said.length);
  for (const error of failed) {
    expect(error).toMatchObject({ name: "BpfError", code: "EMFILE", message: expect.stringContaining("ulimit -n") });
  }
  // To load it or to attach it: libbpf 1.5 has the program's descriptor before it makes maps.
  expect(failed.filter(({ message }) => message.includes("program handle_execve: ")).length).toBeGreaterThan(1);
});

test("want of descriptors is told as that in every other call, none of which leaves one", () => {
  const bytes = Buffer.from(
    compile(`
      struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4); } samples SEC(".maps");
      SEC("uprobe") int probe(void *ctx) { return 0; }
      SEC("iter/task") int each(void *ctx) { return 0; }
      SEC("perf_event") int sample(void *ctx) { return 0; }
      SEC("tc") int classify(struct __sk_buff *skb) { return 0; }
      SEC("xdp") int receive(struct xdp_md *ctx) { return 2; }
      SEC("sk_lookup") int look_up(void *ctx) { return 1; }`),
  ).toString("base64");
  const { folder, remove } = mountBpffs();
  const program = `
    import { closeSync, openSync, readlinkSync } from "node:fs";
    import { HashMap, openLink, tracePipe, u32 } from "@ebpf-skel/runtime";
    import { perfEventArray } from "./runtime/src/events/perf.ts";
    import { Events } from "./fixtures/events.skel.ts";
    import { Pinned } from "./fixtures/pinned.skel.ts";
    import { skeletonOf } from "./runtime/test/support/clang.ts";
    const sections = { probe: "uprobe", each: "iter/task", sample: "perf_event", classify: "tc", receive: "xdp", look_up: "sk_lookup" };
    const table: any = { maps: { samples: perfEventArray() }, progs: sections, sections: {} };
    const one = skeletonOf<any>(new Uint8Array(Buffer.from("${bytes}", "base64")), table);
    const live: any = one.load();
    const pinned = Pinned.load({ pinRoot: "${folder}" });
    const { shared_counts } = Pinned.maps;
    const { fd, id } = pinned.maps.shared_counts;
    live.progs.look_up.attach({ netns: "/proc/self/ns/net" }).pin("${folder}/link");
    const perf = live.progs.sample.attach({ type: "software", config: 0, cpu: 0 });
    void perf;
    const using = (loaded: any, use: (loaded: any) => void) => {
      try {
        use(loaded);
      } finally {
        loaded.close();
      }
    };
    const calls: [string, () => void][] = [
      ["create", () => HashMap.create({ key: u32, value: u32, maxEntries: 4 }).close()],
      ["openPinned", () => shared_counts.openPinned("${folder}/shared_counts").close()],
      ["fromId", () => shared_counts.fromId(id).close()],
      ["fromFd", () => shared_counts.fromFd(fd).close()],
      ["openLink", () => openLink("${folder}/link").close()],
      ["perf buffers", () => using(one.load(), (own) => own.maps.samples.subscribe(() => {}).close())],
      ["a ring buffer", () => using(Events.load(), (own) => own.maps.events.subscribe(() => {}).close())],
      ["a uprobe", () => live.progs.probe.attach({ path: process.execPath, func: "main" }).detach()],
      ["an iterator", () => using({ close: () => {} }, () => {
        const link = live.progs.each.attach();
        try {
          link.read();
        } finally {
          link.detach();
        }
      })],
      ["a perf event", () => live.progs.sample.attach({ type: "software", config: 0, cpu: 0 }).detach()],
      ["tc", () => live.progs.classify.attach({ dev: "lo", hook: "ingress" }).detach()],
      ["xdp", () => live.progs.receive.attach({ dev: "lo" }).detach()],
      ["a namespace", () => live.progs.look_up.attach({ netns: "/proc/self/ns/net" }).detach()],
      ["bpf_printk", () => tracePipe().close()],
    ];
    const descriptors = () => Array.from({ length: 256 }, (_, fd) => fd).filter((fd) => {
      try {
        return readlinkSync("/proc/self/fd/" + fd) !== "";
      } catch {
        return false;
      }
    }).length;
    for (const [, call] of calls) call();
    for (const [name, call] of calls) {
      const ends: string[] = [];
      for (const spare of [0, 1, 2, 4, 7, 11]) {
        const held: number[] = [];
        try {
          for (;;) held.push(openSync("/dev/null", "r"));
        } catch {}
        for (let i = 0; i < spare; i++) closeSync(held.pop()!);
        const before = descriptors();
        try {
          call();
          ends.push("done");
        } catch (e) {
          const { code, message } = e as { code: string; message: string };
          ends.push(message.endsWith("raise the limit, ulimit -n)") ? code : message);
        }
        if (descriptors() !== before) ends.push("left " + (descriptors() - before));
        held.forEach((fd) => closeSync(fd));
      }
      say(() => [name, ...new Set(ends)]);
    }
    process.exit(0);
  `;
  const own = 'ip link set lo up && mount -t tracefs tracefs /sys/kernel/tracing; ulimit -n 160 && exec "$@"';
  try {
    const said = saidBy(program, { prefix: ["unshare", "--net", "--mount", "sh", "-c", own, "sh"] });
    expect(said.length).toBe(14);
    for (const { ok } of said as { ok: string[] }[]) expect(ok).toEqual([ok[0], "EMFILE", "done"]);
  } finally {
    remove();
  }
});

test("root of a user namespace is told that its capabilities do not count", () => {
  const program = `
    import { ExecveCounter } from "./fixtures/execve_counter.skel.ts";
    say(() => ExecveCounter.load());
  `;
  const [said] = saidBy(program, { prefix: ["unshare", "--user", "--map-root-user"] });
  expect(said).toMatchObject({
    name: "BpfError",
    message:
      "execve_counter: bpf_object__load: EPERM (this is a user namespace, whose capabilities do not count for BPF)",
  });
});

describe("a BPF token", () => {
  const program = `
    import { ExecveCounter } from "./fixtures/execve_counter.skel.ts";
    say(() => ExecveCounter.load());
  `;
  const failure = (path: string, prefix: readonly string[] = []): string =>
    (saidBy(program, { prefix, env: { LIBBPF_BPF_TOKEN_PATH: path } })[0] as Error).message;
  const { version } = openLibrary();
  const knowsTokens = openLibrary().atLeast(1, 4);

  where(knowsTokens).test("that cannot be had says why", () => {
    const { folder, remove } = mountBpffs();
    try {
      const told = (code: string, why: string): string =>
        `execve_counter: bpf_object__load: ${code} (no BPF token: ${why} (LIBBPF_BPF_TOKEN_PATH))`;
      expect(failure("/no/such")).toBe(told("ENOENT", "/no/such is not there"));
      expect(failure("/etc/passwd")).toBe(told("ENOTDIR", "/etc/passwd is no directory"));
      expect(failure("/etc")).toBe(
        told("EINVAL", "/etc is no BPF file system: mount one there, with delegate_cmds and its like"),
      );
      if (!isAtLeast(release(), "6.9")) return;
      mkdirSync(join(folder, "below"));
      expect(failure(join(folder, "below"))).toBe(
        told("EINVAL", `${folder}/below is not where its BPF file system is mounted`),
      );
      expect(failure(folder)).toBe(
        told("EOPNOTSUPP", `${folder} is of the initial user namespace, where there are no tokens: unset the variable`),
      );
      expect(failure(folder, ["unshare", "--user", "--map-root-user"])).toMatch(
        /EPERM \(no BPF token: possible causes: \S+ is of another user namespace than this process; /,
      );
    } finally {
      remove();
    }
  });

  where(!knowsTokens).test("is unknown to an older libbpf, which says nothing of it", () => {
    expect(failure("/sys/fs/bpf", ["unshare", "--user", "--map-root-user"])).toBe(
      "execve_counter: bpf_object__load: EPERM " +
        `(libbpf ${version} knows no BPF tokens: LIBBPF_BPF_TOKEN_PATH needs libbpf >= 1.4)`,
    );
  });
});

test("a libbpf that is too old, for another system, or broken says which and what to do", () => {
  const folder = mkdtempSync(join(tmpdir(), "ebpf-skel-libbpf-"));
  const file = (name: string): string => join(folder, name);
  const link = (name: string, source: string, ...args: readonly string[]): void => {
    const input = ["-x", "c", "-", "-x", "none"];
    execFileSync("gcc", ["-shared", "-fPIC", "-nostdlib", "-o", file(name), ...input, ...args], { input: source });
  };
  try {
    link(
      "old.so",
      "unsigned libbpf_major_version(void) { return 0; } unsigned libbpf_minor_version(void) { return 8; }",
    );
    writeFileSync(file("versions"), "GLIBC_9.99 { global: *; };");
    link("libc.so.6", "int newest(void) { return 0; }", `-Wl,-soname,libc.so.6,--version-script=${file("versions")}`);
    link("newer.so", "int newest(void); int call(void) { return newest(); }", file("libc.so.6"));
    const program = `
      import { ExecveCounter } from "./fixtures/execve_counter.skel.ts";
      say(() => ExecveCounter.open({ libbpf: "${file("old.so")}" }));
      say(() => ExecveCounter.open({ libbpf: "${file("newer.so")}" }));
      say(() => ExecveCounter.open());
    `;
    const installed = /libbpf\.so\.1 .*=> (\S+)/.exec(execFileSync("ldconfig", ["-p"], { encoding: "utf8" }))![1]!;
    const hidden = ["unshare", "--mount", "sh", "-c", `mount --bind /dev/null ${installed} && exec "$@"`, "sh"];
    const said = saidBy(program, { prefix: hidden, env: { EBPF_SKEL_LIBBPF: undefined } });
    expect(said.map(({ name }) => name)).toEqual(["UnsupportedError", "UnsupportedError", "UnsupportedError"]);
    const [old, newer, broken] = said.map((line) => (line as { message: string }).message);
    expect(old).toBe(`${file("old.so")}: ebpf-skel needs libbpf >= 1.0, found 0.8`);
    expect(newer).toMatch(
      /newer\.so: cannot be loaded, .*version .GLIBC_9\.99. not found.* \(it is built for a newer system than this one\)$/,
    );
    expect(broken).toMatch(
      /^libbpf\.so\.1: cannot be loaded, .* \(install it, Debian and Ubuntu: libbpf1, Fedora: libbpf, Alpine: libbpf\)$/,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describe("what this machine has not", () => {
  /** In a mount namespace of its own, with nothing in these folders. */
  const without = (...folders: readonly string[]): string[] => {
    const mounts = folders.map((folder) => `if [ -d ${folder} ]; then mount -t tmpfs none ${folder}; fi && `).join("");
    return ["unshare", "--mount", "sh", "-c", `${mounts}exec "$@"`, "sh"];
  };

  test("BTF of the kernel", () => {
    const program = `${compiled(`SEC("tp_btf/sys_enter") int enter(void *ctx) { return 0; }`, "enter", "tp_btf/sys_enter")}
      say(() => compiled.load());
    `;
    const [said] = saidBy(program, { prefix: without("/sys/kernel/btf", "/boot", "/lib/modules", "/usr/lib/debug") });
    expect(said).toMatchObject({
      name: "BpfError",
      code: "ESRCH",
      message:
        "test: bpf_object__load: ESRCH (the kernel has no BTF, /sys/kernel/btf/vmlinux is missing: " +
        "it needs CONFIG_DEBUG_INFO_BTF=y)",
    });
  });

  test("the kernel's configuration", () => {
    const program = `
      import { Kconfig } from "./fixtures/kconfig.skel.ts";
      say(() => Kconfig.load());
    `;
    // Such a /proc has processes only.
    const own = `mount -t proc -o subset=pid proc /proc && mount -t tmpfs none /boot && exec "$@"`;
    const [said] = saidBy(program, { prefix: ["unshare", "--mount", "--pid", "--fork", "sh", "-c", own, "sh"] });
    expect(said).toMatchObject({
      name: "BpfError",
      code: "EINVAL",
      message:
        "kconfig: bpf_object__load: EINVAL (the kernel's configuration is neither in /proc/config.gz " +
        `nor in /boot/config-${release()}: give open({ kconfig }))`,
    });
  });
});

describe("a map that the kernel refuses", () => {
  interface Odd {
    maps: { odd: BpfMap };
    progs: {};
    sections: {};
    structOps: {};
  }
  const refusalOf = (definition: string, type = "array"): Error => {
    const bytes = compile(`struct { ${definition} } odd SEC(".maps");`);
    return thrownBy(() => skeletonOf<Odd>(bytes, { maps: { odd: map(type) }, progs: {}, sections: {} }).load());
  };
  const sized = "__uint(key_size, 4); __uint(value_size, 8);";

  test("for its type, says which Linux has it", ({ skip }) => {
    if (isAtLeast(release(), "6.19")) skip("this kernel has every type that the table knows");
    expect(refusalOf(`__uint(type, 34); ${sized} __uint(max_entries, 1);`)).toMatchObject({
      name: "BpfError",
      code: "EINVAL",
      map: "odd",
      message: `test: bpf_object__load: EINVAL (maps of type insn_array need Linux >= 6.19, this is ${release()})`,
    });
  });

  test("for want of memory, says whose limit it may be", () => {
    const definition =
      "__uint(type, BPF_MAP_TYPE_ARRAY); __uint(key_size, 4); __uint(value_size, 0x10000); __uint(max_entries, 0x4000000);";
    expect(refusalOf(definition)).toMatchObject({
      name: "BpfError",
      code: "ENOMEM",
      map: "odd",
      message:
        "test: bpf_object__load: ENOMEM (possible causes: the memory limit of this process's cgroup; a map is too large)",
    });
  });

  test.each([
    ["percpu_array", "PERCPU_ARRAY"],
    ["percpu_hash", "PERCPU_HASH"],
  ])("for the size of a value, of type %s, says how much a CPU has", (type, kind) => {
    const definition = `__uint(type, BPF_MAP_TYPE_${kind}); __uint(key_size, 4); __uint(value_size, 40000); __uint(max_entries, 1);`;
    expect(refusalOf(definition, type)).toMatchObject({
      code: "E2BIG",
      message:
        "test: bpf_object__load: E2BIG (a value of 40000 bytes is more than the 32768 that the kernel has for each CPU)",
    });
  });

  test("for its size, says what it would hold", () => {
    const definition =
      "__uint(type, BPF_MAP_TYPE_HASH); __uint(key_size, 4); __uint(value_size, 8); __uint(max_entries, 0xffffffff);";
    expect(refusalOf(definition, "hash")).toMatchObject({
      name: "BpfError",
      code: "E2BIG",
      message:
        "test: bpf_object__load: E2BIG (4294967295 entries of 4 + 8 bytes are more than the kernel allows: lower maxEntries)",
    });
  });
});

test("an object for another machine says so in libbpf's words", () => {
  const bytes = compile(`SEC("socket") int filter(void *ctx) { return 0; }`);
  bytes[18] = 62; // e_machine: x86-64
  const error = thrownBy(() => skeletonOf(bytes, { maps: {}, progs: {}, sections: {} }).open());
  expect(error).toMatchObject({ name: "BpfError", code: "ERR_LIBBPF_4001", errno: 4001 });
  expect(error.message).toMatch(
    /^test: bpf_object__open_mem: ERR_LIBBPF_4001 \(elf: .*not a valid eBPF object file\)$/,
  );
});

describe("the verifier's refusal", () => {
  test("names the program and why, and keeps the whole log", () => {
    const error = thrownBy(() => VerifierFail.load()) as VerifierError;
    expect(isVerifierError(error)).toBe(true);
    expect(isBpfError(error, "EACCES")).toBe(true);
    expect(error.message).toMatch(
      /^program count_unchecked: refused by the verifier, EACCES: verifier_fail\.bpf\.c:17:9: \*count \+= 1;: \d+: \(79\) r\d = .*: R0 invalid mem access 'map_value_or_null' \(\d+ lines omitted\)$/,
    );
    expect(error).toMatchObject({ object: "verifier_fail", program: "count_unchecked", syscall: "bpf_object__load" });
    expect(error.log).toMatch(/R0 invalid mem access 'map_value_or_null'\nprocessed \d+ insns/);
    expect(error.log.split("\n").length).toBeGreaterThan(5);
  });

  test("is the same in loadAsync, from the program's own buffer", async () => {
    const sync = thrownBy(() => VerifierFail.load()) as VerifierError;
    const error = await VerifierFail.open()
      .loadAsync()
      .catch((e: unknown) => e as VerifierError);
    expect(error).toMatchObject({ name: "VerifierError", message: sync.message, program: "count_unchecked" });
    const timeless = (log: string): string => log.replace(/verification time .*|0x[0-9a-f]{16}/g, "");
    expect(timeless((error as VerifierError).log).trim()).toBe(timeless(sync.log).trim());
  });
});

describe("libbpf's own words", () => {
  interface Broken {
    maps: { broken: BpfMap };
    progs: {};
    sections: {};
    structOps: {};
  }
  const source = `struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); __type(key, u32); __type(value, u64); } broken SEC(".maps");`;

  test("travel inside the error", () => {
    const skeleton = skeletonOf<Broken>(compile(source), { maps: { broken: map("ringbuf") }, progs: {}, sections: {} });
    const error = thrownBy(() => skeleton.load());
    expect(error).toMatchObject({ name: "BpfError", code: "EINVAL", object: "test", map: "broken" });
    expect((error as unknown as { log: string }).log).toMatch(/libbpf: map 'broken': failed to create/);
    expect(error.message).toMatch(/^test: bpf_object__load: EINVAL \(/);
  });

  test("come to the logger, and only then the debug lines", () => {
    const lines: string[] = [];
    setLogger((level, text) => lines.push(`${level}: ${text}`));
    try {
      ExecveCounter.load().close();
      expect(lines.some((line) => line.startsWith("debug: libbpf: loading object 'execve_counter'"))).toBe(true);
      thrownBy(() => VerifierFail.load());
      expect(lines.some((line) => /^warn: libbpf: prog 'count_unchecked': -- BEGIN PROG LOAD LOG --/.test(line))).toBe(
        true,
      );
      expect(lines.every((line) => !line.endsWith("\n"))).toBe(true);
    } finally {
      setLogger(undefined);
    }
    const { length } = lines;
    ExecveCounter.load().close();
    expect(lines.length).toBe(length);
  });

  test("never reach stderr, and a logger may use the runtime and throw", () => {
    const program = `
      import { setLogger } from "@ebpf-skel/runtime";
      import { VerifierFail } from "./fixtures/verifier_fail.skel.ts";
      import { ExecveCounter } from "./fixtures/execve_counter.skel.ts";
      say(() => VerifierFail.load());
      const live = ExecveCounter.load();
      let calls = 0;
      setLogger(() => {
        if (calls++ > 0) return;
        live.maps.execve_counter.set("from the logger", 1n);
        throw new Error("the logger's own");
      });
      process.once("uncaughtException", (e) => say(() => e.message));
      say(() => VerifierFail.load());
      say(() => live.maps.execve_counter.get("from the logger"));
      setLogger(undefined);
      live.close();`;
    expect(saidBy(program)).toMatchObject([
      { name: "VerifierError" },
      { name: "VerifierError" },
      { ok: "1n" },
      { ok: "the logger's own" },
    ]);
  });

  test("tell what the verifier does where a program's log level asks for it", () => {
    const lines: string[] = [];
    setLogger((_, text) => lines.push(text));
    try {
      const open = ExecveCounter.open();
      open.progs.handle_execve.logLevel = 2;
      expect(open.progs.handle_execve.logLevel).toBe(2);
      open.load().close();
      expect(lines.join("\n")).toMatch(/processed \d+ insns/);
    } finally {
      setLogger(undefined);
    }
  });
});

describe("a verdict that the verifier gives without a line", () => {
  interface One {
    maps: {};
    progs: { p: Program<"socket"> };
    sections: {};
    structOps: {};
  }
  const skeletonFor = (source: string): Skeleton<One> =>
    skeletonOf<One>(compile(source), { maps: {}, progs: { p: "socket" }, sections: {} });

  // Line 1 includes what all have.
  test.each([
    [
      "a function that ends in nothing",
      `static __attribute__((noinline, naked)) int last(int x) {
         asm volatile("r0 = 5;");
       }
       static __attribute__((noinline)) int first(int x) { return last(x) + x; }
       SEC("socket") int p(void *ctx) { return first(3) + first(4); }`,
      /^program p: refused by the verifier, EINVAL: x\.bpf\.c:3:\d+: asm volatile\("r0 = 5;"\);: last insn is not an exit or jmp$/,
    ],
    [
      "a function that has what nothing reaches",
      `static __attribute__((noinline, naked)) int last(int x) {
         asm volatile("r0 = 5;");
         asm volatile("exit;");
         asm volatile("r0 = 6;");
         asm volatile("exit;");
       }
       SEC("socket") int p(void *ctx) { return last(3) + 1; }`,
      /^program p: refused by the verifier, EINVAL: x\.bpf\.c:5:\d+: asm volatile\("r0 = 6;"\);: unreachable insn \d+$/,
    ],
  ])("for %s names the line", (_, source, message) => {
    expect(thrownBy(() => skeletonFor(source).load()).message).toMatch(message);
  });

  test("for a stack that is too large says how much each function has", () => {
    const deep = (name: string, more: string): string => `
      static __attribute__((noinline)) int ${name}(volatile char *x) {
        volatile char b[200];
        for (int i = 0; i < 200; i++) b[i] = x[i & 7];
        return b[7]${more};
      }`;
    const skeleton = skeletonFor(`
      ${deep("third", "")} ${deep("second", " + third(b)")} ${deep("first", " + second(b)")}
      SEC("socket") int p(void *ctx) { volatile char b[8] = {}; return first(b); }`);
    const verdict = "program p: refused by the verifier, EACCES: combined stack size of 4 calls is ";
    const rule = "functions that call each other have 512 bytes of stack together: ";
    const { message } = thrownBy(() => skeleton.load());
    expect(message.startsWith(verdict)).toBe(true);
    expect(message).toContain(
      `Too large (${rule}move large variables into a map or a global; with load({ logLevel: 4 })`,
    );
    expect(thrownBy(() => skeleton.load({ logLevel: 4 })).message).toMatch(
      /p has \d+, first has 2\d\d, second has 2\d\d, third has 2\d\d; move large variables into a map or a global\)$/,
    );
  });
});

test("an object that libbpf does not open says what libbpf says", () => {
  interface Odd {
    maps: { odd: HashMap<number, bigint> };
    progs: {};
    sections: {};
    structOps: {};
  }
  const source = `struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 1); __type(key, u32); __type(value, u64); int (*nonsense)[3]; } odd SEC(".maps");`;
  const skeleton = skeletonOf<Odd>(compile(source), { maps: { odd: hash(u32, u64) }, progs: {}, sections: {} });
  expect(thrownBy(() => skeleton.open()).message).toMatch(
    /^test: bpf_object__open_mem: \w+ \(map 'odd': unknown field 'nonsense'\)$/,
  );
});

test("a target that the kernel does not have says so", () => {
  interface Traced {
    maps: {};
    progs: { on_entry: Program<"tracing"> };
    sections: {};
    structOps: {};
  }
  const source = `SEC("fentry") int on_entry(void *ctx) { return 0; }`;
  const skeleton = skeletonOf<Traced>(compile(source), { maps: {}, progs: { on_entry: "fentry" }, sections: {} });
  using open = skeleton.open();
  const error = thrownBy(() => open.progs.on_entry.setAttachTarget({ func: "no_such_function" }));
  expect(error).toMatchObject({ name: "BpfError", code: "ESRCH", program: "on_entry" });
  expect(error.message).toMatch(/^program on_entry: setAttachTarget: ESRCH \(.*no_such_function\)$/);
  open.progs.on_entry.setAttachTarget({ func: "do_unlinkat" });
  open.progs.on_entry.setAttachTarget({ func: "vfs_unlink" });
});

test("a line after which libbpf goes on is not the reason: the later failure is", () => {
  interface Tries {
    maps: { tries: HashOfMaps<number, LpmTrieMap<bigint, bigint>> };
    progs: { on_entry: Program<"tracing"> };
    sections: {};
    structOps: {};
  }
  // The kernel takes the inner map only without its BTF, since a prefix of bytes is no struct.
  const source = `
    struct inner { __uint(type, BPF_MAP_TYPE_LPM_TRIE); __uint(max_entries, 1); __uint(map_flags, BPF_F_NO_PREALLOC); __type(key, u64); __type(value, u64); };
    struct { __uint(type, BPF_MAP_TYPE_HASH_OF_MAPS); __uint(max_entries, 4); __type(key, u32); __array(values, struct inner); } tries SEC(".maps");
    SEC("fentry/no_such_function") int on_entry(void *ctx) { return 0; }`;
  const inner = { type: 11, keySize: 8, valueSize: 8, maxEntries: 1, flags: 1 };
  const skeleton = skeletonOf<Tries>(compile(source), {
    maps: { tries: hashOfMaps(u32, lpmTrie(u64, u64), inner) },
    progs: { on_entry: "fentry/no_such_function" },
    sections: {},
  });
  const error = thrownBy(() => skeleton.load());
  expect(error).toMatchObject({ name: "BpfError", code: "ESRCH", program: "on_entry" });
  expect(error.message).toContain("failed to find kernel BTF type ID of 'no_such_function'");
  expect((error as BpfError).log).toContain("Retrying without BTF");
});
