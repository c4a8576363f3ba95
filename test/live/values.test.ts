// The same value seen by a skeleton, by bpftool and by a program in the kernel.

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Loaded } from "../../runtime/src/index.ts";
import { Globals, Mode } from "../../fixtures/globals.skel.ts";
import {
  type ConnKey,
  type ConnStats,
  type Numbers,
  Proto,
  type Slot,
  StateT,
  Tiny,
  Types,
  Verdict,
  Wide,
  WideSigned,
} from "../../fixtures/types.skel.ts";
import { requireKernel } from "../../runtime/test/support/kernel.ts";

requireKernel();

/** One entry as bpftool prints it; numbers past 2^53 keep their digits as text. */
interface Dumped {
  readonly key: readonly string[];
  readonly value: readonly string[];
  readonly formatted?: { readonly key: unknown; readonly value: unknown };
}

function parseExact(json: string): unknown {
  return JSON.parse(json.replace(/([:[,]\s*)(-?\d{16,})(?=\s*[,}\]])/g, '$1"$2"'));
}

function dumpMap(id: number): readonly Dumped[] {
  return parseExact(execFileSync("bpftool", ["-j", "map", "dump", "id", String(id)], { encoding: "utf8" })) as Dumped[];
}

function updateMap(id: number, key: Uint8Array, value: Uint8Array): void {
  const hex = (bytes: Uint8Array): string[] => [...bytes].map((byte) => byte.toString(16).padStart(2, "0"));
  execFileSync("bpftool", [
    "map",
    "update",
    "id",
    String(id),
    "key",
    "hex",
    ...hex(key),
    "value",
    "hex",
    ...hex(value),
  ]);
}

/** A value as bpftool's BTF printer shows it: enums by name where it knows one, bytes as numbers, big numbers as text. */
function asDumped(value: unknown): unknown {
  if (typeof value === "bigint")
    return value > 999999999999999n || value < -999999999999999n ? String(value) : Number(value);
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(asDumped);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, asDumped(field)]));
}

/** bpftool shows an anonymous member as one called ""; C and skeletons have its members in the parent. */
function flatten(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(flatten);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).map(([key, field]) => [key, flatten(field)] as const);
  return Object.assign({}, ...fields.map(([key, field]) => (key === "" ? field : { [key]: field })));
}

let types: Loaded<Types>;
beforeAll(() => {
  types = Types.load();
});
afterAll(() => types?.close());

const key: ConnKey = {
  dev: -3,
  saddr: 0x0100007f,
  daddr: 0xffffffff,
  sport: 65535,
  dport: 443,
  proto: Proto.PROTO_TCP,
  flags: Tiny.TINY_LAST,
};
const stats: ConnStats = {
  seen: { first: 1n, last: 2n ** 64n - 1n },
  packets: 2n ** 63n,
  bytes: 3000n,
  cache: { hits: 4, misses: 5 },
  where: { x: -6, y: 7 },
  verdict: Verdict.VERDICT_UNKNOWN,
  state: StateT.STATE_OPEN,
  closed: true,
};
const slot: Slot = {
  name: "sixteen letters!",
  aliases: ["uno", "größe"],
  mac: new Uint8Array([1, 2, 3, 4, 5, 255]),
  deltas: [-128, 0, 127],
  ports: [0, 1, 2, 65535],
  matrix: [
    [1, 2, 3],
    [-2147483648, 0, 2147483647],
  ],
  totals: [0n, 2n ** 64n - 1n],
  bits: [true, false, true, false, true],
  protos: [Proto.PROTO_ICMP, Proto.PROTO_UDP],
  track: [
    { x: 1, y: -1 },
    { x: 2, y: -2 },
    { x: 3, y: -3 },
  ],
  headers: [
    { version: 1, length: 2, sequence: 3n, checksum: 4, seen: { first: 5n, last: 6n }, last: true },
    {
      version: 255,
      length: 4294967295,
      sequence: 2n ** 64n - 1n,
      checksum: 65535,
      seen: { first: 0n, last: 1n },
      last: false,
    },
  ],
  empty: new Uint8Array(0),
};

describe("bpftool sees what a skeleton wrote", () => {
  test("a hash of structs", () => {
    types.maps.conns.set(key, stats);
    const [entry] = dumpMap(types.maps.conns.id);
    expect(flatten(entry!.formatted)).toEqual({
      // bpftool 7.1 reads enums of one byte as signed, and finds no name for -1.
      key: { ...key, proto: "PROTO_TCP", flags: -1 },
      value: {
        ...(asDumped(stats) as object),
        verdict: "VERDICT_UNKNOWN",
        state: "STATE_OPEN",
      },
    });
    expect(types.maps.conns.get(key)).toEqual(stats);
  });

  test("an array of structs of arrays", () => {
    types.maps.slots.set(2, slot);
    const entry = dumpMap(types.maps.slots.id)[2]!;
    // "größe" in 8 bytes is more than bpftool prints as a string; it shows all its char arrays up to the first NUL.
    expect(entry.formatted).toMatchObject({
      key: 2,
      value: {
        ...(asDumped(slot) as object),
        protos: ["PROTO_ICMP", "PROTO_UDP"],
        aliases: expect.anything(),
        name: expect.anything(),
      },
    });
    const bytes = Uint8Array.from(entry.value, (byte) => Number(byte));
    expect(new TextDecoder().decode(bytes.subarray(0, 16))).toBe("sixteen letters!");
    expect(types.maps.slots.get(2)).toEqual(slot);
  });

  test("scalars", () => {
    [0n, 1n, 2n ** 63n, 2n ** 64n - 1n].forEach((value, i) => types.maps.settings.set(i, value));
    expect(dumpMap(types.maps.settings.id).map(({ formatted }) => formatted!.value)).toEqual([
      0,
      1,
      "9223372036854775808",
      "18446744073709551615",
    ]);
  });
});

describe("a skeleton sees what bpftool wrote", () => {
  test("a hash of structs, byte by byte", async () => {
    const { ConnKey, ConnStats } = await import("../../fixtures/types.skel.ts");
    const other = { ...key, dport: 80 };
    updateMap(types.maps.conns.id, ConnKey.encode(other), ConnStats.encode({ ...stats, packets: 77n }));
    expect(types.maps.conns.get(other)).toEqual({ ...stats, packets: 77n });
    expect([...types.maps.conns.keys()]).toContainEqual(other);
  });

  test("text of 16 bytes without a NUL", () => {
    const name = new TextEncoder().encode("exactly16letters");
    updateMap(types.maps.by_name.id, name, new Uint8Array(types.maps.by_name.valueSize));
    expect(types.maps.by_name.has("exactly16letters")).toBe(true);
    expect(types.maps.by_name.delete("exactly16letters")).toBe(true);
    expect(types.maps.by_name.has("exactly16letters")).toBe(false);
  });
});

test("any 6 bytes are a key, and come back as they were", () => {
  const map = types.maps.plain_sizes;
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 6, maxLength: 6 }),
      fc.uint8Array({ minLength: 10, maxLength: 10 }),
      (k, v) => {
        map.set(k, v);
        expect(map.get(k)).toEqual(v);
        expect([...map.entries()]).toEqual([[k, v]]);
        expect(map.delete(k)).toBe(true);
      },
    ),
  );
});

test("any 16 bytes are a text key: raw bytes -> string -> the same entry", () => {
  const map = types.maps.by_name;
  const zero = new Uint8Array(map.valueSize);
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        fc
          .array(fc.constantFrom(0, 1, 0x61, 0x80, 0xc3, 0xa9, 0xed, 0xa0, 0xf0, 0xff), {
            minLength: 16,
            maxLength: 16,
          })
          .map((a) => Uint8Array.from(a)),
      ),
      (bytes) => {
        map.raw.set(bytes, zero);
        const [text] = [...map.keys()];
        expect(map.has(text!)).toBe(true);
        expect([...map.raw.keys()]).toEqual([bytes]);
        expect(map.delete(text!)).toBe(true);
        expect(map.count()).toBe(0);
      },
    ),
    { numRuns: 300 },
  );
});

describe("a program in the kernel", () => {
  test("fills maps that a skeleton reads", () => {
    using open = Types.open();
    open.rodata.target_tgid = process.pid;
    using live = open.load();
    live.attach();
    existsSync("/");
    live.detach();
    expect([...live.maps.conns.entries()]).toEqual([
      [
        {
          dev: 0x65,
          saddr: 0x0100007f,
          daddr: 0x0200007f,
          sport: 40000,
          dport: 443,
          proto: Proto.PROTO_TCP,
          flags: Tiny.TINY_LAST,
        },
        {
          seen: { first: 1n, last: 2n ** 60n },
          packets: 2n,
          bytes: 3000n,
          cache: { hits: 4, misses: 5 },
          where: { x: -6, y: 7 },
          verdict: Verdict.VERDICT_UNKNOWN,
          state: StateT.STATE_OPEN,
          closed: true,
        },
      ],
    ]);
    expect(live.maps.slots.get(1)).toEqual({
      name: "one",
      aliases: ["", "uno"],
      mac: new Uint8Array([0, 0, 0, 0, 0, 255]),
      deltas: [-1, 0, 0],
      ports: [0, 0, 0, 65535],
      matrix: [
        [0, 0, 0],
        [0, 0, -12],
      ],
      totals: [0n, 2n ** 63n],
      bits: [false, false, false, false, true],
      protos: [0, Proto.PROTO_UDP],
      track: [
        { x: 0, y: 0 },
        { x: 0, y: 0 },
        { x: 0, y: -3 },
      ],
      headers: [
        { version: 0, length: 0, sequence: 0n, checksum: 0, seen: { first: 0n, last: 0n }, last: false },
        { version: 0, length: 0x01020304, sequence: 0n, checksum: 0, seen: { first: 0n, last: 9n }, last: true },
      ],
      empty: new Uint8Array(0),
    });
    const [numbers] = [...live.maps.by_name.values()];
    expect(numbers).toEqual({
      a: -1,
      b: -2,
      c: -3,
      d: -4n,
      e: 0xff,
      f: 0xfffe,
      g: 0xfffffffd,
      h: 2n ** 64n - 4n,
      i: -9n,
      j: 10n,
      k: -11,
      l: -12,
      m: 13,
      n: true,

      o: -15n,
      p: 2n ** 100n + 16n,
      q: Wide.WIDE_HIGH,
      r: WideSigned.WIDE_MINUS,
    } satisfies Numbers);
  });

  test("sees what a skeleton writes into globals, before and after load, and the reverse", () => {
    using open = Globals.open();
    expect(open.rodata.greeting).toBe("hello");
    open.rodata.target_tgid = process.pid;
    open.rodata.enabled = true;
    open.rodata.greeting = "from TypeScript";
    open.rodata.limits = { bytes: 2n ** 64n - 1n, packets: 7, strict: true };
    open.data.step = 5n;
    using live = open.load();
    expect(live.rodata.greeting).toBe("from TypeScript");
    live.attach();
    existsSync("/");
    const first = live.bss.counters[0]!;
    expect(first).toBeGreaterThan(0n);
    expect(first % 5n).toBe(0n);
    expect(live.bss.greeting_seen).toBe("from TypeScript");
    expect(live.bss.limits_seen).toEqual({ bytes: 2n ** 64n - 1n, packets: 7, strict: true });
    expect(live.bss.last.tgid).toBe(process.pid);
    live.data.pair = { x: -5, y: 6 };
    live.data.an_u64 = 2n ** 63n + 1n;
    live.data.next_mode = Mode.MODE_TRACE;
    existsSync("/");
    live.detach();
    expect(live.bss.u64_seen).toBe(2n ** 63n + 1n);
    expect(live.bss.last.pair).toEqual({ x: -5, y: 6 });
    const stopped = live.bss.counters[0]!;
    existsSync("/");
    expect(live.bss.counters[0]).toBe(stopped);
    live.bss.$at("counters").set(0, 0n);
    expect(live.bss.$at("counters").get(0)).toBe(0n);
  });
});
