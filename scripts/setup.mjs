// The set-up behind `npm run demo` and `npm test`: brings a machine from a bare clone to what was asked for, and does nothing
// where all is there. Plain Node, no dependencies: it runs before `npm ci` does.
//
//   node scripts/setup.mjs [demo | test | WANT...]      the wants are the keys of `wants` below
//
// Debian packages are installed only by root; anybody else is told the command. What is downloaded or built is kept in .cache
// (or $EBPF_SKEL_CACHE), each thing made beside its place and renamed, so a set-up that dies half-way leaves nothing half-made there.

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, statfsSync, writeFileSync } from "node:fs";
import { chmodSync, copyFileSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { findClang } from "./build-fixtures.mjs";

const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");
const cache = resolve(process.env.EBPF_SKEL_CACHE || join(root, ".cache"));
const isRoot = process.getuid?.() === 0;

/** Where things are, once they were asked for. */
export const paths = {
  root,
  cache,
  libbpf15: join(cache, "libbpf-1.5/libbpf.so.1"),
  oracles: join(cache, "oracles"),
  node24: join(cache, "node-24/bin/node"),
  nodeNewest: join(cache, "node-newest/bin/node"),
  kernels: join(cache, "kernels"),
};

/** Debian's packages, each with how one sees that it (or another system's equivalent) is there: quicker than asking dpkg. */
const packages = {
  libbpf1: () => process.env.EBPF_SKEL_LIBBPF !== undefined || hasLibrary("libbpf.so.1"),
  "clang-19": () => (clang()?.major ?? 0) >= 19,
  "llvm-19": () => existsSync(join(dirname(clang()?.path ?? "/"), "llvm-strip")),
  "libbpf-dev": () => existsSync("/usr/include/bpf/bpf_helpers.h"),
  bpftool: () => hasCommand("bpftool"),
  pahole: () => hasCommand("pahole"),
  gcc: () => hasCommand("gcc"),
  "gcc-bpf": () => hasCommand("bpf-gcc"),
  "libc6-dev": () => existsSync("/usr/include/stdio.h"),
  iproute2: () => hasCommand("ip") && hasCommand("tc"),
  "libelf-dev": () => existsSync("/usr/include/libelf.h"),
  "zlib1g-dev": () => existsSync("/usr/include/zlib.h"),
  "linux-source-6.12": () => existsSync(kernelSource),
  "xz-utils": () => hasCommand("xz"),
  "qemu-system-x86": () => hasCommand("qemu-system-x86_64"),
  "busybox-static": () => hasCommand("busybox"),
  "chromium-headless-shell": () => browsers.some(hasCommand),
  "fonts-dejavu-core": () => existsSync("/usr/share/fonts/truetype"),
};

/** The names that test/support/browser.ts looks for. */
export const browsers = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];

/**
 * What can be asked for: the packages it needs, and a step that makes it. `ready` says that there is nothing left to make, and
 * then its packages are not needed either. `rootOnly` tells the others the commands.
 */
const wants = {
  npm: { title: "npm ci", ready: modulesFitLock, make: npmCi },
  build: { title: "npm run build", ready: isBuilt, make: build },
  libbpf: { packages: ["libbpf1"] },
  mounts: {
    title: "mount",
    ready: () => unmounted().length === 0,
    make: mountAll,
    rootOnly: mountCommands,
    optional: true,
  },
  tools: {
    packages: ["clang-19", "llvm-19", "libbpf-dev", "bpftool", "pahole", "gcc", "gcc-bpf", "libc6-dev", "iproute2"],
  },
  "libbpf-1.5": {
    packages: ["gcc", "libc6-dev", "libelf-dev", "zlib1g-dev", "linux-source-6.12", "xz-utils"],
    title: "libbpf 1.5 from linux-source-6.12",
    ready: () => existsSync(paths.libbpf15),
    make: buildLibbpf,
  },
  oracles: {
    title: "objects of xdp-tools and libxdp1",
    ready: () => existsSync(paths.oracles),
    make: fetchOracles,
  },
  "node-24": { title: "Node 24", ready: () => existsSync(paths.node24), make: () => fetchNode("24", paths.node24) },
  "node-newest": {
    title: "newest Node",
    ready: () => existsSync(paths.nodeNewest),
    make: () => fetchNode("latest", paths.nodeNewest),
  },
  // 96 MB with what it depends on: a quarter of a minute.
  browser: { packages: ["chromium-headless-shell", "fonts-dejavu-core"] },
  kernels: {
    packages: ["qemu-system-x86", "busybox-static", "xz-utils"],
    title: "Debian's kernels 6.1 and 6.12",
    ready: () => existsSync(paths.kernels),
    make: fetchKernels,
    optional: true,
  },
};

const profiles = {
  demo: ["npm", "build", "libbpf", "mounts"],
  test: ["npm", "build", "libbpf", "mounts", "tools", "libbpf-1.5", "oracles", "node-24", "browser"],
};

const kernelSource = "/usr/src/linux-source-6.12.tar.xz";

/**
 * Does what is missing of `want`, in order, with one line for each step done, and returns what could not be done. A problem's
 * `want` is the thing that is not there; `text` says why and which command would help. Optional things are a problem nobody
 * needs to stop for.
 *
 * @param {{ want: readonly string[], out?: { write(text: string): unknown } }} options
 * @returns {Promise<{ want: string, text: string, optional: boolean }[]>}
 */
export async function setup({ want, out = process.stdout }) {
  const started = performance.now();
  const problems = [];
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    return [{ want: "node", text: `ebpf-skel needs Node 20.19 or later, this is ${process.version}`, optional: false }];
  }

  /** Runs one step behind its title, which stands there while the step takes its time. */
  const step = async (name, title, make, optional) => {
    const from = performance.now();
    out.write(`set-up: ${title} ... `);
    try {
      const detail = await make();
      out.write(`${detail ? `${detail}, ` : ""}${seconds(from)}\n`);
    } catch (error) {
      out.write("failed\n");
      problems.push({ want: name, text: `${title}: ${error.message}`, optional });
    }
  };

  const open = want.filter((name) => {
    if (!Object.hasOwn(wants, name))
      throw new Error(`set-up: no such thing: ${name} (${Object.keys(wants).join(", ")})`);
    return !(wants[name].ready?.() ?? false);
  });
  // What is optional has a step of its own: it may be missing where nothing else is.
  for (const optional of [false, true]) {
    const names = open.filter((name) => (wants[name].optional ?? false) === optional);
    const missing = [...new Set(names.flatMap((name) => wants[name].packages ?? []))].filter(
      (name) => !packages[name](),
    );
    if (missing.length === 0) continue;
    const command = `apt-get install --no-install-recommends ${missing.join(" ")}`;
    if (isRoot && hasCommand("apt-get")) {
      await step("packages", `apt-get install ${missing.join(" ")}`, () => aptInstall(missing), optional);
    } else {
      const text = `these Debian packages are missing: ${missing.join(" ")}\n  sudo ${command}`;
      problems.push({ want: "packages", text, optional });
    }
  }
  for (const name of open) {
    const { title, ready, make, rootOnly, optional = false, packages: needed = [] } = wants[name];
    // npm ci builds as well: what an earlier step has made is not made again.
    if (make === undefined || ready()) continue;
    // Without its packages it cannot work, and the missing packages are told already.
    if (needed.some((needs) => !packages[needs]())) continue;
    if (rootOnly !== undefined && !isRoot) {
      const commands = rootOnly().map((command) => `\n  sudo ${command.join(" ")}`);
      problems.push({ want: name, text: `${title}: needs root${commands.join("")}`, optional });
      continue;
    }
    await step(name, title, make, optional);
  }
  if (problems.length === 0) out.write(`set-up: ready, ${seconds(started)}\n`);
  return problems;
}

function seconds(from) {
  return `${((performance.now() - from) / 1000).toFixed(1)} s`;
}

/** The profile of that name, or the names themselves. */
export function wantsOf(names) {
  return names.flatMap((name) => profiles[name] ?? [name]);
}

// Running programs

/**
 * Runs a command to its end and returns what it wrote to stdout. Its output is shown only when it fails: its first and
 * last lines, and the command itself for the reader to repeat.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {import("node:child_process").SpawnOptions} [options]
 * @returns {Promise<string>}
 */
export function run(command, args, options = {}) {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { cwd: root, ...options, stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let all = "";
    child.stdout.on("data", (chunk) => ((stdout += chunk), (all += chunk)));
    child.stderr.on("data", (chunk) => (all += chunk));
    const line = [command, ...args].join(" ");
    child.on("error", (error) => fail(new Error(`${error.message}\n  ${line}`)));
    child.on("close", (status, signal) => {
      if (status === 0) return done(stdout);
      // npm tells the reason first, compilers and apt-get last.
      const lines = all.trimEnd().split("\n");
      const shown = lines.length <= 24 ? lines : [...lines.slice(0, 12), "...", ...lines.slice(-12)];
      fail(new Error(`${signal ?? `exit status ${status}`} of\n  ${[line, ...shown].join("\n  ")}`));
    });
  });
}

/** Root's folders are looked into as well: bpftool and ip work for everybody and are on root's PATH only. */
export function hasCommand(name) {
  const folders = [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/sbin"];
  return folders.some((folder) => existsSync(join(folder, name)));
}

function hasLibrary(name) {
  const folders = [
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/usr/local/lib",
  ];
  return folders.some((folder) => existsSync(join(folder, name)));
}

let knownClang;

/** Asked again until there is one that is new enough: the set-up itself may install it. */
function clang() {
  if ((knownClang?.major ?? 0) < 19) knownClang = findClang();
  return knownClang;
}

// npm and the build

/** Whether node_modules holds what package-lock.json says, by what npm noted there: times say nothing after a `git checkout`. */
function modulesFitLock() {
  const noted = join(root, "node_modules/.package-lock.json");
  if (!existsSync(noted)) return false;
  const locked = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  const installed = JSON.parse(readFileSync(noted, "utf8")).packages;
  const same = (a, b) => a?.version === b?.version && a?.integrity === b?.integrity && a?.resolved === b?.resolved;
  return (
    Object.entries(installed).every(([path, entry]) => same(entry, locked[path])) &&
    // An optional package is one for another platform.
    Object.entries(locked).every(([path, entry]) => path === "" || entry.optional || Object.hasOwn(installed, path))
  );
}

async function npmCi() {
  await run("npm", ["ci", "--no-audit", "--no-fund"]);
  if (existsSync(join(root, "dist/cli/main.js"))) noteBuild();
}

/** Not in dist, which is packed and published, and not in .cache, which clones may share. */
const buildNote = join(root, "node_modules/.ebpf-skel-build");
const buildInputs = ["src", "runtime/src", "package.json", "runtime/package.json", "runtime/tsconfig.json"];
buildInputs.push("tsconfig.json", "tsconfig.base.json", "scripts/finish-build.mjs");

function isBuilt() {
  const outputs = [buildNote, join(root, "dist/cli/main.js"), join(root, "runtime/dist/index.js")];
  if (!outputs.every((file) => existsSync(file))) return false;
  const built = statSync(buildNote).mtimeMs;
  return buildInputs.every((input) => newest(join(root, input)) < built);
}

/** The time of the last change to a file, or in a folder and all that is in it. */
function newest(path) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return 0;
  const within = stat.isDirectory() ? readdirSync(path).map((name) => newest(join(path, name))) : [];
  return Math.max(stat.mtimeMs, ...within);
}

async function build() {
  const started = new Date();
  await run("npm", ["run", "build"]);
  noteBuild(started);
}

/** A file that changes while the build runs must count as newer. */
function noteBuild(started = new Date()) {
  writeFileSync(buildNote, `${started.toISOString()}\n`);
}

// Debian

let aptUpdated = false;

async function aptUpdate() {
  if (aptUpdated) return;
  await run("apt-get", ["update"]);
  aptUpdated = true;
}

async function aptInstall(names) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  await aptUpdate();
  await run("apt-get", ["install", "-y", "--no-install-recommends", ...names], { env });
}

/** Makes a folder of the cache: `make` fills a new one, which takes the place only when it is whole. */
async function makeCached(folder, make) {
  mkdirSync(cache, { recursive: true });
  const fresh = mkdtempSync(`${folder}.new-`);
  try {
    chmodSync(fresh, 0o755); // tests read it as another user too
    await make(fresh);
    if (existsSync(folder)) rmSync(folder, { recursive: true });
    renameSync(fresh, folder);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return relative(root, folder).startsWith("..") ? folder : relative(root, folder);
}

/** Objects that somebody else wrote and compiled, to read and load in tests: taken out of the packages, not installed. */
function fetchOracles() {
  return makeCached(paths.oracles, async (folder) => {
    const download = () => run("apt-get", ["download", "xdp-tools", "libxdp1"], { cwd: folder });
    await download().catch(async (error) => {
      if (!isRoot) throw error;
      // A fresh machine knows no packages yet.
      await aptUpdate();
      await download();
    });
    for (const name of readdirSync(folder)) {
      await run("dpkg", ["-x", join(folder, name), join(folder, "unpacked")]);
      rmSync(join(folder, name));
    }
    const files = readdirSync(join(folder, "unpacked"), { recursive: true }).filter((name) =>
      /\/bpf\/[^/]*\.o$/.test(name),
    );
    if (files.length === 0) throw new Error("the packages contain no BPF objects");
    for (const name of files) copyFileSync(join(folder, "unpacked", name), join(folder, name.split("/").at(-1)));
    rmSync(join(folder, "unpacked"), { recursive: true });
  });
}

/**
 * Compiles tools/lib/bpf of the kernel's sources to a shared library. By gcc alone: the kernel's Makefiles would also want make,
 * python (scripts/bpf_doc.py, which only makes a header for BPF programs) and most of tools/.
 */
function buildLibbpf() {
  return makeCached(dirname(paths.libbpf15), async (folder) => {
    const tools = join(folder, "tools");
    const arch = { x64: "x86", arm64: "arm64" }[process.arch] ?? process.arch;
    const members = ["tools/lib/bpf", "tools/include", `tools/arch/${arch}/include`];
    const archive = ["-xf", kernelSource, "-C", folder, "--strip-components=1"];
    await run("tar", [...archive, ...members.map((member) => `linux-source-6.12/${member}`)]);

    const sources = readdirSync(join(tools, "lib/bpf")).filter((name) => name.endsWith(".c"));
    const includes = ["lib/bpf", "include", "include/uapi", `arch/${arch}/include`].map(
      (name) => `-I${join(tools, name)}`,
    );
    const compiler = ["-shared", "-fPIC", "-O2", "-w", "-fvisibility=hidden", "-DSHARED", "-D_LARGEFILE64_SOURCE"];
    const linker = ["-Wl,--version-script=libbpf.map", "-Wl,-soname,libbpf.so.1", "-Wl,-z,defs", "-lelf", "-lz"];
    const output = ["-D_FILE_OFFSET_BITS=64", "-o", join(folder, "libbpf.so.1")];
    await run("gcc", [...compiler, ...output, ...includes, ...sources, ...linker], { cwd: join(tools, "lib/bpf") });
    rmSync(tools, { recursive: true });
  });
}

/** Takes a Node binary out of npm's package `node-linux-ARCH`, which carries nothing else that is needed. */
function fetchNode(version, binary) {
  return makeCached(dirname(dirname(binary)), async (folder) => {
    const name = `node-linux-${process.arch}`;
    await run("npm", ["install", "--prefix", folder, "--no-save", "--no-audit", "--no-fund", `${name}@${version}`]);
    mkdirSync(join(folder, "bin"));
    renameSync(join(folder, "node_modules", name, "bin/node"), join(folder, "bin/node"));
    rmSync(join(folder, "node_modules"), { recursive: true });
  });
}

/** The newest cloud kernel of each version, unpacked: they are small, and have BTF, kprobes, fentry and BPF LSM. */
function fetchKernels() {
  return makeCached(paths.kernels, async (folder) => {
    await aptUpdate();
    for (const version of ["6\\.1\\.[0-9-]+", "6\\.12\\.[0-9]+\\+deb12"]) {
      const listed = await run("apt-cache", ["search", "--names-only", `^linux-image-${version}-cloud-amd64$`]);
      const names = listed
        .split("\n")
        .map((line) => line.split(" ")[0])
        .filter((name) => name !== "");
      const name = names.sort((a, b) => a.localeCompare(b, undefined, { numeric: true })).at(-1);
      if (name === undefined) throw new Error(`apt knows no linux-image-${version}-cloud-amd64`);
      await run("apt-get", ["-o", "APT::Sandbox::User=root", "download", name], { cwd: folder });
      const file = readdirSync(folder).find((other) => other.startsWith(`${name}_`));
      await run("dpkg", ["-x", join(folder, file), join(folder, name)]);
      rmSync(join(folder, file));
      const release = readdirSync(join(folder, name, "lib/modules"))[0];
      await run("busybox", ["depmod", "-b", join(folder, name), release]);
    }
  });
}

// The kernel's file systems

const fileSystems = [
  { type: "tracefs", path: "/sys/kernel/tracing" },
  { type: "bpf", path: "/sys/fs/bpf" },
  { type: "cgroup2", path: "/sys/fs/cgroup" },
];

const SYSFS_MAGIC = 0x62656572;

/** Those that this kernel has (their folder is there) and on whose folder nothing is mounted. */
function unmounted() {
  return fileSystems.filter(({ path }) => existsSync(path) && statfsSync(path).type === SYSFS_MAGIC);
}

function mountCommands() {
  return unmounted().map(({ type, path }) => ["mount", "-t", type, type, path]);
}

async function mountAll() {
  const commands = mountCommands();
  for (const [command, ...args] of commands) await run(command, args);
  return commands.map((command) => command.at(-1)).join(" ");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const names = process.argv.slice(2);
  const problems = await setup({ want: wantsOf(names.length === 0 ? ["test"] : names) });
  for (const { text } of problems) console.error(`set-up: ${text}`);
  process.exitCode = problems.every(({ optional }) => optional) ? 0 : 1;
}
