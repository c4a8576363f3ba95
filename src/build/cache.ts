// Where the build keeps what it can make again: node_modules/.cache/ebpf-skel of the project, else the user's cache folder. What
// comes from there is compiled and run as this user, so a place that somebody else can put something into is none.

import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  type Stats,
} from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { displayPath, SkelError } from "../errors.ts";
import { makeFolder, replaceFile } from "../files.ts";

/** The kernel's own limit. */
const MAX_LINKS = 40;
const WRITABLE_BY_GROUP = 0o020;
const WRITABLE_BY_ALL = 0o002;
const STICKY = 0o1000;

/** A folder of this user's alone. */
export interface Cache {
  readonly folder: string;
  /** What to tell the user of a folder that is not taken. */
  readonly warning: string | undefined;
}

/** A part of a path that somebody else can put something in the place of. */
interface Foreign {
  readonly what: string;
  /** Whose it is, where it is somebody's. */
  readonly owner: number | undefined;
}

function isOthers({ uid }: Stats): boolean {
  return uid !== 0 && uid !== process.geteuid?.();
}

/** Whether anybody but the owner may write; a group of the owner's own, as Fedora and Debian give each user one, is nobody else. */
function mayOthersWrite({ mode, uid, gid }: Stats): boolean {
  return (mode & WRITABLE_BY_ALL) !== 0 || ((mode & WRITABLE_BY_GROUP) !== 0 && (uid === 0 || gid !== uid));
}

function ownedByOther(path: string, { uid }: Stats): Foreign {
  return { what: `${displayPath(path)}, which user ${uid} owns`, owner: uid };
}

function writableByOthers(path: string): Foreign {
  return { what: `${displayPath(path)}, which others can write to`, owner: undefined };
}

/** What is at `path` itself; undefined for nothing, or nothing that this user may know of. */
function lookAt(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    return undefined;
  }
}

/** The first part of `path`, and of what links in it lead to, that is not safe; what is missing is. */
function findForeign(path: string, links = 0): Foreign | undefined {
  const parent = dirname(path);
  const above = parent === path ? undefined : findForeign(parent, links);
  if (above !== undefined) return above;
  const stat = lookAt(path);
  if (stat === undefined) return undefined;
  if (isOthers(stat)) return ownedByOther(path, stat);
  if (stat.isSymbolicLink())
    return links === MAX_LINKS ? undefined : findForeign(resolve(realpathSync(parent), readlinkSync(path)), links + 1);
  // In a sticky folder nobody can rename or remove what others own, and what is in it is looked at next.
  return mayOthersWrite(stat) && (stat.mode & STICKY) === 0 ? writableByOthers(path) : undefined;
}

/** The same for a folder of the cache's own: only this user may write to it, and it is no link. */
function findForeignWithin(folder: string): Foreign | undefined {
  const stat = lookAt(folder);
  if (stat === undefined) return undefined;
  if (isOthers(stat)) return ownedByOther(folder, stat);
  if (stat.isSymbolicLink()) return { what: `${displayPath(folder)}, a symbolic link`, owner: undefined };
  return mayOthersWrite(stat) ? writableByOthers(folder) : undefined;
}

function findForeignIn(cache: string, names: readonly string[]): Foreign | undefined {
  const within = [cache, ...names.map((name) => join(cache, name))];
  return (
    findForeign(dirname(cache)) ??
    within.map(findForeignWithin).find((foreign): foreign is Foreign => foreign !== undefined)
  );
}

/** The node_modules of the project that `folder` is in. */
function findModules(folder: string): string | undefined {
  const parent = dirname(folder);
  if (existsSync(join(folder, "package.json"))) {
    const modules = join(folder, "node_modules");
    // A workspace's own may be further up.
    if (existsSync(modules)) return modules;
  }
  return parent === folder ? undefined : findModules(parent);
}

/** Of this user, whatever folder it is in: by the XDG base directory specification relative paths do not count. */
function userFolder(): string | undefined {
  const base = process.env["XDG_CACHE_HOME"];
  return [base ?? "", join(homedir(), ".cache")].find(isAbsolute);
}

let temporary: string | undefined;

/** For a user who has no safe place: a folder that goes with the process. */
function temporaryFolder(): string {
  if (temporary !== undefined) return temporary;
  const made = mkdtempSync(join(tmpdir(), "ebpf-skel-cache-"));
  process.on("exit", () => rmSync(made, { recursive: true, force: true }));
  return (temporary = made);
}

/**
 * The cache for sources in `folder`, whose own folders will be `names`; nothing is made yet. A project's that is not this
 * user's alone is not taken, but the user's own.
 */
export function openCache(folder: string, names: readonly string[]): Cache {
  const modules = findModules(resolve(folder));
  const bases = [modules && join(modules, ".cache"), userFolder()].filter((base) => base !== undefined);
  const warnings: string[] = [];
  for (const base of bases) {
    const cache = join(base, "ebpf-skel");
    const foreign = findForeignIn(cache, names);
    if (foreign === undefined) return { folder: cache, warning: warnings[0] };
    // sudo in a project of the caller's own is the ordinary thing.
    if (foreign.owner === undefined || String(foreign.owner) !== process.env["SUDO_UID"])
      warnings.push(
        `cache: ${displayPath(cache)} is not used, got ${foreign.what} (own the folder, and let nobody else write to it)`,
      );
  }
  return { folder: temporaryFolder(), warning: warnings[0] };
}

/** The bytes of a file of the cache; undefined where there is none, or one that is not this user's alone, or a link. */
export function readCached(path: string): Uint8Array | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stat = fstatSync(fd);
    return stat.isFile() && !isOthers(stat) && !mayOthersWrite(stat) ? readFileSync(fd) : undefined;
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/**
 * Puts a file into a folder of the cache `cache`; both are made where they are missing.
 * @throws SkelError ERR_IO
 */
export function writeCached(cache: string, name: string, file: string, data: Uint8Array): void {
  const folder = join(cache, name);
  makeFolder(folder, 0o755);
  // Somebody may have made one of them meanwhile.
  const foreign = cache === temporary ? undefined : findForeignIn(cache, [name]);
  if (foreign !== undefined)
    throw new SkelError("ERR_IO", `cannot be written, got ${foreign.what} (remove it)`, [displayPath(cache)]);
  replaceFile(join(folder, file), data);
}
