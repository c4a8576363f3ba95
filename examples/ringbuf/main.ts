// Prints every program that is started on this machine, until Ctrl-C.

import { Execsnoop } from "./execsnoop.skel.ts";

function print(time: string, event: string, pid: number | string, comm: string, filename: string): void {
  console.log(`${time.padEnd(8)} ${event.padEnd(5)} ${String(pid).padEnd(7)} ${comm.padEnd(16)} ${filename}`);
}

const live = Execsnoop.load();

// Closing detaches the program and ends the loop below.
process.once("SIGINT", () => live.close());

live.attach();
print("TIME", "EVENT", "PID", "COMM", "FILENAME");
for await (const { pid, comm, filename } of live.maps.events) {
  print(new Date().toTimeString().slice(0, 8), "EXEC", pid, comm, filename);
}
