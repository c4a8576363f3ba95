// A TCP congestion control in BPF, with a link of the kernel's and without: registered, used by real connections, changed
// before load, and gone afterwards.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { StructOps } from "../../../fixtures/struct_ops.skel.ts";
import { StructOpsLink } from "../../../fixtures/struct_ops_link.skel.ts";
import { openLibrary } from "../../src/library.ts";
import { mountBpffs } from "../support/bpffs.ts";
import { sendOver } from "../support/congestion.ts";
import { thrownBy } from "../support/errors.ts";
import { descriptors } from "../support/held.ts";
import { requireKernel } from "../support/kernel.ts";
import { where } from "../support/where.ts";

requireKernel();

const hasShadows = openLibrary().atLeast(1, 4);
const [younger, older] = [where(hasShadows), where(!hasShadows)];

const names = ["skel_ca", "other_name", "linked_ca", "spare_ca"];

/** What the kernel's TCP knows of what these tests make. */
function registered(): string[] {
  const all = readFileSync("/proc/sys/net/ipv4/tcp_available_congestion_control", "utf8").trim().split(" ");
  return all.filter((name) => names.includes(name));
}

/** What bpftool says of what these tests make. */
function listed(): unknown[] {
  const stdio: ["ignore", "pipe", "ignore"] = ["ignore", "pipe", "ignore"];
  const list = execFileSync("bpftool", ["-j", "struct_ops", "list"], { encoding: "utf8", stdio });
  return (JSON.parse(list) as { name: string }[]).filter(({ name }) => names.includes(name));
}

let pins: ReturnType<typeof mountBpffs>;
let held: Record<string, number>;

beforeAll(() => {
  pins = mountBpffs();
});
afterAll(() => pins?.remove());
beforeEach(() => (held = descriptors()));
afterEach(() => {
  expect(descriptors()).toEqual(held);
  expect(registered()).toEqual([]);
});

describe("a map in .struct_ops, on every libbpf", () => {
  test("is registered by attach, used by connections, and gone after detach", () => {
    using live = StructOps.load();
    const { skel_ca } = live.structOps;
    expect(skel_ca.name).toBe("skel_ca");
    expect(sendOver("skel_ca")).toBeUndefined();
    const link = skel_ca.attach();
    expect(live.links.skel_ca).toBe(link);
    expect(registered()).toEqual(["skel_ca"]);
    expect(listed()).toEqual([{ id: skel_ca.id, name: "skel_ca", kernel_struct_ops: "tcp_congestion_ops" }]);
    expect(sendOver("skel_ca")).toBe("skel_ca");
    expect(live.bss.inits).toBe(1n);
    expect(live.bss.releases).toBe(1n);
    expect(live.bss.avoids).toBeGreaterThan(0n);
    link.detach();
    link.detach();
    expect(live.links.skel_ca).toBeUndefined();
    expect(sendOver("skel_ca")).toBeUndefined();
    expect(live.bss.inits).toBe(1n);
  });

  test("has a link without descriptor, which cannot be pinned", () => {
    using live = StructOps.load();
    const link = live.structOps.skel_ca.attach();
    expect(link.program).toBe("skel_ca");
    expect(link.fd).toBeUndefined();
    expect(link.id).toBeUndefined();
    expect(thrownBy(() => link.pin(`${pins.folder}/ca`))).toMatchObject({ name: "UnsupportedError" });
    expect(existsSync(`${pins.folder}/ca`)).toBe(false);
    using other = StructOps.load();
    expect(thrownBy(() => link.update(other.structOps.skel_ca))).toMatchObject({
      name: "UnsupportedError",
      message:
        'struct_ops skel_ca: a map in SEC(".struct_ops") has no link that could be updated (put it in SEC(".struct_ops.link"), with libbpf >= 1.2)',
    });
  });

  test("is attached with all the rest, its programs with it", () => {
    using live = StructOps.load();
    const { attached, skipped } = live.attach();
    expect(attached).toEqual(["skel_ca"]);
    expect(skipped).toMatchObject({
      on_init: "it is attached with its struct_ops map",
      on_other_init: "it is not loaded, its autoload is off",
    });
    expect(registered()).toEqual(["skel_ca"]);
    expect(thrownBy(() => live.attach({ only: ["on_init"] }))).toMatchObject({ name: "AttachError" });
    expect(live.attach({ only: ["skel_ca"] }).skipped).toEqual({ skel_ca: "it is attached already" });
    live.detach();
    expect(registered()).toEqual([]);
  });

  test("is registered once only", () => {
    using live = StructOps.load();
    live.structOps.skel_ca.attach().detach();
    expect(thrownBy(() => live.structOps.skel_ca.attach())).toMatchObject({
      name: "BpfError",
      code: "EBUSY",
      message: 'struct_ops skel_ca: attach: EBUSY (a map in SEC(".struct_ops") is registered once: load it again)',
    });
  });

  test("cannot take a name that is taken", () => {
    using live = StructOps.load();
    live.structOps.skel_ca.attach();
    using other = StructOps.load();
    expect(thrownBy(() => other.structOps.skel_ca.attach())).toMatchObject({
      code: "EEXIST",
      message: "struct_ops skel_ca: attach: EEXIST (one of this name is registered already)",
    });
    expect(thrownBy(() => other.attach())).toMatchObject({ name: "AttachError" });
  });

  test("is unregistered by close, at once and asynchronously", async () => {
    const live = StructOps.load();
    live.attach();
    live.close();
    expect(registered()).toEqual([]);
    const other = StructOps.load();
    other.attach();
    await other.closeAsync();
  });

  test("has the kernel's id and descriptor until it is closed", () => {
    const live = StructOps.load();
    const { skel_ca } = live.structOps;
    expect(skel_ca.fd).toBeGreaterThan(2);
    const shown = execFileSync("bpftool", ["-j", "map", "show", "id", String(skel_ca.id)], { encoding: "utf8" });
    expect(JSON.parse(shown)).toMatchObject({ type: "struct_ops", name: "skel_ca" });
    live.close();
    for (const use of [() => skel_ca.fd, () => skel_ca.id, () => skel_ca.attach()]) {
      expect(thrownBy(use)).toMatchObject({ name: "StateError", message: "struct_ops: closed" });
    }
  });
});

describe("a map in .struct_ops.link", () => {
  test("needs libbpf 1.4 here, for the section that load may leave out", () => {
    if (hasShadows) return StructOpsLink.open().close();
    const error = thrownBy(() => StructOpsLink.open());
    expect(error).toMatchObject({
      name: "UnsupportedError",
      message: `struct_ops_link: struct_ops linked_ca: SEC(".struct_ops.link") needs libbpf >= 1.2, found ${openLibrary().version}`,
    });
  });

  younger.test("has a link of the kernel's, which can be pinned and outlives its skeleton", async () => {
    const path = `${pins.folder}/linked`;
    const live = StructOpsLink.load();
    const link = live.structOps.linked_ca.attach();
    expect(link.id).toBeGreaterThan(0);
    const shown = execFileSync("bpftool", ["-j", "link", "show", "id", String(link.id)], { encoding: "utf8" });
    expect(JSON.parse(shown)).toMatchObject({ type: "struct_ops" });
    expect(sendOver("linked_ca")).toBe("linked_ca");
    expect(live.bss.inits).toBe(1n);
    link.pin(path);
    live.close();
    expect(sendOver("linked_ca")).toBe("linked_ca");
    rmSync(path);
    // The kernel frees the inode of a pin, and puts its link (bpf_link_put), in a worker of its own.
    await expect.poll(registered, { timeout: 10_000, interval: 10 }).toEqual([]);
  });

  younger.test("is attached again after detach", () => {
    using live = StructOpsLink.load();
    for (let i = 0; i < 2; i++) {
      const { attached, skipped } = live.attach();
      expect(attached).toEqual(["linked_ca"]);
      expect(skipped).toMatchObject({ spare_ca: "it is not created, its $autocreate is off" });
      expect(sendOver("linked_ca")).toBe("linked_ca");
      live.links.linked_ca!.detach();
      expect(sendOver("linked_ca")).toBeUndefined();
    }
  });

  younger.test("gives way to another by update, without a gap, as often as wanted", () => {
    const open = StructOpsLink.open();
    open.structOps.spare_ca.$autocreate = true;
    open.structOps.spare_ca.name = "linked_ca";
    open.structOps.spare_ca.init = "on_other_init";
    using live = open.load();
    const { linked_ca, spare_ca } = live.structOps;
    const link = linked_ca.attach();
    link.update(spare_ca);
    expect(registered()).toEqual(["linked_ca"]);
    expect(sendOver("linked_ca")).toBe("linked_ca");
    expect([live.bss.inits, live.bss.other_inits]).toEqual([0n, 1n]);
    expect(link.info).toMatchObject({ type: "struct_ops", mapId: spare_ca.id });
    link.update(linked_ca);
    expect(sendOver("linked_ca")).toBe("linked_ca");
    expect([live.bss.inits, live.bss.other_inits]).toEqual([1n, 1n]);
    expect(thrownBy(() => link.update(live.progs.on_init))).toMatchObject({
      name: "ValueError",
      message: "struct_ops linked_ca: update: expected a struct_ops map of a loaded skeleton",
    });
    link.detach();
    expect(registered()).toEqual([]);
    expect(thrownBy(() => link.update(spare_ca))).toMatchObject({ name: "StateError" });
  });

  younger.test("cannot give way to one of another name, or without a link", () => {
    const open = StructOpsLink.open();
    open.structOps.spare_ca.$autocreate = true;
    using live = open.load();
    const link = live.structOps.linked_ca.attach();
    expect(thrownBy(() => link.update(live.structOps.spare_ca))).toMatchObject({
      name: "BpfError",
      code: "EINVAL",
      message:
        "struct_ops linked_ca: update to spare_ca: EINVAL (it is of another interface, or of another name within it)",
    });
    using other = StructOps.load();
    expect(thrownBy(() => link.update(other.structOps.skel_ca))).toMatchObject({ name: "UnsupportedError" });
    expect(sendOver("linked_ca")).toBe("linked_ca");
  });

  younger.test("is made only when $autocreate says so", () => {
    const open = StructOpsLink.open();
    expect([open.structOps.linked_ca.$autocreate, open.structOps.spare_ca.$autocreate]).toEqual([true, false]);
    open.structOps.spare_ca.$autocreate = true;
    open.structOps.linked_ca.$autocreate = false;
    using live = open.load();
    expect(live.attach().attached).toEqual(["spare_ca"]);
    expect(sendOver("spare_ca")).toBe("spare_ca");
    expect(thrownBy(() => live.structOps.linked_ca.attach())).toMatchObject({
      name: "StateError",
      message:
        "struct_ops linked_ca: not created, its $autocreate is off (set structOps.linked_ca.$autocreate before load)",
    });
  });
});

describe("the struct before load", () => {
  const changed = (): ReturnType<typeof StructOps.open> => {
    const open = StructOps.open();
    open.structOps.skel_ca.name = "other_name";
    open.structOps.skel_ca.init = "on_other_init";
    open.structOps.skel_ca.release = null;
    return open;
  };

  older.test("is out of reach before libbpf 1.4, which only its members' use says", () => {
    using open = StructOps.open();
    const { skel_ca } = open.structOps;
    const message = `struct_ops skel_ca: its members can be seen and changed since libbpf 1.4, found ${openLibrary().version}`;
    const uses = [
      () => skel_ca.name,
      () => (skel_ca.name = "other_name"),
      () => skel_ca.init,
      () => (skel_ca.init = null),
    ];
    for (const use of uses) expect(thrownBy(use)).toMatchObject({ name: "UnsupportedError", message });
    open.load().close();
  });

  younger.test("reads as C wrote it", () => {
    using open = StructOps.open();
    expect({ ...open.structOps.skel_ca }).toEqual({
      ssthresh: "on_ssthresh",
      cong_avoid: "on_cong_avoid",
      undo_cwnd: "on_undo_cwnd",
      init: "on_init",
      release: "on_release",
      flags: 0,
      name: "skel_ca",
    });
  });

  younger.test("takes values and programs, and the kernel uses them", () => {
    const open = changed();
    expect(open.structOps.skel_ca.init).toBe("on_other_init");
    expect(open.structOps.skel_ca.release).toBeNull();
    using live = open.load();
    live.attach();
    expect(sendOver("skel_ca")).toBeUndefined();
    expect(sendOver("other_name")).toBe("other_name");
    expect(live.bss.inits).toBe(0n);
    expect(live.bss.other_inits).toBe(1n);
    expect(live.bss.releases).toBe(0n);
    // What no map names any more is not loaded.
    expect(thrownBy(() => live.progs.on_init.fd)).toMatchObject({ name: "StateError" });
    expect(live.progs.on_other_init.type).toBe("struct_ops");
  });

  younger.test("refuses what is no program of its own, no value of the type, and no member", () => {
    using open = StructOps.open();
    const ops = open.structOps.skel_ca as unknown as Record<string, unknown>;
    for (const name of ["no_such", "", 5, undefined, {}]) {
      expect(thrownBy(() => (ops["init"] = name))).toMatchObject({ name: "ValueError", path: "skel_ca.init" });
    }
    expect(thrownBy(() => (ops["init"] = "no_such")).message).toBe(
      'skel_ca.init: expected a struct_ops program or null, got "no_such" (there are on_ssthresh, on_cong_avoid, on_undo_cwnd, on_init, on_other_init, on_release)',
    );
    expect(thrownBy(() => (ops["flags"] = -1)).message).toBe("skel_ca.flags: expected u32, got -1");
    expect(thrownBy(() => (ops["name"] = "seventeen letters")).name).toBe("ValueError");
    expect(thrownBy(() => (ops["owner"] = 1n))).toBeInstanceOf(TypeError);
    expect(thrownBy(() => (ops["$autocreate"] = 1)).message).toBe("skel_ca.$autocreate: expected a boolean, got 1");
    expect({ ...open.structOps.skel_ca }).toMatchObject({ init: "on_init", flags: 0, name: "skel_ca" });
  });

  younger.test("that the kernel refuses is an error which says so", () => {
    const open = StructOps.open();
    open.structOps.skel_ca.ssthresh = null;
    using live = open.load();
    expect(thrownBy(() => live.attach())).toMatchObject({ name: "AttachError" });
  });

  test("is fixed by load and gone with close", () => {
    const open = StructOps.open();
    const ops = open.structOps.skel_ca;
    using _ = open.load();
    const other = StructOps.open();
    const gone = other.structOps.skel_ca;
    other.close();
    for (const use of [() => ops.$autocreate, () => (ops.$autocreate = false)]) {
      expect(thrownBy(use)).toMatchObject({ name: "StateError" });
    }
    for (const use of [() => gone.name, () => (gone.name = "x"), () => gone.init, () => (gone.init = null)]) {
      expect(thrownBy(use)).toMatchObject({ name: "StateError", message: "struct_ops: closed" });
    }
    if (!hasShadows) return;
    for (const use of [() => ops.name, () => (ops.name = "x"), () => ops.init, () => (ops.init = null)]) {
      expect(thrownBy(use)).toMatchObject({ name: "StateError" });
    }
  });
});
