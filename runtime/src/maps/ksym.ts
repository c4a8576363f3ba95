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

interface Table {
  readonly addresses: BigUint64Array;
  readonly names: readonly string[];
  readonly modules: readonly (string | undefined)[];
}

let table: Table | undefined;

/**
 * The function that the kernel address is in; undefined for other addresses, those of user space above all. The list is
 * read at the first call; `refresh` reads it again, for modules and programs that were loaded since.
 * @throws UnsupportedError when the kernel hides addresses from this process
 */
export function ksym(address: bigint, options: { readonly refresh?: boolean } = {}): KernelSymbol | undefined {
  if (typeof address !== "bigint")
    throw new ValueError(`ksym: expected an address as bigint, got ${show(address)}`, "ksym");
  if (table === undefined || options.refresh === true) table = readTable();
  const { addresses, names, modules } = table;
  const at = lastAtMost(addresses, address);
  if (at < 0) return undefined;
  const name = names[at]!;
  // What follows the end of a part is no function's.
  if (name === "_etext" || name === "_einittext") return undefined;
  const module = modules[at];
  return { name, offset: Number(address - addresses[at]!), ...(module !== undefined && { module }) };
}

/** The index of the last address that is at most `address`, or -1. */
function lastAtMost(addresses: BigUint64Array, address: bigint): number {
  let low = 0;
  let high = addresses.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (addresses[middle]! <= address) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function readTable(): Table {
  const text = process.getBuiltinModule("node:fs").readFileSync("/proc/kallsyms", "latin1");
  // "ffffffff81000010 T name\t[module]"; types t and w are functions, in either case.
  const symbols = [...text.matchAll(/^([0-9a-f]+) [tTwW] (\S+)(?:\t\[(\S+)\])?$/gm)]
    .map(([, address, name, module]) => ({ address: BigInt(`0x${address}`), name: name!, module }))
    .filter(({ address }) => address !== 0n);
  if (symbols.length === 0) {
    throw new UnsupportedError(
      "/proc/kallsyms: hides all addresses (needs CAP_SYSLOG, or sysctl kernel.kptr_restrict=0)",
    );
  }
  symbols.sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : 0));
  return {
    addresses: BigUint64Array.from(symbols, ({ address }) => address),
    names: symbols.map(({ name }) => name),
    modules: symbols.map(({ module }) => module),
  };
}
