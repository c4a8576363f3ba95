// How the command line speaks of what went wrong: `ebpf-skel: message` on stderr, the stack only when asked for.

/** Tells of a failure. */
export function report(e: unknown, verbose: boolean): void {
  const text = e instanceof Error ? (verbose ? (e.stack ?? e.message) : e.message) : String(e);
  process.stderr.write(`ebpf-skel: ${text}\n`);
}

/** Tells of something that does not stop the run. */
export function reportWarning(what: string): void {
  process.stderr.write(`ebpf-skel: warning: ${what}\n`);
}
