// How the command line speaks of what went wrong: `ebpf-skel: message` on stderr, the stack only when asked for.

import { isSkelError, type SkelErrorCode } from "../errors.ts";

/** Exit statuses. */
export const FAILED = 1;
export const WRONG_USAGE = 2;

/** What helps where a message names nothing better: compilers write nothing of the kind, so the file is to be made anew. */
const REMEDIES: Readonly<Partial<Record<SkelErrorCode, string>>> = {
  ERR_ELF_FORMAT: "the file is damaged: compile it again",
  ERR_ELF_MACHINE: "compile with clang -g -O2 -target bpf -c",
  ERR_BTF_MISSING: "compile with clang -g -target bpf",
  ERR_BTF_FORMAT: "the type information is damaged, or newer than this ebpf-skel: compile again, or update",
  ERR_MAP_DEF: "define the map as bpf_helpers.h does, with __uint and __type, and compile again",
  ERR_TYPE: "give the type a definition with a size",
  ERR_NAME: "rename it",
  ERR_TOOL: "install it, or name another",
  ERR_IO: "check the path and its rights",
};

/** The message of an error with a remedy at its end, as every SkelError has one for the user. */
function remedied(e: Error, command: string | undefined): string {
  if (!isSkelError(e) || e.message.endsWith(")")) return e.message;
  const remedy = e.code === "ERR_OPTION" ? helpOf(command) : REMEDIES[e.code];
  return remedy === undefined ? e.message : `${e.message} (${remedy})`;
}

/** Where the options of `command` are explained. */
export function helpOf(command: string | undefined): string {
  return command === undefined ? "see ebpf-skel --help" : `see ebpf-skel ${command} --help`;
}

/** Tells of a failure of `command`; gives the exit status that it stands for. */
export function report(e: unknown, verbose: boolean, command?: string): number {
  const text = !(e instanceof Error) ? String(e) : verbose ? (e.stack ?? e.message) : remedied(e, command);
  process.stderr.write(`ebpf-skel: ${text}\n`);
  return isSkelError(e, "ERR_OPTION") ? WRONG_USAGE : FAILED;
}

/** Tells of something that does not stop the run. */
export function reportWarning(what: string): void {
  process.stderr.write(`ebpf-skel: warning: ${what}\n`);
}

/** Whether colours would be seen on `stream` and are wanted (https://no-color.org). */
export function wantsColour(stream: { readonly isTTY?: boolean | undefined }): boolean {
  return stream.isTTY === true && (process.env["NO_COLOR"] ?? "") === "";
}
