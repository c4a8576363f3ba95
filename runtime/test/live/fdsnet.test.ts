// Maps of sockets, devices and CPUs on the real kernel.
// needs Linux 6.2: the fixture is loaded whole, with inner maps that have locks

import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Fds } from "../../../fixtures/fds.skel.ts";
import { Maps } from "../../../fixtures/maps.skel.ts";
import type { Loaded } from "../../src/index.ts";
import { dumpedWords } from "../support/bpftool.ts";
import { thrownBy } from "../support/errors.ts";
import { openDescriptors } from "../support/held.ts";
import { requireKernel } from "../support/kernel.ts";
import { enterNetns } from "../support/netns.ts";
import { cookieOf, openReuseport, openXdp } from "../support/sockets.ts";

requireKernel();

let live: Loaded<Fds>;
let server: Server;

beforeAll(async () => {
  enterNetns();
  live = Fds.load();
  server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterAll(() => {
  live?.close();
  server?.close();
});

/** The two ends of a connection, and the descriptor of the first. */
async function connection(): Promise<{ near: Socket; far: Socket; fd: number }> {
  const near = connect((server.address() as AddressInfo).port, "127.0.0.1");
  const [[far]] = (await Promise.all([once(server, "connection"), once(near, "connect")])) as [[Socket], unknown];
  return { near, far, fd: (near as unknown as { _handle: { fd: number } })._handle.fd };
}

async function eventually(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 100 && !holds(); i++) await setTimeout(20);
  expect(holds()).toBe(true);
}

describe("a sockmap", () => {
  test("takes descriptors and sockets of node:net, and gives cookies", async () => {
    const { sockets } = live.maps;
    const { near, far, fd } = await connection();
    sockets.set(0, near);
    sockets.set(2, { fd });
    sockets.set(3, server);
    expect(sockets.get(0)).toBe(cookieOf(fd));
    expect(sockets.get(2)).toBe(cookieOf(fd));
    expect([...sockets.keys()]).toEqual([0, 2, 3]);
    expect([...sockets].map(([index, cookie]) => [index, Number(cookie)])).toEqual(dumpedWords(sockets.id));
    expect([sockets.has(0), sockets.has(1), sockets.count()]).toEqual([true, false, 3]);
    expect([sockets.delete(2), sockets.delete(3), thrownBy(() => sockets.get(4)).message]).toEqual([
      true,
      true,
      "sockets: index 4 is outside 0..3",
    ]);
    expect(thrownBy(() => sockets.set(0, near, { mode: "create" }))).toMatchObject({ code: "EEXIST" });
    far.destroy();
    near.destroy();
    // A closed socket leaves by itself.
    await eventually(() => sockets.count() === 0);
    expect(thrownBy(() => sockets.set(0, near)).message).toBe(
      "map sockets: value: expected an open socket, got an object (it is closed, or not connected yet)",
    );
  });

  test("says what does not fit", async () => {
    const { sockets, unread } = live.maps;
    const { near, far } = await connection();
    const file = openSync("/dev/null", "r");
    expect(thrownBy(() => sockets.set(0, file)).message).toBe(
      "map sockets: set: ENOTSOCK (the descriptor is not a socket's)",
    );
    closeSync(file);
    expect(thrownBy(() => sockets.set(0, file))).toMatchObject({ code: "EBADF" });
    expect(thrownBy(() => sockets.set(0, -1)).message).toBe(
      "map sockets: value: expected a socket's descriptor or a socket of node:net, got -1 (it is closed)",
    );
    expect(thrownBy(() => sockets.set(0, "0" as never))).toMatchObject({ name: "ValueError" });
    unread.set(0, near);
    expect(thrownBy(() => unread.get(0)).message).toBe(
      "map unread: get: ENOSPC (its value has 4 bytes and cannot hold a cookie: write __type(value, u64))",
    );
    expect([unread.delete(0), unread.delete(0)]).toEqual([true, false]);
    far.destroy();
    near.destroy();
  });
});

test("a sockhash has sockets under keys", async () => {
  const { socket_hash: sockets } = live.maps;
  const { near, far, fd } = await connection();
  const key = { seen: 1n, last: 2 };
  sockets.set(key, near);
  sockets.set({ seen: 3n, last: 4 }, far);
  expect(sockets.get(key)).toBe(cookieOf(fd));
  expect(new Set(sockets.keys())).toEqual(new Set([key, { seen: 3n, last: 4 }]));
  expect(new Map([...sockets].map(([{ last }, cookie]) => [last, cookie])).get(2)).toBe(cookieOf(fd));
  expect([sockets.count(), sockets.delete(key), sockets.delete(key), sockets.has(key)]).toEqual([
    2,
    true,
    false,
    false,
  ]);
  expect(sockets.get(key)).toBeUndefined();
  far.destroy();
  near.destroy();
  await eventually(() => sockets.count() === 0);
});

test("a reuseport array takes sockets bound with SO_REUSEPORT", () => {
  const { reuseport } = live.maps;
  const fd = openReuseport();
  reuseport.set(1, fd);
  expect([...reuseport]).toEqual([[1, cookieOf(fd)]]);
  expect(thrownBy(() => reuseport.set(0, server))).toMatchObject({
    code: "EINVAL",
    message: expect.stringContaining("SO_REUSEPORT") as string,
  });
  expect([reuseport.delete(1), reuseport.delete(1), reuseport.count()]).toEqual([true, false, 0]);
  reuseport.set(0, fd);
  closeSync(fd);
  expect(reuseport.get(0)).toBeUndefined();
});

test("an XSKMAP takes AF_XDP sockets and tells nothing", () => {
  const { xsks } = live.maps;
  const fd = openXdp();
  xsks.set(0, fd);
  expect(thrownBy(() => xsks.set(0, server)).message).toContain("only AF_XDP sockets fit");
  expect(thrownBy(() => xsks.set(2, fd)).message).toBe("xsks: index 2 is outside 0..1");
  expect(xsks.delete(0)).toBe(true);
  expect(xsks).not.toHaveProperty("get");
  closeSync(fd);
});

describe("a devmap", () => {
  const loopback = 1;

  test("has devices, and programs that run for them", () => {
    const { devices } = live.maps;
    const { on_device, on_cpu } = live.progs;
    devices.set(0, loopback);
    devices.set(2, { ifindex: loopback, prog: on_device });
    expect([...devices]).toEqual([
      [0, { ifindex: loopback }],
      [2, { ifindex: loopback, prog: on_device.id }],
    ]);
    expect(dumpedWords(devices.id)).toEqual([
      [0, loopback],
      [2, loopback],
    ]);
    expect(thrownBy(() => devices.set(1, 0x7fffffff)).message).toContain(
      "there is no network device with this ifindex",
    );
    expect(thrownBy(() => devices.set(1, { ifindex: loopback, prog: on_cpu }))).toMatchObject({ code: "EINVAL" });
    expect(thrownBy(() => devices.set(1, { ifindex: loopback, prog: 5 as never })).message).toBe(
      "map devices: value: expected a program of a skeleton, got 5",
    );
    expect(thrownBy(() => devices.set(1, 0)).message).toBe(
      "map devices: value: expected ifindex of at least 1, got 0 (delete empties a slot)",
    );
    expect(thrownBy(() => devices.set(1, 1.5))).toMatchObject({ name: "ValueError", path: "map devices: value" });
    expect(thrownBy(() => devices.set(0, loopback, { mode: "create" }))).toMatchObject({ code: "EEXIST" });
    expect([devices.delete(2), devices.delete(2), devices.delete(0), devices.count()]).toEqual([true, false, true, 0]);
  });

  test("by number takes any, and without room for programs none", () => {
    const { device_hash: devices } = live.maps;
    devices.set(77, loopback);
    devices.set(0xffffffff, loopback);
    expect(new Map(devices)).toEqual(
      new Map([
        [77, { ifindex: loopback }],
        [0xffffffff, { ifindex: loopback }],
      ]),
    );
    expect(thrownBy(() => devices.set(1, { ifindex: loopback, prog: live.progs.on_device })).message).toBe(
      "map device_hash: value: expected ifindex alone, got an object (for programs write __type(value, struct bpf_devmap_val))",
    );
    expect([devices.delete(77), devices.delete(77), devices.has(77), devices.count()]).toEqual([true, false, false, 1]);
  });
});

test("a cpumap has queues, and programs that run behind them", () => {
  const { cpus } = live.maps;
  const { on_cpu, on_device } = live.progs;
  cpus.set(0, { qsize: 64, prog: on_cpu });
  expect([...cpus]).toEqual([[0, { qsize: 64, prog: on_cpu.id }]]);
  expect(dumpedWords(cpus.id)).toEqual([[0, 64]]);
  cpus.set(0, 128);
  expect(cpus.get(0)).toEqual({ qsize: 128 });
  expect(thrownBy(() => cpus.set(0, 20_000)).message).toBe(
    "map cpus: set: EOVERFLOW (the queue is longer than 16384 packets)",
  );
  expect(thrownBy(() => cpus.set(0, { qsize: 1, prog: on_device })).message).toContain('not SEC("xdp/cpumap")');
  expect(thrownBy(() => cpus.set(0, 0))).toMatchObject({ name: "ValueError" });
  expect([cpus.delete(0), cpus.delete(0), cpus.get(0)]).toEqual([true, false, undefined]);
});

test("a program of another skeleton fits, too", () => {
  using other = Maps.load();
  const { devices } = other.maps;
  devices.set(3, { ifindex: 1, prog: live.progs.on_device });
  expect(devices.get(3)).toEqual({ ifindex: 1, prog: live.progs.on_device.id });
});

test("no descriptor is left behind, and none of the user's is closed", async () => {
  const { near, far, fd } = await connection();
  const before = openDescriptors();
  for (let i = 0; i < 50; i++) {
    live.maps.sockets.set(0, near);
    live.maps.devices.set(0, { ifindex: 1, prog: live.progs.on_device });
    thrownBy(() => live.maps.sockets.set(0, 9999));
  }
  expect(openDescriptors()).toBe(before);
  expect(cookieOf(fd)).toBeGreaterThan(0n);
  far.destroy();
  near.destroy();
});
