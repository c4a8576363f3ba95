// What the running kernel says of itself in files that everybody may read: its BTF, its configuration, its symbols and mounts.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { release } from "node:os";
import { gunzipSync } from "node:zlib";
import { parseBtf } from "../btf/read.ts";

/** The running kernel; what takes time to read is read when first asked for. */
export interface Kernel {
  /** Names in its BTF by kind; undefined where it has none. */
  readonly btf: KernelNames | undefined;
  /** Whether loaded modules have BTF of their own, which is not looked into. */
  readonly hasModuleBtf: boolean;
  /** `CONFIG_X` to its value as in .config; undefined where the configuration is nowhere. */
  readonly config: ReadonlyMap<string, string> | undefined;
  /** Names of its functions and variables, those of loaded modules too. */
  readonly symbols: ReadonlySet<string>;
  /** Types of the mounted file systems. */
  readonly mounts: ReadonlySet<string>;
  /** The security modules that run. */
  readonly securityModules: readonly string[] | undefined;
  exists(path: string): boolean;
}

/** Names in BTF. */
export interface KernelNames {
  readonly functions: ReadonlySet<string>;
  /** Structs, unions, enums, typedefs and integers. */
  readonly types: ReadonlySet<string>;
  /** Of all enumerations: "BPF_TRACE_FENTRY". */
  readonly values: ReadonlySet<string>;
}

/** The kernel that runs now. */
export function openKernel(): Kernel {
  const [btf, config, symbols] = [once(readNames), once(readConfig), once(readSymbols)];
  return {
    get btf() {
      return btf();
    },
    get config() {
      return config();
    },
    get symbols() {
      return symbols();
    },
    hasModuleBtf: listOf("/sys/kernel/btf").some((name) => name !== "vmlinux"),
    mounts: new Set(linesOf("/proc/self/mounts").map((line) => line.split(" ")[2] ?? "")),
    securityModules: textOf("/sys/kernel/security/lsm")?.trim().split(","),
    exists: existsSync,
  };
}

function once<T>(read: () => T): () => T {
  let known: { readonly value: T } | undefined;
  return () => (known ??= { value: read() }).value;
}

function readSymbols(): ReadonlySet<string> {
  return new Set(linesOf("/proc/kallsyms").map((line) => line.split(/\s+/)[2] ?? ""));
}

// What CO-RE can find (bpf_core_calc_type_relo): a forward declaration is no type of the kernel's.
const defined: ReadonlySet<string> = new Set(["struct", "union", "enum", "enum64", "typedef", "int"]);

function readNames(): KernelNames | undefined {
  const bytes = bytesOf("/sys/kernel/btf/vmlinux");
  if (bytes === undefined) return undefined;
  const [functions, types, values] = [new Set<string>(), new Set<string>(), new Set<string>()];
  for (const type of parseBtf(bytes).types) {
    if (type.kind === "func") functions.add(type.name);
    else if (defined.has(type.kind) && "name" in type) types.add(type.name);
    if (type.kind === "enum" || type.kind === "enum64") for (const { name } of type.values) values.add(name);
  }
  return { functions, types, values };
}

/** As libbpf looks for it (`bpf_object__read_kconfig_file`). */
function readConfig(): ReadonlyMap<string, string> | undefined {
  const packed = bytesOf("/proc/config.gz");
  const text = textOf(`/boot/config-${release()}`) ?? (packed && gunzipSync(packed).toString("utf8"));
  return text === undefined
    ? undefined
    : new Map([...text.matchAll(/^(CONFIG_\w+)=(.*)$/gm)].map(([, name, value]) => [name!, value!]));
}

function bytesOf(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

function textOf(path: string): string | undefined {
  return bytesOf(path)?.toString("utf8");
}

function linesOf(path: string): string[] {
  return textOf(path)?.split("\n") ?? [];
}

function listOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
