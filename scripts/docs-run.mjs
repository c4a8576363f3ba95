// The examples of the pages, run: part of `npm run docs:check`. Each problem is a line "page:line: what", and the exit status is 1.
//
//   node scripts/docs-run.mjs [FOLDER]      the pages below FOLDER, else the READMEs and the guide
//
// An example is a block of TypeScript that uses a skeleton of fixtures/ or the runtime. It runs in a process of its own, with its own
// network, where eth0 is a device, and its own /sys/fs/bpf; hidden code makes what it finds there (see docs-check.mjs). It is right
// when it ends without an error and without a warning of ours, by itself, or by Ctrl-C once it only waits or has had its time. One that
// can run nowhere, or not everywhere, says why in a comment before it, which readers do not see: <!-- not run: WHY -->.

import { build } from "esbuild";
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { findPages, readPage } from "./pages.mjs";

const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");

/** How often one looks at an example that runs, in milliseconds. */
const glance = 1000;
/** What one has used when it is told to end, in ticks of CPU time, 100 a second: its events may cause more of them. */
const most = 300;

/** The command line that runs `command` with a network and a BPF file system that vanish with it. */
function apart(command) {
  const prepare = ["mount -t bpf bpf /sys/fs/bpf", "ip link set lo up", "ip link add eth0 type veth peer name eth1"];
  return ["--net", "--mount", "sh", "-c", `${prepare.join(" && ")} && exec "$@"`, "sh", ...command];
}

/**
 * The CPU time that an example has used, and whether it sleeps: on a busy machine one that does nothing yet may only have to
 * wait. Undefined before it has begun.
 */
function useOf(pid) {
  try {
    const [, command, state, rest] = /^\d+ \((.*)\) (.) (.*)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8"));
    const [user, system] = rest.split(" ").slice(10).map(Number);
    return ["unshare", "sh"].includes(command) ? undefined : { time: user + system, sleeps: state === "S" };
  } catch {
    return undefined;
  }
}

/** Runs a file; gives how it ended and what it said of errors. */
function run(file, cwd) {
  const child = spawn("unshare", apart([process.execPath, file]), { cwd, stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  child.stderr.on("data", (bytes) => (stderr += bytes));
  const signals = ["SIGINT", "SIGKILL"];
  let before;
  const timer = setInterval(() => {
    const now = useOf(child.pid);
    if (now?.time > most || (now?.sleeps && now.time === before?.time)) child.kill(signals.shift());
    before = now;
  }, glance);
  return new Promise((resolve) =>
    child.on("close", (status, signal) => {
      clearInterval(timer);
      resolve({ status: status ?? signal, stderr: stderr.trim() });
    }),
  );
}

/** The examples of the pages below `folder`, in order. */
function findExamples(folder, isWanted) {
  const uses = /^import .* from "(\.\/\w+\.skel\.ts|@ebpf-skel\/runtime)";$/m;
  return findPages(folder)
    .filter(isWanted)
    .flatMap((path) => readPage(readFileSync(join(folder, path), "utf8")).blocks.map((block) => ({ path, ...block })))
    .filter(({ language, lines, notRun }) => language === "ts" && notRun === undefined && uses.test(lines.join("\n")));
}

/** Runs the examples; gives how many are wrong, and how many want a younger libbpf or kernel than there is. */
async function runAll(examples) {
  const found = { wrong: 0, unsupported: 0 };
  const folder = mkdtempSync(join(tmpdir(), "ebpf-skel-docs-"));
  try {
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(join(root, "node_modules/@ebpf-skel"), join(folder, "node_modules/@ebpf-skel"));
    for (const [i, { path, line, hidden, lines }] of examples.entries()) {
      const outfile = join(folder, `example${i}.mjs`);
      const stdin = { contents: [hidden, ...lines].join("\n"), loader: "ts", resolveDir: join(root, "fixtures") };
      const form = { bundle: true, packages: "external", format: "esm", platform: "node", target: "node20" };
      await build({ stdin, outfile, ...form });
      const { status, stderr } = await run(outfile, folder);
      if ((status === 0 || status === "SIGINT") && !stderr.includes("EBPF_SKEL_")) continue;
      const isUnsupported = /^UnsupportedError: .*(needs|since) (libbpf|Linux) /m.test(stderr);
      found[isUnsupported ? "unsupported" : "wrong"]++;
      // An example may go on and on about what it lost.
      const said = stderr.split("\n").slice(0, 20).join("\n");
      if (!isUnsupported) console.log(`${path}:${line}: ended with ${status}: ${said}`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return found;
}

const [folder] = process.argv.slice(2);
const { status, stderr } = spawnSync("unshare", apart(["true"]), { encoding: "utf8" });
if (status !== 0) console.log(`the examples are not run, which needs root: ${stderr?.trim()}`);
else {
  const examples =
    folder === undefined
      ? findExamples(root, (path) => path.startsWith("docs/guide/") || path.endsWith("README.md"))
      : findExamples(resolve(folder), () => true);
  const { wrong, unsupported } = await runAll(examples);
  const rest = unsupported === 0 ? "" : `, ${unsupported} want a younger libbpf or kernel`;
  console.log(`${examples.length} examples, ${wrong} problems${rest}`);
  process.exitCode = examples.length > 0 && wrong === 0 ? 0 : 1;
}
