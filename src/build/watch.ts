// Files in, one call for each burst of changes out. Folders are watched, not files: editors put a new file in the place of
// the old one, and a file that is missing for a moment is one that comes back.

import { type FSWatcher, statSync, watch } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { targetOf } from "../files.ts";

/** Editors write in several steps; what comes within this time, in milliseconds, is one change. */
const SETTLE = 80;

/** Watches files until it is closed. */
export interface Watcher {
  /** Watches these files from now on, and no others; they need not exist. */
  watch(files: Iterable<string>): void;
  close(): void;
}

function isFolderNow(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** The folder to watch for `path`, and the name in it: of the file, or of the first folder on the way that is missing. */
function placeOf(path: string): readonly [folder: string, name: string] {
  const folder = dirname(path);
  return isFolderNow(folder) || folder === path ? [folder, basename(path)] : placeOf(folder);
}

/** Starts with no files; `changed` is called once after each burst of changes. */
export function openWatcher(changed: () => void): Watcher {
  const open = new Map<string, { readonly watcher: FSWatcher; names: Set<string> }>();
  let files: readonly string[] = [];
  let timer: NodeJS.Timeout | undefined;

  const notice = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      // Folders may have come or gone.
      follow();
      changed();
    }, SETTLE);
  };

  const drop = (folder: string): void => {
    open.get(folder)?.watcher.close();
    open.delete(folder);
  };

  const follow = (): void => {
    const wanted = new Map<string, Set<string>>();
    for (const file of files) {
      // A link can be put elsewhere, and what it leads to can change.
      for (const path of new Set([resolve(file), targetOf(file)])) {
        const [folder, name] = placeOf(path);
        wanted.set(folder, (wanted.get(folder) ?? new Set()).add(name));
      }
    }
    for (const folder of open.keys()) if (!wanted.has(folder)) drop(folder);
    for (const [folder, names] of wanted) {
      const known = open.get(folder);
      if (known !== undefined) {
        known.names = names;
        continue;
      }
      try {
        const watcher = watch(folder, (_, name) => {
          // A folder that is removed tells of itself, and its watcher is dead.
          if (!isFolderNow(folder)) drop(folder);
          else if (name !== null && open.get(folder)?.names.has(name) !== true) return;
          notice();
        });
        watcher.on("error", () => {
          drop(folder);
          notice();
        });
        open.set(folder, { watcher, names });
      } catch {
        notice(); // It went away between two looks.
      }
    }
  };

  return {
    watch(next) {
      files = [...next];
      follow();
    },
    close() {
      clearTimeout(timer);
      for (const folder of open.keys()) drop(folder);
    },
  };
}
