// What the types of a skeleton allow and refuse. Nothing here runs: tsc is the test, `@ts-expect-error` the assertion.

import {
  ArrayMap,
  ArrayOfMaps,
  type BpfProgram,
  chars,
  type Codec,
  HashMap,
  HashOfMaps,
  ksym,
  type Link,
  type LinkInfo,
  type Loaded,
  type Open,
  openLink,
  type OwnedMap,
  type OwnedProgram,
  pidfd,
  ProgArray,
  struct,
  u32,
  u64,
} from "@ebpf-skel/runtime";
import { AttachNet } from "../fixtures/attach_net.skel.ts";
import { AttachTrace } from "../fixtures/attach_trace.skel.ts";
import { ExecveCounter } from "../fixtures/execve_counter.skel.ts";
import { Fds, type Tally } from "../fixtures/fds.skel.ts";
import { Globals, type Limits, Mode, Observation, type Pair } from "../fixtures/globals.skel.ts";
import { Kconfig, type LibbpfTristate } from "../fixtures/kconfig.skel.ts";
import { type Flow, Kinds, type Odd, type Prefix4 } from "../fixtures/kinds.skel.ts";
import { Programs } from "../fixtures/programs.skel.ts";
import type { Resize } from "../fixtures/resize.skel.ts";
import { DivideArgs, Runs } from "../fixtures/runs.skel.ts";
import { StructOps } from "../fixtures/struct_ops.skel.ts";
import { type ConnKey, type ConnStats, Types } from "../fixtures/types.skel.ts";
import type { Unions } from "../fixtures/unions.skel.ts";

declare const counter: Loaded<ExecveCounter>;
declare const open: Open<Globals>;
declare const live: Loaded<Globals>;
declare const resizable: Open<Resize>;
declare const resized: Loaded<Resize>;
declare const programs: Loaded<Programs>;
declare const runs: Loaded<Runs>;
declare const types: Loaded<Types>;
declare const unionsOpen: Open<Unions>;
declare const unions: Loaded<Unions>;
declare const fds: Loaded<Fds>;
declare const socket: import("node:net").Socket;
declare const tally: Tally;
declare const kinds: Loaded<Kinds>;
declare const flow: Flow;
declare const odd: Odd;
declare const key: ConnKey;
declare const stats: ConnStats;

/** Whether two types are the same, not merely assignable. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

// Phases have their types.
{
  ExecveCounter.open() satisfies Open<ExecveCounter>;
  ExecveCounter.open().load() satisfies Loaded<ExecveCounter>;
  ExecveCounter.load() satisfies Loaded<ExecveCounter>;
  ExecveCounter.open().loadAsync() satisfies Promise<Loaded<ExecveCounter>>;
  // @ts-expect-error an open object is not loaded
  ExecveCounter.open() satisfies Loaded<ExecveCounter>;
  // @ts-expect-error attach needs load
  ExecveCounter.open().attach();
  // @ts-expect-error load happens once
  counter.load();
}

// A map takes its key and value types and no others.
{
  counter.maps.execve_counter.set("execve_counter", 0n);
  const value = counter.maps.execve_counter.get("execve_counter");
  true satisfies Same<typeof value, bigint | undefined>;
  // @ts-expect-error the key is a string
  counter.maps.execve_counter.get(1);
  // @ts-expect-error the value is a bigint, as every u64
  counter.maps.execve_counter.set("execve_counter", 0);
  // @ts-expect-error the value is missing
  counter.maps.execve_counter.set("execve_counter");
  // @ts-expect-error there is no such map
  counter.maps.execve_count;
  // @ts-expect-error an array has no delete
  types.maps.slots.delete(0);
}

// A struct is written whole, with its own fields.
{
  types.maps.conns.set({ dev: 0, saddr: 1, daddr: 2, sport: 3, dport: 4, proto: 6, flags: 0 }, stats);
  types.maps.conns.set(key, { ...stats, packets: 1n });
  // @ts-expect-error dport is missing
  types.maps.conns.has({ dev: 0, saddr: 1, daddr: 2, sport: 3, proto: 6, flags: 0 });
  // @ts-expect-error port is no field
  types.maps.conns.has({ ...key, port: 1 });
  // @ts-expect-error packets is a bigint
  types.maps.conns.set(key, { ...stats, packets: 1 });
}

// A map of maps takes maps of its kind, gives ids, and opens typed handles that are disposed of.
{
  const { by_index, by_name } = fds.maps;
  by_index.set(0, fds.maps.first);
  const id = by_index.get(0);
  true satisfies Same<typeof id, number | undefined>;
  by_name.open("eth0")?.get(1) satisfies Tally | undefined;
  using inner = by_name.createInner({ maxEntries: 7 });
  inner.set(1, tally);
  by_name.set("eth0", inner, { mode: "create" });
  [...by_name] satisfies [string, number][];
  inner.close();
  // @ts-expect-error a hash is no array
  by_index.set(0, inner);
  // @ts-expect-error a name is no index
  by_index.open("eth0");
  // @ts-expect-error maps are not put in by id
  by_index.set(0, 5);
  // @ts-expect-error the kernel locks nothing here
  by_name.set("eth0", inner, { lock: true });
}

// Program arrays take programs, of any skeleton; redirect maps take them beside what they are for.
{
  fds.maps.tails.set(0, fds.progs.landed_one);
  fds.maps.tails.get(0) satisfies number | undefined;
  fds.maps.devices.set(0, 1);
  fds.maps.devices.set(0, { ifindex: 1, prog: fds.progs.on_device });
  fds.maps.devices.get(0)?.prog satisfies number | undefined;
  fds.maps.device_hash.get(7)?.ifindex satisfies number | undefined;
  fds.maps.cpus.set(0, { qsize: 128 });
  // @ts-expect-error a map is no program
  fds.maps.tails.set(0, fds.maps.first);
  // @ts-expect-error a number is no program
  fds.maps.tails.set(0, 1);
  // @ts-expect-error a CPU has a queue, no device
  fds.maps.cpus.set(0, { ifindex: 1 });
}

// Sockets go in as they are and come out as cookies; what the kernel does not tell has no `get`.
{
  fds.maps.sockets.set(0, socket);
  fds.maps.sockets.set(0, 7, { mode: "create" });
  fds.maps.sockets.get(0) satisfies bigint | undefined;
  fds.maps.socket_hash.get(tally) satisfies bigint | undefined;
  fds.maps.xsks.set(0, 7);
  fds.maps.cgroups.set(0, "/sys/fs/cgroup");
  // @ts-expect-error a path is no socket
  fds.maps.sockets.set(0, "/tmp/socket");
  // @ts-expect-error nobody knows
  fds.maps.xsks.get(0);
  // @ts-expect-error nobody knows
  fds.maps.cgroups.get(0);
}

// Storage is keyed by what it belongs to.
{
  fds.maps.of_socket.set(socket, tally);
  fds.maps.of_inode.get("/etc/passwd") satisfies Tally | undefined;
  fds.maps.of_cgroup.delete("/sys/fs/cgroup") satisfies boolean;
  using task = pidfd(1);
  fds.maps.of_task.set(task, tally, { mode: "update" });
  fds.maps.attached.get({ cgroup_inode_id: 1n, attach_type: 1 }) satisfies bigint | undefined;
  fds.maps.attached_percpu.get(1n) satisfies readonly number[] | undefined;
  // @ts-expect-error a pid is no descriptor
  fds.maps.of_task.get(1);
  // @ts-expect-error the kernel does not list them
  fds.maps.of_task.keys();
  // @ts-expect-error the kernel takes them out itself
  fds.maps.attached.delete({ cgroup_inode_id: 1n, attach_type: 1 });
}

// Stacks are addresses.
{
  fds.maps.stacks.get(1) satisfies bigint[] | undefined;
  fds.maps.stacks.get(1)?.map((address) => ksym(address)?.name) satisfies (string | undefined)[] | undefined;
  // @ts-expect-error only the kernel collects them
  fds.maps.stacks.set(1, []);
}

// Values do not exist before load.
{
  // @ts-expect-error nothing to get from yet
  ExecveCounter.open().maps.execve_counter.get("execve_counter");
  ExecveCounter.open().maps.execve_counter.maxEntries = 1024;
  // @ts-expect-error the size is fixed after load
  counter.maps.execve_counter.maxEntries = 1024;
}

// Constants are written before load and read ever after.
{
  open.rodata.target_tgid = 42;
  open.rodata.limits = { bytes: 1n, packets: 2, strict: true };
  const target = live.rodata.target_tgid;
  true satisfies Same<typeof target, number>;
  // @ts-expect-error readonly after load
  live.rodata.target_tgid = 42;
  // @ts-expect-error readonly in every section of constants
  live.rodata_cfg.cfg_rate = 1;
  live.data_foo.foo = 1;
  // @ts-expect-error there is no such variable
  live.data.stp;
  // @ts-expect-error a u64 is a bigint
  live.data.step = 1;
}

// A global is a value: assigned whole, read as a copy that nobody mistakes for the variable.
{
  live.data.pair = { x: 1, y: 2 } satisfies Pair;
  live.data.pair = { ...live.data.pair, x: 3 };
  // @ts-expect-error a write into the copy
  live.data.pair.x = 1;
  // @ts-expect-error a write into an element of the copy
  live.data.track[0].x = 1;
  // @ts-expect-error a write into the copy
  live.bss.counters[0] = 1n;
  // @ts-expect-error a write into the copy's bytes
  live.rodata.mac[0] = 1;
  live.rodata.mac satisfies Uint8Array;
  // @ts-expect-error the same before load
  open.data.pair.x = 1;
  live.bss.$at("counters").get(3) satisfies bigint;
  live.bss.$at("counters").set(3, 1n);
  live.data.$at("track").set(0, { x: 1, y: 2 });
  // @ts-expect-error the element is a bigint
  live.bss.$at("counters").set(3, 1);
  // @ts-expect-error only arrays have elements
  live.bss.$at("u64_seen");
  // @ts-expect-error constants have no set
  live.rodata.$at("ports").set(0, 1);
}

// Programs know how they attach.
{
  programs.links.on_getpid satisfies Link | undefined;
  programs.progs.on_getpid.attach() satisfies Link;
  programs.progs.on_getpid.attach({ cookie: 1n });
  programs.progs.pass_all.attach({ ifindex: 1 });
  programs.attach({ targets: { pass_all: { ifindex: 1 }, on_function: { path: "/bin/true", func: "main" } } });
  programs.attach({ only: ["on_getpid"], optional: ["on_getppid"] });
  // @ts-expect-error a tracepoint has no interface
  programs.progs.on_getpid.attach({ ifindex: 1 });
  // @ts-expect-error XDP has no path
  programs.attach({ targets: { pass_all: { path: "/bin/true" } } });
  // @ts-expect-error XDP needs an interface
  programs.progs.pass_all.attach();
  // @ts-expect-error there is no such program
  programs.attach({ only: ["on_getpi"] });
  // @ts-expect-error there is no such program
  programs.progs.on_getpi;
  // @ts-expect-error there is no link of that name
  programs.links.on_getpi;
}

// Each kind has its own options, and iterators their own links.
declare const net: Loaded<AttachNet>;
declare const trace: Loaded<AttachTrace>;
{
  const { progs, maps } = net;
  progs.classify.attach({ dev: "eth0", hook: "ingress", priority: 1 }) satisfies Link;
  const link = progs.ingress_first.attach({ ifindex: 2 });
  progs.ingress_second.attach({ dev: "eth0", before: link, expectedRevision: 2n });
  progs.ingress_second.attach({ dev: "eth0", after: progs.ingress_first });
  progs.ingress_second.attach({ dev: "eth0", after: "all" });
  progs.receive.attach({ dev: "eth0", mode: "driver" });
  progs.filter.attach({ pf: "ipv6", hook: "input", priority: -1, defrag: true });
  progs.judge.attach({ map: maps.sockets });
  progs.read_all.attach({ socket });
  const { info } = link;
  if (info.type === "tcx") info.ifindex satisfies number;
  // @ts-expect-error a device is named once
  progs.receive.attach({ dev: "eth0", ifindex: 2 });
  // @ts-expect-error clsact has two hooks
  progs.classify.attach({ dev: "eth0" });
  // @ts-expect-error a program of another kind of context cannot be attached at all
  progs.encapsulate.attach({});
  // @ts-expect-error only the link of an iterator can be read
  link.read();
  // @ts-expect-error the kind of link decides what it says
  info.ifindex;

  const { each_task, each_entry, on_calls, on_sample } = trace.progs;
  each_task.attach({ pid: 1 }).read() satisfies string;
  trace.links.each_task?.read() satisfies string | undefined;
  each_entry.attach({ map: trace.maps.numbers }) satisfies AsyncIterable<string>;
  trace.attach({ targets: { each_entry: { map: trace.maps.numbers } } });
  on_calls.attach({ path: "libc.so.6", syms: ["malloc"], cookies: [1n] });
  on_sample.attach({ type: "software", config: 0, frequency: 99, cpu: 0 });
  on_sample.attach({ fd: 5, cookie: 1n });
  // @ts-expect-error an event is opened here or by the caller
  on_sample.attach({});
  openLink("/sys/fs/bpf/link").info satisfies LinkInfo;
}

// Codecs read what they write; enums are open to unknown values.
{
  Observation satisfies Codec<Observation>;
  const seen = Observation.decode(new Uint8Array(Observation.size));
  seen.comm satisfies string;
  seen.mode = Mode.MODE_TRACE;
  seen.mode = 99;
  // @ts-expect-error not a number at all
  seen.mode = "MODE_TRACE";
  Observation.bytes(new Uint8Array(40)).comm satisfies Uint8Array;
  // @ts-expect-error comm is missing
  Observation.encode({ at: 0n, tgid: 0, mode: 0, pair: { x: 0, y: 0 } });
  const limits: Limits = { bytes: 0n, packets: 0, strict: false };
  // @ts-expect-error not these fields
  Observation.encode(limits);
}

// Another map takes a map's place before load when keys and values are the same types.
{
  ExecveCounter.open().maps.execve_counter.reuse(counter.maps.execve_counter);
  ExecveCounter.open().maps.execve_counter.reuse(ExecveCounter.maps.execve_counter.openPinned("/sys/fs/bpf/x"));
  // @ts-expect-error an array of other values
  ExecveCounter.open().maps.execve_counter.reuse(types.maps.slots);
  // @ts-expect-error a program is no map
  ExecveCounter.open().maps.execve_counter.reuse(counter.progs.handle_execve);
  // @ts-expect-error what is loaded is not replaced
  counter.maps.execve_counter.reuse(counter.maps.execve_counter);
}

// What the kernel was built with is there after load, to be read.
{
  const live = Kconfig.load({ kconfig: { CONFIG_HZ: 1000, CONFIG_BPF: true } });
  live.kconfig.LINUX_KERNEL_VERSION satisfies number;
  live.kconfig.CONFIG_BPF_SYSCALL satisfies LibbpfTristate;
  // @ts-expect-error readonly
  live.kconfig.CONFIG_HZ = 1;
  // @ts-expect-error not before load
  Kconfig.open().kconfig;
}

// A map that somebody else loaded is typed as the skeleton's own, and closed by hand.
{
  using map = ExecveCounter.maps.execve_counter.fromId(1);
  map satisfies OwnedMap<HashMap<string, bigint>>;
  const value = map.get("x");
  true satisfies Same<typeof value, bigint | undefined>;
  map.close();
  // @ts-expect-error the key is a string
  map.get(1);
  // @ts-expect-error a path, not an id
  ExecveCounter.maps.execve_counter.openPinned(1);
  // @ts-expect-error there is no such map
  ExecveCounter.maps.execve_count;
  // @ts-expect-error a skeleton's own map is closed with it
  counter.maps.execve_counter.close();
}

// A map without an object is of the types of its codecs.
{
  const pair = struct(16, { a: [0, u64], b: [8, u32] });
  using map = HashMap.create({ key: chars(16), value: pair, maxEntries: 10, type: "lru_hash" });
  map.set("x", { a: 1n, b: 2 });
  const value = map.get("x");
  true satisfies Same<typeof value, { a: bigint; b: number } | undefined>;
  using slots = ArrayMap.create({ value: u64, maxEntries: 3 });
  slots.get(0) satisfies bigint;
  slots satisfies ArrayMap<bigint>;
  // @ts-expect-error the value is a bigint
  slots.set(0, 1);
  // @ts-expect-error maxEntries is missing
  HashMap.create({ key: u32, value: u64 });
  // @ts-expect-error the key is missing
  HashMap.create({ value: u64, maxEntries: 1 });
  // @ts-expect-error no such type
  HashMap.create({ key: u32, value: u64, maxEntries: 1, type: "queue" });
}

// Of a union's members all may be written, or one.
{
  const flow = types.maps.flows.get(1n)!;
  true satisfies Same<typeof flow.from.v4, number>;
  types.maps.flows.set(1n, flow);
  types.maps.flows.set(1n, { ...flow, from: { v4: 1 } });
  const { bits, node } = flow;
  types.maps.flows.set(1n, { bits, node, tag: "x", from: { unix_like: { port: 1, family: 2 } } });
  // @ts-expect-error id or tag is missing
  types.maps.flows.set(1n, { bits, node, from: { v4: 1 } });
  // @ts-expect-error a union needs a member
  types.maps.flows.set(1n, { ...flow, from: {} });
  // @ts-expect-error v4 is a number
  types.maps.flows.set(1n, { ...flow, from: { v4: "1" } });
}

// The same of a global, before load and after it, also in a struct, and of an array's elements.
{
  unionsOpen.rodata.listen = { v4: 1 };
  unionsOpen.rodata.friends = [{ from: { v6: new Uint8Array(16) }, ports: [1, 2], seen: 0n }];
  unionsOpen.rodata.$at("friends").set(1, { from: { v4: 1 }, port: 2, seen: 0n });
  unionsOpen.rodata.target_tgid = 1;
  unions.data.gateway = { v4: 1 };
  unions.data.gateway = unions.data.gateway;
  unions.data.gateway = { ...unions.data.gateway };
  unions.data.gateway satisfies { readonly v4: number; readonly v6: Readonly<Uint8Array> };
  unions.bss.peer = { from: { v4: 1 }, ports: [1, 2], seen: 3n };
  unions.bss.peer.from.v4 satisfies number;
  unions.bss.routes = [{ v4: 1 }, unions.data.gateway];
  unions.bss.$at("routes").set(0, { v4: 1 });
  unions.bss.$at("routes").get(0).v4 satisfies number;
  unions.rodata.listen.v4 satisfies number;
  unions.rodata.$at("friends").get(0).port satisfies number;
  // @ts-expect-error a union needs a member
  unions.data.gateway = {};
  // @ts-expect-error v4 is a number
  unionsOpen.rodata.listen = { v4: "1" };
  // @ts-expect-error seen is missing
  unions.bss.peer = { from: { v4: 1 }, port: 1 };
  // @ts-expect-error what is read is a copy
  unions.data.gateway.v4 = 1;
  // @ts-expect-error a copy all the way down
  unions.bss.peer.from.v4 = 1;
  // @ts-expect-error constants are readonly after load
  unions.rodata.listen = { v4: 1 };
  // @ts-expect-error their elements too
  unions.rodata.$at("friends").set(0, unions.rodata.friends[0]);
  // @ts-expect-error no array
  unions.data.$at("gateway");
  // @ts-expect-error an element needs a member
  unions.bss.$at("routes").set(0, {});
}

// A per-CPU map has a value for each CPU; `fill` takes one for all.
{
  const { per_hash, per_array } = kinds.maps;
  const values = per_hash.get(1);
  true satisfies Same<typeof values, readonly Odd[] | undefined>;
  const slot = per_array.get(1);
  true satisfies Same<typeof slot, readonly Flow[]>;
  per_hash.set(1, [odd, odd], { mode: "create" });
  per_hash.fill(1, odd);
  per_array.fill(1, flow);
  for (const [key, [first]] of per_hash) (first satisfies Odd | undefined, key satisfies number);
  // @ts-expect-error one value is not enough
  per_hash.set(1, odd);
  // @ts-expect-error not an array of them
  per_hash.fill(1, [odd]);
  // @ts-expect-error the values are the map's, not the caller's
  per_hash.get(1)!.push(odd);
  // @ts-expect-error an array deletes nothing
  per_array.take(0);
  // @ts-expect-error only per-CPU maps fill
  kinds.maps.flows.fill(1, flow);
  const raw = per_hash.raw.get(new Uint8Array(4));
  true satisfies Same<typeof raw, readonly Uint8Array[] | undefined>;
}

// A trie makes keys of text; other maps have no prefixes.
{
  const { routes4, flows } = kinds.maps;
  const prefix = routes4.cidr("10.0.0.0/8");
  true satisfies Same<typeof prefix, Prefix4>;
  routes4.set(prefix, 1);
  routes4.cidrOf(prefix) satisfies string;
  // @ts-expect-error text is no key
  routes4.get("10.0.0.0/8");
  // @ts-expect-error not a trie
  flows.cidr("10.0.0.0/8");
}

// Queues, stacks and Bloom filters have values and no keys.
{
  const { fifo, lifo, seen } = kinds.maps;
  fifo.push(flow, { mode: "overwrite" });
  const popped = fifo.pop();
  true satisfies Same<typeof popped, Flow | undefined>;
  lifo.peek() satisfies number | undefined;
  seen.add(1n);
  seen.has(1n) satisfies boolean;
  // @ts-expect-error a u64 is a bigint
  seen.add(1);
  // @ts-expect-error a queue has no keys
  fifo.get(0);
  // @ts-expect-error the modes of maps with keys
  fifo.push(flow, { mode: "create" });
  // @ts-expect-error a filter forgets nothing
  seen.delete(1n);
}

// Many entries at once, as Maps and arrays; what comes out has the map's types.
{
  const { flows, slots } = kinds.maps;
  flows.setMany(new Map([[1, flow]]), { lock: true });
  flows.setMany([[1, flow]]);
  const many = flows.getMany([1, 2]);
  true satisfies Same<typeof many, (Flow | undefined)[]>;
  const drained = flows.drain();
  true satisfies Same<typeof drained, [number, Flow][]>;
  flows.take(1) satisfies Flow | undefined;
  flows.deleteMany(flows.keys()) satisfies number;
  slots.getMany([0]) satisfies Flow[];
  flows.info.frozen satisfies boolean | undefined;
  // @ts-expect-error the key is a number
  flows.setMany([["1", flow]]);
  // @ts-expect-error an array cannot be emptied
  slots.clear();
  // @ts-expect-error what the kernel says is no one's to change
  flows.info.flags = 1;
}

// Arrays of a section get another length before load, and nothing else does.
{
  resizable.data.$resize("path", 3);
  resizable.rodata.$resize("weights", 3);
  resizable.data_fixed.$resize("fixed", 3);
  // @ts-expect-error step is no array
  resizable.data.$resize("step", 3);
  // @ts-expect-error there is no such variable
  resizable.data.$resize("paths", 3);
  // @ts-expect-error a length is a number
  resizable.data.$resize("path", 3n);
  // @ts-expect-error lengths are fixed after load
  resized.data.$resize("path", 3);
}

// Maps of maps are made for hash maps, with a key, or arrays, without one.
{
  using outer = ArrayOfMaps.create({ inner: { key: u32, value: u64, maxEntries: 8 }, maxEntries: 2 });
  true satisfies Same<typeof outer, OwnedMap<ArrayOfMaps<HashMap<number, bigint>>>>;
  using named = HashOfMaps.create({ key: chars(16), inner: { value: u64, maxEntries: 8 }, maxEntries: 2 });
  true satisfies Same<typeof named, OwnedMap<HashOfMaps<string, ArrayMap<bigint>>>>;
  named.createInner().set(0, 1n);
  // @ts-expect-error the inner map's value is a bigint
  outer.createInner().set(0, 1);
  // @ts-expect-error a hash is no array
  named.set("eth0", outer.createInner());
  // @ts-expect-error what would be in it
  ArrayOfMaps.create({ maxEntries: 2 });
  ProgArray.create({ maxEntries: 2 }).set(0, fds.progs.landed_one);
}

// A program runs on its author's struct where it takes one, else on bytes.
{
  const { divide, first_byte, sum_args, push } = runs.progs;
  const ctx = { dividend: 1n, divisor: 1, remainder: 0, quotient: 0n, error: { code: 0 }, note: "" };
  const divided = divide.run({ ctx });
  true satisfies Same<typeof divided.ctxOut, DivideArgs>;
  const unknown = divide.run();
  true satisfies Same<typeof unknown.ctxOut, DivideArgs | undefined>;
  const bytes = first_byte.run({ ctx: new Uint8Array(1) });
  true satisfies Same<typeof bytes.ctxOut, Uint8Array>;
  const kept = sum_args.run({ ctx: { first: 1n, second: 2n } });
  true satisfies Same<typeof kept.ctxOut, undefined>;
  push.run({ data: new Uint8Array(60), repeat: 3 }).dataOut satisfies Uint8Array;
  // @ts-expect-error a field is missing
  divide.run({ ctx: { dividend: 1n } });
  // @ts-expect-error an s64 is a bigint
  divide.run({ ctx: { ...ctx, dividend: 1 } });
  // @ts-expect-error the author's struct is no bytes
  divide.run({ ctx: new Uint8Array(40) });
  // @ts-expect-error its context is bytes
  first_byte.run({ ctx: { first: 1 } });
  // @ts-expect-error a packet is bytes
  push.run({ data: "packet" });
  // @ts-expect-error what is no option
  push.run({ data: new Uint8Array(60), repeats: 3 });
}

// A program that another process loaded is all but attached, and closed by hand.
{
  using divide = Runs.progs.divide.openPinned("/sys/fs/bpf/divide");
  divide satisfies OwnedProgram<Runs["progs"]["divide"]>;
  const { ctxOut } = divide.run({ ctx: DivideArgs.zero() });
  true satisfies Same<typeof ctxOut, DivideArgs>;
  divide.info.loadedAt satisfies Date;
  divide.stats.runCount satisfies bigint;
  runs.maps.jmp.set(0, divide);
  runs.progs.divide satisfies BpfProgram;
  // @ts-expect-error attaching needs the object
  divide.attach();
  // @ts-expect-error there is no such program
  Runs.progs.no_such;
  // @ts-expect-error a program is no number
  runs.maps.jmp.set(0, 5);
  Runs.open().progs.replace_verdict.setAttachTarget({ func: "verdict", prog: runs.progs.ask_verdict });
  // @ts-expect-error the function is named
  Runs.open().progs.replace_verdict.setAttachTarget("verdict");
}

// Members of a struct_ops map are values and programs' names before load.
{
  const ops = StructOps.open().structOps.skel_ca;
  true satisfies Same<
    typeof ops.init,
    "on_ssthresh" | "on_cong_avoid" | "on_undo_cwnd" | "on_init" | "on_other_init" | "on_release" | null
  >;
  ops.init = "on_other_init";
  ops.release = null;
  ops.flags = 1;
  ops.name = "other";
  ops.$autocreate = false;
  // @ts-expect-error no program of that name
  ops.init = "on_nothing";
  // @ts-expect-error a function is no number
  ops.init = 5;
  // @ts-expect-error a u32 is a number
  ops.flags = "1";
  // @ts-expect-error a value is never null
  ops.name = null;
  // @ts-expect-error the kernel's own
  ops.owner = 1n;
  const live = StructOps.load();
  live.structOps.skel_ca.attach() satisfies Link;
  live.links.skel_ca satisfies Link | undefined;
  live.attach({ only: ["skel_ca"] }).attached satisfies readonly string[];
  // @ts-expect-error members are fixed after load
  live.structOps.skel_ca.flags;
  // @ts-expect-error there is no such map
  live.structOps.other;
  // @ts-expect-error an object without struct_ops maps has none
  runs.structOps.skel_ca;
}
