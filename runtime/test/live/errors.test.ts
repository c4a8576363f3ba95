// What the kernel and libbpf refuse, and what the errors say of it: rights, the verifier, libbpf's own lines.

import { describe, expect, test } from "vitest";
import { ExecveCounter } from "../../../fixtures/execve_counter.skel.ts";
import { VerifierFail } from "../../../fixtures/verifier_fail.skel.ts";
import { type BpfMap, hash, type HashMap, map, type Program, u32, u64 } from "../../src/gen1.ts";
import { isBpfError, isVerifierError, setLogger, type VerifierError } from "../../src/index.ts";
import { saidBy } from "../support/child.ts";
import { compile, skeletonOf } from "../support/clang.ts";
import { thrownBy } from "../support/errors.ts";
import { requireKernel } from "../support/kernel.ts";

requireKernel();

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

  test.each([
    [
      "a tracepoint program",
      "",
      load,
      "execve_counter: bpf_object__load: EPERM (needs CAP_BPF and CAP_PERFMON, or root)",
    ],
    ["a tracepoint program", ",+bpf", load, "execve_counter: bpf_object__load: EPERM (needs CAP_PERFMON, or root)"],
    ["an XDP program", ",+bpf", xdp, "nomaps: bpf_object__load: EPERM (needs CAP_NET_ADMIN, or root)"],
    [
      "attaching to a tracepoint",
      ",+bpf,+perfmon",
      attach,
      "program handle_execve: attach: EACCES " +
        "(/sys/kernel/tracing is not readable, mode 0700: needs root or CAP_DAC_READ_SEARCH)",
    ],
  ])("%s with nobody's rights%s", (_, caps, program, message) => {
    const [said] = saidBy(program, { prefix: nobody(caps) });
    expect(said).toMatchObject({ name: "BpfError", message });
  });
});

describe("the verifier's refusal", () => {
  test("names the program and why, and keeps the whole log", () => {
    const error = thrownBy(() => VerifierFail.load()) as VerifierError;
    expect(isVerifierError(error)).toBe(true);
    expect(isBpfError(error, "EACCES")).toBe(true);
    expect(error.message).toMatch(
      /^program count_unchecked: refused by the verifier, EACCES: \d+: \(79\) r\d = .*: R0 invalid mem access 'map_value_or_null' \(\d+ lines omitted\)$/,
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
