// Events whose types only the debug information of their senders tells, as a kernel gives them.

import { expect, test } from "vitest";
import { EventIdioms, Phase } from "../../../fixtures/event_idioms.skel.ts";
import { requireKernel } from "../support/kernel.ts";

requireKernel();

const PACKET = new Uint8Array(64);

/** The events of a map that the programs `names` sent. */
function sentBy(map: keyof EventIdioms["maps"], ...names: readonly (keyof EventIdioms["progs"])[]): unknown[] {
  using live = EventIdioms.load();
  const events: unknown[] = [];
  const undecoded: unknown[] = [];
  const from = live.maps[map] as (typeof live.maps)["reserved"];
  // A perf buffer opens with its first consumer.
  from.consume(() => {});
  for (const name of names) live.progs[name].run({ data: PACKET });
  from.consume((event) => events.push(event), { unknown: (record) => undecoded.push(record) });
  expect(undecoded).toEqual([]);
  return events;
}

const opened = { flags: 0, path: "" };

test.each<[keyof EventIdioms["maps"], keyof EventIdioms["progs"], unknown]>([
  ["reserved", "by_reserve", { pid: 1, comm: "reserved" }],
  ["from_void", "by_reserve", { ...opened, at: 2n, flags: PACKET.length }],
  ["on_stack", "by_variable", { pid: 3, comm: "stack" }],
  ["inlined", "by_variable", { ...opened, at: 4n, path: "tmp" }],
  ["by_typedef", "by_variable", { pid: 5, depth: 2, frames: [6n, 7n, 0n, 0n] }],
  ["by_union", "by_variable", { header: { protocol: 8, length: 9 }, whole: 0x9_0000_0008n }],
  ["passed", "by_function", { pid: 10, comm: "passed" }],
  ["by_heap", "by_memory", { pid: 13, comm: "heap" }],
  ["globals", "by_memory", { ...opened, at: 14n }],
  ["first_of_two", "of_one_size", { at: 15n, pid: PACKET.length, parent: 0 }],
  ["second_of_two", "of_one_size", { at: 16n, status: -1, signal: 0 }],
  ["numbers", "without_struct", 17n],
  ["arrays", "without_struct", [18, 19, 0, 0, 0, 0]],
  ["enums", "without_struct", Phase.PHASE_END],
  ["members", "without_struct", { pid: 21, comm: "member" }],
  [
    "bits",
    "with_everything",
    {
      ...{ kind: 5, delta: -3, length: 1n << 33n, v4: 0x7f000001, order: 22, phase: Phase.PHASE_BEGIN },
      v6: Uint8Array.of(1, 0, 0, 127, ...new Array<number>(12).fill(0)),
      end: { port: 443, zone: 0 },
    },
  ],
  ["rooms", "with_everything", { ...opened, at: 23n, flags: PACKET.length }],
])("%s, sent by %s", (map, program, event) => {
  expect(sentBy(map, program)).toEqual([event]);
});

test("two types that one function is given are told apart by their length", () => {
  expect(sentBy("mixed", "by_function")).toEqual([{ ...opened, at: 11n, path: "proc" }, 12n]);
});
