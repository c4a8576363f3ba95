// Loading and detaching on other threads, beside the main one and in workers.

import { describe, expect, test } from "vitest";
import { ExecveCounter } from "../../../fixtures/execve_counter.skel.ts";
import { Globals } from "../../../fixtures/globals.skel.ts";
import { Programs } from "../../../fixtures/programs.skel.ts";
import { VerifierFail } from "../../../fixtures/verifier_fail.skel.ts";
import { saidBy } from "../support/child.ts";
import { rejectionOf, thrownBy } from "../support/errors.ts";
import { requireKernel } from "../support/kernel.ts";

requireKernel();

describe("loadAsync", () => {
  test("loads as load does", async () => {
    const open = Globals.open();
    open.rodata.target_tgid = process.pid;
    const loading = open.loadAsync();
    expect(thrownBy(() => open.load()).message).toMatch(/^globals: is being loaded/);
    expect(thrownBy(() => (open.rodata.target_tgid = 1)).name).toBe("StateError");
    await using live = await loading;
    expect(live.rodata.target_tgid).toBe(process.pid);
    live.attach();
    process.umask();
    expect(live.bss.counters[0]).toBeGreaterThan(0n);
    expect(thrownBy(() => open.load()).message).toMatch(/^globals: loaded already/);
  });

  test("runs beside calls of the main thread and other loads", async () => {
    const loads = Array.from({ length: 8 }, () => ExecveCounter.open().loadAsync());
    const failing = VerifierFail.open().loadAsync();
    // While libbpf is silent for the others, the verifier's words come through a buffer here too.
    expect(thrownBy(() => VerifierFail.load())).toMatchObject({ name: "VerifierError", program: "count_unchecked" });
    using own = ExecveCounter.load();
    own.maps.execve_counter.set("x", 1n);
    expect(await rejectionOf(failing)).toMatchObject({ name: "VerifierError" });
    for (const live of await Promise.all(loads)) {
      expect(live.maps.execve_counter.count()).toBe(0);
      live.close();
    }
  });

  test("that is closed meanwhile leaves nothing", async () => {
    const open = ExecveCounter.open();
    const loading = open.loadAsync();
    open.close();
    open.close();
    expect(await rejectionOf(loading)).toMatchObject({
      name: "StateError",
      message: "execve_counter: closed while it was being loaded",
    });
    expect(thrownBy(() => open.load()).message).toBe("execve_counter: closed");
  });
});

describe("detachAsync and closeAsync", () => {
  test("let the main thread go on", async () => {
    const live = Programs.load();
    const attach = (): void => {
      for (const name of ["getpid", "getppid", "gettid", "getuid"])
        live.progs.on_getpid.attach({ name: `sys_enter_${name}` });
    };
    /** Whether the event loop turned while the kernel was waited for: several times 10 ms and more. */
    const turnsDuring = async (wait: () => Promise<void>): Promise<boolean> => {
      let turned = false;
      setImmediate(() => (turned = true));
      await wait();
      return turned;
    };
    attach();
    expect(await turnsDuring(() => live.detachAsync())).toBe(true);
    expect(live.links.on_getpid).toBeUndefined();
    attach();
    expect(await turnsDuring(() => live.closeAsync())).toBe(true);
    await live.closeAsync();
    expect(thrownBy(() => live.attach()).message).toBe("programs: closed");
  });

  test("are the same as detach to whoever looks", async () => {
    await using live = Programs.load();
    const link = live.progs.on_getpid.attach();
    const ending = link.detachAsync();
    expect(live.links.on_getpid).toBeUndefined();
    expect(thrownBy(() => link.fd).name).toBe("StateError");
    link.detach();
    await Promise.all([ending, link.detachAsync()]);
  });

  test("finish when close overtakes them", async () => {
    const live = Programs.load();
    const ending = live.progs.on_getpid.attach().detachAsync();
    live.progs.on_getppid.attach();
    live.close();
    await ending;
    const other = Programs.load();
    other.attach();
    const closing = other.closeAsync();
    other.close();
    expect(thrownBy(() => other.attach()).name).toBe("StateError");
    await closing;
  });
});

describe("worker threads", () => {
  test("load, attach and see the verifier's words, while the main thread loads, too", () => {
    const program = `
      import { Worker, isMainThread, parentPort } from "node:worker_threads";
      import { Globals } from "./fixtures/globals.skel.ts";
      import { VerifierFail } from "./fixtures/verifier_fail.skel.ts";
      if (isMainThread) {
        using own = Globals.load();
        const workers = [1, 2, 3].map(() => new Worker(new URL(import.meta.url)));
        const heard = workers.map((worker) => new Promise((resolve, reject) => worker.on("message", resolve).on("error", reject)));
        let under = true;
        const lines = Promise.all(heard).finally(() => (under = false));
        do {
          Globals.load().close();
          try { VerifierFail.load(); } catch {}
          await new Promise(setImmediate);
        } while (under);
        for (const line of await lines) say(() => line);
        say(() => own.data.step);
        try { VerifierFail.load(); } catch (e) { say(() => (e as Error).name); }
      } else {
        const open = Globals.open();
        open.rodata.target_tgid = process.pid;
        const live = open.load();
        live.attach();
        process.hrtime();
        process.memoryUsage();
        const counted = live.bss.counters[0] > 0n;
        let refused = "";
        try { VerifierFail.load(); } catch (e) { refused = (e as Error).message; }
        await live.closeAsync();
        parentPort!.postMessage(String(counted) + " " + /R0 invalid mem access/.test(refused));
      }`;
    expect(saidBy(program)).toEqual([
      { ok: "true true" },
      { ok: "true true" },
      { ok: "true true" },
      { ok: "1n" },
      { ok: "VerifierError" },
    ]);
  });

  test("that end early take nothing with them", () => {
    const program = `
      import { Worker, isMainThread, parentPort } from "node:worker_threads";
      import { ExecveCounter } from "./fixtures/execve_counter.skel.ts";
      if (isMainThread) {
        using own = ExecveCounter.load();
        for (let i = 0; i < 3; i++) {
          const worker = new Worker(new URL(import.meta.url));
          await new Promise((resolve) => worker.once("message", resolve));
          await worker.terminate();
          own.maps.execve_counter.set("x", 1n);
          ExecveCounter.load().close();
        }
        say(() => own.maps.execve_counter.count());
      } else {
        const live = ExecveCounter.load();
        live.attach();
        parentPort!.postMessage("up");
        setInterval(() => live.maps.execve_counter.count(), 1);
      }`;
    expect(saidBy(program)).toEqual([{ ok: 1 }]);
  });

  // A thread that is terminated within koffi's `func` takes the process with it.
  test("have bound what they will call when they have loaded", () => {
    const program = `
      import { createRequire } from "node:module";
      import { Worker, isMainThread, parentPort } from "node:worker_threads";
      import { Events } from "./fixtures/events.skel.ts";
      import { ExecveCounter } from "./fixtures/execve_counter.skel.ts";
      if (isMainThread) {
        const worker = new Worker(new URL(import.meta.url));
        const heard = await new Promise((resolve, reject) => worker.on("message", resolve).on("error", reject));
        say(() => heard);
      } else {
        const koffi = createRequire(import.meta.url)("koffi");
        const { load } = koffi;
        const bound = [];
        koffi.load = (path) => {
          const library = load(path);
          const func = (name, ...rest) => (bound.push(name), library.func(name, ...rest));
          return { symbol: (name) => library.symbol(name), func };
        };
        ExecveCounter.open().close();
        const before = bound.length;
        const live = Events.load();
        live.attach();
        live.bss.target_tgid = process.pid;
        live.maps.events.subscribe(() => undefined).close();
        live.maps.events.consume(() => undefined);
        const counter = ExecveCounter.load();
        const { execve_counter } = counter.maps;
        execve_counter.set("x", 1n);
        execve_counter.setMany([["y", 2n]]);
        const values = [...execve_counter.values()];
        execve_counter.pin("/sys/fs/bpf/bound_" + process.pid);
        execve_counter.unpin("/sys/fs/bpf/bound_" + process.pid);
        counter.progs.handle_execve.attach();
        const { info } = counter.progs.handle_execve;
        await counter.detachAsync();
        await counter.closeAsync();
        live.close();
        parentPort!.postMessage({ before: before > 100, after: bound.slice(before), values: values.length, name: info.name });
      }`;
    expect(saidBy(program)).toEqual([{ ok: { before: true, after: [], values: 2, name: "handle_execve" } }]);
  });
});
