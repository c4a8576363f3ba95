// Prints each program that is executed on this machine, until Ctrl-C.

import { Execsnoop } from "./execsnoop.skel.ts";

// Ctrl-C ends the loop below; leaving the block then detaches the program and closes the maps.
const stop = new AbortController();
process.once("SIGINT", () => stop.abort());

using live = Execsnoop.load();
live.attach();
const line = (time: string, event: string, pid: number | string, comm: string, file: string): void =>
  console.log(`${time.padEnd(9)}${event.padEnd(6)}${String(pid).padEnd(8)}${comm.padEnd(17)}${file}`);
line("TIME", "EVENT", "PID", "COMM", "FILENAME");

try {
  for await (const { pid, comm, filename } of live.maps.events.events({ signal: stop.signal })) {
    line(new Date().toTimeString().slice(0, 8), "EXEC", pid, comm, filename);
  }
} catch (e) {
  if (!stop.signal.aborted) throw e;
}
