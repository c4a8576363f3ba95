// Worker threads that are terminated in the middle of their work, in processes of their own: a process that is aborted ends
// by a signal. EBPF_SKEL_FULL=1 does so in every kind of work, EBPF_SKEL_TERMINATIONS=500 that often in each.

import { expect, test } from "vitest";
import { saidBy } from "../support/child.ts";
import { requireKernel } from "../support/kernel.ts";

requireKernel();

const full = process.env["EBPF_SKEL_FULL"] === "1";

// A round of each kind of work. `begin` opens the skeleton before: the library's start, and Node's zlib, which unpacks the object
// once in a worker, end the process when their worker is terminated.
const works = `
  import { createRequire } from "node:module";
  import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";
  import { EventTypes } from "./fixtures/event_types.skel.ts";
  import { Events } from "./fixtures/events.skel.ts";
  import { ExecveCounter } from "./fixtures/execve_counter.skel.ts";
  import { Globals } from "./fixtures/globals.skel.ts";

  function begin(work: string): () => void {
    if (work === "ring buffers") {
      const live = Events.load();
      const { id } = live.maps.events.info;
      return () => {
        const ring = Events.maps.events.fromId(id);
        ring.consume(() => undefined);
        ring.close();
      };
    }
    if (work === "perf buffers") {
      const live = EventTypes.load();
      return () => void live.maps.samples.subscribe(() => undefined).close();
    }
    if (work === "subscriptions") {
      const live = Events.load();
      return () => void live.maps.events.subscribe(() => undefined).close();
    }
    if (work === "maps") {
      const counter = ExecveCounter.load();
      const map = counter.maps.execve_counter;
      const { id } = map.info;
      return () => {
        for (const _ of map.entries());
        const other = ExecveCounter.maps.execve_counter.fromId(id);
        for (const _ of other.keys());
        other.close();
      };
    }
    if (work === "variables") {
      Globals.open().close();
      return () => {
        const opened = Globals.open();
        opened.rodata;
        const live = opened.load();
        live.bss;
        live.close();
      };
    }
    if (work === "open" || work === "load") ExecveCounter.open().close();
    if (work === "open") return () => ExecveCounter.open().close();
    if (work === "load") return () => ExecveCounter.load().close();
    const counter = ExecveCounter.load();
    return () => counter.progs.handle_execve.attach().detach();
  }`;

const kinds = ["ring buffers", "perf buffers", "subscriptions", "maps", "variables", "open", "load", "attach"] as const;

// koffi cannot do these while its worker is terminated: it throws where nobody can catch, and Node aborts. What a worker does
// of them before it says that it is up is the library's start.
test.each(kinds)("%s need nothing of koffi that a termination makes an abort", (kind) => {
  const program = `${works}
    if (isMainThread) {
      const worker = new Worker(new URL(import.meta.url));
      worker.on("message", (made) => say(() => made));
      worker.on("error", (e) => say(() => { throw e; }));
    } else {
      const koffi = createRequire(${JSON.stringify(import.meta.filename)})("koffi");
      const made: string[] = [];
      ExecveCounter.open().close();
      for (const name of ["view", "load", "proto", "pointer"]) {
        const own = koffi[name];
        koffi[name] = (...args: unknown[]) => {
          made.push(name);
          return own(...args);
        };
      }
      const round = begin(${JSON.stringify(kind)});
      round();
      round();
      parentPort!.postMessage(made);
    }`;
  expect(saidBy(program)).toEqual([{ ok: [] }]);
});

// A test a round: a process of its own that has a minute, on a machine that is busy too.
const each = 20;
const terminations = Number(process.env["EBPF_SKEL_TERMINATIONS"] ?? (full ? 120 : 2 * each));
const rounds = (full ? kinds : (["ring buffers", "perf buffers"] as const)).flatMap((kind) =>
  Array.from({ length: Math.ceil(terminations / each) }, (_, i) => ({ kind, last: (i + 1) * each })),
);

test.each(rounds)("workers are terminated in the midst of: $kind, up to number $last", ({ kind }) => {
  const program = `${works}
    if (isMainThread) {
      for (let i = 0; i < ${each}; i++) {
        const worker = new Worker(new URL(import.meta.url));
        worker.on("error", (e) => say(() => { throw e; }));
        await new Promise((resolve) => worker.once("message", resolve).once("exit", resolve));
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 10));
        await worker.terminate();
      }
      say(() => "all");
    } else {
      const round = begin(${JSON.stringify(kind)});
      parentPort!.postMessage("up");
      for (;;) round();
    }`;
  expect(saidBy(program)).toEqual([{ ok: "all" }]);
});
