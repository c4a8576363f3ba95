// Maps whose definition says what their events are: the kernel takes them once the runtime has set their value size back.

import { afterEach, expect, test } from "vitest";
import {
  type PerfEventArray,
  perfEventArray,
  ringbuf,
  type RingBuf,
  type UserRingBuf,
  userRingbuf,
} from "../../src/gen1.ts";
import { EventDeclared } from "../../../fixtures/event_declared.skel.ts";
import { EventTypes } from "../../../fixtures/event_types.skel.ts";
import { setLogger } from "../../src/index.ts";
import { compile, skeletonOf } from "../support/clang.ts";
import { thrownBy } from "../support/errors.ts";
import { requireKernel } from "../support/kernel.ts";

requireKernel();
afterEach(() => setLogger(undefined));

interface Declared {
  maps: { rb: RingBuf; perf: PerfEventArray; commands: UserRingBuf };
  progs: {};
  sections: {};
  structOps: {};
}
const source = `
  struct event { u32 pid; char comm[16]; };
  struct ring { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); __type(value, struct event); };
  struct ring rb SEC(".maps");
  struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __type(key, u32); __type(value, struct event); } perf SEC(".maps");
  struct { __uint(type, BPF_MAP_TYPE_USER_RINGBUF); __uint(max_entries, 4096); __type(value, struct event); } commands SEC(".maps");`;
const declared = skeletonOf<Declared>(compile(source), {
  maps: { rb: ringbuf(), perf: perfEventArray(), commands: userRingbuf() },
  progs: {},
  sections: {},
});

test("they load, with the sizes that the kernel wants", () => {
  using open = declared.open();
  expect(open.maps.rb.valueSize).toBe(0);
  using live = open.load();
  const { rb, perf, commands } = live.maps;
  expect([rb, perf, commands].map(({ type, valueSize }) => [type, valueSize])).toEqual([
    ["ringbuf", 0],
    ["perf_event_array", 4],
    ["user_ringbuf", 0],
  ]);
});

test("they load on another thread", async () => {
  using live = await declared.open().loadAsync();
  expect(live.maps.rb.valueSize).toBe(0);
});

test("libbpf's warnings of the second try are nobody's concern", () => {
  const warnings: string[] = [];
  let lines = 0;
  setLogger((level, text) => {
    lines++;
    if (level !== "debug") warnings.push(text);
  });
  declared.load().close();
  expect(warnings).toEqual([]);
  expect(lines).toBeGreaterThan(0);
});

test("another map's second try is still told", () => {
  const odd = `
    struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); __type(key, u32); __type(value, u64); } odd SEC(".maps");`;
  interface Odd {
    maps: { odd: RingBuf };
    progs: {};
    sections: {};
    structOps: {};
  }
  const keyed = { ...ringbuf(), keySize: undefined };
  const skeleton = skeletonOf<Odd>(compile(`${source}${odd}`), { maps: { odd: keyed }, progs: {}, sections: {} });
  const warnings: string[] = [];
  setLogger((level, text) => level === "warn" && warnings.push(text));
  const error = thrownBy(() => skeleton.load());
  expect(error).toMatchObject({ name: "BpfError", code: "EINVAL" });
  expect(warnings.filter((text) => text.includes("Retrying without BTF")).length).toBeGreaterThan(0);
});

test("generated modules of declared and inferred types load", () => {
  using declared = EventDeclared.load();
  expect(declared.maps.commands.type).toBe("user_ringbuf");
  using inferred = EventTypes.load();
  expect(inferred.maps.two_sizes.type).toBe("ringbuf");
});

test("a map in the kernel with the same declaration can take its place", () => {
  using live = declared.load();
  const open = declared.open();
  open.maps.rb.reuse(live.maps.rb);
  using second = open.load();
  expect(second.maps.rb.id).toBe(live.maps.rb.id);
});
