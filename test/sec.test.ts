import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";

import { parseBtf } from "../src/btf/read.ts";
import { ATTACH_TYPES, MAP_TYPES, PROG_TYPES } from "../src/object/kernel.ts";
import { autoAttach, findSec, SEC_DEFS } from "../src/object/sec.ts";

describe("findSec", () => {
  const found: Record<string, string> = {
    kprobe: "kprobe+",
    "kprobe/do_unlinkat": "kprobe+",
    "kprobe.multi/tcp_*": "kprobe.multi+",
    "kretprobe/x": "kretprobe+",
    "uprobe//bin/bash:readline": "uprobe+",
    "uprobe.s/libc.so.6:malloc": "uprobe.s+",
    "usdt/libc:a:b": "usdt+",
    "tracepoint/syscalls/sys_enter_execve": "tracepoint+",
    "tp/a/b": "tp+",
    "tp_btf/sched_switch": "tp_btf+",
    "raw_tp.w/x": "raw_tp.w+",
    tc: "tc",
    "tc/ingress": "tc/ingress",
    "tcx/egress": "tcx/egress",
    "xdp.frags/devmap": "xdp.frags/devmap",
    "cgroup_skb/egress": "cgroup_skb/egress",
    "cgroup/sock": "cgroup/sock",
    "struct_ops.s/init": "struct_ops.s+",
    "lsm_cgroup/socket_bind": "lsm_cgroup+",
  };
  for (const [section, prefix] of Object.entries(found)) {
    test(section, () => expect(findSec(section)?.prefix).toBe(prefix));
  }

  const unknown = [
    "",
    ".text",
    "?kprobe/x",
    "kprobes",
    "kprobe_x",
    "kprobe+",
    "tc/",
    "tc/x",
    "xdp/",
    "xdp/x",
    "cgroup",
    "TC",
    "socket1",
  ];
  for (const section of unknown) {
    test(`${JSON.stringify(section)} is none`, () => expect(findSec(section)).toBeUndefined());
  }

  test("a row in full", () => {
    expect(findSec("fentry.s/vfs_read")).toEqual({
      prefix: "fentry.s+",
      type: "tracing",
      attachType: "trace_fentry",
      kind: "tracing",
      auto: "yes",
      sleepable: true,
      since: "1.0",
    });
  });
});

describe("autoAttach", () => {
  const cases: Record<string, "yes" | "target" | "no"> = {
    kprobe: "target",
    "kprobe/": "target",
    "kprobe/do_unlinkat": "yes",
    "kretprobe.multi": "target",
    "kprobe.session/tcp_*": "yes",
    uprobe: "target",
    "uprobe//bin/bash": "target",
    "uprobe//bin/bash:readline+0x10": "yes",
    "uprobe.multi/libc.so.6:str*": "yes",
    "ksyscall/unlinkat": "yes",
    usdt: "target",
    "usdt/libc.so.6:provider": "target",
    "usdt/libc.so.6:provider:name": "yes",
    "usdt.s/libc.so.6:provider:name": "target",
    tracepoint: "target",
    "tp/syscalls": "target",
    "tp/syscalls/sys_enter_execve": "yes",
    raw_tp: "target",
    "raw_tracepoint/sys_enter": "yes",
    "raw_tp.w/x": "yes",
    fentry: "target",
    "fexit/vfs_read": "yes",
    "fentry.multi/vfs_*": "yes",
    "freplace/subprog": "target",
    "lsm/file_open": "yes",
    "lsm_cgroup/socket_bind": "target",
    "iter/task": "yes",
    "iter/bpf_map_elem": "target",
    "iter.s/cgroup": "target",
    xdp: "target",
    "xdp/devmap": "no",
    tc: "target",
    action: "no",
    "tcx/ingress": "target",
    "netkit/peer": "target",
    "cgroup/connect4": "target",
    sockops: "target",
    sk_msg: "target",
    perf_event: "target",
    netfilter: "target",
    "struct_ops/init": "no",
    syscall: "no",
    socket: "no",
    lwt_in: "no",
  };
  for (const [section, auto] of Object.entries(cases)) {
    test(`${section}: ${auto}`, () => expect(autoAttach(findSec(section)!, section)).toBe(auto));
  }
});

describe("the table", () => {
  test("no section belongs to two rows", () => {
    for (const { prefix } of SEC_DEFS) {
      for (const section of examples(prefix)) expect(findSec(section)?.prefix, section).toBe(prefix);
    }
  });

  test("every type has a number", () => {
    for (const def of SEC_DEFS) {
      expect(PROG_TYPES, def.prefix).toContain(def.type);
      if (def.attachType !== "") expect(ATTACH_TYPES, def.prefix).toContain(def.attachType);
    }
  });
});

function examples(prefix: string): string[] {
  const family = prefix.replace(/\+$/, "");
  return family === prefix ? [prefix] : [family, `${family}/x`, `${family}/a/b:c`];
}

describe("libbpf agrees", () => {
  const dir = mkdtempSync(join(tmpdir(), "ebpf-skel-sec-"));
  afterAll(() => rmSync(dir, { recursive: true }));

  // Loads the library at run time, so that one program asks whichever libbpf the environment names.
  const asks = join(dir, "ask");
  writeFileSync(
    `${asks}.c`,
    `#include <dlfcn.h>
     #include <stdio.h>
     int main(int argc, char **argv) {
       void *lib = dlopen(argv[1], RTLD_NOW);
       if (!lib) { fprintf(stderr, "%s\\n", dlerror()); return 1; }
       unsigned (*minor)(void) = dlsym(lib, "libbpf_minor_version");
       int (*by_name)(const char *, int *, int *) = dlsym(lib, "libbpf_prog_type_by_name");
       void (*set_print)(void *) = dlsym(lib, "libbpf_set_print");
       set_print(0);
       printf("%u\\n", minor());
       const char *tables[] = { "libbpf_bpf_map_type_str", "libbpf_bpf_prog_type_str", "libbpf_bpf_attach_type_str" };
       for (int t = 0; t < 3; t++) {
         const char *(*name)(int) = dlsym(lib, tables[t]);
         for (int i = 0; i < 200 && name(i); i++) printf("%s ", name(i));
         printf("\\n");
       }
       for (int i = 2; i < argc; i++) {
         int type = 0, attach = 0, err = by_name(argv[i], &type, &attach);
         printf("%d %d %d\\n", err, type, attach);
       }
       return 0;
     }`,
  );
  execFileSync("gcc", ["-o", asks, `${asks}.c`, "-ldl"]);
  const library = process.env["EBPF_SKEL_LIBBPF"] ?? "libbpf.so.1";
  const sections = SEC_DEFS.flatMap((def) => examples(def.prefix));
  const [minor, maps, progs, attaches, ...answers] = execFileSync(asks, [library, ...sections], { encoding: "utf8" })
    .trimEnd()
    .split("\n") as [string, string, string, string, ...string[]];

  for (const [index, section] of sections.entries()) {
    const def = findSec(section)!;
    const known = Number(def.since.split(".")[1]) <= Number(minor);
    test(`${section}, since ${def.since}, in 1.${minor}`, () => {
      const expected = known
        ? `0 ${PROG_TYPES.indexOf(def.type)} ${def.attachType === "" ? 0 : ATTACH_TYPES.indexOf(def.attachType)}`
        : "-3 0 0";
      expect(answers[index]).toBe(expected);
    });
  }

  for (const [name, printed, table] of [
    ["map", maps, MAP_TYPES],
    ["program", progs, PROG_TYPES],
    ["attach", attaches, ATTACH_TYPES],
  ] as const) {
    test(`names of ${name} types`, () => {
      const names = printed.trim().split(" ");
      expect(names.length).toBeGreaterThan(30);
      expect(table.slice(0, names.length)).toEqual(names);
    });
  }
});

describe("the running kernel agrees", () => {
  const VMLINUX = "/sys/kernel/btf/vmlinux";
  test.skipIf(!existsSync(VMLINUX))(`numbers in ${VMLINUX} (skipped where the kernel has no BTF)`, () => {
    const { types } = parseBtf(readFileSync(VMLINUX));
    const numbered: Record<string, [readonly string[], string]> = {
      bpf_map_type: [MAP_TYPES, "BPF_MAP_TYPE_"],
      bpf_prog_type: [PROG_TYPES, "BPF_PROG_TYPE_"],
      bpf_attach_type: [ATTACH_TYPES, "BPF_"],
    };
    for (const [name, [table, prefix]] of Object.entries(numbered)) {
      const type = types.find((t) => t.kind === "enum" && t.name === name);
      if (type?.kind !== "enum") throw new Error(`no enum ${name}`);
      const values = type.values.filter(
        (value) => value.name.startsWith(prefix) && !value.name.endsWith("_DEPRECATED"),
      );
      expect(values.length).toBeGreaterThan(30);
      for (const value of values) {
        expect(table[Number(value.value)], value.name).toBe(value.name.slice(prefix.length).toLowerCase());
      }
    }
  });
});
