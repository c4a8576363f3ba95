// Whose folders the build takes for its cache: real folders of other users, made as root, and links that others have laid.

import {
  chmodSync,
  chownSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { openCache, readCached, writeCached } from "../src/build/cache.ts";
import { ensureBuilt, Folder } from "./support/cli.ts";

const NOBODY = 65534;
const NAMES = ["objects", "vmlinux-0"];
const CACHE = "project/node_modules/.cache/ebpf-skel";
const HOME = "home/.cache/ebpf-skel";

let folder: Folder;
beforeEach(() => {
  folder = new Folder();
  for (const path of ["project", "project/node_modules", "home", "world"]) mkdirSync(folder.at(path));
  folder.write("project/package.json", "{}");
  vi.stubEnv("HOME", folder.at("home"));
  vi.stubEnv("XDG_CACHE_HOME", "");
  vi.stubEnv("SUDO_UID", "");
});
afterEach(() => {
  vi.unstubAllEnvs();
  folder.remove();
});

const open = (cwd = "project") => openCache(folder.at(cwd), NAMES);
const taken = (cache: string) => ({ folder: folder.at(cache), warning: undefined });
/** The user's own, in place of the project's. */
const refused = (got: string, cache = CACHE) => ({
  folder: folder.at(HOME),
  warning: `cache: ${folder.at(cache)} is not used, got ${got} (own the folder, and let nobody else write to it)`,
});

function makeOver(path: string, mode: number, owner?: number): void {
  mkdirSync(folder.at(path), { recursive: true });
  chmodSync(folder.at(path), mode);
  if (owner !== undefined) chownSync(folder.at(path), owner, owner);
}

const write = (name: string, text = "text") => writeCached(folder.at(CACHE), "objects", name, Buffer.from(text));
const read = (name: string) => readCached(join(folder.at(CACHE), "objects", name))?.toString();

test.each([
  ["a relative XDG_CACHE_HOME", { XDG_CACHE_HOME: "cache" }, () => folder.at(HOME)],
  ["an empty HOME", { HOME: "" }, () => expect.stringContaining("ebpf-skel-cache-")],
  ["a relative HOME", { HOME: "here" }, () => expect.stringContaining("ebpf-skel-cache-")],
])("%s is no place for the user's own", (_, variables, expected) => {
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
  expect(open("world")).toEqual({ folder: expected(), warning: undefined });
});

test("the cache is the project's, else the user's own", () => {
  expect(open()).toEqual(taken(CACHE));
  expect(open("world")).toEqual(taken(HOME));
  write("x.json");
  expect(read("x.json")).toBe("text");
  expect(open()).toEqual(taken(CACHE));
});

test.each(["ebpf-skel", "objects"])("the cache is no link in the place of its folder %s", (name) => {
  write("x.json");
  const path = name === "objects" ? `${CACHE}/objects` : CACHE;
  renameSync(folder.at(path), folder.at("world/real"));
  symlinkSync(folder.at("world/real"), folder.at(path));
  expect(open()).toEqual(refused(`${folder.at(path)}, a symbolic link`));
  expect(() => write("y.json")).toThrow(/cannot be written, got .*, a symbolic link/);
  expect(readdirSync(folder.at("world/real"), { recursive: true })).not.toContain("y.json");
});

test("a file that is a link is replaced, and what it leads to neither read nor written", () => {
  folder.write("world/victim", "kept");
  write("x.json");
  for (const target of [folder.at("world/victim"), folder.at("world/none")]) {
    symlinkSync(target, folder.at("link"));
    renameSync(folder.at("link"), folder.at(`${CACHE}/objects/x.json`));
    expect(read("x.json")).toBeUndefined();
    write("x.json", "new");
    expect(read("x.json")).toBe("new");
  }
  expect([folder.read("world/victim"), folder.list("world")]).toEqual(["kept", ["victim"]]);
});

describe.runIf(process.getuid?.() === 0)("beside other users, the cache", () => {
  test.each<[what: string, path: string, mode: number, owner: number | undefined]>([
    ["a project of another user", "project", 0o755, NOBODY],
    ["node_modules of another user", "project/node_modules", 0o755, NOBODY],
    ["a cache of another user", CACHE, 0o755, NOBODY],
    ["stamps of another user", `${CACHE}/objects`, 0o755, NOBODY],
    ["a vmlinux.h of another user", `${CACHE}/vmlinux-0`, 0o755, NOBODY],
    ["a project that all can write to", "project", 0o777, undefined],
    ["node_modules that a group can write to", "project/node_modules", 0o775, undefined],
    ["a cache that all can write to", CACHE, 0o777, undefined],
    ["a cache that all can write to, sticky", CACHE, 0o1777, undefined],
  ])("is not in %s", (_, path, mode, owner) => {
    write("x.json");
    makeOver(path, mode, owner);
    const whose = owner === undefined ? "others can write to" : `user ${owner} owns`;
    expect(open()).toEqual(refused(`${folder.at(path)}, which ${whose}`));
    const name = path.endsWith("vmlinux-0") ? "vmlinux-0" : "objects";
    expect(() => writeCached(folder.at(CACHE), name, "y", Buffer.from(""))).toThrow(
      `cannot be written, got ${folder.at(path)}, which ${whose}`,
    );
    expect(folder.list(`${CACHE}/objects`)).toEqual(["x.json"]);
  });

  test("is not where another user could rename what is around it", () => {
    renameSync(folder.at("project"), folder.at("world/project"));
    makeOver("world", 0o777);
    expect(open("world/project")).toEqual(
      refused(`${folder.at("world")}, which others can write to`, "world/project/node_modules/.cache/ebpf-skel"),
    );
  });

  test("is below a sticky folder what this user owns there, and nothing else", () => {
    makeOver("world", 0o1777);
    renameSync(folder.at("project"), folder.at("world/project"));
    expect(open("world/project")).toEqual(taken("world/project/node_modules/.cache/ebpf-skel"));
    folder.write("world/package.json", "{}");
    makeOver("world/node_modules", 0o755, NOBODY);
    mkdirSync(folder.at("world/mine"));
    expect(open("world/mine")).toEqual(
      refused(`${folder.at("world/node_modules")}, which user ${NOBODY} owns`, "world/node_modules/.cache/ebpf-skel"),
    );
  });

  test("is behind a link only where nobody else can change the link or where it leads", () => {
    renameSync(folder.at("project/node_modules"), folder.at("world/modules"));
    symlinkSync("../world/modules", folder.at("project/node_modules"));
    expect(open()).toEqual(taken(CACHE));
    lchownSync(folder.at("project/node_modules"), NOBODY, NOBODY);
    expect(open()).toEqual(refused(`${folder.at("project/node_modules")}, which user ${NOBODY} owns`));
    lchownSync(folder.at("project/node_modules"), 0, 0);
    makeOver("world", 0o777);
    expect(open()).toEqual(refused(`${folder.at("world")}, which others can write to`));
  });

  test("may be root's, and in folders of a group that is the user's alone", () => {
    makeOver(".", 0o755);
    makeOver("project/node_modules", 0o775, NOBODY);
    process.seteuid!(NOBODY);
    try {
      expect(open()).toEqual(taken(CACHE));
    } finally {
      process.seteuid!(0);
    }
    chownSync(folder.at("project/node_modules"), NOBODY, 100);
    expect(open().warning).toContain(`user ${NOBODY} owns`);
  });

  test("warns of no project whose owner called sudo", () => {
    makeOver("project", 0o755, NOBODY);
    vi.stubEnv("SUDO_UID", String(NOBODY));
    expect(open()).toEqual(taken(HOME));
  });

  test("reads no file that another user owns or can write to", () => {
    write("x.json");
    chmodSync(folder.at(`${CACHE}/objects/x.json`), 0o666);
    expect(read("x.json")).toBeUndefined();
    write("x.json");
    chownSync(folder.at(`${CACHE}/objects/x.json`), NOBODY, NOBODY);
    expect(read("x.json")).toBeUndefined();
    write("x.json");
    expect([read("x.json"), statSync(folder.at(`${CACHE}/objects/x.json`)).uid]).toEqual(["text", 0]);
  });
});

/** Compiles in place of the kernel's, and adds a program that the source does not have. */
const POISON = `typedef unsigned int __u32; typedef unsigned long long __u64; typedef int __s32; typedef long long __s64;
typedef unsigned short __u16; typedef unsigned char __u8; typedef short __s16; typedef __u16 __be16; typedef __u32 __be32;
typedef __u32 __wsum; struct task_struct { int pid; }; enum { BPF_MAP_TYPE_HASH = 1 };
__attribute__((section("tp/syscalls/sys_enter_getppid"), used)) int foreign(void *ctx) { return 0; }
`;
const SOURCE = `#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
SEC("tp/syscalls/sys_enter_execve") int mine(void *ctx) { return 0; }
char LICENSE[] SEC("license") = "GPL";
`;

describe.runIf(process.getuid?.() === 0)("build", () => {
  beforeAll(() => ensureBuilt());

  test("takes no vmlinux.h from a cache that another user has prepared, and leaves nothing where no place is safe", () => {
    folder.write("project/prog.bpf.c", SOURCE);
    const build = () =>
      folder.run(["build", "prog.bpf.c"], {
        env: { TMPDIR: folder.at("world") },
        under: ["env", "-C", folder.at("project")],
      });
    expect(build()).toMatchObject({ status: 0, stderr: "" });
    const name = folder.list(CACHE).find((one) => one.startsWith("vmlinux-"))!;
    folder.write(`${CACHE}/${name}/vmlinux.h`, POISON);
    folder.write("project/prog.bpf.c", `${SOURCE}int more;\n`);
    expect(build()).toMatchObject({ status: 0, stderr: "" });
    expect(folder.read("project/prog.skel.ts")).toContain("foreign");

    makeOver(CACHE, 0o755, NOBODY);
    makeOver("home", 0o777);
    const { status, stdout, stderr } = build();
    expect({ status, stdout }).toEqual({ status: 0, stdout: "prog.bpf.o, prog.skel.ts written\n" });
    expect(stderr).toBe(`ebpf-skel: warning: ${refused(`${folder.at(CACHE)}, which user ${NOBODY} owns`).warning}\n`);
    expect(folder.read("project/prog.skel.ts")).not.toContain("foreign");
    expect([folder.list("home"), folder.list("world")]).toEqual([[], []]);
    expect(readFileSync(folder.at(`${CACHE}/${name}/vmlinux.h`), "utf8")).toBe(POISON);
  });
});
