// Errors that Debian's kernels give and others do not: rights that a patch of theirs takes, and types that are too new.

import { readFileSync } from "node:fs";
import { release } from "node:os";
import { expect, test } from "vitest";
import { Fds } from "../../../fixtures/fds.skel.ts";
import { isAtLeast } from "../../src/library/kernel.ts";
import { saidBy } from "../support/child.ts";
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

test("a map that is younger than the kernel says which Linux has it", ({ skip }) => {
  if (isAtLeast(release(), "6.2")) skip("this kernel has every map of the fixture");
  const error = thrownBy(() => Fds.load());
  expect(error).toMatchObject({ name: "BpfError", code: "EINVAL" });
  expect(error.message).toBe(
    `fds: bpf_object__load: EINVAL (maps of type cgrp_storage need Linux >= 6.2, this is ${release()})`,
  );
});
