// The kernel's own symbols by address, from /proc/kallsyms.

import { UnsupportedError, ValueError } from "../errors.ts";
import { show } from "../memory/refuse.ts";

/** A function of the kernel, a module or a BPF program, and a place in it. */
export interface KernelSymbol {
  readonly name: string;
  /** In bytes, from the function's start. */
  readonly offset: number;
  /** The module it is in; "bpf" for BPF programs. */
  readonly module?: string;
}

// The lines of functions in the order of their addresses: "ffffffff81000010 T name\t[module]". The addresses of one kernel
// all have the same number of digits, so that text compares as they do.
let lines: readonly string[] | undefined;

/**
 * The function that the kernel address is in; undefined for other addresses, those of user space above all. The list is
 * read at the first call, which takes a good part of a second; `refresh` reads it again, for modules and programs that
 * were loaded since.
 * @throws UnsupportedError when the kernel hides addresses from this process
 */
export function ksym(address: bigint, options: { readonly refresh?: boolean } = {}): KernelSymbol | undefined {
  if (typeof address !== "bigint") {
    throw new ValueError(`ksym: expected an address as bigint, got ${show(address)}`, "ksym");
  }
  if (lines === undefined || options.refresh === true) lines = readFunctions();
  const line = lines[lastAtMost(lines, address)];
  if (line === undefined) return undefined;
  const [, start, name, module] = /^(\w+) . ([^\t]+)(?:\t\[(.*)\])?$/.exec(line)!;
  // What follows the end of a part is no function's.
  if (name === "_etext" || name === "_einittext") return undefined;
  return { name: name!, offset: Number(address - BigInt(`0x${start}`)), ...(module !== undefined && { module }) };
}

/** The index of the last line whose address is at most `address`, or -1. */
function lastAtMost(lines: readonly string[], address: bigint): number {
  const digits = lines[0]!.indexOf(" ");
  const wanted = address.toString(16).padStart(digits, "0");
  let low = 0;
  let high = lines.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (lines[middle]!.slice(0, digits) <= wanted) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function readFunctions(): readonly string[] {
  const text = process.getBuiltinModule("node:fs").readFileSync("/proc/kallsyms", "latin1");
  // The types t and w are functions, in either case.
  const found = text.split("\n").filter((line) => /^\w+ [tTwW] /.test(line) && !/^0+ /.test(line));
  if (found.length > 0) return found.sort();
  throw new UnsupportedError(
    "/proc/kallsyms: hides all addresses (needs CAP_SYSLOG, or sysctl kernel.kptr_restrict=0)",
  );
}
