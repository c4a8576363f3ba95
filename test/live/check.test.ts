// `ebpf-skel check` on this machine: what bpftool finds out by its own probes is what we answer, and what it prints is for
// people, for programs and for scripts.

import { chmodSync, copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { requireKernel } from "../../runtime/test/support/kernel.ts";
import { machine } from "../../runtime/src/index.ts";
import { helperOf } from "../../src/needs/since.ts";
import { MAP_TYPES, PROG_TYPES } from "../../src/object/kernel.ts";
import { ensureBuilt, Folder } from "../support/cli.ts";
import { compileBpf } from "../support/compile.ts";
import { outputOf } from "../support/programs.ts";

requireKernel();

const folder = new Folder();
const fixture = (name: string): string => join(import.meta.dirname, `../../fixtures/${name}.bpf.o`);
beforeAll(() => ensureBuilt());
afterAll(() => folder.remove());

interface Need {
  readonly kind: string;
  readonly name: string;
  readonly answer: string;
  readonly reason: string;
  readonly optional: boolean;
}

/** The needs that `check --json` tells of, and its status. */
function checked(object: string, under: readonly string[] = []): { status: number; verdict: string; needs: Need[] } {
  const { status, stdout, stderr } = folder.run(["check", object, "--json"], { under });
  if (stdout === "") throw new Error(stderr);
  return { status, ...(JSON.parse(stdout) as { verdict: string; needs: Need[] }) };
}

function compiled(source: string): string {
  const headers = "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n";
  folder.write("case.bpf.o", compileBpf(`${headers}${source}\nchar LICENSE[] SEC("license") = "GPL";`));
  return folder.at("case.bpf.o");
}

describe("bpftool's probes agree", () => {
  interface Features {
    readonly program_types: Readonly<Record<string, boolean>>;
    readonly map_types: Readonly<Record<string, boolean>>;
  }
  let features: Features;
  beforeAll(() => {
    features = JSON.parse(outputOf("bpftool", ["feature", "probe", "kernel", "-j"])) as Features;
  });

  test("on types of programs", () => {
    const { hasProgramType } = machine();
    const probed = Object.entries(features.program_types);
    expect(probed.length).toBeGreaterThan(30);
    const ours = probed.map(([key]) => [
      key,
      hasProgramType(PROG_TYPES.indexOf(/^have_(.*)_prog_type$/.exec(key)![1]!)),
    ]);
    expect(ours).toEqual(probed);
  });

  test("on types of maps", () => {
    const { hasMapType } = machine();
    const probed = Object.entries(features.map_types);
    expect(probed.length).toBeGreaterThan(30);
    const ours = probed.map(([key]) => [key, hasMapType(MAP_TYPES.indexOf(/^have_(.*)_map_type$/.exec(key)![1]!))]);
    expect(ours).toEqual(probed);
  });
});

describe("the probe of helpers", () => {
  // bpftool's own comes with a libbpf that takes every helper for there on this kernel.
  type Probe = (type: number, helper: number, opts: null) => number;
  const libbpf15 =
    process.env["EBPF_SKEL_LIBBPF15"] ?? join(import.meta.dirname, "../../.cache/libbpf-1.5/libbpf.so.1");
  let probe: Probe;
  beforeAll(() => {
    const koffi = createRequire(import.meta.url)("koffi") as typeof import("koffi");
    const library = koffi.load(libbpf15);
    probe = library.func("int libbpf_probe_bpf_helper(int type, int helper, void *opts)") as unknown as Probe;
  });

  test.each(PROG_TYPES.slice(1))("agrees with libbpf 1.5 for %s programs", (name) => {
    const { hasHelper, hasProgramType } = machine();
    const type = PROG_TYPES.indexOf(name);
    if (["tracing", "ext", "lsm", "struct_ops"].includes(name)) {
      expect([hasHelper(type, 1), probe(type, 1, null)]).toEqual([undefined, -95]);
      return;
    }
    const ids = Array.from({ length: 211 }, (_, i) => i + 1);
    const ours = ids.filter((id) => hasHelper(type, id)).map((id) => helperOf(id).name);
    // Of types that the kernel has not libbpf says yes to all.
    const theirs = hasProgramType(type) !== false ? ids.filter((id) => probe(type, id, null) === 1) : [];
    expect(ours).toEqual(theirs.map((id) => helperOf(id).name));
    expect(ours.length < 211).toBe(true);
  });
});

describe("check says", () => {
  test("yes to what loads and attaches here", () => {
    const { status, verdict, needs } = checked(fixture("execve_counter"));
    expect({ status, verdict }).toEqual({ status: 0, verdict: "yes" });
    expect(needs.every(({ answer }) => answer === "yes")).toBe(true);
  });

  test("no, and why, to a kprobe where there are none", ({ skip }) => {
    if (existsSync("/sys/bus/event_source/devices/kprobe")) skip("this kernel has kprobes");
    const { status, verdict, needs } = checked(
      compiled(`SEC("kprobe/do_unlinkat") int probe(void *ctx) { return 0; }`),
    );
    expect({ status, verdict }).toEqual({ status: 1, verdict: "no" });
    expect(needs.filter(({ answer }) => answer === "no")).toMatchObject([
      { kind: "target", name: "do_unlinkat", reason: "this kernel has no kprobes: CONFIG_KPROBES" },
    ]);
  });

  test("no to what the kernel does not know, and yes to what it does", () => {
    const { status, needs } = checked(
      compiled(`
        extern int CONFIG_EBPF_SKEL_NONE __kconfig;
        extern _Bool CONFIG_BPF_SYSCALL __kconfig;
        extern void bpf_rcu_read_lock(void) __ksym;
        extern void bpf_rcu_read_unlock(void) __ksym;
        extern void bpf_no_such_function(void) __ksym;
        SEC("tp_btf/sched_switch") int here(void *ctx) {
          bpf_rcu_read_lock();
          bpf_rcu_read_unlock();
          bpf_no_such_function();
          return CONFIG_EBPF_SKEL_NONE + CONFIG_BPF_SYSCALL;
        }
        SEC("tp_btf/no_such_event") int gone(void *ctx) { return 0; }
        SEC("tp/sched/no_such_event") int gone_too(void *ctx) { return 0; }
        SEC("iter/no_such_thing") int nothing(void *ctx) { return 0; }
        SEC("iter/task") int tasks(void *ctx) { return 0; }
      `),
    );
    const answers = Object.fromEntries(needs.map(({ name, answer }) => [name, answer]));
    expect(status).toBe(1);
    expect(answers).toMatchObject({
      sched_switch: "yes",
      task: "yes",
      trace_raw_tp: "yes",
      bpf_rcu_read_lock: "yes",
      CONFIG_BPF_SYSCALL: "yes",
      vmlinux: "yes",
      no_such_event: "no",
      "sched/no_such_event": "no",
      no_such_thing: "no",
      bpf_no_such_function: "no",
      CONFIG_EBPF_SKEL_NONE: "no",
    });
  });

  test("no to a type that the kernel only speaks of", () => {
    const dump = outputOf("bpftool", ["btf", "dump", "file", "/sys/kernel/btf/vmlinux"]);
    expect(dump).toContain("FWD 'assoc_array_ptr'");
    const { status, needs } = checked(
      compiled(`
        struct assoc_array_ptr { int any; } __attribute__((preserve_access_index));
        int offset;
        SEC("raw_tp/sched_switch") int ask(void *ctx) {
          struct assoc_array_ptr *nothing = 0;
          offset = (long)__builtin_preserve_access_index(&nothing->any);
          return 0;
        }
      `),
    );
    expect(status).toBe(1);
    expect(needs.filter(({ answer }) => answer === "no")).toMatchObject([{ name: "assoc_array_ptr" }]);
  });

  test("yes to an object whose optional needs alone are missing", () => {
    const { status, needs } = checked(fixture("kconfig"));
    expect(needs.filter(({ answer }) => answer === "no").every(({ optional }) => optional)).toBe(true);
    expect(needs.some(({ answer }) => answer === "no")).toBe(true);
    expect(status).toBe(0);
  });

  test("as nobody what the rights lack, and of the rest what is likely", () => {
    const nobody = [
      "setpriv",
      "--reuid=65534",
      "--regid=65534",
      "--clear-groups",
      "--inh-caps=-all",
      "--ambient-caps=-all",
    ];
    const place = mkdtempSync(join(tmpdir(), "ebpf-skel-check-"));
    try {
      chmodSync(place, 0o755);
      const object = join(place, "execve_counter.bpf.o");
      copyFileSync(fixture("execve_counter"), object);
      chmodSync(folder.path, 0o755);
      const { status, needs } = checked(object, nobody);
      const disabled = readFileSync("/proc/sys/kernel/unprivileged_bpf_disabled", "utf8").trim();
      const closed = disabled === "0" ? "" : `, and kernel.unprivileged_bpf_disabled is ${disabled}`;
      expect(status).toBe(1);
      const about = (name: string): object => needs.find((need) => need.name === name)!;
      expect(about("CAP_BPF")).toMatchObject({ answer: "no", reason: `this process has no CAP_BPF${closed}` });
      expect(about("CAP_PERFMON")).toMatchObject({ answer: "no", reason: "this process has no CAP_PERFMON" });
      expect(about("tracepoint")).toMatchObject({
        answer: "unknown",
        reason: "needs CAP_BPF and CAP_PERFMON to find out; likely, since Linux 4.7",
      });
      expect(about("map_lookup_elem")).toMatchObject({ answer: "unknown" });
    } finally {
      rmSync(place, { recursive: true, force: true });
    }
  });
});

describe("its output", () => {
  test("is a table for people", () => {
    const { stdout } = folder.run(["check", fixture("execve_counter")]);
    const [first, ...rows] = stdout.trimEnd().split("\n");
    expect(first).toMatch(/execve_counter\.bpf\.o on Linux \S+, libbpf \d+\.\d+.*: yes$/);
    expect(rows[0]).toMatch(/^  yes  capability    CAP_BPF +program handle_execve, map execve_counter$/);
    expect(new Set(rows.map((row) => row.indexOf("program ") > 0 || row.includes("map ")))).toEqual(new Set([true]));
  });

  test("has the same members in JSON from version to version", () => {
    const report = JSON.parse(folder.run(["check", fixture("execve_counter"), "--json"]).stdout) as {
      machine: object;
      needs: object[];
    };
    expect(Object.keys(report)).toEqual(["object", "machine", "verdict", "needs"]);
    expect(Object.keys(report.machine)).toEqual(["release", "libbpf", "lockdown", "jit", "unprivilegedBpfDisabled"]);
    const members = new Set(report.needs.flatMap((need) => Object.keys(need)));
    expect([...members].sort()).toEqual(["answer", "by", "id", "kind", "name", "of", "optional", "reason", "since"]);
  });

  test.each([
    ["no object", ["check"], 2, /^ebpf-skel: name a compiled object/],
    ["an unknown option", ["check", "x.o", "--frob"], 2, /^ebpf-skel: unknown argument: frob/],
    [
      "a file that is not there",
      ["check", "nowhere.bpf.o"],
      1,
      /^ebpf-skel: nowhere\.bpf\.o: cannot be read, got ENOENT/,
    ],
    ["no libbpf", ["check", fixture("nomaps")], 1, /^ebpf-skel: check: \/no\/libbpf\.so: cannot be loaded/],
  ])("says in one line that there is %s", (what, args, status, message) => {
    const env = what === "no libbpf" ? { EBPF_SKEL_LIBBPF: "/no/libbpf.so" } : {};
    const ended = folder.run(args, { env });
    expect(ended.status).toBe(status);
    expect(ended.stderr).toMatch(message);
    expect(ended.stderr.trimEnd().split("\n")).toHaveLength(1);
  });
});
