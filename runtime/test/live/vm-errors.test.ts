// Errors that Debian's kernels give and others do not: rights that a patch of theirs takes, and types that are too new.

import { readFileSync } from "node:fs";
import { release } from "node:os";
import { describe, expect, test } from "vitest";
import { type BpfMap, map } from "../../src/gen1.ts";
import { isAtLeast } from "../../src/library/kernel.ts";
import { saidBy } from "../support/child.ts";
import { compile, skeletonOf } from "../support/clang.ts";
import { thrownBy } from "../support/errors.ts";

test("a tracepoint without CAP_SYS_ADMIN, where perf events are for nobody else, names the sysctl", ({ skip }) => {
  const paranoid = readFileSync("/proc/sys/kernel/perf_event_paranoid", "utf8").trim();
  if (paranoid !== "3") skip(`kernel.perf_event_paranoid is ${paranoid}, not 3 as on Debian`);
  const program = `
    import { ExecveCounter } from "./fixtures/execve_counter.skel.ts";
    const live = ExecveCounter.load();
    say(() => live.progs.handle_execve.attach());
    live.close();
  `;
  const caps = "-all,+bpf,+perfmon,+dac_read_search";
  const nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", `--inh-caps=${caps}`, `--ambient-caps=${caps}`];
  const [said] = saidBy(program, { prefix: ["setpriv", ...nobody] });
  expect(said).toMatchObject({ name: "BpfError", code: "EACCES" });
  expect(said!.name === undefined ? "" : said!.message).toBe(
    "program handle_execve: attach: EACCES (kernel.perf_event_paranoid is 3: needs CAP_SYS_ADMIN, " +
      "or sysctl kernel.perf_event_paranoid=2)",
  );
});

describe("a map that the kernel is too old for", () => {
  interface Odd {
    maps: { odd: BpfMap };
    progs: {};
    sections: {};
    structOps: {};
  }
  const messageFor = (definition: string): string => {
    const bytes = compile(`${definition} odd SEC(".maps");`);
    const table = { maps: { odd: map("cgrp_storage") }, progs: {}, sections: {} };
    return thrownBy(() => skeletonOf<Odd>(bytes, table).load()).message;
  };

  test("by its type says which Linux has it", ({ skip }) => {
    if (isAtLeast(release(), "6.2")) skip("this kernel has it");
    const type = "__uint(type, 32); __uint(map_flags, 1); __type(key, int); __type(value, u64);";
    expect(messageFor(`struct { ${type} }`)).toBe(
      `test: bpf_object__load: EINVAL (maps of type cgrp_storage need Linux >= 6.2, this is ${release()})`,
    );
  });
});
