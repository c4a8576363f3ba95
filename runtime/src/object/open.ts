// Bytes of an object and the user's options in, a `struct bpf_object *` out.

import { ValueError } from "../errors.ts";
import type { Library } from "../library.ts";
import { bpfError } from "../library/failure.ts";
import { withLog } from "../library/print.ts";
import { show } from "../memory/refuse.ts";
import { type BrokenRule, stoppedOpen } from "./rules.ts";
import { addressOf, cString, hostMemory, lastErrno } from "../native.ts";

/** What libbpf is told when it opens an object. */
export interface ObjectOptions {
  /** The object's name in the kernel (maps of global data are called after it); the skeleton's name when left out. */
  readonly objectName?: string | undefined;
  /** BTF to relocate against in place of the running kernel's: a file's path. */
  readonly btfPath?: string | undefined;
  /**
   * Values for `extern` Kconfig variables, over those of the running kernel: `CONFIG_X=y` lines, or an object. Of its
   * values `true`, `false`, "y", "n" and "m" are tristate, other strings are text. Only the object's own variables count.
   */
  readonly kconfig?: string | Readonly<Record<string, string | number | bigint | boolean>> | undefined;
  /**
   * The folder in a BPF file system where maps that are pinned by name have their pins, made when its parent is there;
   * "/sys/fs/bpf" when left out.
   */
  readonly pinRoot?: string | undefined;
  /** The verifier's log level for all programs: 1 lists instructions, 2 more, 4 statistics; see `setLogger`. */
  readonly logLevel?: number | undefined;
}

// `struct bpf_object_open_opts` (libbpf.h); later versions only add to its end.
const openOpts = {
  object_name: 8,
  pin_root_path: 24,
  kconfig: 40,
  btf_custom_path: 48,
  kernel_log_level: 72,
  size: 80,
} as const;

/**
 * Opens an object that the caller has verified: libbpf is not made for hostile ELF.
 * @throws ValueError for options of the wrong type
 * @throws BpfError when libbpf refuses the object
 */
export function openObject(
  library: Library,
  bytes: Uint8Array,
  name: string,
  options: ObjectOptions,
  rules: readonly BrokenRule[],
): number {
  const opts = hostMemory(new Uint8Array(openOpts.size));
  const texts: Uint8Array[] = [];
  const setText = (offset: number, option: string, text: string | undefined): void => {
    if (text === undefined) return;
    if (typeof text !== "string" || text.includes("\0")) refuse(option, "a string", text);
    const bytes = cString(text);
    texts.push(bytes);
    opts.setU64(offset, BigInt(addressOf(bytes)));
  };
  const { logLevel = 0 } = options;
  if (!Number.isInteger(logLevel) || logLevel < 0 || logLevel > 7) refuse("logLevel", "a number in 0..7", logLevel);
  opts.setU64(0, BigInt(openOpts.size));
  setText(openOpts.object_name, "objectName", options.objectName ?? name);
  const { pinRoot } = options;
  if (pinRoot !== undefined && !String(pinRoot).startsWith("/")) refuse("pinRoot", "an absolute path", pinRoot);
  setText(openOpts.pin_root_path, "pinRoot", pinRoot);
  setText(openOpts.kconfig, "kconfig", kconfigText(options.kconfig));
  setText(openOpts.btf_custom_path, "btfPath", options.btfPath);
  opts.setU32(openOpts.kernel_log_level, logLevel);

  const open = library.fn("bpf_object__open_mem");
  const run = (): { pointer: number; errno: number } => {
    const pointer = open(addressOf(bytes), bytes.length, addressOf(opts.u8s));
    return { pointer, errno: pointer === 0 ? lastErrno() : 0 };
  };
  const { result, log } = withLog(library, run, bytes, opts, texts);
  if (result.pointer !== 0) return result.pointer;
  const hint = stoppedOpen(library, rules, log.warning);
  throw bpfError(library, { errno: result.errno, syscall: "bpf_object__open_mem", object: name, hint, log });
}

function refuse(option: string, expected: string, got: unknown): never {
  throw new ValueError(`open: ${option}: expected ${expected}, got ${show(got)}`, option);
}

/** Lines as in /boot/config, which is what libbpf parses (libbpf.c, `bpf_object__read_kconfig_mem`). */
function kconfigText(kconfig: ObjectOptions["kconfig"]): string | undefined {
  if (kconfig === undefined || typeof kconfig === "string") return kconfig;
  const lines = Object.entries(kconfig).map(([name, value]) => {
    if (!/^CONFIG_\w+$/.test(name)) refuse("kconfig", "names that start with CONFIG_", name);
    if (typeof value === "boolean") return `${name}=${value ? "y" : "n"}`;
    if (typeof value !== "string") return `${name}=${value}`;
    if (/["\n]/.test(value)) refuse(`kconfig.${name}`, "text without quotes and line ends", value);
    return /^[ynm]$/.test(value) ? `${name}=${value}` : `${name}="${value}"`;
  });
  return `${lines.join("\n")}\n`;
}
