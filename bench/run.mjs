// `npm run bench`: what a skeleton costs beside C doing the same work in the same process. C and JavaScript alternate,
// round by round; the figure is the median of the rounds' ratios. Needs root, gcc and libbpf-dev.

import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { transformSync } from "esbuild";

const root = fileURLToPath(new URL("..", import.meta.url));
const koffi = createRequire(join(root, "runtime/package.json"))("koffi");
const folder = mkdtempSync(join(tmpdir(), "ebpf-skel-bench-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const ROUNDS = 15;
const ENTRIES = 1000;

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
const clock = (work) => {
  const start = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - start);
};

let baseline;

/** The functions of the C baseline by their names. */
function loadBaseline() {
  return (baseline ??= compileBaseline());
}

function compileBaseline() {
  const file = join(folder, "baseline.so");
  execFileSync("gcc", ["-O2", "-shared", "-fPIC", "-o", file, join(root, "bench/baseline.c"), "-l:libbpf.so.1"]);
  const library = koffi.load(file);
  return (name) => library.func(name, "int", ["int", "uint32_t", "uint32_t"]);
}

/** The generated module as JavaScript that this version of Node can import. */
async function importSkeleton(name) {
  const text = readFileSync(join(root, `fixtures/${name}.skel.ts`), "utf8");
  mkdirSync(join(root, ".cache/bench"), { recursive: true });
  const file = join(root, `.cache/bench/${name}.skel.mjs`);
  writeFileSync(file, transformSync(text, { loader: "ts" }).code);
  return import(pathToFileURL(file).href);
}

/** One line of the table: `c` and `js` run `ops` operations each, alternating. */
function compare(name, ops, c, js) {
  for (let i = 0; i < 3; i++) {
    c();
    js();
  }
  const rounds = Array.from({ length: ROUNDS }, () => ({ c: clock(c), js: clock(js) }));
  report(
    name,
    median(rounds.map((r) => r.c / ops)),
    median(rounds.map((r) => r.js / ops)),
    median(rounds.map((r) => r.js / r.c)),
    "ns",
  );
}

function report(name, base, own, ratio, unit) {
  console.log(
    `${name.padEnd(34)}${base.toFixed(0).padStart(8)} ${unit}${own.toFixed(0).padStart(9)} ${unit}${`${ratio.toFixed(2)} x`.padStart(11)}`,
  );
}

async function benchMaps() {
  const { Bench } = await importSkeleton("bench");
  const baseline = loadBaseline();
  const live = Bench.load();
  const { flows, slots, percpu_flows: percpuFlows, counters } = live.maps;
  // Keys and values stand ready before the clock starts, here and in C: what is timed is handing them over.
  const key = (i) => ({ saddr: i, port: i & 0xffff, proto: 6 });
  const value = (i) => ({ packets: BigInt(i), bytes: BigInt(64 * i), seen: 1n, pid: i, flags: 3, comm: "ebpf-skel" });
  const keys = Array.from({ length: ENTRIES }, (_, i) => key(i));
  const values = Array.from({ length: ENTRIES }, (_, i) => value(i));
  // Kept, so that the objects really leave the function that made them.
  let kept;
  const ops = 50_000;
  const inC = (...names) => names.map((name) => baseline(`bench_${name}`));
  const [get, set, has, arrayGet, iterate] = inC("get", "set", "has", "array_get", "iterate");
  const [setBatch, setBatchFilled, percpuGet] = inC("set_batch", "set_batch_filled", "percpu_get");
  const [readCounters, readVariable, writeVariable] = inC("counters", "read_variable", "write_variable");
  const check = (status) => {
    if (status < 0) throw new Error(`baseline failed with ${status}`);
  };
  check(baseline("bench_prepare")(flows.fd, 0, ENTRIES));
  console.log(`\nmaps, per operation${"C".padStart(22)}${"ebpf-skel".padStart(12)}${"ratio".padStart(12)}`);
  compare(
    "hash set, 6 fields",
    ops,
    () => check(set(flows.fd, ops, ENTRIES)),
    () => {
      for (let i = 0; i < ops; i++) flows.set(keys[i % ENTRIES], values[i % ENTRIES]);
    },
  );
  compare(
    "hash get, 6 fields",
    ops,
    () => check(get(flows.fd, ops, ENTRIES)),
    () => {
      for (let i = 0; i < ops; i++) kept = flows.get(keys[i % ENTRIES]);
    },
  );
  compare(
    "hash has",
    ops,
    () => check(has(flows.fd, ops, ENTRIES)),
    () => {
      for (let i = 0; i < ops; i++) kept = flows.has(keys[i % ENTRIES]);
    },
  );
  compare(
    "array get, 6 fields",
    ops,
    () => check(arrayGet(slots.fd, ops, ENTRIES)),
    () => {
      for (let i = 0; i < ops; i++) kept = slots.get(i % ENTRIES);
    },
  );
  for (let i = 0; i < ENTRIES; i++) percpuFlows.fill(keys[i], values[i]);
  compare(
    "per-CPU hash get, 6 fields",
    ops,
    () => check(percpuGet(percpuFlows.fd, ops, ENTRIES)),
    () => {
      for (let i = 0; i < ops; i++) kept = percpuFlows.get(keys[i % ENTRIES]);
    },
  );
  const entries = keys.map((key, i) => [key, values[i]]);
  const setMany = () => {
    for (let i = 0; i < ops; i += ENTRIES) flows.setMany(entries);
  };
  compare("hash setMany, C copies", ops, () => check(setBatchFilled(flows.fd, ops, ENTRIES)), setMany);
  compare("hash setMany, C has them in place", ops, () => check(setBatch(flows.fd, ops, ENTRIES)), setMany);
  const reads = 2_000_000;
  compare(
    "mapped counters, added up",
    reads,
    () => check(readCounters(counters.fd, reads, ENTRIES)),
    () => {
      let sum = 0n;
      for (let i = 0; i < reads; i++) sum = BigInt.asUintN(64, sum + counters.get(i % ENTRIES));
      kept = sum;
    },
  );
  compare(
    "variable, read, u64",
    reads,
    () => check(readVariable(-1, reads, 0)),
    () => {
      for (let i = 0; i < reads; i++) kept = live.bss.hits;
    },
  );
  compare(
    "variable, written, u32",
    reads,
    () => check(writeVariable(-1, reads, 0)),
    () => {
      for (let i = 0; i < reads; i++) live.bss.level = i;
    },
  );
  const all = 100_000;
  for (let i = 0; i < all; i++) flows.set(key(i), value(i));
  compare(
    "hash iteration, per entry",
    all,
    () => check(iterate(flows.fd, 1, all)),
    () => {
      for (const entry of flows.entries()) kept = entry;
    },
  );
  live.close();
  return kept;
}

// What a ratio of few nanoseconds depends on, beside the two sides.
const looks = [];
function lookAtProcessor() {
  const [pointer, operations] = ["pointer", "operations"].map((name) => loadBaseline()(`bench_${name}`)(1, 20_000, 0));
  looks.push({ pointer, operations });
}

function reportProcessor() {
  const line = (name, cells) => console.log(`${name.padEnd(34)}${cells.map((cell) => cell.padStart(11)).join(" ")}`);
  const parts = [0.1, 0.5, 0.9];
  const range = (key) => {
    const sorted = looks.map(key).toSorted((a, b) => a - b);
    return parts.map((part) => `${(sorted[Math.floor(part * sorted.length)] / 1000).toFixed(1)} ns`);
  };
  console.log();
  line("the processor meanwhile, quantiles", parts.map(String));
  line(
    "call through a pointer",
    range((look) => look.pointer),
  );
  line(
    "twelve independent operations",
    range((look) => look.operations),
  );
}

/** One ring buffer, filled and drained in turn: only draining is timed. Five callbacks take turns, as a program has several. */
function benchRing(name, events, map, fill, lazy, readers) {
  const drain = loadBaseline()("bench_ring");
  const side = (work) => {
    let time = 0;
    for (let i = 0; i < 5; i++) {
      fill();
      let seen;
      time += clock(() => (seen = work(i)));
      if (seen !== events) throw new Error(`${name}: expected ${events} events, got ${seen}`);
    }
    return time / (5 * events);
  };
  const c = () => side((i) => drain(map.fd, i, 0));
  const js = () => side((i) => map.consume(readers[i], { lazy }));
  for (let i = 0; i < 40; i++) {
    c();
    js();
  }
  // Both orders, or each side would have its part of the buffer to itself.
  const rounds = Array.from({ length: ROUNDS }, () => {
    lookAtProcessor();
    const [c1, js1, js2, c2] = [c(), js(), js(), c()];
    return { c: (c1 + c2) / 2, js: (js1 + js2) / 2 };
  });
  const of = (key) => median(rounds.map(key));
  report(
    name,
    of((r) => r.c),
    of((r) => r.js),
    of((r) => r.js / r.c),
    "ns",
  );
}

async function benchRings() {
  const { Events } = await importSkeleton("events");
  const live = Events.load();
  const events = 20_000;
  live.bss.target_tgid = process.pid;
  live.bss.burst = events;
  live.attach();
  const fill = (what) => () => {
    live.bss.what = what;
    void process.ppid;
    live.bss.what = 0;
  };
  console.log(`\nring buffer, per event${"C".padStart(20)}${"ebpf-skel".padStart(12)}${"ratio".padStart(12)}`);
  // Functions of their own, strict ones as those of modules are, and objects that leave them.
  const make = (body) =>
    Array.from({ length: 5 }, () =>
      new Function("sink", `"use strict"; return (e) => { ${body} }`)({
        kept: 0,
        pid: 0,
        at: 0n,
        comm: "",
        number: 0n,
      }),
    );
  const keepAll = "sink.kept = e;";
  const readEvent = "sink.pid = e.pid; sink.at = e.at; sink.comm = e.comm;";
  const { events: small, pages: large } = live.maps;
  benchRing("32 bytes, lazy, one field read", events, small, fill(1), true, make("sink.pid = e.pid;"));
  benchRing("32 bytes, lazy, all fields read", events, small, fill(1), true, make(readEvent));
  benchRing("32 bytes, an object each", events, small, fill(1), false, make(keepAll));
  benchRing("256 bytes, lazy, one field read", events, large, fill(2), true, make("sink.pid = e.kind;"));
  benchRing("256 bytes, lazy, its u64 kept", events, large, fill(2), true, make("sink.number = e.number;"));
  benchRing("256 bytes, an object each", events, large, fill(2), false, make(keepAll));
  live.close();
}

/** How late a consumer that sleeps hears of an event: medians of 300 events each, one a millisecond. */
async function benchWakeUp() {
  const { Events } = await importSkeleton("events");
  const [poll, send, since] = ["poll", "send", "since"].map((n) => loadBaseline()(`bench_wake_${n}`));
  const live = Events.load();
  const { events } = live.maps;
  Object.assign(live.bss, { target_tgid: process.pid, burst: 1, what: 1 });
  live.attach();
  const lateness = (listen, count, pause) =>
    new Promise((done) => {
      const late = [];
      const stop = listen((ago) => {
        if (late.push(ago) < count) return;
        stop();
        done(median(late));
      });
      send(0, count, pause);
    });
  const subscribed = (hear) => {
    const subscription = events.subscribe(() => hear(since(0, 0, 0)));
    return () => subscription.close();
  };
  // What of it is the event loop's: koffi's poll with nothing of ours in it.
  const polled = (hear) => {
    const handle = koffi.node.poll(events.fd, () => {
      const ago = since(0, 0, 0);
      events.consume(() => hear(ago));
    });
    return () => handle.close();
  };
  // Until it is compiled as in a consumer that has been up for a while.
  for (const listen of [subscribed, polled]) await lateness(listen, 10_000, 50);
  const rounds = [];
  for (let i = 0; i < ROUNDS; i++) {
    const c = poll(events.fd, 300, 1000);
    rounds.push({ c, js: await lateness(subscribed, 300, 1000), bare: await lateness(polled, 300, 1000) });
  }
  const of = (key) => median(rounds.map(key));
  report("wake-up, median", ...[(r) => r.c, (r) => r.js, (r) => r.js / r.c].map(of), "ns");
  report("the same of a bare koffi poll", ...[(r) => r.c, (r) => r.bare, (r) => r.bare / r.c].map(of), "ns");
  live.close();
}

/**
 * Perf buffers: the program fills one for C and one for JavaScript in turn, outside of the clock. They are opened several
 * times, so that no place in memory decides.
 */
async function benchPerf() {
  const { BenchPerf } = await importSkeleton("bench_perf");
  const baseline = loadBaseline();
  const [open, consume, close] = ["open", "consume", "close"].map((n) => baseline(`bench_perf_${n}`));
  const pages = 256;
  const kept = [];
  // Functions of their own; events leave the function they came to.
  const make = (body) =>
    Array.from({ length: 5 }, () => new Function("kept", `return (event) => void (${body})`)(kept));
  const kinds = [
    ["32 bytes, 4 fields, lazy", make("kept[0] = event.seq"), { lazy: true }],
    ["32 bytes, 4 fields, objects", make("kept[0] = event"), undefined],
  ].map(([name, handlers, options]) => ({ name, handlers, options, rounds: [] }));
  for (let opening = 0; opening < 5; opening++) {
    const live = BenchPerf.load();
    const { for_c: forC, for_js: forJs } = live.maps;
    forJs.open({ pages });
    if (open(forC.fd, pages, 0) < 0) throw new Error("baseline: no perf buffer");
    live.attach();
    const fill = (isC) => {
      live.bss.control = { tgid: process.pid, is_c: isC ? 1 : 0 };
      process.umask();
    };
    for (const { handlers, options, rounds } of kinds) {
      const round = (i) => {
        let count = 0;
        fill(true);
        const c = clock(() => (count = consume(0, 0, 0))) / count;
        fill(false);
        const js = clock(() => (count = forJs.consume(handlers[i % handlers.length], options))) / count;
        return { c, js };
      };
      for (let i = 0; i < 40; i++) round(i);
      for (let i = 0; i < ROUNDS; i++) rounds.push(round(i));
    }
    close(0, 0, 0);
    live.close();
  }
  console.log(`\nperf buffer, per sample${"C".padStart(19)}${"ebpf-skel".padStart(12)}${"ratio".padStart(12)}`);
  for (const { name, rounds } of kinds) {
    report(name, ...[(r) => r.c, (r) => r.js, (r) => r.js / r.c].map((of) => median(rounds.map(of))), "ns");
  }
  return kept;
}

/** Whole processes: bare Node, a first `gen`, and one that finds its output current. */
function benchGenerator() {
  const object = join(folder, "execve_counter.bpf.o");
  const output = join(folder, "execve_counter.skel.ts");
  copyFileSync(join(root, "fixtures/execve_counter.bpf.o"), object);
  const spawn = (...args) => clock(() => spawnSync(process.execPath, args, { stdio: "ignore" })) / 1e6;
  const gen = () => spawn(join(root, "dist/cli/main.js"), "gen", object);
  const rounds = Array.from({ length: ROUNDS }, () => {
    const bare = spawn("-e", "0");
    rmSync(output, { force: true });
    return { bare, cold: gen(), unchanged: gen() };
  });
  const times = (key) => median(rounds.map((r) => r[key]));
  const ratio = (key) => median(rounds.map((r) => r[key] / r.bare));
  console.log(`\nwhole processes${"node -e 0".padStart(26)}${"ebpf-skel".padStart(12)}${"ratio".padStart(12)}`);
  report("ebpf-skel gen, cold", times("bare"), times("cold"), ratio("cold"), "ms");
  report("ebpf-skel gen, unchanged", times("bare"), times("unchanged"), ratio("unchanged"), "ms");
}

console.log(
  `Node ${process.versions.node}, Linux ${execFileSync("uname", ["-r"], { encoding: "utf8" }).trim()}, medians of ${ROUNDS} alternating rounds`,
);
await benchMaps();
await benchRings();
await benchWakeUp();
await benchPerf();
reportProcessor();
benchGenerator();
