// The one place that makes a BpfError of a failed call. In: errno, the call, what it was for, libbpf's lines; out: an
// error whose message reads `where: call: ERRNO (what to do)`.

import { BpfError } from "../errors.ts";
import type { Library } from "../library.ts";
import { errnoName, errnoText, isOutOfDescriptors } from "./errno.ts";
import type { Log } from "./print.ts";

/** A failed call. */
export interface Failure {
  /** Positive. */
  readonly errno: number;
  /** The libbpf or libc function. */
  readonly syscall: string;
  /** How the message names the call where the function's name would tell a user little: "set". */
  readonly verb?: string | undefined;
  /** What the message starts with; the map, program or object when left out. */
  readonly where?: string | undefined;
  readonly object?: string | undefined;
  readonly map?: string | undefined;
  readonly program?: string | undefined;
  /** What to do, where it is known better than from libbpf's lines. */
  readonly hint?: string | undefined;
  readonly log?: Log | undefined;
}

/** The BpfError for `failure`. */
export function bpfError(library: Library | undefined, failure: Failure): BpfError {
  const { errno, syscall, verb, object, map, program, log } = failure;
  const code = errnoName(errno);
  // libbpf's words for want of a descriptor do not say what to do.
  const words = isOutOfDescriptors(errno) ? undefined : spoken(log?.warning);
  const hint = failure.hint ?? words ?? errnoText(library, errno);
  const own = map !== undefined ? `map ${map}` : program !== undefined ? `program ${program}` : object;
  const where = failure.where ?? own;
  const what = `${verb ?? syscall}: ${code}${hint === undefined ? "" : ` (${hint})`}`;
  const message = where === undefined ? what : `${where}: ${what}`;
  return new BpfError(message, { code, errno, syscall, object, map, program, hint, log: log?.text });
}

/** What a hint says where it was not found out which of several causes it is. */
export function possible(...causes: readonly string[]): string {
  return `${causes.length === 1 ? "possible cause" : "possible causes"}: ${causes.join("; ")}`;
}

/** A warning of libbpf as part of a message. */
function spoken(warning: string | undefined): string | undefined {
  return warning
    ?.split("\n", 1)[0]!
    .replace(/^libbpf: /, "")
    .replace(/\.$/, "");
}
