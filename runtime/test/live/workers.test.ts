// How worker threads end, in processes of their own: what one holds of the kernel is gone with it.

import { expect, test } from "vitest";
import { saidBy } from "../support/child.ts";
import { requireKernel } from "../support/kernel.ts";

requireKernel();

const workers = `
  import { readdirSync, readFileSync, readlinkSync } from "node:fs";
  import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";
  import { enableStats, openLink } from "@ebpf-skel/runtime";
  import { AttachTrace } from "./fixtures/attach_trace.skel.ts";
  import { Events } from "./fixtures/events.skel.ts";
  import { ExecveCounter } from "./fixtures/execve_counter.skel.ts";
  function held(): string[] {
    const targets = readdirSync("/proc/self/fd").map((fd) => {
      try { return readlinkSync("/proc/self/fd/" + fd); } catch { return ""; }
    });
    const maps = readFileSync("/proc/self/maps", "utf8").split("\\n");
    return [...targets, ...maps].filter((target) => /anon_inode:(bpf|\\[(perf_event|eventpoll))/.test(target));
  }
  async function end(how: string): Promise<void> {
    const worker = new Worker(new URL(import.meta.url), { workerData: how });
    worker.on("error", (e) => { if (e.message !== "thrown") say(() => { throw e; }); });
    const ended = new Promise((resolve) => worker.once("exit", resolve));
    const up = await Promise.race([new Promise((resolve) => worker.once("message", resolve)), ended]);
    if (up !== "up") say(() => "ended before it was up");
    if (how === "terminate") await worker.terminate();
    await ended;
  }`;

// More than a tracepoint takes programs, which is 64.
test.each(["throw", "exit", "end", "terminate", "close"])(
  "70 workers that end by %s leave nothing attached or open",
  (how) => {
    const program = `${workers}
    if (isMainThread) {
      // The first makes what this process keeps.
      await end(${JSON.stringify(how)});
      const before = held();
      for (let i = 0; i < 70; i++) await end(${JSON.stringify(how)});
      const after = held();
      say(() => (after.length === before.length ? "nothing" : { before, after }));
    } else {
      const counter = ExecveCounter.load();
      counter.attach();
      const live = Events.load();
      live.attach();
      live.maps.events.consume(() => undefined);
      const { id } = counter.maps.execve_counter.info;
      const other = ExecveCounter.maps.execve_counter.fromId(id);
      const again = ExecveCounter.progs.handle_execve.fromId(counter.progs.handle_execve.id);
      const stats = enableStats();
      // It keeps a worker whose script ends.
      if (workerData !== "end") live.maps.pages.subscribe(() => undefined);
      parentPort!.postMessage("up");
      if (workerData === "throw") setTimeout(() => { throw new Error("thrown"); });
      if (workerData === "exit") setTimeout(() => process.exit(0));
      if (workerData === "terminate") setInterval(() => undefined, 1000);
      if (workerData === "close") { stats.close(); again.close(); other.close(); live.close(); counter.close(); }
    }`;
    expect(saidBy(program)).toEqual([{ ok: "nothing" }]);
  },
);

test("workers that end amid an iterator leave nothing open", () => {
  const program = `${workers}
    if (isMainThread) {
      await end("exit");
      const before = held();
      for (const how of ["throw", "exit", "end", "terminate"]) await end(how);
      const after = held();
      say(() => (after.length === before.length ? "nothing" : { before, after }));
    } else {
      const live = AttachTrace.load();
      const chunks = live.progs.each_task.attach()[Symbol.asyncIterator]();
      await chunks.next();
      if (!held().some((what) => what.endsWith("bpf_iter"))) say(() => "no iterator");
      parentPort!.postMessage("up");
      if (workerData === "throw") setTimeout(() => { throw new Error("thrown"); });
      if (workerData === "exit") setTimeout(() => process.exit(0));
      if (workerData === "terminate") setInterval(() => undefined, 1000);
    }`;
  expect(saidBy(program)).toEqual([{ ok: "nothing" }]);
});

test("what a worker pinned stays attached", () => {
  const program = `${workers}
    import { rmSync } from "node:fs";
    const path = "/sys/fs/bpf/worker_" + process.pid;
    if (isMainThread) {
      for (const how of ["exit", "terminate"]) {
        await end(how);
        const left = held().filter((what) => !what.includes("eventpoll"));
        const link = openLink(path);
        say(() => ({ left, type: typeof link.id }));
        link.close();
        rmSync(path);
      }
    } else {
      const live = ExecveCounter.load();
      live.progs.handle_execve.attach().pin(path);
      openLink(path);
      parentPort!.postMessage("up");
      if (workerData === "exit") setTimeout(() => process.exit(0));
      else setInterval(() => undefined, 1000);
    }`;
  expect(saidBy(program)).toEqual([{ ok: { left: [], type: "number" } }, { ok: { left: [], type: "number" } }]);
});
