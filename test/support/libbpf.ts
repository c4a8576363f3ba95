// libbpf as an oracle: libbpf-view.c, compiled here, tells what libbpf sees in an object.

import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { cached } from "./corpus.ts";
import { outputOf, start } from "./programs.ts";
import type { SecDef } from "../../src/object/model.ts";

export interface MapView {
  readonly name: string;
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly extra: string;
  readonly numaNode: number;
  /** Made by libbpf of a section. */
  readonly internal: boolean;
  readonly keyType: number;
  readonly valueType: number;
  readonly pin: string;
  /** The initial value of an internal map, in hex. */
  readonly initial: string;
  readonly inner?: MapView;
}

export interface ProgramView {
  readonly name: string;
  readonly section: string;
  readonly type: number;
  readonly attachType: number;
  readonly autoload: boolean;
  readonly flags: number;
  readonly instructions: number;
}

/** An object that is open. */
export interface OpenView {
  readonly maps: readonly MapView[];
  readonly programs: readonly ProgramView[];
}

/** Kernel ids of an object that is loaded; 0 for what was not. */
export interface LoadedView {
  readonly maps: readonly { readonly name: string; readonly id: number }[];
  readonly programs: readonly { readonly name: string; readonly id: number }[];
  /** What stands in its bpffs. */
  readonly pins: readonly string[];
}

export interface Library {
  readonly title: string;
  /** Major times 1000 plus minor. */
  readonly version: number;
  readonly env: Readonly<Record<string, string>>;
}

/** Whether that libbpf knows a section, and so the type of its programs. */
export function knows({ version }: Library, { since }: SecDef): boolean {
  const [major, minor] = since.split(".").map(Number) as [number, number];
  return version >= 1000 * major + minor;
}

/** The system's libbpf, and the 1.5 that scripts/setup.mjs builds. */
export const libraries: readonly Library[] = [
  { title: "libbpf of the system", version: systemVersion(), env: {} },
  { title: "libbpf 1.5", version: 1005, env: { LD_LIBRARY_PATH: dirname(library15()) } },
];

/** Objects that `library` is too old to open, and what it says: arenas are there since 1.4. */
export function tooOldFor({ version }: Library): Readonly<Record<string, string>> {
  return version < 1004 ? { "arena.bpf.o": "open: errno 4005" } : {}; // LIBBPF_ERRNO__RELOC
}

function systemVersion(): number {
  const text = outputOf("gcc", ["-E", "-dM", "-include", "bpf/libbpf_version.h", "-x", "c", "/dev/null"]);
  const number = (name: string): number => Number(new RegExp(`define ${name} (\\d+)`).exec(text)![1]);
  return 1000 * number("LIBBPF_MAJOR_VERSION") + number("LIBBPF_MINOR_VERSION");
}

function library15(): string {
  return process.env["EBPF_SKEL_LIBBPF15"] ?? cached("libbpf-1.5/libbpf.so.1", "libbpf-1.5");
}

/** The compiled program with a folder for its mounts and for objects that only a test has. */
export class LibbpfView {
  readonly #folder = mkdtempSync(join(tmpdir(), "ebpf-skel-oracle-"));
  readonly #program = join(this.#folder, "libbpf-view");
  #files = 0;

  constructor() {
    outputOf("gcc", ["-O1", "-o", this.#program, join(import.meta.dirname, "libbpf-view.c"), "-lbpf"]);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** A file with `bytes`. */
  fileOf(bytes: Uint8Array): string {
    const path = join(this.#folder, `${this.#files++}.o`);
    writeFileSync(path, bytes);
    return path;
  }

  /** The object at `path` as libbpf opens it, or the last line of what it says instead. */
  open(path: string, library: Library): OpenView | string {
    const { status, stdout, stderr } = start(this.#program, ["open", path], { env: library.env });
    return status === 0 ? (JSON.parse(stdout) as OpenView) : lastLine(stderr);
  }

  /** What each `SEC()` stands for. */
  sections(sections: readonly string[], library: Library): (Pick<ProgramView, "type" | "attachType"> | null)[] {
    const { status, stdout, stderr } = start(this.#program, ["sections"], {
      env: library.env,
      input: sections.map((section) => `${section}\n`).join(""),
    });
    if (status !== 0) throw new Error(`libbpf-view sections: exit status ${status}\n${stderr}`);
    return JSON.parse(`[${stdout.trimEnd().split("\n").join(",")}]`) as ReturnType<LibbpfView["sections"]>;
  }

  /**
   * Loads the object at `path` and hands it to `look` while it stays loaded; or returns the last line of what libbpf says
   * instead. Its bpffs is on the folder that `look` gets, in a mount namespace of its own.
   */
  async load<T>(path: string, library: Library, look: (loaded: LoadedView, bpffs: string) => T): Promise<T | string> {
    const bpffs = join(this.#folder, `${this.#files++}`);
    mkdirSync(bpffs);
    const child = spawn(this.#program, ["load", path, bpffs], { env: { ...process.env, ...library.env } });
    const ended = new Promise<number | null>((done) => child.on("close", done));
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
    const lines: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line);
      if (lines.length < 2) continue;
      try {
        return look(JSON.parse(line) as LoadedView, bpffs);
      } finally {
        child.stdin.end();
        await ended;
      }
    }
    if ((await ended) === 0) throw new Error(`libbpf-view load ${path}: ended too early\n${stderr}`);
    return lastLine(stderr);
  }
}

function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1)!;
}
