// Whether this process may use BPF at all. A file that needs the kernel calls `requireKernel()` first: without the rights
// its tests are skipped and the reason is printed; with EBPF_SKEL_REQUIRE_ROOT=1 they fail instead.

import { beforeAll, TestRunner } from "vitest";
import { ExecveCounter } from "../../../fixtures/execve_counter.skel.ts";
import { isBpfError, isUnsupportedError } from "../../src/index.ts";

/** Why BPF programs cannot be loaded here; undefined when they can. The truth is in trying. */
export function whyNoKernel(): string | undefined {
  try {
    ExecveCounter.load().close();
    return undefined;
  } catch (e) {
    if (isBpfError(e, "EPERM") || isUnsupportedError(e)) return e.message;
    throw e;
  }
}

interface Task {
  mode: string;
  result?: object;
  readonly tasks?: readonly Task[];
}

function skip(task: Task): void {
  task.mode = "skip";
  task.result = { state: "skip" };
  for (const child of task.tasks ?? []) skip(child);
}

/** Skips or fails this file's tests, and its hooks, where BPF is out of reach. */
export function requireKernel(): void {
  const why = whyNoKernel();
  if (why === undefined) return;
  beforeAll(({}, suite) => {
    // This hook is the first: those that follow would use the kernel.
    const hooks = TestRunner.getSuiteHooks(suite);
    hooks.beforeAll.length = 0;
    hooks.afterAll.length = 0;
    if (process.env["EBPF_SKEL_REQUIRE_ROOT"] === "1") throw new Error(`the kernel is out of reach: ${why}`);
    console.warn(`skipped: the kernel is out of reach: ${why}`);
    for (const task of suite.tasks) skip(task as Task);
  });
}
