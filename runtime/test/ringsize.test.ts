// Buffers that are too large to map; a kernel that has room for one of them would be asked for two gigabytes here.

import { expect, test } from "vitest";
import { RingBuffer } from "../src/events/ringbuffer.ts";
import { userRingbuf } from "../src/events/userringbuf.ts";
import type { MapCore } from "../src/maps/core.ts";

const map = { name: "rb", maxEntries: 2 ** 31, use: () => -1, onClose: () => undefined } as unknown as MapCore;
const refusal = {
  name: "UnsupportedError",
  message: "map rb: expected at most 1073741824 bytes to map, got 2147483648",
};

test("a ring buffer is at most 1 GiB", () => {
  expect(() => new RingBuffer(map)).toThrow(expect.objectContaining(refusal));
});

test("a user ring buffer is at most 1 GiB", () => {
  const commands = userRingbuf().create(map);
  expect(() => commands.send(Uint8Array.of(1))).toThrow(expect.objectContaining(refusal));
  expect(() => commands.reserve(8)).toThrow(expect.objectContaining(refusal));
});
