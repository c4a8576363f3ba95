// Structs that end in a flexible array, in maps: the kernel's values have the struct's size, so the tail is empty.

import { expect, test } from "vitest";
import { Tails } from "../../../fixtures/tails.skel.ts";
import { requireKernel } from "../support/kernel.ts";

requireKernel();

test("a value of fixed size has no tail, and takes none", () => {
  using live = Tails.load();
  const { packets, lines, envelopes } = live.maps;
  for (const id of [1, 2, 3]) packets.set(id, { length: id, kind: 2, payload: new Uint8Array(0) });
  expect([...packets.values()].map(({ payload }) => payload.length)).toEqual([0, 0, 0]);
  expect(() => packets.set(1, { length: 1, kind: 2, payload: Uint8Array.of(1) })).toThrow(
    "map packets: value.payload: expected at most 0 bytes, got 1",
  );
  lines.set(0, { at: 1n, text: "" });
  expect(lines.get(0)).toEqual({ at: 1n, text: "" });
  expect(() => lines.set(0, { at: 1n, text: "x" })).toThrow("map lines: value.text: expected no text");
  envelopes.push({ from: 1, track: { id: 2, points: [] } });
  expect(envelopes.pop()).toEqual({ from: 1, track: { id: 2, points: [] } });
  expect(() => envelopes.push({ from: 1, track: { id: 2, points: [{ x: 1, y: 1 }] } })).toThrow(
    "map envelopes: value.track.points: expected at most 0 elements, got 1",
  );
});
