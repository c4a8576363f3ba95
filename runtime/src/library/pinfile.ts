// Why a file in a BPF file system was not made or not opened: what the file system tells of the path (kernel/bpf/inode.c).

import { EACCES, EEXIST, ENOENT, ENOTDIR, EPERM } from "./errno.ts";
import { missingForAnyCall } from "./host.ts";

// linux/magic.h
const BPF_FS_MAGIC = 0xcafe_4a11;

/** What to do where BPF_OBJ_PIN fails at `file`. */
export function pinHint(errno: number, file: string): string | undefined {
  const folder = folderOf(file);
  switch (errno) {
    case EPERM:
      return dotted(file) ?? (isBpffs(folder) === false ? outside(folder) : missingForAnyCall());
    case EEXIST:
      return `${file} is there already`;
    case ENOENT:
      return `the directory of ${file} does not exist`;
    case ENOTDIR:
      return noFolder(file);
    case EACCES:
      return notEntered(folder) ?? notAccessible(folder, "write to", 0o3);
    default:
      return undefined;
  }
}

/** What to do where BPF_OBJ_GET finds nothing to open at `file`. */
export function pinnedHint(errno: number, file: string): string | undefined {
  switch (errno) {
    case EPERM:
      return dotted(file) ?? missingForAnyCall();
    case ENOENT:
      return `nothing is pinned at ${file}`;
    case ENOTDIR:
      return noFolder(file);
    case EACCES:
      return notEntered(folderOf(file)) ?? notAPin(file) ?? notAccessible(file, "read and write", 0o6);
    default:
      return undefined;
  }
}

function folderOf(file: string): string {
  return file.replace(/\/[^/]*$/, "") || "/";
}

function outside(path: string): string {
  return `${path} is in no BPF file system: use /sys/fs/bpf`;
}

/** Whether a path is in a BPF file system; undefined where it cannot be looked at. */
export function isBpffs(path: string): boolean | undefined {
  try {
    return process.getBuiltinModule("node:fs").statfsSync(path).type === BPF_FS_MAGIC;
  } catch {
    return undefined;
  }
}

/** `bpf_lookup` refuses dots, also where it only looks a name up. */
function dotted(file: string): string | undefined {
  const { existsSync } = process.getBuiltinModule("node:fs");
  const names = file.split("/").filter((name) => name !== "");
  for (let i = 0, folder = "/"; i < names.length; i++) {
    const name = names[i]!;
    const path = `${folder === "/" ? "" : folder}/${name}`;
    if (!existsSync(path)) {
      const refused = name.includes(".") && isBpffs(folder) === true;
      return refused ? `a BPF file system takes no dot in names, as "${name}" has` : undefined;
    }
    folder = path;
  }
  return undefined;
}

function noFolder(file: string): string | undefined {
  for (let folder = folderOf(file); folder !== "/"; folder = folderOf(folder)) {
    if (statOf(folder)?.isDirectory() === false) return `${folder} is no directory`;
  }
  return undefined;
}

/** The first of the directories that lead to `folder` and beyond that this process may not enter. */
function notEntered(folder: string): string | undefined {
  const { X_OK } = process.getBuiltinModule("node:fs").constants;
  const names = folder.split("/").filter((name) => name !== "");
  const paths = names.map((_, i) => `/${names.slice(0, i + 1).join("/")}`);
  const closed = paths.find((path) => !isAllowed(path, X_OK));
  return closed === undefined ? undefined : notAccessible(closed, "enter", X_OK);
}

function notAPin(file: string): string | undefined {
  if (statOf(file)?.isDirectory() === true) return `${file} is a directory, not a pin`;
  return isBpffs(file) === false ? `${file} is no pin: it is in no BPF file system` : undefined;
}

function isAllowed(path: string, access: number): boolean {
  try {
    process.getBuiltinModule("node:fs").accessSync(path, access);
    return true;
  } catch {
    return false;
  }
}

/** That the mode of `path` does not let this process do `what`, where that is so. */
function notAccessible(path: string, what: string, access: number): string | undefined {
  const stat = isAllowed(path, access) ? undefined : statOf(path);
  if (stat === undefined) return undefined;
  const mode = (stat.mode & 0o7777).toString(8);
  return `this process may not ${what} ${path}: its mode is 0${mode}, its owner user ${stat.uid}`;
}

/** undefined: there is nothing, or it cannot be seen. */
function statOf(path: string): { mode: number; uid: number; isDirectory(): boolean } | undefined {
  try {
    return process.getBuiltinModule("node:fs").statSync(path);
  } catch {
    return undefined;
  }
}
