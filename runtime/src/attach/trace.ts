// Programs whose target was a matter of load: what the section says, tracing with a cookie, and freplace.

import { EINVAL } from "../library/errno.ts";
import { isAtLeast, kernelRelease } from "../library/kernel.ts";
import { useProgram, type ProgramCore } from "../program/core.ts";
import { type Attached, attachTypeOf, attempt, create, needLibbpf } from "./attempt.ts";
import { cookieOf, fail, handleOf, textOf } from "./check.ts";
import type { CookieOptions, FreplaceOptions } from "./options.ts";
import { specOf } from "./targets.ts";

/** What the section says. */
export function attachBySection(core: ProgramCore): Attached {
  if (core.since !== undefined) needLibbpf(core, `attaching SEC("${core.section}")`, core.since);
  useProgram(core);
  const attach = core.owner.library.fn("bpf_program__attach");
  return attempt(core, "bpf_program__attach", specOf(core.section), () => attach(core.pointer));
}

export function attachTrace(core: ProgramCore, given: CookieOptions): Attached {
  const cookie = cookieOf(core, given);
  if (cookie === 0n) return attachBySection(core);
  // Not bpf_program__attach_trace_opts, which before libbpf 1.4 knows no cookies of tp_btf.
  const attachType = attachTypeOf(core);
  const since = core.section.startsWith("tp_btf") ? "6.10" : "5.19";
  const why = (errno: number): string | undefined => {
    const release = kernelRelease();
    const isOld = errno === EINVAL && !isAtLeast(release, since);
    return isOld ? `a cookie for SEC("${core.section}") needs Linux >= ${since}, this is ${release}` : undefined;
  };
  const name = { name: specOf(core.section), why };
  return create(core, { target: 0, name, attachType, fill: (attr) => attr.setU64(24, cookie) });
}

export function attachFreplace(core: ProgramCore, given: FreplaceOptions): Attached {
  const { target, func, cookie } = given;
  if (target === undefined && func === undefined) return attachTrace(core, given);
  if (cookie !== undefined) fail(core, "cookie", "none with a target", cookie);
  const fd = handleOf(core, "target", target, "a program of a loaded skeleton");
  const name = textOf(core, "func", func ?? specOf(core.section));
  useProgram(core);
  const syscall = "bpf_program__attach_freplace";
  const attach = core.owner.library.fn(syscall);
  return attempt(core, syscall, name, () => attach(core.pointer, fd, name));
}
