// Handles in the wrong phase and the wrong hands. Each misuse runs in a process of its own: it must end in a typed error,
// never in a signal.

import { resolve } from "node:path";
import { expect, test } from "vitest";
import { type ChildOptions, runChild, type Said, saidBy } from "../support/child.ts";
import { requireKernel } from "../support/kernel.ts";

requireKernel();

const counter = `import { ExecveCounter } from "./fixtures/execve_counter.skel.ts";\n`;
const globals = `import { Globals } from "./fixtures/globals.skel.ts";\n`;

const closed = { name: "StateError", code: "ERR_STATE", message: "execve_counter: closed" };
const loadedAlready = {
  name: "StateError",
  message: "execve_counter: loaded already (use what load returned; constants and sizes are fixed now)",
};

interface Misuse {
  readonly what: string;
  readonly program: string;
  readonly said: readonly (Partial<Record<"name" | "code", string>> & { message?: string; ok?: unknown })[];
  readonly options?: ChildOptions;
}

const misuses: readonly Misuse[] = [
  {
    what: "closing twice",
    program: `${counter}
      const open = ExecveCounter.open();
      say(() => open.close());
      say(() => open.close());
      const live = ExecveCounter.load();
      say(() => live.close());
      say(() => live.close());
      await live.closeAsync();
      live[Symbol.dispose]();
      say(() => "still here");`,
    said: [{ ok: null }, { ok: null }, { ok: null }, { ok: null }, { ok: "still here" }],
  },
  {
    what: "an open handle after close",
    program: `${counter}
      const open = ExecveCounter.open();
      const map = open.maps.execve_counter;
      const program = open.progs.handle_execve;
      open.close();
      say(() => open.load());
      say(() => map.maxEntries);
      say(() => { map.maxEntries = 5; });
      say(() => { map.pinPath = undefined; });
      say(() => { program.autoload = false; });
      say(() => program.setAttachTarget({ func: "x" }));
      say(() => program.type);
      await open.loadAsync().catch((e) => say(() => { throw e; }));`,
    said: Array.from({ length: 8 }, () => closed),
  },
  {
    what: "a loaded handle after close",
    program: `${counter}
      const live = ExecveCounter.load();
      const { execve_counter: map } = live.maps;
      const { handle_execve: program } = live.progs;
      map.set("x", 1n);
      const entries = map.entries();
      entries.next();
      live.close();
      for (const use of [() => map.get("x"), () => map.set("x", 1n), () => map.has("x"), () => map.delete("x"),
                         () => map.keys(), () => map.count(), () => map.fd, () => map.raw.get(new Uint8Array(64)),
                         () => entries.next()]) say(use);
      for (const use of [() => live.attach(), () => live.detach(), () => program.attach(), () => program.fd]) say(use);
      say(() => map.name + live.links.handle_execve);`,
    said: [
      ...Array.from({ length: 9 }, () => ({
        name: "StateError",
        message: "map execve_counter: closed with execve_counter",
      })),
      ...Array.from({ length: 4 }, () => closed),
      { ok: "execve_counterundefined" },
    ],
  },
  {
    what: "closing in the middle of a call",
    program: `${counter}
      import { Types } from "./fixtures/types.skel.ts";
      const live = Types.load();
      const key = { get dev() { live.close(); return 0; }, saddr: 1, daddr: 2, sport: 3, dport: 4, proto: 6, flags: 0 };
      say(() => live.maps.conns.get(key));
      const other = ExecveCounter.load();
      for (const i of [1, 2, 3]) other.maps.execve_counter.set("k" + i, 1n);
      say(() => { for (const [k] of other.maps.execve_counter) other.close(); });`,
    said: [
      { name: "StateError", message: "map conns: closed with types" },
      { name: "StateError", message: "map execve_counter: closed with execve_counter" },
    ],
  },
  {
    what: "loading twice",
    program: `${counter}
      const open = ExecveCounter.open();
      const map = open.maps.execve_counter;
      const live = open.load();
      say(() => open.load());
      say(() => map.maxEntries);
      say(() => { map.maxEntries = 5; });
      say(() => open.close());
      say(() => live.maps.execve_counter.count());
      live.close();`,
    said: [loadedAlready, loadedAlready, loadedAlready, { ok: null }, { ok: 0 }],
  },
  {
    what: "a failed load, which closes",
    program: `
      import { VerifierFail } from "./fixtures/verifier_fail.skel.ts";
      const open = VerifierFail.open();
      say(() => open.load());
      say(() => open.load());
      say(() => open.close());`,
    said: [
      { name: "VerifierError", code: "EACCES" },
      { name: "StateError", message: "verifier_fail: closed" },
      { ok: null },
    ],
  },
  {
    what: "sections in the wrong phase",
    program: `${globals}
      const open = Globals.open();
      const { data } = open;
      const live = open.load();
      say(() => data.step);
      say(() => { data.step = 2n; });
      say(() => open.rodata);
      say(() => { (live.rodata as { target_tgid: number }).target_tgid = 1; });
      const after = live.data;
      live.close();
      say(() => after.step);
      say(() => live.bss);`,
    said: [
      { name: "StateError" },
      { name: "StateError" },
      { name: "StateError" },
      {
        name: "StateError",
        message: "globals: rodata.target_tgid: readonly after load (set it between open and load)",
      },
      { name: "StateError", message: "map .data: closed with globals" },
      { name: "StateError", message: "globals: closed" },
    ],
  },
  {
    what: "no libbpf",
    program: `${counter}
      say(() => ExecveCounter.load());
      say(() => ExecveCounter.open({ libbpf: "/no/such/libbpf.so.1" }));`,
    options: { env: { EBPF_SKEL_LIBBPF: "/no/libbpf.so.1" } },
    said: [
      {
        name: "UnsupportedError",
        code: "ERR_UNSUPPORTED",
        message:
          "/no/libbpf.so.1: cannot be loaded, cannot open shared object file: No such file or directory " +
          "(the libbpf option and EBPF_SKEL_LIBBPF name a libbpf.so.1)",
      },
      { name: "UnsupportedError" },
    ],
  },
  {
    what: "something else than libbpf",
    program: `${counter}
      import { readFileSync } from "node:fs";
      say(() => ExecveCounter.open({ libbpf: "relative/libbpf.so.1" }));
      say(() => ExecveCounter.open({ libbpf: "/proc/self/exe" }));
      const libc = readFileSync("/proc/self/maps", "utf8").match(/\\/\\S+\\/libc[.-]\\S+/)![0];
      say(() => ExecveCounter.open({ libbpf: libc }));`,
    said: [
      { name: "ValueError", message: 'libbpf: expected an absolute path, got "relative/libbpf.so.1"' },
      { name: "UnsupportedError" },
      { name: "UnsupportedError" },
    ],
  },
  {
    what: "a second libbpf",
    program: `${counter}
      import { copyFileSync, readFileSync } from "node:fs";
      ExecveCounter.open().close();
      const [first] = readFileSync("/proc/self/maps", "utf8").match(/\\/\\S+\\/libbpf\\S+/)!;
      copyFileSync(first!, "./libbpf.so.1");
      say(() => ExecveCounter.open({ libbpf: process.cwd() + "/libbpf.so.1" }));
      ExecveCounter.open().close();`,
    said: [{ name: "StateError" }],
  },
  {
    what: "another object than the recorded one",
    program: `${counter}
      const bytes = ExecveCounter.object();
      say(() => ExecveCounter.open({ object: bytes }).close());
      bytes[bytes.length - 1]! ^= 1;
      say(() => ExecveCounter.open({ object: bytes }));
      say(() => ExecveCounter.open({ object: new Uint8Array(100) }));
      say(() => ExecveCounter.open({ object: new URL("file:///no/such.o") }));
      say(() => ExecveCounter.open({ object: {} as URL }));
      say(() => ExecveCounter.open().close());`,
    said: [
      { ok: null },
      { name: "StaleError", code: "ERR_STALE" },
      {
        name: "StaleError",
        message: "execve_counter: the object is neither ELF nor zlib (regenerate with ebpf-skel gen)",
      },
      { code: "ENOENT" },
      { name: "ValueError" },
      { ok: null },
    ],
  },
  {
    what: "a hand-edited module",
    program: `
      import * as s from "@ebpf-skel/runtime/gen1";
      import { ExecveCounter as Original } from "./fixtures/execve_counter.skel.ts";
      import { createHash } from "node:crypto";
      const bytes = Original.object();
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      const table = { abi: 1, name: "edited", maps: {}, progs: {}, sections: {}, structOps: {}, sha256, object: () => bytes };
      const open = (edit: object) => say(() => s.skeleton<any>(() => ({ ...table, ...edit }) as any).open().close());
      open({});
      open({ abi: 2 });
      open({ sha256: "00" });
      open({ object: () => { const copy = bytes.slice(); copy[64]! ^= 1; return copy; } });
      open({ maps: { nope: s.map("hash") } });
      open({ maps: { execve_counter: s.hash(s.chars(16), s.u64) } });
      open({ maps: { execve_counter: s.hash(s.chars(64), s.u32) } });
      open({ maps: { execve_counter: s.map("array") } });
      open({ progs: { nope: "xdp" } });
      open({ sections: { data: s.section(".data", 8, {}) } });`,
    said: [
      { ok: null },
      { message: "edited: generated for ABI 2, this runtime speaks 1 (regenerate with ebpf-skel gen)" },
      { name: "StaleError" },
      { name: "StaleError" },
      { message: "edited: map nope: not in the object (regenerate with ebpf-skel gen)" },
      { message: "edited: map execve_counter: expected key size 16, got 64 (regenerate with ebpf-skel gen)" },
      { message: "edited: map execve_counter: expected value size 4, got 8 (regenerate with ebpf-skel gen)" },
      { message: "edited: map execve_counter: expected type array, got hash (regenerate with ebpf-skel gen)" },
      { message: "edited: program nope: not in the object (regenerate with ebpf-skel gen)" },
      { name: "UnsupportedError" },
    ],
  },
  {
    what: "foreign byte order",
    program: `
      import { BigEndian } from "./fixtures/big_endian.skel.ts";
      say(() => BigEndian.load({ libbpf: "/never/opened.so" }));`,
    said: [
      {
        name: "UnsupportedError",
        message:
          "big_endian: a big-endian object does not run on this little-endian host (compile it with clang -target bpf)",
      },
    ],
  },
  {
    what: "wrong options",
    program: `${counter}
      say(() => ExecveCounter.open({ logLevel: -1 }));
      say(() => ExecveCounter.open({ objectName: "a\\0b" }));
      say(() => ExecveCounter.open({ kconfig: { HZ: 1 } }));
      say(() => ExecveCounter.open({ pinRoot: 5 as unknown as string }));
      say(() => ExecveCounter.open({ kconfig: { CONFIG_A: true, CONFIG_B: 5, CONFIG_C: "text" }, pinRoot: "/x" }).close());`,
    said: [
      { name: "ValueError", message: "open: logLevel: expected a number in 0..7, got -1" },
      { name: "ValueError" },
      { name: "ValueError" },
      { name: "ValueError" },
      { ok: null },
    ],
  },
];

function check(said: readonly Said[], expected: Misuse["said"]): void {
  expect(said).toEqual(expected.map((line) => expect.objectContaining(line) as unknown));
}

test.each(misuses)("$what", ({ program, said, options }) => {
  check(saidBy(program, options), said);
});

test("views of closed sections read zeros until nothing can reach them", () => {
  const program = `${globals}
    for (let i = 0; i < 200; i++) {
      const live = Globals.load();
      live.data.step = 5n;
      live.bss.counters;
      live.close();
      if (i % 20 === 0) { gc(); await new Promise((r) => setTimeout(r)); }
    }
    say(() => "done");`;
  const { status, stdout } = runChild(program, { nodeArgs: ["--expose-gc"] });
  expect({ status, stdout }).toEqual({ status: 0, stdout: '{"ok":"done"}\n' });
});

test("importing loads neither koffi nor a module of Node", () => {
  const program = `
    const { getBuiltinModule } = process;
    const asked: string[] = [];
    process.getBuiltinModule = ((id: string) => (asked.push(id), getBuiltinModule(id))) as typeof getBuiltinModule;
    await import("${resolve(import.meta.dirname, "../../src/index.ts")}");
    const { ExecveCounter } = await import("./fixtures/execve_counter.skel.ts");
    const { Observation } = await import("./fixtures/globals.skel.ts");
    Observation.decode(Observation.encode(Observation.zero()));
    say(() => ExecveCounter.name);
    say(() => asked.join());
    say(() => Object.keys(process.getBuiltinModule("node:module").createRequire(import.meta.url).cache).length);`;
  expect(saidBy(program)).toEqual([{ ok: "execve_counter" }, { ok: "" }, { ok: 0 }]);
});
