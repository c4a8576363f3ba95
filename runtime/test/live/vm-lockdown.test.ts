// What the errors say where the kernel is locked down.
// kernel command line: lockdown=confidentiality

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ExecveCounter } from "../../../fixtures/execve_counter.skel.ts";
import type { Program } from "../../src/gen1.ts";
import { compile, skeletonOf } from "../support/clang.ts";
import { thrownBy } from "../support/errors.ts";

function isLockedDown(): boolean {
  try {
    return readFileSync("/sys/kernel/security/lockdown", "utf8").includes("[confidentiality]");
  } catch {
    return false;
  }
}

describe.runIf(isLockedDown())("with lockdown=confidentiality", () => {
  const locked = "the kernel is locked down, lockdown=confidentiality";

  test("a program that reads kernel memory is refused, and that is why", () => {
    interface Reader {
      maps: {};
      progs: { reads: Program<"raw_tracepoint"> };
      sections: {};
      structOps: {};
    }
    const source = `SEC("raw_tp/sys_enter") int reads(void *ctx)
    {
      u64 word = 0;
      bpf_probe_read_kernel(&word, sizeof(word), ctx);
      return word;
    }`;
    const table = { maps: {}, progs: { reads: "raw_tp/sys_enter" as const }, sections: {} };
    const error = thrownBy(() => skeletonOf<Reader>(compile(source), table).load());
    expect(error).toMatchObject({ name: "VerifierError", code: "EINVAL", program: "reads" });
    expect(error.message).toMatch(
      /x\.bpf\.c:5:7: bpf_probe_read_kernel\(&word, sizeof\(word\), ctx\);: .*bpf_probe_read.*\(.*lines omitted\)/,
    );
    expect(error.message).toContain(`(${locked}: programs cannot read its memory)`);
  });

  test("a tracepoint cannot be found, and that is why", () => {
    using live = ExecveCounter.load();
    const error = thrownBy(() => live.progs.handle_execve.attach());
    expect(error.message).toBe(`program handle_execve: attach: ENOENT (${locked}: tracefs is empty)`);
  });
});
