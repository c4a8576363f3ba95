// `npm run watch`: compiles prog.bpf.c and the TypeScript after each change and runs the program anew. Ctrl-C or SIGTERM ends all.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, watch } from "node:fs";

/** tsc writes several files; what comes within this time, in milliseconds, is one change. */
const SETTLE = 200;

const children = new Set();
let ending = false;
let program;
let timer;
let restarted = Promise.resolve();

function start(command, args, stdin) {
  const child = spawn(command, args, { stdio: [stdin, "inherit", "inherit"] });
  child.on("error", (e) => console.error(`${command}: ${e.message}`));
  children.add(child);
  child.on("close", () => children.delete(child));
  return child;
}

async function restart() {
  if (children.has(program)) {
    program.kill("SIGTERM");
    await once(program, "close");
  }
  if (!ending) program = start(process.execPath, ["--enable-source-maps", "dist/main.js"], "inherit");
}

function end(status) {
  if (ending) return;
  ending = true;
  process.exitCode = status;
  clearTimeout(timer);
  watcher.close();
  for (const child of children) child.kill("SIGTERM");
}

mkdirSync("dist", { recursive: true });
const watcher = watch("dist", { recursive: true }, () => {
  clearTimeout(timer);
  timer = setTimeout(() => (restarted = restarted.then(restart)), SETTLE);
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => end(0));

// Neither ends by itself.
start("ebpf-skel", ["build", "src/prog.bpf.c", "--watch"], "ignore").on("close", () => end(1));
start("tsc", ["--watch", "--preserveWatchOutput"], "ignore").on("close", () => end(1));
