// Whether the kernel has a helper: a program that calls it alone is given to the verifier, as `libbpf_probe_bpf_helper` does.
// Its own probe takes every helper for there before libbpf 1.5, since Linux 6.12 words the refusal differently.

import type { Library } from "../library.ts";
import { addressOf, hostMemory, libc } from "../native.ts";
import { programType } from "./kernel.ts";

// `struct bpf_prog_load_opts` (bpf.h); later versions only add to its end.
const loadOpts = {
  expected_attach_type: 12,
  prog_flags: 20,
  log_level: 88,
  log_size: 92,
  log_buf: 96,
  size: 104,
} as const;

/** `enum bpf_attach_type` where 0 will not do (libbpf_probes.c, `probe_prog_load`). */
const attachTypes: Readonly<Record<string, number>> = {
  cgroup_sock_addr: 10,
  cgroup_sockopt: 21,
  sk_lookup: 36,
  netfilter: 45,
};
const sleepable = 1 << 4; // BPF_F_SLEEPABLE

/** Types whose programs load only for a target, so that no program can be tried. */
const untried: readonly (string | undefined)[] = ["tracing", "ext", "lsm", "struct_ops", undefined];

/** `bpf_call helper; exit` in this machine's byte order. */
function callOf(helper: number): Uint8Array {
  const code = hostMemory(new Uint8Array(16));
  code.setU8(0, 0x85);
  code.setS32(4, helper);
  code.setU8(8, 0x95);
  return code.u8s;
}

/** Whether programs of a type may call a helper (both numbers are the kernel's); undefined where nothing can be tried. */
export function hasHelper(library: Library, type: number, helper: number): boolean | undefined {
  const name = programType(type)?.name;
  if (untried.includes(name)) return undefined;
  const code = callOf(helper);
  const log = new Uint8Array(4096);
  const opts = hostMemory(new Uint8Array(loadOpts.size));
  opts.setU64(0, BigInt(loadOpts.size));
  opts.setU32(loadOpts.expected_attach_type, attachTypes[name!] ?? 0);
  opts.setU32(loadOpts.prog_flags, name === "syscall" ? sleepable : 0);
  opts.setU32(loadOpts.log_level, 1);
  opts.setU32(loadOpts.log_size, log.length);
  opts.setU64(loadOpts.log_buf, BigInt(addressOf(log)));
  const fd = library.fn("bpf_prog_load")(type, null, "GPL", addressOf(code), 2, addressOf(opts.u8s));
  if (fd >= 0) {
    libc().close(fd);
    return true;
  }
  const said = new TextDecoder().decode(log.subarray(0, log.indexOf(0)));
  // Without a word of the verifier it did not come to that. What it says of arguments means that it knows the helper.
  return said === "" ? undefined : !/(?:invalid|unknown) func |program of this type cannot use helper /.test(said);
}
