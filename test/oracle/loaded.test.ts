// The kernel's view of every object after libbpf loaded it, by `bpftool -j map list` and `prog list`: of the object as
// compiled against our model, and of the carried object against the one that was compiled.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { carry } from "../../src/upgrade/carry.ts";
import { inspectObject } from "../../src/inspect.ts";
import { MAP_TYPES, PROG_TYPES } from "../../src/object/kernel.ts";
import type { MapModel, ObjectModel } from "../../src/object/model.ts";
import { corpus, isUnnamed, type Specimen, specimenOf } from "../support/corpus.ts";
import { knows, libraries, type Library, LibbpfView, tooOldFor } from "../support/libbpf.ts";
import { outputOf } from "../support/programs.ts";

let view: LibbpfView;
beforeAll(() => (view = new LibbpfView()));
afterAll(() => view.remove());

/** What does not load, whatever the kernel, and what libbpf says. */
const REFUSED: Readonly<Record<string, string>> = {
  "big_endian.bpf.o": "open: errno 4003", // LIBBPF_ERRNO__ENDIAN
  // The kernel wants ring buffers without values, and perf buffers with descriptors, which is for the runtime to see to.
  "bench_perf.bpf.o": "load: errno 22",
  "event_declared.bpf.o": "load: errno 22",
  "events.bpf.o": "load: errno 22",
  "nobtf.bpf.o": "open: errno 2",
  "verifier_fail.bpf.o": "load: errno 13",
  "xdpdump_bpf.o": "load: errno 3", // its programs attach to another program, which its user names
};

/** The kernel's own flag on these maps: programs only read them. */
const BPF_F_RDONLY_PROG = 0x80;
const READ_ONLY: ReadonlySet<string> = new Set(["devmap", "devmap_hash"]);

interface KernelMap {
  readonly type: string | number;
  readonly name: string;
  readonly flags: number;
  readonly bytes_key: number;
  readonly bytes_value: number;
  readonly max_entries: number;
  readonly frozen: number;
}

interface KernelProgram {
  readonly type: string | number;
  readonly name: string;
  /** A hash of its instructions. */
  readonly tag: string;
}

interface KernelView {
  readonly maps: readonly KernelMap[];
  readonly programs: readonly KernelProgram[];
  /** Programs that libbpf was not to load. */
  readonly unloaded: readonly string[];
  readonly pins: readonly string[];
  /** What of its bpffs others see. */
  readonly leaked: readonly string[];
}

/** Every map or program of the kernel by its id, with the fields that are to be compared. */
function listed<T>(kind: "map" | "prog", keys: readonly (keyof T & string)[]): Map<number, T> {
  const rows = JSON.parse(outputOf("bpftool", ["-j", kind, "list"])) as (T & { readonly id: number })[];
  return new Map(rows.map((row) => [row.id, Object.fromEntries(keys.map((key) => [key, row[key]])) as unknown as T]));
}

function loaded(path: string, library: Library): Promise<KernelView | string> {
  return view.load(path, library, ({ maps, programs, pins }, bpffs) => {
    const mapRows = listed<KernelMap>("map", [
      "type",
      "name",
      "flags",
      "bytes_key",
      "bytes_value",
      "max_entries",
      "frozen",
    ]);
    const programRows = listed<KernelProgram>("prog", ["type", "name", "tag"]);
    return {
      maps: maps.map(({ id }) => named(mapRows.get(id)!)),
      programs: programs.filter(({ id }) => id !== 0).map(({ id }) => typed(programRows.get(id)!)),
      unloaded: programs.filter(({ id }) => id === 0).map(({ name }) => name),
      // The kernel's own iterators.
      pins: pins.filter((pin) => !/^(maps|progs)\.debug$/.test(pin)).sort(),
      leaked: readdirSync(bpffs),
    };
  });
}

/** A type that is younger than this bpftool is a number to it. */
function named(map: KernelMap): KernelMap {
  return typeof map.type === "number" ? { ...map, type: MAP_TYPES[map.type]! } : map;
}

function typed(program: KernelProgram): KernelProgram {
  return typeof program.type === "number" ? { ...program, type: PROG_TYPES[program.type]! } : program;
}

/** "0-3,5": how many. */
function possibleCpus(): number {
  const ranges = readFileSync("/sys/devices/system/cpu/possible", "utf8").trim().split(",");
  return ranges.reduce((sum, range) => {
    const [first, last] = range.split("-").map(Number);
    return sum + (last ?? first!) - first! + 1;
  }, 0);
}

/** The kernel's 15 characters; a program's own name is told in full where BTF has it. */
const cut = (name: string): string => name.slice(0, 15);

function expectedMap({ name, type, keySize, valueSize, maxEntries, flags }: MapModel): object {
  return {
    type,
    name: cut(name),
    flags: flags | (READ_ONLY.has(type) ? BPF_F_RDONLY_PROG : 0),
    bytes_key: keySize,
    bytes_value: valueSize,
    // libbpf makes such a map as large as there are CPUs.
    max_entries: type === "perf_event_array" && maxEntries === 0 ? possibleCpus() : maxEntries,
    frozen: 0,
  };
}

function expectedSections({ sections }: ObjectModel): object[] {
  const own = sections.filter(({ kind }) => kind !== "arena");
  return own.map(({ name, kind, size }) => ({
    type: "array",
    name: cut(name.indexOf(".", 1) > 0 ? name : `view${name}`),
    flags: expect.any(Number),
    bytes_key: 4,
    bytes_value: size,
    max_entries: 1,
    frozen: kind === "rodata" || kind === "kconfig" ? 1 : 0,
  }));
}

const isRoot = process.getuid?.() === 0;

describe.skipIf(!isRoot).each(libraries)("$title (needs root)", (library) => {
  const refused = { ...REFUSED, ...tooOldFor(library) };
  const isKnown = ({ bytes }: Specimen): boolean =>
    inspectObject(bytes).programs.every(({ autoload, sec }) => !autoload || sec === undefined || knows(library, sec));
  // What the kernel makes of struct_ops maps has its own layout; runtime/test/live/structops.test.ts looks at them.
  const whole = corpus.filter(({ file }) => refused[file] === undefined && !file.startsWith("struct_ops"));
  const loadable = whole.filter(isKnown);
  const younger = whole.filter((specimen) => !isKnown(specimen));

  const views = new Map<string, KernelView>();
  const original = async (path: string): Promise<KernelView> => {
    const kernel = views.get(path) ?? (await loaded(path, library));
    if (typeof kernel === "string") throw new Error(kernel);
    views.set(path, kernel);
    return kernel;
  };

  test.each(loadable)("$file: maps, programs and pins in the kernel", async ({ file, path, bytes }) => {
    const kernel = await original(path);
    const model = inspectObject(bytes);
    const own = kernel.maps.filter(({ name }) => !isUnnamed(file, name));
    expect(own).toEqual([...model.maps.map(expectedMap), ...expectedSections(model)]);
    const wanted = model.programs.filter(({ autoload }) => autoload);
    expect(kernel.programs.map(({ type, name }) => ({ type, name: cut(name) }))).toEqual(
      wanted.map(({ name, sec }) => ({ type: sec?.type, name: cut(name) })),
    );
    expect(kernel.unloaded).toEqual(model.programs.filter(({ autoload }) => !autoload).map(({ name }) => name));
    const pinned = model.maps.filter(({ pinning }) => pinning === "by_name").map(({ name }) => name);
    expect(kernel.pins).toEqual(pinned.sort());
    expect(kernel.leaked).toEqual([]);
  });

  test.each(loadable)("$file: the carried object loads the same", async ({ path, bytes }) => {
    expect(await loaded(view.fileOf(carry(bytes)), library)).toEqual(await original(path));
  });

  // The runtime tells libbpf the types that it does not know: runtime/test/live/attach-*.test.ts.
  test.each(younger)("$file: is younger than this libbpf, which does not load it alone", async ({ path, bytes }) => {
    expect(await loaded(path, library)).toBe("load: errno 22");
    expect(await loaded(view.fileOf(carry(bytes)), library)).toBe("load: errno 22");
  });

  test.each(Object.entries(refused))("%s does not load, carried or not", async (file, why) => {
    const { path, bytes } = specimenOf(file);
    expect(await loaded(path, library)).toBe(why);
    expect(await loaded(view.fileOf(carry(bytes)), library)).toBe(why);
  });
});

test.skipIf(!isRoot)("pins by name do not reach the system's bpffs (needs root)", async () => {
  const before = existsSync("/sys/fs/bpf/shared_counts");
  const seen = await view.load(specimenOf("pinned.bpf.o").path, libraries[0]!, ({ pins }) => ({
    pins,
    system: existsSync("/sys/fs/bpf/shared_counts"),
  }));
  expect(seen).toEqual({ pins: expect.arrayContaining(["shared_counts"]), system: before });
});
