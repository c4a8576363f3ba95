// Storage by socket, inode, task and cgroup, and the maps of cgroups, on the real kernel.
// needs Linux 6.2: the fixture is loaded whole, with inner maps that have locks

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Fds } from "../../../fixtures/fds.skel.ts";
import { type Loaded, pidfd } from "../../src/index.ts";
import { dumpedWords } from "../support/bpftool.ts";
import { makeCgroup } from "../support/cgroup.ts";
import { thrownBy } from "../support/errors.ts";
import { openDescriptors } from "../support/held.ts";
import { requireKernel } from "../support/kernel.ts";
import { enterNetns } from "../support/netns.ts";

requireKernel();

const tally = { seen: 1n << 40n, last: 3 };

let live: Loaded<Fds>;
let server: Server;
let folder: string;
let own: ReturnType<typeof makeCgroup>;
let cgroup: string;

beforeAll(async () => {
  enterNetns();
  live = Fds.load();
  folder = mkdtempSync(join(tmpdir(), "ebpf-skel-fds-"));
  own = makeCgroup("storage");
  cgroup = own.path;
  server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterAll(() => {
  live?.close();
  server?.close();
  own?.remove();
  if (folder !== undefined) rmSync(folder, { recursive: true });
});

describe("socket storage", () => {
  test("has a value for each socket", () => {
    const { of_socket: storage } = live.maps;
    expect(storage.get(server)).toBeUndefined();
    expect(thrownBy(() => storage.set(server, tally, { mode: "update" })).message).toBe(
      "map of_socket: set: ENOENT (possible causes: nothing is stored for it; it is gone)",
    );
    storage.set(server, tally, { mode: "create" });
    expect(thrownBy(() => storage.set(server, tally, { mode: "create" }))).toMatchObject({ code: "EEXIST" });
    expect(storage.get(server)).toEqual(tally);
    expect([storage.has(server), storage.delete(server), storage.delete(server), storage.has(server)]).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  test("knows no files", () => {
    const { of_socket: storage } = live.maps;
    const file = openSync("/dev/null", "r");
    expect(thrownBy(() => storage.set(file, tally))).toMatchObject({ code: "ENOTSOCK" });
    closeSync(file);
    expect(thrownBy(() => storage.get(file))).toMatchObject({ code: "EBADF" });
    expect(thrownBy(() => storage.get("/dev/null" as never)).message).toBe(
      'map of_socket: key: expected a socket\'s descriptor or a socket of node:net, got "/dev/null"',
    );
    expect(thrownBy(() => storage.set(server, { seen: 1n, last: -1 }))).toMatchObject({
      name: "ValueError",
      path: "map of_socket: value.last",
    });
  });
});

describe("inode storage", () => {
  test("has a value for each file, by path and by descriptor", () => {
    const { of_inode: storage } = live.maps;
    const path = join(folder, "file");
    writeFileSync(path, "");
    expect(storage.get(path)).toBeUndefined();
    storage.set(path, tally);
    const fd = openSync(path, "r");
    expect(storage.get(fd)).toEqual(tally);
    expect(storage.get(folder)).toBeUndefined();
    expect(storage.delete(fd)).toBe(true);
    closeSync(fd);
    expect([storage.has(path), storage.delete(path)]).toEqual([false, false]);
  });

  test("opens no pipe and needs no right on the file", () => {
    const { of_inode: storage } = live.maps;
    const pipe = join(folder, "pipe");
    // Opening its reading end would wait for a writer.
    execFileSync("mkfifo", ["-m", "000", pipe]);
    storage.set(pipe, tally);
    expect(storage.get(pipe)).toEqual(tally);
    expect(thrownBy(() => storage.get(join(folder, "none"))).message).toBe(
      `map of_inode: open: ENOENT (cannot open ${join(folder, "none")}, it is not there)`,
    );
    for (const wrong of ["", "a\0b", -1, null])
      expect(thrownBy(() => storage.get(wrong as string))).toMatchObject({ path: "map of_inode: key" });
  });
});

describe("task storage", () => {
  test("has a value for each process, until it ends", async () => {
    const { of_task: storage } = live.maps;
    const child = spawn("sleep", ["60"]);
    using task = pidfd(child.pid!);
    using own = pidfd(process.pid);
    storage.set(task, tally);
    expect(storage.get(task)).toEqual(tally);
    expect(storage.get(own)).toBeUndefined();
    expect([storage.has(task), storage.delete(own)]).toEqual([true, false]);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(storage.get(task)).toBeUndefined();
    expect(thrownBy(() => storage.set(task, tally)).message).toBe(
      "map of_task: set: ENOENT (possible causes: nothing is stored for it; it is gone)",
    );
  });

  test("wants a pidfd", () => {
    const { of_task: storage } = live.maps;
    const task = pidfd(process.pid);
    expect(task).toMatchObject({ pid: process.pid, fd: expect.any(Number) as number });
    task.close();
    task.close();
    expect(task.fd).toBe(-1);
    expect(thrownBy(() => storage.get(task)).message).toBe(
      "map of_task: key: expected what pidfd(pid) gives, got an object (it is closed)",
    );
    expect(thrownBy(() => storage.get(process.pid as never)).message).toBe(
      `map of_task: key: expected what pidfd(pid) gives, got ${process.pid}`,
    );
    const file = openSync("/dev/null", "r");
    expect(thrownBy(() => storage.get({ fd: file }))).toMatchObject({ code: "EBADF" });
    closeSync(file);
    expect(thrownBy(() => pidfd(0x7fffffff)).message).toBe("pidfd_open: ESRCH (there is no process 2147483647)");
    for (const wrong of [0, -1, 1.5, "1"]) expect(thrownBy(() => pidfd(wrong as number)).name).toBe("ValueError");
  });
});

test("cgroup storage has a value for each cgroup, of either version", () => {
  const { of_cgroup: storage } = live.maps;
  storage.set(cgroup, tally);
  expect(storage.get(cgroup)).toEqual(tally);
  expect(storage.get(dirname(cgroup))).toBeUndefined();
  const fd = openSync(cgroup, "r");
  expect([storage.has(fd), storage.delete(fd), storage.has(cgroup)]).toEqual([true, true, false]);
  closeSync(fd);
  expect(thrownBy(() => storage.set(folder, tally)).message).toBe("map of_cgroup: set: EBADF (not a cgroup)");
  expect(thrownBy(() => storage.set("/etc/passwd", tally)).message).toBe(
    "map of_cgroup: open: ENOTDIR (cannot open /etc/passwd, ENOTDIR)",
  );
});

test("a cgroup array takes cgroups of version 2 and tells nothing", () => {
  const { cgroups } = live.maps;
  cgroups.set(0, cgroup);
  const fd = openSync(dirname(cgroup), "r");
  cgroups.set(1, fd);
  closeSync(fd);
  expect(thrownBy(() => cgroups.set(0, folder)).message).toBe("map cgroups: set: EBADF (not a cgroup of version 2)");
  expect(thrownBy(() => cgroups.set(0, join(cgroup, "none")))).toMatchObject({ code: "ENOENT", syscall: "open" });
  expect(thrownBy(() => cgroups.set(2, cgroup)).message).toBe("cgroups: index 2 is outside 0..1");
  expect([cgroups.delete(0), cgroups.delete(0), cgroups.delete(1)]).toEqual([true, false, true]);
  expect(cgroups).not.toHaveProperty("get");
});

describe("storage of cgroup programs", () => {
  const cpus = Number(execFileSync("getconf", ["_NPROCESSORS_CONF"], { encoding: "utf8" }));

  test("has an entry from the first attachment on", () => {
    const { attached, attached_percpu } = live.maps;
    const id = statSync(cgroup, { bigint: true }).ino;
    expect([attached.count(), attached_percpu.count()]).toEqual([0, 0]);
    // BPF_CGROUP_INET_EGRESS
    const key = { cgroup_inode_id: id, attach_type: 1 };
    expect(thrownBy(() => attached.set(key, 1n)).message).toBe(
      "map attached: set: ENOENT (no program that uses the map was ever attached to that cgroup)",
    );
    using _link = { [Symbol.dispose]: () => live.detach() };
    live.progs.count_egress.attach({ cgroup });
    expect([...attached]).toEqual([[key, 0n]]);
    attached.set(key, 1000n);
    expect(attached.get(key)).toBe(1000n);
    expect(attached.has({ ...key, cgroup_inode_id: 1n })).toBe(false);
    expect(attached_percpu.get(id)).toEqual(Array.from({ length: cpus }, () => 0));
    attached_percpu.set(
      id,
      Array.from({ length: cpus }, (_, cpu) => cpu + 10),
    );
    expect([...attached_percpu.keys()]).toEqual([id]);
    execFileSync("sh", ["-c", `echo $$ > ${cgroup}/cgroup.procs && exec bash -c 'echo hello > /dev/udp/127.0.0.1/9'`]);
    expect(attached.get(key)).toBeGreaterThan(1000n);
    const sum = (counts: readonly number[]): number => counts.reduce((a, b) => a + b, 0);
    const before = sum(Array.from({ length: cpus }, (_, cpu) => cpu + 10));
    expect(sum(attached_percpu.get(id)!)).toBeGreaterThan(before);
    expect(dumpedWords(attached.id).map(([, value]) => BigInt(value))).toEqual([...attached.values()]);
    expect(thrownBy(() => attached_percpu.set(id, [])).message).toBe(
      `map attached_percpu: value: expected an array of ${cpus} values, one for each possible CPU, got 0`,
    );
  });

  test("keeps them when the program goes, as long as the cgroup is there", () => {
    expect([live.maps.attached.count(), live.maps.attached_percpu.count()]).toEqual([1, 1]);
  });
});

test("what a call opens is closed again, whatever goes wrong", () => {
  const { cgroups, of_cgroup, of_inode } = live.maps;
  const before = openDescriptors();
  for (let i = 0; i < 50; i++) {
    cgroups.set(0, cgroup);
    thrownBy(() => cgroups.set(0, folder));
    of_cgroup.set(cgroup, tally);
    thrownBy(() => of_cgroup.set(folder, tally));
    thrownBy(() => of_cgroup.set(cgroup, { seen: 1n } as never));
    of_inode.set(folder, tally);
    thrownBy(() => of_inode.set(folder, null as never));
    pidfd(process.pid).close();
    thrownBy(() => pidfd(0x7fffffff));
  }
  expect(openDescriptors()).toBe(before);
});

test("closed is closed", () => {
  const closed = Fds.load();
  closed.close();
  const { of_inode, of_task, cgroups, by_index, tails, sockets, attached_percpu } = closed.maps;
  const uses = [
    () => of_inode.get(folder),
    () => of_task.get({ fd: 0 }),
    () => cgroups.set(0, cgroup),
    () => by_index.createInner(),
    () => tails.get(0),
    () => [...sockets],
    () => attached_percpu.get(1n),
  ];
  for (const use of uses) expect(thrownBy(use)).toMatchObject({ name: "StateError" });
});
