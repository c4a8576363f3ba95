// Runs one command on another kernel: in QEMU, on this machine's files, which the guest sees read-only under a layer that is
// thrown away. Its output and status come back. Plain Node, no dependencies.
//
//   node scripts/vm.mjs KERNEL_FOLDER COMMAND [ARG...]
//
// KERNEL_FOLDER is an unpacked Debian kernel package: boot/vmlinuz-*, lib/modules/*. The guest has two CPUs, its own proc, sys,
// tracefs, securityfs, bpffs and cgroup2, a loopback device and no other network. Boot and power-off take 3 to 7 s where the machine
// has no KVM; programs then run 20 to 35 times slower than outside.

import { execFileSync, spawn, spawnSync } from "node:child_process";
import {
  accessSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
} from "node:fs";
import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

const QEMU = "qemu-system-x86_64";

/** What the guest loads before it has a root file system. */
const bootModules = ["virtio_pci", "virtio_console", "virtio_rng", "virtiofs", "overlay"];

/** Why nothing can be booted here; undefined where it can. */
export function whyNoVm() {
  if (process.arch !== "x64") return `kernels for ${process.arch} are not provided`;
  const missing = [QEMU, "busybox"].filter((command) => spawnSync(command, ["--help"]).error !== undefined);
  if (virtiofsd() === undefined) missing.push("virtiofsd");
  return missing.length === 0 ? undefined : `${missing.join(" and ")} cannot be run`;
}

/**
 * Runs `command` as root in the guest, in this process's working directory.
 *
 * @param {string} folder an unpacked kernel package
 * @param {readonly string[]} command
 * @param {{ append?: string, env?: Record<string, string>, seconds?: number, memory?: number }} [options] `append` goes to the
 *   kernel's command line, `env` to the command; `seconds` is when the guest is killed, `memory` is in MiB
 * @returns {Promise<{ status: number, stdout: string, stderr: string }>}
 * @throws Error when the guest never reported a status, with the last lines of its kernel log
 */
export async function runInVm(folder, command, { append = "", env = {}, seconds = 300, memory = 1536 } = {}) {
  const work = mkdtempSync(join(tmpdir(), "ebpf-skel-vm-"));
  try {
    const kernel = findKernel(folder);
    writeInitramfs(work, kernel, script(command, env));
    const file = (name) => join(work, name);
    const server = await serveFiles(file("socket"));
    let end;
    try {
      end = await boot(qemuArguments(kernel, file, append, memory), seconds);
    } finally {
      server.kill();
    }
    const [stdout, stderr, status, log] = ["stdout", "stderr", "status", "console"].map((name) =>
      existsSync(file(name)) ? readFileSync(file(name), "utf8") : "",
    );
    if (/^\d+$/.test(status.trim())) return { status: Number(status), stdout, stderr };
    const lines = log.replaceAll("\r", "").trimEnd().split("\n").slice(-25).join("\n  ");
    throw new Error(`the guest on ${kernel.release} ended without a status (${end})\n  ${lines}\n${stderr}`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function findKernel(folder) {
  const name = existsSync(join(folder, "boot"))
    ? readdirSync(join(folder, "boot")).find((name) => name.startsWith("vmlinuz-"))
    : undefined;
  if (name === undefined) throw new Error(`${folder}: no boot/vmlinuz-* (an unpacked kernel package is expected)`);
  const release = name.slice("vmlinuz-".length);
  const image = join(folder, "boot", name);
  // The guest looks these up below its own mount of this machine's root, where a link to an absolute path leads nowhere.
  const real = realpathSync(folder);
  return {
    release,
    image,
    config: join(real, `boot/config-${release}`),
    modules: join(real, "lib/modules", release),
  };
}

/** The first files of the guest: busybox, the modules that bring the others, and what to run. */
function writeInitramfs(work, { release, modules, config }, commandScript) {
  const root = join(work, "root");
  for (const name of ["bin", "dev", "proc", "sys", "newroot", "lower", "layer", `lib/modules/${release}`]) {
    mkdirSync(join(root, name), { recursive: true });
  }
  copyFileSync(execFileSync("which", ["busybox"], { encoding: "utf8" }).trim(), join(root, "bin/busybox"));
  copyModules(modules, join(root, "lib/modules", release));
  execFileSync("busybox", ["depmod", "-b", root, release]);
  writeFileSync(join(root, "command.sh"), commandScript);
  writeFileSync(join(root, "init"), initScript(modules, release, config), { mode: 0o755 });
  execFileSync("sh", [
    "-c",
    'cd "$1" && find . | busybox cpio -o -H newc 2>/dev/null > "$2"',
    "sh",
    root,
    join(work, "initramfs"),
  ]);
}

/** Copies the boot modules and what they depend on (modules.dep: `A: B C`). */
function copyModules(from, to) {
  const files = readdirSync(join(from, "kernel"), { recursive: true }).filter((name) => /\.ko(\.xz)?$/.test(name));
  const byName = new Map(
    files.map((file) => [
      basename(file)
        .replace(/\.ko(\.xz)?$/, "")
        .replaceAll("-", "_"),
      join(from, "kernel", file),
    ]),
  );
  const todo = [
    ...bootModules,
    "virtio",
    "virtio_ring",
    "virtio_pci_legacy_dev",
    "virtio_pci_modern_dev",
    "rng_core",
    "fuse",
  ];
  for (const name of todo) {
    const file = byName.get(name);
    if (file === undefined) continue; // built in
    if (file.endsWith(".xz"))
      writeFileSync(join(to, `${name}.ko`), execFileSync("xz", ["-dc", file], { maxBuffer: 1 << 28 }));
    else copyFileSync(file, join(to, `${name}.ko`));
  }
}

const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function script(command, env) {
  const exports = Object.entries({
    HOME: "/root",
    USER: "root",
    LANG: "C.UTF-8",
    TERM: "dumb",
    PATH: process.env.PATH ?? "/usr/sbin:/usr/bin:/sbin:/bin",
    ...env,
  }).map(([name, value]) => `export ${name}=${quote(value)}\n`);
  return `${exports.join("")}cd ${quote(process.cwd())} || exit 126\nexec ${command.map(quote).join(" ")}\n`;
}

/** The guest's first process. Whatever happens it powers the machine off. */
function initScript(modules, release, config) {
  return `#!/bin/busybox sh
B=/bin/busybox; $B --install -s /bin; PATH=/bin
mount -t devtmpfs dev /dev; mount -t proc proc /proc; mount -t sysfs sys /sys
off() { sync; poweroff -f; echo o >/proc/sysrq-trigger; }
for m in ${bootModules.join(" ")}; do modprobe $m 2>/dev/null; done
i=0; while [ $i -lt 100 ]; do
  for p in /sys/class/virtio-ports/*; do
    case $(cat "$p/name" 2>/dev/null) in
      stdout) OUT=/dev/\${p##*/};; stderr) ERR=/dev/\${p##*/};; status) STATUS=/dev/\${p##*/};;
    esac
  done
  [ -c "$OUT" ] && [ -c "$ERR" ] && [ -c "$STATUS" ] && break
  i=$((i+1)); usleep 50000
done
date -s @${Math.floor(Date.now() / 1000)} >/dev/null 2>&1
mount -t virtiofs -o ro root /lower || off
mount -t tmpfs -o size=75% layer /layer; mkdir /layer/upper /layer/work
mount -t overlay -o lowerdir=/lower,upperdir=/layer/upper,workdir=/layer/work overlay /newroot || off
N=/newroot
mount --move /dev $N/dev; mount -t proc proc $N/proc; mount -t sysfs sys $N/sys
mkdir -p $N/dev/pts $N/dev/shm; mount -t devpts devpts $N/dev/pts; mount -t tmpfs shm $N/dev/shm
ln -sf /proc/self/fd $N/dev/fd
mount -t tmpfs run $N/run; mkdir -p $N/run/guest; cp /command.sh $N/run/guest/
for f in tracefs:/sys/kernel/tracing securityfs:/sys/kernel/security bpf:/sys/fs/bpf cgroup2:/sys/fs/cgroup; do
  mount -t \${f%%:*} \${f%%:*} $N\${f#*:}
done
mkdir -p $N/usr/lib/modules/${release} $N/boot
mount --bind $N${quote(modules)} $N/usr/lib/modules/${release}
cp $N${quote(config)} $N/boot/config-${release}
# The kernel's own requests for modules start from the first root.
mount --bind $N${quote(modules)} /lib/modules/${release}
echo /bin/modprobe >$N/proc/sys/kernel/modprobe
ifconfig lo 127.0.0.1 up; hostname guest; ulimit -n 65536; ulimit -c 0
chroot $N /bin/bash /run/guest/command.sh <"$N/dev/null" >"$N$OUT" 2>"$N$ERR"
echo $? >"$N$STATUS"
off
`;
}

// One thread for both processors: with two, one may run code that the kernel is changing on the other (static keys), which real
// processors see whole and emulated ones do not.
function qemuArguments({ image }, file, append, memory) {
  const kvm = canUseKvm();
  const port = (name) => [
    "-chardev",
    `file,id=${name},path=${file(name)}`,
    "-device",
    `virtserialport,chardev=${name},name=${name}`,
  ];
  return [
    ...["-M", "q35", "-accel", kvm ? "kvm" : "tcg,thread=single,tb-size=256", "-cpu", kvm ? "host" : "max"],
    ...[
      "-smp",
      "2",
      "-m",
      String(memory),
      "-nodefaults",
      "-no-user-config",
      "-display",
      "none",
      "-no-reboot",
      "-nic",
      "none",
    ],
    ...["-kernel", image, "-initrd", file("initramfs")],
    ...["-append", `console=ttyS0 quiet panic=-1 oops=panic random.trust_cpu=on tsc=reliable no_timer_check ${append}`],
    ...["-chardev", `file,id=console,path=${file("console")}`, "-serial", "chardev:console"],
    ...["-device", "virtio-rng-pci", "-device", "virtio-serial-pci"],
    ...["stdout", "stderr", "status"].flatMap(port),
    ...["-object", `memory-backend-memfd,id=memory,size=${memory}M,share=on`, "-numa", "node,memdev=memory"],
    ...["-chardev", `socket,id=files,path=${file("socket")}`, "-device", "vhost-user-fs-pci,chardev=files,tag=root"],
  ];
}

function canUseKvm() {
  try {
    accessSync("/dev/kvm", constants.W_OK);
    return ["kvm_intel", "kvm_amd"].some((name) => existsSync(`/sys/module/${name}`));
  } catch {
    return false;
  }
}

/** Serves this machine's files to one guest, which mounts them read-only. */
async function serveFiles(socket) {
  const args = [`--socket-path=${socket}`, "-o", "source=/", "-o", "cache=always", "-o", "sandbox=chroot"];
  const server = spawn(virtiofsd(), args, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  server.stderr.on("data", (chunk) => (said += chunk));
  for (let i = 0; i < 200 && server.exitCode === null; i++) {
    if (existsSync(socket)) return server;
    await new Promise((done) => setTimeout(done, 20));
  }
  server.kill();
  throw new Error(`virtiofsd did not start\n${said}`);
}

function virtiofsd() {
  return ["/usr/lib/qemu/virtiofsd", "/usr/libexec/virtiofsd"].find((path) => existsSync(path));
}

/** How QEMU ended, in words. */
function boot(args, seconds) {
  return new Promise((done) => {
    const qemu = spawn(QEMU, args, {
      stdio: ["ignore", "ignore", "pipe"],
      timeout: seconds * 1000,
      killSignal: "SIGKILL",
    });
    let said = "";
    qemu.stderr.on("data", (chunk) => (said += chunk));
    qemu.on("error", (error) => done(error.message));
    qemu.on("close", (status, signal) =>
      done(signal === "SIGKILL" ? `killed after ${seconds} s` : `QEMU: ${status} ${said}`),
    );
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder, ...command] = process.argv.slice(2);
  if (folder === undefined || command.length === 0) {
    console.error("usage: vm.mjs KERNEL_FOLDER COMMAND [ARG...]");
    process.exit(2);
  }
  const { status, stdout, stderr } = await runInVm(folder, command);
  process.stdout.write(stdout);
  process.stderr.write(stderr);
  process.exitCode = status;
}
