// Typed handles on maps that were loaded elsewhere, without opening the object.

import { closeSync, openSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, test } from "vitest";
import { Endpoint, Flow, FlowKey, Life } from "../../../fixtures/life.skel.ts";
import { Maps } from "../../../fixtures/maps.skel.ts";
import { Types } from "../../../fixtures/types.skel.ts";
import { bits, hash, type HashMap, list, struct, u16, u32, u64, u8 } from "../../src/gen1.ts";
import type { Codec, Loaded, Skeleton, SkeletonShape } from "../../src/index.ts";
import { mountBpffs } from "../support/bpffs.ts";
import { runChild, saidBy } from "../support/child.ts";
import { skeletonOf } from "../support/clang.ts";
import { thrownBy } from "../support/errors.ts";
import { descriptors } from "../support/held.ts";
import { requireKernel } from "../support/kernel.ts";

requireKernel();

let pins: ReturnType<typeof mountBpffs>;
let live: Loaded<Life>;
let held: Record<string, number>;

beforeAll(() => {
  pins = mountBpffs();
  const open = Life.open({ pinRoot: pins.folder });
  for (const name of ["flows", "blobs", "totals"] as const) open.maps[name].pinPath = `${pins.folder}/${name}`;
  live = open.load();
});
afterAll(() => {
  live?.close();
  pins?.remove();
});
beforeEach(() => (held = descriptors()));
afterEach(() => expect(descriptors()).toEqual(held));

const key: FlowKey = { saddr: 1, daddr: 2 };
const flow: Flow = { ...Flow.zero(), bytes: 5n, mark: 3, zone: 1000, hops: [{ address: 1, port: 2 }] };

describe("a map that somebody else loaded", () => {
  test.each([
    ["its pin", () => Life.maps.flows.openPinned(`${pins.folder}/flows`)],
    ["its id", () => Life.maps.flows.fromId(live.maps.flows.id)],
    ["its descriptor", () => Life.maps.flows.fromFd(live.maps.flows.fd)],
  ])("is opened by %s", (_what, open) => {
    using flows = open();
    expect(flows.fd).not.toBe(live.maps.flows.fd);
    const { name, type, id, keySize, valueSize, maxEntries } = flows;
    expect({ name, type, id, keySize, valueSize, maxEntries }).toEqual({
      name: "flows",
      type: "hash",
      id: live.maps.flows.id,
      keySize: 8,
      valueSize: 56,
      maxEntries: 64,
    });
    flows.set(key, flow);
    expect(live.maps.flows.get(key)).toMatchObject({ bytes: 5n, mark: 3, zone: 1000 });
    expect([...flows.keys()]).toEqual([key]);
    expect(flows.delete(key)).toBe(true);
  });

  test("is read by another process, which never opens the object", () => {
    live.maps.flows.set(key, flow);
    const said = saidBy(`
      import { Life } from "./fixtures/life.skel.ts";
      const flows = Life.maps.flows.openPinned(${JSON.stringify(`${pins.folder}/flows`)});
      say(() => flows.get({ saddr: 1, daddr: 2 })!.bytes);
      say(() => flows.close());
      say(() => flows.close());
      say(() => flows.get({ saddr: 1, daddr: 2 }));
      say(() => flows.fd);`);
    const closed = { name: "StateError", code: "ERR_STATE", message: "map flows: closed" };
    expect(said).toEqual([{ ok: "5n" }, { ok: null }, { ok: null }, closed, closed]);
  });

  test("outlives the skeleton it came from", () => {
    const other = Life.load({ pinRoot: `${pins.folder}/other` });
    using totals = Life.maps.totals.fromFd(other.maps.totals.fd);
    other.close();
    totals.set(1, 11n);
    expect([...totals.values()]).toEqual([0n, 11n, 0n, 0n]);
  });

  test("keeps out of spreads and listings what is only to be called", () => {
    using totals = Life.maps.totals.fromFd(live.maps.totals.fd);
    expect(Object.keys(totals)).toEqual([]);
    expect(Object.keys(Life.maps)).toEqual(["flows", "totals", "peers", "locked", "blobs"]);
    expect(Life.maps).toBe(Life.maps);
  });

  test("warns once when it becomes unreachable", () => {
    const program = `
      import { Life } from "./fixtures/life.skel.ts";
      for (let i = 0; i < 3; i++) Life.maps.flows.openPinned(${JSON.stringify(`${pins.folder}/flows`)});
      Life.maps.flows.openPinned(${JSON.stringify(`${pins.folder}/flows`)}).close();
      for (let i = 0; i < 20; i++) { gc(); await new Promise((r) => setTimeout(r, 20)); }`;
    const { status, stderr } = runChild(program, { nodeArgs: ["--expose-gc"] });
    expect(status).toBe(0);
    expect(stderr.match(/map flows became unreachable without close/g)).toHaveLength(1);
  });

  test("may be of a kind without types, or of every type that there is", () => {
    using maps = Maps.load();
    for (const [name, opener] of Object.entries(Maps.maps)) {
      const { fd, type } = maps.maps[name as keyof Maps["maps"]];
      using map = opener.fromFd(fd);
      expect(map.type).toBe(type);
    }
    for (const [name, opener] of Object.entries(Life.maps)) {
      using map = opener.fromFd(live.maps[name as keyof Life["maps"]].fd);
      expect(map.name).toBe(name);
    }
    using types = Types.load();
    for (const [name, opener] of Object.entries(Types.maps)) {
      using map = opener.fromFd(types.maps[name as keyof Types["maps"]].fd);
      expect(map.name).toBe(name);
    }
  });
});

describe("what cannot be opened", () => {
  test.each([
    [
      "a path where nothing is",
      () => Life.maps.flows.openPinned(`${pins.folder}/none`),
      "BpfError",
      "ENOENT",
      "map flows: openPinned: ENOENT (nothing is pinned at PINS/none)",
    ],
    [
      "a relative path",
      () => Life.maps.flows.openPinned("flows"),
      "ValueError",
      "ERR_VALUE",
      'map flows: openPinned: expected an absolute path, got "flows"',
    ],
    [
      "an id that nobody has",
      () => Life.maps.flows.fromId(0xffff_fffe),
      "BpfError",
      "ENOENT",
      "map flows: fromId: ENOENT (the kernel has no map 4294967294)",
    ],
    [
      "no id",
      () => Life.maps.flows.fromId(0),
      "ValueError",
      "ERR_VALUE",
      "map flows: fromId: expected a number of at least 1, got 0",
    ],
    [
      "a closed descriptor",
      () => Life.maps.flows.fromFd(9999),
      "BpfError",
      "EBADF",
      "map flows: fromFd: EBADF (9999 is no open descriptor)",
    ],
    [
      "no descriptor",
      () => Life.maps.flows.fromFd(-1),
      "ValueError",
      "ERR_VALUE",
      "map flows: fromFd: expected u32, got -1",
    ],
    [
      "a program",
      () => Life.maps.flows.fromFd(live.progs.count_calls.fd),
      "ValueError",
      "ERR_VALUE",
      "map flows: expected a map, got bpf-prog (descriptor FD)",
    ],
    [
      "a map of another type",
      () => Life.maps.flows.openPinned(`${pins.folder}/totals`),
      "StaleError",
      "ERR_STALE",
      "map flows: type is array in the kernel's map, hash here",
    ],
    [
      "a map of other sizes",
      () => Life.maps.blobs.fromId(live.maps.flows.id),
      "StaleError",
      "ERR_STALE",
      "map blobs: value size is 56 in the kernel's map, 16 here",
    ],
  ])("%s", (_what, open, name, code, message) => {
    const error = thrownBy(open) as Error & { code: string };
    const text = error.message.replace(pins.folder, "PINS").replace(/descriptor \d+/, "descriptor FD");
    expect({ name: error.name, code: error.code, message: text.replace(/ \(regenerate.*/, "") }).toEqual({
      name,
      code,
      message,
    });
  });

  test("a file that is no map", () => {
    const fd = openSync("/dev/null", "r");
    expect(thrownBy(() => Life.maps.flows.fromFd(fd)).message).toMatch(/expected a map, got \/dev\/null/);
    closeSync(fd);
  });
});

describe("without CAP_SYS_ADMIN", () => {
  const prefix = ["setpriv", "--bounding-set=-all,+bpf,+dac_override", "--inh-caps=-all"];
  const path = JSON.stringify;

  test("ids are out of reach", () => {
    const said = saidBy(
      `import { Life } from "./fixtures/life.skel.ts";
       say(() => Life.maps.flows.fromId(${live.maps.flows.id}));`,
      { prefix },
    );
    const message = "map flows: fromId: EPERM (needs CAP_SYS_ADMIN, or root)";
    expect(said).toEqual([{ name: "BpfError", code: "EPERM", message }]);
  });

  test("the kernel shows no BTF: type and sizes are compared alone", () => {
    const program = `
      import { Life } from "./fixtures/life.skel.ts";
      import * as s from "./runtime/src/gen1.ts";
      import { checkMap } from "./runtime/src/maps/compat.ts";
      import { openLibrary } from "./runtime/src/library.ts";
      const swapped = s.struct("flow_key", 8, { daddr: [0, s.u32], saddr: [4, s.u32] });
      const flows = Life.maps.flows.openPinned(${path(`${pins.folder}/flows`)});
      say(() => checkMap(openLibrary(), flows.fd, { ...s.hash(swapped, s.bytes(56)), name: "flows" }).valueSize);
      say(() => Life.maps.flows.openPinned(${path(`${pins.folder}/totals`)}));
      flows.close();`;
    const [fields, type] = saidBy(program, { prefix });
    expect(fields).toEqual({ ok: 56 });
    expect(type).toMatchObject({ name: "StaleError" });
    expect(saidBy(program)[0]).toMatchObject({ name: "StaleError" });
  });
});

interface Flows extends SkeletonShape {
  maps: { flows: HashMap<unknown, unknown> };
  progs: {};
  sections: {};
  structOps: {};
}

/** The skeleton of Life's object with another idea of `flows`. */
function flowsOf(key: Codec<never>, value: Codec<never>): Skeleton<Flows> {
  const spec = hash(key as Codec<unknown>, value as Codec<unknown>);
  return skeletonOf<Flows>(Life.object(), { maps: { flows: spec }, progs: {}, sections: {} });
}

describe("fields are compared", () => {
  const other = struct("endpoint", 8, { address: [0, u32], port: [6, u16] });
  // What generated code says of `struct flow`; each row changes something.
  const fields = {
    bytes: [0, u64],
    packets: [8, u64],
    from: [16, Endpoint],
    to: [24, Endpoint],
    mark: [32, bits(0, 5, u32)],
    zone: [32, bits(5, 11, u32)],
    hops: [36, list(2, Endpoint)],
    state: [52, u8],
  } as const;
  const { packets: _, ...withoutPackets } = fields;

  test.each([
    [
      "swapped fields",
      { ...fields, bytes: [8, u64], packets: [0, u64] },
      "field bytes is at 0 in the kernel's map, 8 here",
    ],
    ["a nested field elsewhere", { ...fields, to: [24, other] }, "field to.port is at 4 in the kernel's map, 6 here"],
    [
      "a field of an element elsewhere",
      { ...fields, hops: [36, list(2, other)] },
      "field hops[].port is at 4 in the kernel's map, 6 here",
    ],
    [
      "a bitfield elsewhere",
      { ...fields, zone: [32, bits(6, 10, u32)] },
      "field zone is at bit 261 in the kernel's map, bit 262 here",
    ],
    [
      "a bitfield of another width",
      { ...fields, zone: [32, bits(5, 10, u32)] },
      "field zone has 11 bits in the kernel's map, 10 here",
    ],
    ["a field more", { ...fields, spare: [53, u8] }, "field spare is not in the kernel's map"],
    ["a field less", withoutPackets, "field packets is in the kernel's map, not here"],
    [
      "a struct in place of a number",
      { ...fields, state: [52, struct("state", 1, { now: [0, u8] })] },
      "field state is no struct in the kernel's map, state here",
    ],
  ])("%s", (_what, table, difference) => {
    const value = struct("flow", 56, table as never) as Codec<never>;
    const { name, message } = thrownBy(() => flowsOf(FlowKey as never, value).maps.flows.fromFd(live.maps.flows.fd));
    expect(name).toBe("StaleError");
    expect(message).toBe(`map flows: value ${difference} (regenerate with ebpf-skel gen from the object that made it)`);
  });

  test("those of keys too", () => {
    const swapped = struct("flow_key", 8, { daddr: [0, u32], saddr: [4, u32] });
    expect(
      thrownBy(() => flowsOf(swapped as never, Flow as never).maps.flows.fromFd(live.maps.flows.fd)).message,
    ).toMatch(/^map flows: key field daddr is at 4 in the kernel's map, 0 here/);
  });

  test("and one and the same is none of these", () => {
    using same = flowsOf(FlowKey as never, struct("flow", 56, fields) as never).maps.flows.fromFd(live.maps.flows.fd);
    expect(same.count()).toBeGreaterThanOrEqual(0);
  });
});
