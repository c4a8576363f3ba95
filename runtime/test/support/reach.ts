// Programs that run as another user, from a clone that this user may not enter: root's home is closed on Debian.

import { existsSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";

const repository = resolve(import.meta.dirname, "../../..");

/** The topmost folder on the way to the repository that only its owner may enter. */
function closedFolder(): string | undefined {
  let closed: string | undefined;
  for (let at = repository; at !== dirname(at); at = dirname(at)) if ((statSync(at).mode & 0o001) === 0) closed = at;
  return closed;
}

// What the closed folder holds is kept at hand, an open folder takes its place, and the repository is put where it was.
const script = `
  mount -t tmpfs -o mode=755 none /mnt && mkdir /mnt/clone && mount --rbind "$2" /mnt/clone &&
  mount -t tmpfs -o mode=755 none "$1" && mkdir -p "$2" && mount --rbind /mnt/clone "$2" && shift 2 && exec "$@"`;

/** `command`, in a mount namespace where everybody may enter the repository; `command` itself where everybody may anyway. */
export function withOpenRepository(command: readonly string[]): readonly string[] {
  const closed = closedFolder();
  if (closed === undefined || process.getuid?.() !== 0 || !existsSync("/mnt")) return command;
  return ["unshare", "--mount", "sh", "-c", script, "sh", closed, repository, ...command];
}
