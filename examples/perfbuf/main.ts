// Prints every program that is started on this machine, until Ctrl-C.

import { type Event, Perfbuf } from "./perfbuf.skel.ts";

function print(time: string, event: string, pid: number | string, comm: string, filename: string): void {
  console.log(`${time.padEnd(8)} ${event.padEnd(5)} ${String(pid).padEnd(7)} ${comm.padEnd(16)} ${filename}`);
}

const now = (): string => new Date().toTimeString().slice(0, 8);

function show({ pid, comm, filename }: Event): void {
  print(now(), "EXEC", pid, comm, filename);
}

function lost(count: number, cpu: number): void {
  console.error(`lost ${count} events of CPU ${cpu}`);
}

const live = Perfbuf.load();

// 8 pages for each CPU are open before the program runs, so that nothing is missed.
live.maps.events.open({ pages: 8 });
live.maps.events.subscribe(show, { lost });
live.attach();
print("TIME", "EVENT", "PID", "COMM", "FILENAME");

// Closing ends the subscription, and with it all that keeps this process alive.
process.once("SIGINT", () => live.close());
