// Every shape of C type in every place, written to the kernel through a generated module and read back.
// needs Linux 6.2: storage of cgroups is one of the places

import { existsSync, mkdirSync, openSync, closeSync, rmdirSync } from "node:fs";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as runtime from "../../runtime/src/index.ts";
import { requireKernel } from "../../runtime/test/support/kernel.ts";
import { generate } from "../../src/index.ts";
import { compileBpf } from "../support/compile.ts";
import {
  BOTH,
  gridSource,
  KEYS,
  mapName,
  NESTED,
  type Place,
  type Shape,
  SHAPES,
  VALUES,
} from "../support/typegrid.ts";
import { makeWorkspace, type Workspace } from "../support/workspace.ts";

requireKernel();

const shapes = SHAPES.filter(({ refused }) => refused === undefined);

/** The verbs of maps that the tests use, as far as a kind has them. */
interface AnyMap extends runtime.HashMap<unknown, unknown>, Pick<runtime.QueueMap<unknown>, "push" | "pop" | "peek"> {
  readonly cpus: number;
  add(value: unknown): void;
  createInner(): AnyMap & Disposable;
  open(key: unknown): AnyMap & Disposable;
  consume(handler: (event: unknown) => void): number;
}
interface Live extends Disposable {
  readonly maps: Readonly<Record<string, AnyMap>>;
  readonly progs: { readonly send: { run(options: object): { readonly retval: number } } };
  readonly bss: Record<string, unknown>;
}

/** What a text of the grid's values says. */
const evaluated = (text: string): unknown =>
  (new Function(`return ${text.startsWith("{") ? `(${text})` : text}`) as () => unknown)();

/** What is written, and what is then read: whole values, and of unions one member. */
function samples({ values, inits = [] }: Shape): (readonly [written: unknown, read: unknown])[] {
  return [...values.map((value) => [value, value] as const), ...inits].map(([written, read]) => [
    evaluated(written),
    evaluated(read),
  ]);
}

/** The whole values, each once: keys that are there together. */
function wholes(shape: Shape): unknown[] {
  return [
    ...new Map(
      samples(shape)
        .map(([, read]) => [runtime.toJson(read), read] as const)
        .map(([json, read]) => [JSON.stringify(json), read]),
    ).values(),
  ];
}

let project: Workspace;
let cgroup: string;
let server: Server;
beforeAll(async () => {
  project = makeWorkspace();
  const root = existsSync("/sys/fs/cgroup/unified") ? "/sys/fs/cgroup/unified" : "/sys/fs/cgroup";
  cgroup = join(root, `ebpf-skel-grid-${process.pid}`);
  mkdirSync(cgroup);
  server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterAll(() => {
  project.remove();
  rmdirSync(cgroup);
  server.close();
});

/** An object with all shapes in `place`, loaded; without a place in variables and events. */
async function loadGrid(place?: Place): Promise<Live> {
  const source = gridSource(shapes, place === undefined ? [] : [place], place === undefined);
  const module = await generate(compileBpf(source), { name: "grid.bpf.o" });
  const file = project.write(`${place?.name ?? "variables"}.skel.ts`, module);
  const { Grid } = (await import(file)) as { Grid: runtime.Skeleton<runtime.SkeletonShape> };
  return Grid.load() as unknown as Live;
}

/** Of a trie, whose keys begin with the bits that count. */
const keyIn = (place: Place, map: AnyMap) => (key: unknown) =>
  place.name === "trie" ? { prefixlen: map.keySize * 8 - 32, data: key } : key;

describe.each([...BOTH, KEYS[0]!])("$name", (place) => {
  let live: Live;
  beforeAll(async () => void (live = await loadGrid(place)));
  afterAll(() => live?.[Symbol.dispose]());

  test.each(shapes)("$name", (shape) => {
    const map = live.maps[mapName(place, shape)]!;
    const keyOf = keyIn(place, map);
    const perCpu = place.name.endsWith("percpu");
    const valueOf = (value: unknown, i: number): unknown =>
      place.name === "by" ? i : perCpu ? new Array<unknown>(map.cpus).fill(value) : value;
    const keys = wholes(shape).map(keyOf);
    const entries = wholes(shape).map((value, i) => [keyOf(value), valueOf(value, i)] as const);
    for (const [key, value] of entries) map.set(key, value);
    expect(keys.map((key) => map.get(key))).toEqual(entries.map(([, value]) => value));
    expect(map.getMany(keys)).toEqual(entries.map(([, value]) => value));
    expect([...map.keys()]).toHaveLength(keys.length);
    expect([...map.keys()]).toEqual(expect.arrayContaining(keys));
    expect([...map]).toEqual(expect.arrayContaining(entries.map((entry) => [...entry])));

    // What is read is the same key again.
    map.setMany([...map]);
    expect(map.count()).toBe(keys.length);

    for (const [i, [written, read]] of samples(shape).entries()) {
      map.set(keyOf(written), valueOf(written, i));
      expect(map.get(keyOf(read))).toEqual(valueOf(read, i));
      expect(map.get(keyOf(written))).toEqual(valueOf(read, i));
      expect([map.has(keyOf(written)), map.delete(keyOf(written)), map.delete(keyOf(read))]).toEqual([
        true,
        true,
        false,
      ]);
      map.setMany([[keyOf(written), valueOf(written, i)]]);
      expect(map.getMany([keyOf(written)])).toEqual([valueOf(read, i)]);
    }
    expect(map.count()).toBe(keys.length);
    expect(map.deleteMany(samples(shape).map(([written]) => keyOf(written)))).toBe(keys.length);
    expect([...map]).toEqual([]);
  });
});

describe("sockets", () => {
  const place = KEYS[1]!;
  let live: Live;
  beforeAll(async () => void (live = await loadGrid(place)));
  afterAll(() => live?.[Symbol.dispose]());

  test.each(shapes)("$name", (shape) => {
    const map = live.maps[mapName(place, shape)]!;
    for (const [written, read] of samples(shape)) {
      map.set(written, server);
      expect([...map.keys()]).toEqual([read]);
      expect([map.has(read), map.get(read)]).toEqual([true, map.get(written)]);
      expect([map.delete(written), map.count()]).toEqual([true, 0]);
    }
  });
});

describe.each(VALUES)("$name", (place) => {
  let live: Live;
  let of: unknown;
  let opened: { close(): void } | undefined;
  beforeAll(async () => {
    live = await loadGrid(place);
    const directory = place.name === "of_cgroup" ? openSync(cgroup, "r") : undefined;
    const task = place.name === "of_task" ? runtime.pidfd(process.pid) : undefined;
    opened = task ?? (directory === undefined ? undefined : { close: () => closeSync(directory) });
    of = task ?? directory ?? { of_socket: server, of_inode: "/" }[place.name] ?? 3;
  });
  afterAll(() => {
    live?.[Symbol.dispose]();
    opened?.close();
  });

  test.each(shapes)("$name", (shape) => {
    const map = live.maps[mapName(place, shape)]!;
    for (const [written, read] of samples(shape)) {
      switch (place.name) {
        case "queue":
        case "stack":
          map.push(written);
          expect([map.peek(), map.pop(), map.pop()]).toEqual([read, read, undefined]);
          break;
        case "bloom":
          map.add(written);
          expect([map.has(written), map.has(read)]).toEqual([true, true]);
          break;
        case "percpu_array": {
          const each = (value: unknown): unknown[] => new Array<unknown>(map.cpus).fill(value);
          map.set(of, each(written));
          expect(map.get(of)).toEqual(each(read));
          break;
        }
        default:
          map.set(of, written);
          expect(map.get(of)).toEqual(read);
      }
    }
  });
});

describe.each(NESTED)("$name", (place) => {
  let live: Live;
  beforeAll(async () => void (live = await loadGrid(place)));
  afterAll(() => live?.[Symbol.dispose]());

  test.each(shapes)("$name", (shape) => {
    const map = live.maps[mapName(place, shape)]!;
    for (const [written, read] of samples(shape)) {
      using inner = map.createInner();
      inner.set(written, written);
      map.set(written, inner);
      expect([...map]).toEqual([[read, inner.id]]);
      using again = map.open(written);
      expect([...again]).toEqual([[read, read]]);
      expect([again.deleteMany([written]), map.delete(read), map.count()]).toEqual([1, true, 0]);
    }
  });
});

describe("variables and events", () => {
  let live: Live;
  beforeAll(async () => void (live = await loadGrid()));
  afterAll(() => live?.[Symbol.dispose]());

  test.each(shapes)("$name", ({ name, ...shape }) => {
    for (const [written, read] of samples({ name, ...shape })) {
      live.bss[`var_${name}`] = written;
      expect(live.bss[`var_${name}`]).toEqual(read);
      // The program sends every variable.
      for (const other of shapes) live.maps[`events_${other.name}`]!.consume(() => undefined);
      expect(live.progs.send.run({}).retval).toBe(0);
      const events: unknown[] = [];
      live.maps[`events_${name}`]!.consume((event) => void events.push(event));
      expect(events).toEqual([read]);
    }
  });
});
