// The command line as its users have it: the built program in a process of its own, in a folder of its own.

import { type ChildProcess, fork, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withOpenRepository } from "../../runtime/test/support/reach.ts";
import { type Ended, start } from "./programs.ts";
import { repository } from "./workspace.ts";

const main = join(repository, "dist/cli/main.js");

function newest(path: string): number {
  const stat = statSync(path);
  const within = stat.isDirectory() ? readdirSync(path).map((name) => newest(join(path, name))) : [];
  return Math.max(stat.mtimeMs, ...within);
}

/** Builds the program where it is missing or older than its sources. */
export function ensureBuilt(): void {
  const built = statSync(join(repository, "dist/.tsbuildinfo"), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (built > newest(join(repository, "src"))) return;
  const { status, stdout, stderr } = start("npx", ["tsc", "-b", "runtime", "."], { cwd: repository });
  if (statSync(main, { throwIfNoEntry: false }) === undefined)
    throw new Error(`npx tsc -b runtime . (exit status ${status})\n${stdout}${stderr}`);
}

/** The process of {@link runInSession}, and a promise that fails when it ends. */
let session: { readonly child: ChildProcess; readonly ended: Promise<never> } | undefined;

function openSession(): NonNullable<typeof session> {
  const child = fork(join(import.meta.dirname, "cli-session.mjs"), {
    env: { ...process.env, NO_COLOR: "1" },
    execArgv: [],
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const ended = once(child, "exit").then(([status]): never => {
    throw new Error(`the session ended with status ${status}`);
  });
  return { child, ended };
}

/**
 * Runs a command in a process that runs the others of this test file as well: what it says and its exit status, without the
 * second that each start takes.
 */
export async function runInSession(
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const { child, ended } = (session ??= openSession());
  child.send({ args, cwd, env });
  const [answer] = (await Promise.race([once(child, "message"), ended])) as [Ended];
  return answer;
}

export interface CliOptions {
  /** Arguments of Node before the program. */
  readonly node?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** A command in front: `unshare --user`. */
  readonly under?: readonly string[];
}

/** A folder in which the program runs; it is removed with {@link Folder.remove}. */
export class Folder {
  readonly path: string = mkdtempSync(join(tmpdir(), "ebpf-skel-cli-"));

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }

  at(name: string): string {
    return join(this.path, name);
  }

  write(name: string, data: string | Uint8Array): void {
    writeFileSync(this.at(name), data);
  }

  read(name: string): string {
    return readFileSync(this.at(name), "utf8");
  }

  /** Names of what is in it, or in a folder of it. */
  list(name = "."): string[] {
    return readdirSync(this.at(name)).sort();
  }

  /** Runs `ebpf-skel` to its end, which comes within 30 seconds or by force. */
  run(args: readonly string[], { node = [], env = {}, under = [] }: CliOptions = {}): Ended {
    const line = [...under, process.execPath, ...node, main, ...args];
    const [command, ...rest] = under.includes("setpriv") ? withOpenRepository(line) : line;
    return start(command!, rest, {
      cwd: this.path,
      env: { NO_COLOR: "1", ...env },
      timeout: 30_000,
      killSignal: "SIGKILL",
    });
  }

  /** Runs a command here as {@link runInSession} does. */
  command(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
    return runInSession(args, this.path, env);
  }

  /** Starts `ebpf-skel`; the promise settles with the exit status, or the signal's name. */
  spawn(args: readonly string[]): { readonly child: ChildProcess; readonly ended: Promise<number | string | null> } {
    const child = spawn(process.execPath, [main, ...args], { cwd: this.path, stdio: "ignore" });
    return { child, ended: new Promise((done) => child.on("close", (status, signal) => done(signal ?? status))) };
  }
}

/** Quotes a word for sh. */
export function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The program as a line of sh. */
export function shellLine(args: readonly string[]): string {
  return [process.execPath, main, ...args].map(quoted).join(" ");
}

/** Whether this user may make mounts that nobody else sees. */
export const mayMount: boolean = spawnSync("unshare", mountNamespace(["true"])).status === 0;

function mountNamespace(command: readonly string[]): string[] {
  return [...(process.getuid?.() === 0 ? [] : ["--map-root-user"]), "--mount", ...command];
}

/** What a script of sh prints, run where its mounts are its own. */
export function inMountNamespace(script: string, cwd: string): Ended {
  return start("unshare", mountNamespace(["sh", "-c", script]), { cwd, timeout: 60_000 });
}
