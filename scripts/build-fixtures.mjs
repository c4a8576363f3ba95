// Compiles fixtures/*.bpf.c to the committed fixtures/*.bpf.o.
//
//   node scripts/build-fixtures.mjs [NAME...]    compiles all of them, or those named
//   node scripts/build-fixtures.mjs --check      compiles to a temporary folder and compares; writes nothing
//
// The objects are byte for byte the same wherever the same clang and the same headers compile them; which those were is kept
// in fixtures/toolchain.json. With another toolchain --check has nothing to compare with and says so.

import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const fixtures = fileURLToPath(new URL("../fixtures/", import.meta.url));
const recordFile = join(fixtures, "toolchain.json");

/** One row per object. `source` is the C file where it has another name; `debug: false` leaves out BTF and DWARF. */
const objects = [
  { name: "execve_counter" },
  { name: "globals" },
  { name: "bss_custom" },
  { name: "resize" },
  { name: "arena", cpu: "v4" },
  { name: "types" },
  { name: "unions" },
  { name: "maps" },
  { name: "fds" },
  { name: "kinds" },
  { name: "pinned" },
  { name: "life" },
  { name: "kconfig" },
  { name: "programs" },
  { name: "attach_net" },
  { name: "attach_cgroup" },
  { name: "attach_trace" },
  { name: "attach_vm" },
  { name: "hostile_names" },
  { name: "nomaps" },
  { name: "verifier_fail" },
  { name: "bench" },
  { name: "bench_perf" },
  { name: "network" },
  { name: "kernel_fields" },
  { name: "tails" },
  { name: "event_types" },
  { name: "events" },
  { name: "event_declared" },
  { name: "event_idioms" },
  { name: "runs" },
  { name: "struct_ops" },
  { name: "struct_ops_link" },
  { name: "big_endian", source: "types", target: "bpfeb" },
  { name: "nodwarf", source: "execve_counter", stripDebug: true },
  { name: "nobtf", source: "execve_counter", debug: false },
  { name: "legacy" },
  { name: "legacy_mixed" },
  { name: "legacy_nobtf", source: "legacy", debug: false },
  { name: "legacy_big_endian", source: "legacy", target: "bpfeb" },
];

/** The example is for copying out of the repository, so it has a file of its own; this one is the original. */
const original = join(fixtures, "execve_counter.bpf.c");
const exampleCopy = join(fixtures, "../examples/execve-counter/execve_counter.bpf.c");

/**
 * The newest of `clang`, `clang-NN` on the PATH, or undefined.
 *
 * @returns {{ path: string, major: number, version: string } | undefined}
 */
export function findClang() {
  const paths = new Set();
  for (const folder of (process.env.PATH ?? "").split(":")) {
    if (folder === "" || !existsSync(folder)) continue;
    for (const name of readdirSync(folder)) {
      if (/^clang(-\d+)?$/.test(name)) paths.add(realpathSync(join(folder, name)));
    }
  }
  const found = [...paths].map((path) => {
    const version = (spawnSync(path, ["--version"], { encoding: "utf8" }).stdout ?? "").split("\n")[0].trim();
    return { path, major: Number(/version (\d+)/.exec(version)?.[1] ?? 0), version };
  });
  return found.sort((a, b) => b.major - a.major)[0];
}

/** The arguments that every BPF program needs, as README tells them. Debian keeps <asm/types.h> in a folder of the machine's. */
export function clangArguments() {
  const triple = { x64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" }[process.arch];
  const headers = `/usr/include/${triple}`;
  return ["-O2", "-target", "bpf", ...(existsSync(headers) ? [`-I${headers}`] : [])];
}

function run(command, args) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { cwd: fixtures, encoding: "utf8" });
  if (status === 0) return stdout;
  throw new Error(
    `${command} ${args.join(" ")}: ${error?.message ?? `exit status ${status}`}\n${stderr ?? ""}`.trimEnd(),
  );
}

/** What decides over the bytes: the compiler, and the versions of the two sets of headers. */
function describeToolchain(clang) {
  const includes = ["-include", "linux/version.h", "-include", "bpf/libbpf_version.h"];
  const text = run(clang.path, [...clangArguments(), "-E", "-dM", ...includes, "-x", "c", "/dev/null"]);
  const number = (name) => Number(new RegExp(`^#define ${name} (\\d+)`, "m").exec(text)?.[1]);
  const linux = number("LINUX_VERSION_CODE");
  const libbpf = `${number("LIBBPF_MAJOR_VERSION")}.${number("LIBBPF_MINOR_VERSION")}`;
  return { clang: clang.version, headers: `linux ${linux >> 16}.${(linux >> 8) & 255}, libbpf ${libbpf}` };
}

function compile(clang, object, output) {
  const { name, source = name, target = "bpf", debug = true, stripDebug = false, cpu } = object;
  const reproducible = ["-fdebug-compilation-dir=.", "-ffile-prefix-map=/usr/=usr/"];
  const args = clangArguments().map((argument) => (argument === "bpf" ? target : argument));
  const flags = [...(debug ? ["-g"] : []), ...args, ...(cpu === undefined ? [] : [`-mcpu=${cpu}`])];
  run(clang.path, [...flags, "-Wall", ...reproducible, "-c", `${source}.bpf.c`, "-o", output]);
  // BTF without DWARF: llvm-strip -g takes every .debug_* section and leaves .BTF and .BTF.ext. It must be clang's own version.
  if (stripDebug) run(join(dirname(clang.path), "llvm-strip"), ["-g", output]);

  const bytes = readFileSync(output);
  // In a table of strings; two bytes of anything else may look like one.
  const path = /\0(\/[a-z][\x20-\x7e]{3,})\0/.exec(bytes.toString("latin1"));
  if (path !== null) throw new Error(`${name}.bpf.o: contains the absolute path ${path[1]}`);
  return bytes;
}

function main(args) {
  const check = args.includes("--check");
  const names = args.filter((argument) => !argument.startsWith("-"));
  const chosen = names.length === 0 ? objects : objects.filter(({ name }) => names.includes(name));
  const unknown = names.filter((name) => !objects.some((object) => object.name === name));
  if (unknown.length > 0) throw new Error(`no such fixture: ${unknown.join(", ")}`);

  const clang = findClang();
  if (clang === undefined) throw new Error("no clang on the PATH (apt-get install clang-19 llvm-19 libbpf-dev)");
  const toolchain = JSON.stringify(describeToolchain(clang), undefined, 2) + "\n";
  const recorded = existsSync(recordFile) ? readFileSync(recordFile, "utf8") : "";
  const comparable = toolchain === recorded;

  if (!check) {
    copyFileSync(original, exampleCopy);
    for (const object of chosen) {
      const file = `${object.name}.bpf.o`;
      console.log(`${file}: ${compile(clang, object, join(fixtures, file)).length} bytes`);
    }
    // A part of the objects by one toolchain and a part by another could never be checked again.
    if (!comparable && names.length > 0)
      console.log("toolchain.json: another toolchain made the rest; compile all of them");
    if (names.length === 0) writeFileSync(recordFile, toolchain);
    return 0;
  }

  const folder = mkdtempSync(join(tmpdir(), "ebpf-skel-fixtures-"));
  try {
    const stale = chosen.filter((object) => {
      const bytes = compile(clang, object, join(folder, `${object.name}.bpf.o`));
      const committed = join(fixtures, `${object.name}.bpf.o`);
      return !existsSync(committed) || (comparable && !bytes.equals(readFileSync(committed)));
    });
    const copied = existsSync(exampleCopy) && readFileSync(exampleCopy).equals(readFileSync(original));
    if (!copied) console.log("examples/execve-counter/execve_counter.bpf.c: differs from the fixture");
    for (const { name } of stale) console.log(`${name}.bpf.o: out of date (node scripts/build-fixtures.mjs)`);
    const how = comparable
      ? "compared"
      : `compiled, not compared: another toolchain than that of fixtures/toolchain.json`;
    console.log(`${chosen.length} fixtures ${how}`);
    return stale.length === 0 && copied ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    process.exitCode = main(process.argv.slice(2));
  } catch (error) {
    console.error(`build-fixtures: ${error.message}`);
    process.exitCode = 1;
  }
}
