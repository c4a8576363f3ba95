// Programs of cgroups, in a cgroup of this file's own, with processes in it that the tests start.
// needs Linux 6.7: the fixture is loaded whole, with a program of cgroup/connect_unix

import { closeSync, openSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { AttachCgroup } from "../../../fixtures/attach_cgroup.skel.ts";
import type { Loaded } from "../../src/index.ts";
import { cgroupId, makeCgroup, runIn } from "../support/cgroup.ts";
import { thrownBy } from "../support/errors.ts";
import { requireKernel } from "../support/kernel.ts";
import { enterNetns } from "../support/netns.ts";
import { expectRuns } from "../support/runs.ts";

requireKernel();

let live: Loaded<AttachCgroup>;
let cgroup: ReturnType<typeof makeCgroup>;

beforeAll(() => {
  enterNetns();
  cgroup = makeCgroup();
});
afterAll(() => cgroup?.remove());
beforeEach(() => {
  live = AttachCgroup.load();
});
afterEach(() => {
  live?.close();
});

const udp = `const s = require("node:dgram").createSocket("udp4");
s.on("error", () => s.close());
s.connect(9, "127.0.0.1", () => s.send("x", () => s.close()));`;
const tcp = `const { connect, createServer } = require("node:net");
const server = createServer((s) => { s.end(); server.close(); });
server.listen(0, "127.0.0.1", () => connect(server.address().port, "127.0.0.1").setNoDelay(true).resume());`;
const unix = `const { connect, createServer } = require("node:net");
const path = "\\0ebpf-skel-test-" + process.pid;
const server = createServer((s) => { s.end(); server.close(); });
server.listen(path, () => connect(path).resume());`;
const sysctl = `require("node:fs").readFileSync("/proc/sys/kernel/ostype");`;
const openZero = `const fs = require("node:fs"); fs.closeSync(fs.openSync("/dev/zero", "r"));`;

describe("a program in a cgroup runs for the processes in it, until it is detached", () => {
  test.each([
    ["on_egress", "egress_packets", udp, "cgroup_inet_egress"],
    ["on_socket", "sockets", udp, "cgroup_inet_sock_create"],
    ["on_connect", "connects", udp, "cgroup_inet4_connect"],
    ["on_bind", "binds", tcp, "cgroup_inet4_bind"],
    ["on_socket_op", "socket_ops", tcp, "cgroup_sock_ops"],
    ["on_option", "options", tcp, "cgroup_setsockopt"],
    ["on_connect_unix", "unix_connects", unix, "cgroup_unix_connect"],
    ["on_sysctl", "sysctls", sysctl, "cgroup_sysctl"],
    ["on_device", "devices", openZero, "cgroup_device"],
  ] as const)("%s", async (name, counter, script, attachType) => {
    const link = live.progs[name].attach({ cgroup: cgroup.path });
    expect(link.info).toEqual({
      type: "cgroup",
      id: link.id,
      progId: live.progs[name].id,
      cgroupId: cgroupId(cgroup.path),
      attachType,
    });
    await expectRuns(
      link,
      () => live.bss[counter],
      () => runIn(cgroup.path, script),
    );
  });
});

describe("a link of a cgroup", () => {
  test("is made by a descriptor, too, which stays the caller's", async () => {
    const fd = openSync(cgroup.path, "r");
    const link = live.progs.on_connect.attach({ cgroup: fd });
    closeSync(fd);
    await expectRuns(
      link,
      () => live.bss.connects,
      () => runIn(cgroup.path, udp),
    );
  });

  test("takes another program without a gap", () => {
    using link = live.progs.note_1.attach({ cgroup: cgroup.path });
    link.update(live.progs.note_2);
    runIn(cgroup.path, udp);
    expect(live.bss.ran).toEqual([2, 0]);
    expect(link.info.progId).toBe(live.progs.note_2.id);
  });

  // Linux 6.17 and later.
  test("runs before or after another as it is told", () => {
    const { note_1, note_2 } = live.progs;
    const order = (): readonly number[] => {
      live.bss.ran = [0, 0];
      runIn(cgroup.path, udp);
      return live.bss.ran;
    };
    using first = note_1.attach({ cgroup: cgroup.path });
    const after = note_2.attach({ cgroup: cgroup.path });
    expect(order()).toEqual([1, 2]);
    after.detach();
    const before = note_2.attach({ cgroup: cgroup.path, before: first });
    expect(order()).toEqual([2, 1]);
    before.detach();
    const beforeAll = note_2.attach({ cgroup: cgroup.path, before: "all" });
    expect(order()).toEqual([2, 1]);
    beforeAll.detach();
    using _after = note_2.attach({ cgroup: cgroup.path, after: { linkId: first.id! } });
    expect(order()).toEqual([1, 2]);
    const wrong: [object, string][] = [
      [{ before: note_1 }, "EINVAL (before names a program, which a cgroup has no order with: name its link)"],
      [{ after: { linkId: 0x7fff_ffff } }, `ENOENT (after names no link that is attached to ${cgroup.path} there)`],
      [{ expectedRevision: 4711n }, `ESTALE (${cgroup.path} has another revision than expectedRevision, 4711)`],
    ];
    for (const [options, message] of wrong) {
      expect(thrownBy(() => note_2.attach({ cgroup: cgroup.path, ...options })).message).toBe(
        `program note_2: attach: ${message}`,
      );
    }
  });

  test("ends with its cgroup, and detaching afterwards is no error", () => {
    const short = makeCgroup("short");
    const link = live.progs.on_connect.attach({ cgroup: short.path });
    short.remove();
    expect(link.info).toMatchObject({ type: "cgroup" });
    link.detach();
  });
});

test("what is no cgroup is refused", () => {
  expect(thrownBy(() => live.progs.on_bind.attach({ cgroup: "/tmp" })).message).toBe(
    "program on_bind: attach: EBADF (/tmp is no cgroup v2 directory)",
  );
  expect(thrownBy(() => live.progs.on_bind.attach({ cgroup: "/tmp", before: "all" })).message).toBe(
    "program on_bind: attach: EBADF (/tmp is no cgroup v2 directory)",
  );
  expect(thrownBy(() => live.progs.on_bind.attach(undefined as never)).message).toBe(
    'program on_bind: attach: SEC("cgroup/bind4") names no target (attach({ cgroup: "/sys/fs/cgroup" }))',
  );
});
