// Values with a lock, a timer and an owned pointer: what a skeleton reads of them, and that it resets nothing by accident.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { KernelFields } from "../../../fixtures/kernel_fields.skel.ts";
import { isStateError, type Loaded } from "../../src/index.ts";
import { requireKernel } from "../support/kernel.ts";

requireKernel();

let live: Loaded<KernelFields>;
const folder = mkdtempSync(join(tmpdir(), "ebpf-skel-timer-"));
beforeAll(() => {
  live = KernelFields.load();
  writeFileSync(join(folder, "packet"), new Uint8Array(64));
});
afterAll(() => {
  live?.close();
  rmSync(folder, { recursive: true });
});

/** Has the kernel run the program once. */
const arm = (): void =>
  void execFileSync("bpftool", ["prog", "run", "id", String(live.progs.arm.id), "data_in", join(folder, "packet")]);

const messageOf = (run: () => unknown): string => {
  try {
    run();
  } catch (e) {
    if (!isStateError(e)) throw e;
    return e.message;
  }
  throw new Error("nothing was thrown");
};

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
};

test("a lock is harmless, and is taken", () => {
  const { locked } = live.maps;
  locked.set(1, { count: 1, total: 2n });
  locked.set(1, { count: 3, total: 4n }, { lock: true });
  expect(locked.get(1, { lock: true })).toEqual({ count: 3, total: 4n });
  arm();
  expect(locked.get(1)).toEqual({ count: 4, total: 6n });
});

test("a timer is not cancelled by accident", async () => {
  const { timers } = live.maps;
  const remedy = '(pass resetKernelFields: true, or mode: "create" for a new entry)';
  const refusal = `map timers: set would reset struct bpf_timer timer ${remedy}`;
  timers.set(1, { fired: 0n }, { mode: "create" });
  arm();
  await until(() => timers.get(1)!.fired > 2n);
  expect(messageOf(() => timers.set(1, { fired: 0n }))).toBe(refusal);
  expect(messageOf(() => timers.set(1, { fired: 0n }, { mode: "update" }))).toBe(refusal);
  expect(messageOf(() => timers.setMany([[1, { fired: 0n }]]))).toBe(refusal);
  const before = timers.get(1)!.fired;
  await until(() => timers.get(1)!.fired > before);

  timers.set(1, { fired: 0n }, { resetKernelFields: true });
  const after = timers.get(1)!.fired;
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(timers.get(1)!.fired).toBe(after);
});

test("an owned pointer is left out, in arrays too", () => {
  expect(live.maps.owners.get(0)).toEqual({ used: 0 });
  expect(messageOf(() => live.maps.owners.set(0, { used: 1 }))).toContain("would reset struct task_struct * task");
  live.maps.owners.set(0, { used: 1 }, { resetKernelFields: true });
  expect(live.maps.owners.get(0)).toEqual({ used: 1 });
});
