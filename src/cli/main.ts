#!/usr/bin/env node
// The program: the command line of this process, its signals and its stdout.

import { hideBin } from "yargs/helpers";
import { SkelError } from "../errors.ts";
import { runCommand } from "./command.ts";
import { report } from "./report.ts";

// A signal must not tear a file being written: with a handler installed it waits for the synchronous write to end.
for (const [signal, number] of [
  ["SIGINT", 2],
  ["SIGTERM", 15],
  ["SIGHUP", 1],
] as const)
  process.on(signal, () => process.exit(128 + number));

// The reader of a pipe may leave early (`ebpf-skel inspect x.o | head`): that is no failure.
process.stdout.on("error", (e: Error & { code?: string }) => {
  if (e.code === "EPIPE") process.exit(0);
  report(new SkelError("ERR_IO", `cannot be written, got ${e.message} (see to where it goes)`, ["stdout"]), false);
  process.exit(1);
});

process.exitCode = await runCommand(hideBin(process.argv));
