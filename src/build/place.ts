// Where clang runs: in the source's own folder, whatever folder the user is in. What an object says of its files, and where clang
// looks for the lines of source that go into .BTF.ext, then hangs on the project alone; what clang is told and what it tells is
// put from the one folder to the other here.

import { existsSync, realpathSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative, resolve } from "node:path";
import { expandFiles } from "./response.ts";

/** A source, as clang and as the user see it. */
export interface Place {
  /** The folder that clang runs in, without links: `..` is its parent then. */
  readonly folder: string;
  /** The source's name there. */
  readonly name: string;
  /** The user's flags, with paths as clang has to see them. */
  readonly flags: (flags: readonly string[]) => string[];
  /** The variables of the environment that hold folders of headers, as clang has to see them. */
  readonly variables: Readonly<Record<string, string>>;
  /** A path of clang's as the user sees it. */
  readonly seen: (path: string) => string;
}

/** Options of clang with a path, joined to them or as the next word; longer names come first. */
const BEFORE_PATH =
  /^(--include-directory-after=?|--include-directory=?|--include=?|--imacros=?|--sysroot=?|--embed-dir=|-isystem-after|-include-pch|-idirafter|-isysroot|-imacros|-include|-isystem|-iprefix|-iquote|-ivfsoverlay|-resource-dir=?|-I|-B)(.*)$/s;

/** https://clang.llvm.org/docs/CommandGuide/clang.html#envvar-CPATH */
const FOLDERS = ["CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH"];

function isInside(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder === "/" ? folder : `${folder}/`);
}

/** The project that `folder` is in: the nearest folder above that has what projects have, or `folder` itself. */
function projectOf(folder: string): string {
  for (let at = folder; ; at = dirname(at)) {
    if (["package.json", ".git"].some((name) => existsSync(join(at, name)))) return at;
    if (dirname(at) === at) return folder;
  }
}

/** `path` without links in the folders that it is in. */
function realFolders(path: string): string {
  try {
    return join(realpathSync(dirname(path)), basename(path));
  } catch {
    return path;
  }
}

function realFolder(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

/** Where to compile `source`, a path as the user gave it. */
export function placeOf(source: string): Place {
  const given = dirname(source);
  const folder = realFolder(given);
  const project = projectOf(folder);

  const moved = (path: string, option: string): string => {
    const real = realFolders(resolve(path));
    // These are looked for in the folders of -I too.
    if (/^-?-(include|imacros)=?$/.test(option) && !existsSync(real)) return path;
    // Where the system or another project is does not move with this one.
    if (isAbsolute(path) && !isInside(project, real)) return path;
    return relative(folder, real) || ".";
  };

  const flags = (all: readonly string[]): string[] => {
    /** The option whose path comes as the next word. */
    let waiting: string | undefined;
    // clang takes paths in files of arguments for paths from the folder that it runs in.
    return expandFiles(all).map((flag) => {
      if (waiting !== undefined) {
        // `-Xclang -I -Xclang include`.
        if (flag === "-Xclang") return flag;
        const of = waiting;
        waiting = undefined;
        return moved(flag, of);
      }
      const [, option, path] = BEFORE_PATH.exec(flag) ?? [];
      if (option === undefined || path === undefined) return flag;
      if (path === "" && !option.endsWith("=")) waiting = option;
      // `-I=include` is below the sysroot.
      return path === "" || path.startsWith("=") ? flag : option + moved(path, option);
    });
  };

  const seen = (path: string): string => {
    if (isAbsolute(path)) return path;
    const real = resolve(folder, path);
    if (isInside(folder, real)) return join(given, relative(folder, real));
    return isAbsolute(source) ? real : relative(process.cwd(), real);
  };

  const variables: Record<string, string> = {};
  for (const name of FOLDERS) {
    const value = process.env[name] ?? "";
    if (value === "") continue;
    // To clang an empty entry is the folder that it runs in.
    const folders = value.split(":").map((path) => moved(path, "-I"));
    variables[name] = folders.join(":");
  }

  return { folder, name: basename(source), flags, variables, seen };
}

const COLOURS = "(?:\u001b\\[[\\d;]*[mK])*";
/** How clang begins a line about a place in a file. */
const ABOUT_PLACE = new RegExp(
  `^(${COLOURS}(?:In file included from | {17}from )?)([^\\n\u001b]+?)(?=:\\d+(?::\\d+)?:${COLOURS}(?: |$))`,
  "gm",
);

/** Diagnostics of clang with the paths as the user sees them. */
export function seenDiagnostics(text: string, { seen }: Place): string {
  return text.replace(ABOUT_PLACE, (line, before: string, path: string) =>
    /^\s|\| /.test(path) ? line : before + seen(path),
  );
}
