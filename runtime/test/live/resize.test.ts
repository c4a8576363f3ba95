// Arrays at the end of a section, made longer before load: what the program in the kernel then sees and writes.

import { expect, test } from "vitest";
import { Globals } from "../../../fixtures/globals.skel.ts";
import { Resize } from "../../../fixtures/resize.skel.ts";
import type { Open } from "../../src/index.ts";
import { openLibrary } from "../../src/library.ts";
import { thrownBy } from "../support/errors.ts";
import { requireKernel } from "../support/kernel.ts";
import { where } from "../support/where.ts";

requireKernel();

// The library is loaded with the first open.
Resize.open().close();
const canResize = openLibrary().atLeast(1, 3);

/** Enters the kernel, which runs `on_enter`. */
function enter(times: number): void {
  for (let i = 0; i < times; i++) process.umask();
}

where(canResize).describe("before load", () => {
  test("what was written stays, what is new is zero", () => {
    using open = Resize.open();
    open.data.path = [
      { x: 7, y: 8 },
      { x: 9, y: 10 },
    ];
    open.data.step = 3;
    open.data.$resize("path", 4);
    expect(open.data.path).toEqual([
      { x: 7, y: 8 },
      { x: 9, y: 10 },
      { x: 0, y: 0 },
      { x: 0, y: 0 },
    ]);
    expect(open.data.step).toBe(3);
  });

  test("what the object holds stays, and a shorter array loses its end for good", () => {
    using open = Resize.open();
    open.rodata.$resize("weights", 3);
    expect(open.rodata.weights).toEqual([10, 20, 0]);
    open.rodata.$resize("weights", 1);
    open.rodata.$resize("weights", 2);
    expect(open.rodata.weights).toEqual([10, 0]);
  });

  test("an element's handle that is older has the new length", () => {
    using open = Resize.open();
    const path = open.data.$at("path");
    open.data.$resize("path", 3);
    path.set(2, { x: 5, y: 6 });
    expect(path.length).toBe(3);
    expect(open.data.path[2]).toEqual({ x: 5, y: 6 });
    open.data.$resize("path", 1);
    expect(thrownBy(() => path.get(2)).message).toBe("data.path: index 2 is outside 0..0");
  });

  test("a value is as long as the array is now", () => {
    using open = Resize.open();
    open.bss_sums.$resize("sums", 3);
    open.bss_sums.sums = [1n, 2n, 3n];
    open.bss_sums.$resize("sums", 2);
    expect(thrownBy(() => (open.bss_sums.sums = [1n, 2n, 3n]))).toMatchObject({
      name: "ValueError",
      path: "bss_sums.sums",
    });
    expect(open.bss_sums.sums).toEqual([1n, 2n]);
  });
});

where(canResize).describe("after load", () => {
  const many = 5000;

  test("the program sees and writes every element", () => {
    using open = Resize.open();
    open.rodata.target_tgid = process.pid;
    open.rodata.$resize("weights", 3);
    open.rodata.weights = [1, 2, 4];
    open.rodata.weights_length = 3;
    open.data.$resize("path", 4);
    open.data.$at("path").set(3, { x: 100, y: 5 });
    open.rodata.path_length = 4;
    open.bss_sums.$resize("sums", many);
    open.rodata.sums_length = many;
    using live = open.load();
    live.attach();
    enter(many);
    live.detach();
    expect(live.bss_sums.written).toBe(many);
    // The sum of the weights, and how many entries there were before.
    expect(live.bss_sums.sums).toEqual(Array.from({ length: many }, (_, i) => 7n + BigInt(i)));
    expect(live.bss_sums.$at("sums").length).toBe(many);
    expect(live.bss_sums.$at("sums").get(many - 1)).toBe(7n + BigInt(many - 1));
    const hits = Number(live.bss.hits);
    expect(live.data.path).toEqual([
      { x: 1 + hits, y: 2 },
      { x: 3 + hits, y: 4 },
      { x: hits, y: 0 },
      { x: 100 + hits, y: 5 },
    ]);
    expect(live.rodata.weights).toEqual([1, 2, 4]);
  });

  test("the new elements are written live", () => {
    using open = Resize.open();
    open.bss_sums.$resize("sums", many);
    using live = open.load();
    live.bss_sums.$at("sums").set(many - 1, 9n);
    expect(live.bss_sums.sums[many - 1]).toBe(9n);
    live.bss_sums.sums = [1n];
    expect(live.bss_sums.sums[0]).toBe(1n);
    expect(live.bss_sums.sums[many - 1]).toBe(0n);
  });

  test("a shorter array is what the program has too", () => {
    using open = Resize.open();
    open.rodata.$resize("weights", 1);
    open.rodata.weights_length = 1;
    open.data.$resize("path", 1);
    open.rodata.path_length = 1;
    open.rodata.target_tgid = process.pid;
    using live = open.load();
    live.attach();
    enter(1);
    live.detach();
    expect(live.bss_sums.sums).toEqual([10n]);
    expect(live.data.path).toHaveLength(1);
  });

  test("the length that the verifier was told must be the array's", () => {
    using open = Resize.open();
    open.rodata.sums_length = many;
    expect(thrownBy(() => open.load())).toMatchObject({ name: "VerifierError", program: "on_enter" });
  });

  test("another skeleton of the same object keeps its lengths", () => {
    using open = Resize.open();
    open.bss_sums.$resize("sums", many);
    using other = Resize.load();
    expect(other.bss_sums.sums).toEqual([0n]);
  });
});

test("what is no array at a section's end has no other length", () => {
  using open = Resize.open();
  using other = Globals.open();
  const cases: [() => void, string][] = [
    [
      () => other.bss.$resize("counters", 3),
      "bss.counters: expected the last variable of .bss, got one that ends at 32 of 164 bytes",
    ],
    [() => open.data_fixed.$resize("fixed", 8), "data_fixed.fixed: expected the last variable of .data.fixed"],
    [() => open.data.$resize("step" as "path", 2), "data.step: expected an array, got u32"],
    [() => open.data.$resize("toString" as "path", 2), 'data: has no variable "toString"'],
    ...[0, -1, 1.5, NaN, "3", undefined].map((length): [() => void, string] => [
      () => open.data.$resize("path", length as number),
      "data.path: expected a positive number of elements, got ",
    ]),
    [() => open.data.$resize("path", 2 ** 28), "data.path: expected at most 2147483647 bytes in .data, got 2147483652"],
  ];
  for (const [resize, message] of cases) {
    const error = thrownBy(resize);
    expect(error.name).toBe("ValueError");
    expect(error.message).toContain(message);
  }
  expect(open.data.path).toHaveLength(2);
});

test("the lengths are fixed when the object is loaded or closed", () => {
  const resize = (open: Open<Resize>) => (): void => open.data.$resize("path", 3);
  using loaded = Resize.open();
  const again = loaded.data;
  using live = loaded.load();
  expect(live.data).not.toHaveProperty("$resize");
  expect(thrownBy(() => again.$resize("path", 3)).name).toBe("StateError");
  expect(thrownBy(resize(loaded)).name).toBe("StateError");
  const closed = Resize.open();
  closed.close();
  expect(thrownBy(resize(closed)).name).toBe("StateError");
});

where(!canResize).test("an older libbpf is named, and changes nothing", () => {
  using open = Resize.open();
  expect(thrownBy(() => open.bss_sums.$resize("sums", 9))).toMatchObject({
    name: "UnsupportedError",
    message: `resize: bss_sums.$resize: needs libbpf >= 1.3, found ${openLibrary().version}`,
  });
  expect(open.bss_sums.sums).toEqual([0n]);
  open.load().close();
});
